"""The verbs about several environments of a project: what differs between two, and what nobody needs any more."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from mlspec.backends.found import Unused
from mlspec.backends.port import BackendError, Capability
from mlspec.base.diag import Problems, problem
from mlspec.base.value import dataclass
from mlspec.bookkeeping import Bookkeeping
from mlspec.compile.project import Compiled
from mlspec.ir.desired import DesiredState
from mlspec.ledger.claim import ALL
from mlspec.plan.between import Between, between, records
from mlspec.state.model import State
from mlspec.versioned import settled

DAY = 24 * 3600.0
GRACE = 7 * DAY
"""Seconds for which what nobody points to any more is kept: so long one can go back to it without building."""


@dataclass(frozen=True)
class Collected:
    """What nobody needed any more, with what stays all the same and why; `dry_run`: nothing was removed."""

    environment: str
    grace: float
    dry_run: bool
    unused: tuple[Unused, ...]
    notes: tuple[str, ...] = ()

    @property
    def gone(self) -> tuple[Unused, ...]:
        """What was, or would be, removed."""
        return tuple(u for u in self.unused if not u.kept)


class Environments(Bookkeeping):
    """The part of a session that looks beyond its own environment."""

    @property
    @abstractmethod
    def compiled(self) -> Compiled:
        """The project, compiled once."""

    @property
    @abstractmethod
    def environment(self) -> str:
        """The environment that is worked in."""

    @abstractmethod
    def elsewhere(self, environment: str) -> "Environments":
        """A session of the same project in another environment; it is closed with this one. Raises Problems."""

    # -- what differs --------------------------------------------------------------------------------------------------

    def diff(self, other: str, *, desired: bool = False) -> Between:
        """What differs between this environment and another, as applied or as the files describe them. Writes nothing."""
        if other == self.environment:
            raise problem("same-environment", f"`{other}` is compared with itself", help="name two environments")
        beside = self.elsewhere(other)
        _ = beside.environment  # an environment that is not there is said before anything else
        sides = [records(_described(one) if desired else _applied(one)) for one in (self, beside)]
        found, same = between(*sides)
        return Between(self.compiled.desired.project, self.environment, other, desired, found, same)

    # -- what nobody needs ---------------------------------------------------------------------------------------------

    def gc(self, *, grace: float = GRACE, dry_run: bool, lock_timeout: float = 0.0) -> Collected:
        """Remove what no environment, no deployment and no plan applied within the grace needs; under a claim on everything.

        What other environments and projects point to in the same warehouse is known there, whoever they are.
        """
        needed, readable, notes = self._needed()
        if dry_run:
            return Collected(
                self.environment, grace, dry_run, self._collected(needed, readable, grace, dry_run=True), notes
            )
        with self.ledger.run("gc", (ALL,), wait=lock_timeout, about=self.about):
            needed, readable, notes = self._needed()
            found = self._collected(needed, readable, grace, dry_run=False)
        return Collected(self.environment, grace, dry_run, found, notes)

    def _collected(
        self, needed: set[str], readable: Sequence[str], grace: float, *, dry_run: bool
    ) -> tuple[Unused, ...]:
        backends, can = self.backends, Capability.COLLECT
        found: tuple[Unused, ...] = ()
        if can in backends.engine.capabilities:
            found += backends.engine.collect(needed, grace, dry_run=dry_run)
        if can in backends.registry.capabilities:
            found += backends.registry.collect(needed, readable, grace, dry_run=dry_run)
        if can in backends.pipelines.capabilities:
            found += backends.pipelines.collect(grace, dry_run=dry_run)
        return found

    def _needed(self) -> tuple[set[str], tuple[str, ...], tuple[str, ...]]:
        """The versions that are needed, the environments of which that is known, and what to say of the others."""
        needed = {str(r.outputs["version"]) for r in records(self.compiled.desired).values() if r.outputs}
        readable, notes = [], []
        for name in self._environments():
            try:
                side = self if name == self.environment else self.elsewhere(name)
                needed |= {str(r.outputs["version"]) for r in side.recorded()[0] if "version" in r.outputs}
            except (Problems, BackendError) as error:
                notes.append(f"environment `{name}` cannot be looked at, so the models that it uses stay: {error}")
            else:
                readable.append(name)
        for port, what in (("engine", "tables"), ("model_registry", "model versions"), ("pipeline_target", "caches")):
            if Capability.COLLECT not in self.backends.of(port).capabilities:
                notes.append(
                    f"the {port.replace('_', ' ')} `{self.backends.name(port)}` cannot be asked to collect {what}"
                )
        return needed, tuple(readable), tuple(notes)

    def _environments(self) -> tuple[str, ...]:
        declared: Any = getattr(self.compiled.gathered.project.spec, "environments", {})
        return tuple(dict.fromkeys((self.environment, *declared)))


def _described(session: Environments) -> DesiredState:
    return settled(session.compiled, session.backends).desired


def _applied(session: Environments) -> State:
    state = session.recorded()[0]
    if not state.records:
        message = f"nothing has been applied in environment `{session.environment}` yet"
        raise problem("not-applied", message, help="`mlspec apply`, or compare what the files describe: `--desired`")
    return state
