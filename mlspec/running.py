"""The verbs that run something by hand, on what was applied: training, tables that are due, checks."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence

from mlspec.apply.events import Event
from mlspec.base.address import Address
from mlspec.base.diag import problem
from mlspec.byhand import ByHand
from mlspec.ir.check import Check
from mlspec.ir.relation import Relation
from mlspec.ir.workflow import Workflow
from mlspec.keeping import Ran
from mlspec.plan.select import Selection
from mlspec.world import versions_of


class Running(ByHand):
    """The part of a session that runs what was applied."""

    @abstractmethod
    def selection(self, select: Sequence[str], exclude: Sequence[str]) -> Selection:
        """What selectors ask for."""

    def run(
        self,
        address: str,
        *,
        on_event: Callable[[Event], None],
        parameters: Mapping[str, str] | None = None,
        explain: bool = False,
    ) -> Ran:
        """Train a model or run a pipeline by hand, build what is due, or run checks; on what was applied."""
        wanted = self._address(address, None)
        resources = self.compiled.desired.resources
        checks = resources.get(Address(wanted.kind, wanted.name, "checks"))
        body = resources[wanted].body if wanted in resources else None
        if isinstance(body, Workflow):
            return self.run_workflow(wanted, body, parameters or {}, on_event, explain=explain)
        if isinstance(body, Relation) and body.partitions is not None:
            return self.refresh(address, on_event=on_event)[0]
        if checks is not None and isinstance(checks.body, Check):
            self._need_applied(wanted)
            return Ran(str(wanted), "checks", checks=self.backends.engine.check(checks.body, self._versions))
        if isinstance(body, Check):
            raise problem(
                "nothing-to-run",
                f"`{wanted}` is planned and recorded; this version of mlspec does not measure monitors yet",
            )
        raise problem(
            "nothing-to-run",
            f"there is nothing to run in `{wanted}`",
            help="models, pipelines, and sources and feature views with checks, can be run",
        )

    def run_checks(
        self, address: str | None = None, *, select: Sequence[str] = (), exclude: Sequence[str] = ()
    ) -> tuple[Ran, ...]:
        """Run the checks of one thing, or of all that was selected and has some, on what was applied."""
        chosen = self._address(address, None).whole if address else None
        asked = self.selection(select, exclude)
        bodies = [
            (r.address.whole, r.body)
            for r in self.compiled.desired
            if isinstance(r.body, Check) and asked.holds(r.address)
        ]
        found = [(a, b) for a, b in bodies if b.expectations and chosen in {None, a}]
        if not found:
            what = f"`{address}`" if address else "what was selected" if select or exclude else "the project"
            raise problem(
                "nothing-to-run", f"{what} has no checks", help="sources and feature views can have `checks:`"
            )
        for one, _ in found:
            self._need_applied(one)
        return tuple(Ran(str(a), "checks", checks=self.backends.engine.check(b, self._versions)) for a, b in found)

    @property
    def _versions(self) -> dict[str, str]:
        return versions_of(self.compiled.desired)
