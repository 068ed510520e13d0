"""The verbs about what is really there: drift, and letting the state learn of it."""

from abc import abstractmethod
from typing import TYPE_CHECKING

from mlspec.base.diag import Diagnostic
from mlspec.base.value import dataclass
from mlspec.bookkeeping import Bookkeeping, steps_between
from mlspec.compile.project import Compiled
from mlspec.ir.desired import DesiredState
from mlspec.ledger.claim import ALL
from mlspec.plan.bound import refuse_stale
from mlspec.plan.change import Plan
from mlspec.plan.drift import Drift, expired, refreshed
from mlspec.planned import Planned
from mlspec.versioned import settled
from mlspec.world import acceptances, reality, today

if TYPE_CHECKING:  # start-up time
    from mlspec.apply.run import Applied


@dataclass(frozen=True)
class Drifted:
    """What is not as it was recorded, and how many resources are recorded."""

    project: str
    environment: str
    drift: tuple[Drift, ...]
    recorded: int
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def open(self) -> tuple[Drift, ...]:
        """What nobody has accepted."""
        return tuple(d for d in self.drift if d.acknowledged is None)


class Drifting(Bookkeeping):
    """The part of a session that looks at what is really there."""

    tolerant = False
    """Whether sources are compiled that do not fit their declaration: how they differ is what is to be found out."""

    @property
    @abstractmethod
    def compiled(self) -> Compiled:
        """The project, compiled once."""

    def drift(self) -> Drifted:
        """What is really there against what was recorded. Writes nothing, in no backend and not in the state."""
        self.tolerant = True
        compiled, (state, _) = settled(self.compiled, self.backends), self.recorded()
        found = reality(compiled.desired, state, self.backends, acceptances(compiled)).drift
        over = expired(acceptances(compiled), today())
        return Drifted(compiled.desired.project, compiled.desired.environment, found, len(state.records), over)

    def plan_refresh(self) -> Planned:
        """What the state would learn of what is really there; applying it writes the state and nothing else."""
        self.tolerant = True
        compiled, (state, _) = settled(self.compiled, self.backends), self.recorded()
        found = reality(compiled.desired, state, self.backends, acceptances(compiled)).drift
        plan = Plan(compiled.desired.project, compiled.desired.environment, state.lineage, state.serial, state.digest,
                    compiled.desired.digest, unchanged=len(state.records), drift=found, refresh_only=True)  # fmt: skip
        return Planned(plan, compiled.desired, {}, expired(acceptances(compiled), today()))

    def learn(self, plan: Plan, lock_timeout: float = 0.0) -> "Applied":
        """Let the state learn what a refresh has found, under a claim on all of it; the state after it. Makes nothing."""
        from mlspec.apply.run import Applied  # noqa: PLC0415 - start-up time: looking carries out nothing

        with self.ledger.run("refresh", (ALL,), wait=lock_timeout, about=self.about) as run:
            refuse_stale(plan, DesiredState(plan.project, plan.environment), run.state)
            learned = refreshed(run.state, plan.drift)
            steps = steps_between(run.state, learned, "refresh")
            if steps:
                run.end("applied", steps)
        return Applied(run.now())
