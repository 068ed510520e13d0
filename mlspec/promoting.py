"""Promotion: an environment gets what another one has applied, by repointing, and with the evidence that it was sound there."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, problem
from mlspec.base.value import dataclass, replace
from mlspec.environments import Environments
from mlspec.ir.check import Check
from mlspec.ir.relation import Keep, Relation
from mlspec.ir.resource import Resource
from mlspec.ir.service import Service
from mlspec.ir.workflow import Gate, Workflow
from mlspec.plan.change import Action, Change
from mlspec.plan.evidence import Evidence
from mlspec.plan.fields import field_changes
from mlspec.planned import Planned
from mlspec.state.model import State
from mlspec.versioned import settled

_MAKES = frozenset({Action.CREATE, Action.REBUILD, Action.REPLACE})
_GONE = frozenset({Action.DELETE, Action.FORGET})


class Promoting(Environments):
    """The part of a session that takes over what another environment has shown to be sound."""

    @abstractmethod
    def plan(self, *, select: Sequence[str] = (), exclude: Sequence[str] = ()) -> Planned:
        """What would change."""

    def promote(
        self, source: str, *, select: Sequence[str] = (), exclude: Sequence[str] = (), build: bool = False
    ) -> Planned:
        """The plan that makes here what the environment `source` has applied, each change with its evidence. Writes nothing.

        Raises Problems for everything that was not applied there alike, has not passed its checks and gates there, or would
        have to be built here. With `build`, what is not the same there is made here all the same, without evidence.
        """
        if source == self.environment:
            raise problem("same-environment", f"`{source}` is promoted to itself", help="name two environments")
        beside = self.elsewhere(source)
        _ = beside.environment  # an environment that is not there is said before anything else
        planned = self.plan(select=select, exclude=exclude)
        proof = _Proof(self, beside, beside.recorded()[0], build=build)
        wrong: list[Diagnostic] = []
        changes = []
        for change in planned.plan.changes:
            resource = planned.desired.get(change.address)
            found = None if change.action in _GONE else resource
            wrong.extend(proof.refused(change, found))
            changes.append(replace(change, evidence=proof.of(found) if found else Evidence(source)))
        if wrong:
            raise Problems(wrong)
        return replace(planned, plan=replace(planned.plan, promoted_from=source, changes=tuple(changes)))


@dataclass(frozen=True)
class _Proof:
    """What the environment that is promoted from has applied, and what it has shown."""

    here: Environments
    there: Environments
    state: State
    build: bool

    @property
    def name(self) -> str:
        return self.there.environment

    # -- what speaks for it --------------------------------------------------------------------------------------------

    def of(self, resource: Resource) -> Evidence:
        """The evidence of what is to be made."""
        record = self.state.get(resource.address)
        same = record is not None and record.digest == resource.digest
        passed, at = self._checked(resource) if same else (0, "")
        fields = field_changes(record.words, resource.words, {}) if record and not same else ()
        differs = tuple(dict.fromkeys(".".join(f.path) for f in fields))
        digest = record.digest if record and same else ""
        return Evidence(self.name, digest, passed, at, self._metrics(resource), differs)

    def _checked(self, resource: Resource) -> tuple[int, str]:
        """How many checks passed when they last ran there, and when that was."""
        if not isinstance(resource.body, Relation | Check):
            return 0, ""
        runs = self.there.backends.engine.results(str(resource.address.whole), 1)
        return (sum(r.passed for r in runs[0].results), runs[0].at) if runs else (0, "")

    def _metrics(self, resource: Resource) -> dict[str, float] | None:
        body = resource.body
        if isinstance(body, Workflow) and body.run_on_apply and body.register:
            found = self.there.backends.registry.get(body.register.model, body.version)
        elif isinstance(body, Service):
            known = self.there.backends.registry.versions(body.model)
            found = next((v for v in known if v.version.startswith(body.version)), None)
        else:
            return None
        return dict(found.metrics) if found else None

    # -- what speaks against it ----------------------------------------------------------------------------------------

    def refused(self, change: Change, resource: Resource | None) -> Iterator[Diagnostic]:
        """Why a change is not to be made here."""
        if resource is None:
            if change.address in self.state.records:
                yield self._wrong(change.address, f"would be deleted here, and `{self.name}` still has it")
            return
        if not self.build:
            yield from list(self._unlike(resource)) or self._built(change, resource)
        yield from self._unsound(resource)

    def _unlike(self, resource: Resource) -> Iterator[Diagnostic]:
        """Whether it is not what was applied there; how a service runs may differ, what it serves may not."""
        address, record = resource.address, self.state.get(resource.address)
        if record is None:
            yield self._wrong(address, f"was not applied in `{self.name}`")
        elif record.digest != resource.digest:
            described = settled(self.there.compiled, self.there.backends).desired.get(address)
            if described is None or described.digest != record.digest:
                yield self._wrong(address, f"was applied in `{self.name}` otherwise than the files describe it now")
            elif resource.form == "relation" or (isinstance(resource.body, Workflow) and resource.body.run_on_apply):
                yield self._wrong(
                    address, f"is something else in `{self.name}`: overrides or variables make it differ",
                    "let both environments describe the same data, or build it here: `--build`",
                )  # fmt: skip

    def _built(self, change: Change, resource: Resource) -> Iterator[Diagnostic]:
        """Whether it would have to be built: a promotion points to what is there."""
        body = resource.body
        kept = isinstance(body, Relation) and body.keep is not Keep.VIEW
        trained = isinstance(body, Workflow) and body.run_on_apply
        if change.action in _MAKES and (kept or trained):
            yield self._wrong(
                change.address, f"would be built here: `{self.here.environment}` does not keep it where `{self.name}` does",
                "let the environments share a warehouse and a registry, or build it here: `--build`",
            )  # fmt: skip

    def _unsound(self, resource: Resource) -> Iterator[Diagnostic]:
        """Whether checks or gates have not passed there."""
        body, address = resource.body, resource.address
        if isinstance(body, Check) and body.expectations:
            runs = self.there.backends.engine.results(str(address.whole), 1)
            failed = [r.name for r in runs[0].results if not r.passed and r.severity == "error"] if runs else []
            if not runs:
                yield self._wrong(address, f"has not run in `{self.name}`")
            if failed:
                yield self._wrong(address, f"did not pass in `{self.name}`: `{failed[0]}` failed when it last ran")
        if isinstance(body, Workflow) and body.register and body.run_on_apply:
            metrics = self._metrics(resource)
            missed = [g.metric for g in body.register.gates if metrics is not None and not _met(g, metrics)]
            if missed:
                yield self._wrong(
                    address, f"does not pass its gate `{missed[0]}` with what it has shown in `{self.name}`"
                )
        if isinstance(body, Service) and not self.build:
            model = self.state.get(Address("model", body.model))
            if model is None or not str(model.outputs.get("version", "")).startswith(body.version):
                yield self._wrong(address, f"serves a version of `{body.model}` that is not the one of `{self.name}`")

    def _wrong(self, address: Address, why: str, help_: str = "") -> Diagnostic:
        return Diagnostic(
            "not-proven", f"`{address}` {why}", help=help_ or f"apply it there first: `mlspec apply -e {self.name}`"
        )


def _met(gate: Gate, metrics: dict[str, float]) -> bool:
    value = metrics.get(gate.metric)
    if value is None:
        return False
    return (gate.minimum is None or value >= gate.minimum) and (gate.maximum is None or value <= gate.maximum)
