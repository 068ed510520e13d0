"""The world of an environment: the backends that it has chosen, what they cannot do, and what is really there."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlspec.apply.artifacts import certificates, export
from mlspec.apply.claims import claims_of
from mlspec.apply.definition import as_run
from mlspec.apply.work import Bench
from mlspec.backends.chosen import Backends, Choice
from mlspec.backends.needs import needs
from mlspec.backends.port import ModelVersion, Place
from mlspec.backends.remembered import Memory, note_supported, observed, supported
from mlspec.base.address import Address
from mlspec.base.dag import upstream
from mlspec.base.diag import Diagnostic, Problems, Span
from mlspec.base.digest import digest
from mlspec.base.value import dataclass
from mlspec.compile.gathered import PORTS, Gathered
from mlspec.compile.project import Compiled
from mlspec.documents.project import PRIVATE
from mlspec.ir.check import Check
from mlspec.ir.desired import DesiredState
from mlspec.ir.outside import Scan, Seen
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Resource
from mlspec.ir.service import Service
from mlspec.ir.workflow import CommandStep, DatasetStep, Workflow
from mlspec.leaving import clear
from mlspec.observing import drift_of
from mlspec.plan.change import Estimate
from mlspec.plan.drift import GONE, Acceptance, marked
from mlspec.plan.reality import Reality
from mlspec.plan.target import Target
from mlspec.state.model import Record, State

_PORTS = {
    "workflow": "pipeline_target",
    "service": "deploy_target",
    "relation": "engine",
    "alias": "model_registry",
}

if TYPE_CHECKING:  # start-up time: it brings a YAML parser
    from mlspec.documents.document import Path as FieldPath


def chosen_backends(gathered: Gathered, root: Path) -> Backends:
    """The backends that the environment names, or the embedded ones."""
    choices = {}
    for port in PORTS:
        options = dict(gathered.backends[port])
        spans = _Spans(gathered, ("environments", gathered.environment, port), tuple(options))
        choices[port] = Choice(options.pop("type"), options, spans)
    return Backends(choices, Place(root, root / PRIVATE, gathered.environment, gathered.name))


@dataclass(frozen=True)
class _Spans(Mapping[str, Span]):
    """Where the options of a backend stand in the project, looked for when somebody must be told."""

    gathered: Gathered
    path: tuple[str, ...]
    names: tuple[str, ...]

    def __getitem__(self, name: str) -> Span:
        if name not in self.names:
            raise KeyError(name)
        return self.gathered.project.document.span((*self.path, name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def look_outside(address: str, scan: Scan, backends: Backends) -> Seen:
    """What a source reads: a table of the warehouse is looked at by its engine, everything else from here."""
    if scan.inside:
        there = backends.engine.columns((scan.table,)).get(scan.table, {})
        return Seen(snapshot=backends.engine.content(scan.table), there=tuple(there.items()))
    from mlspec.backends.outside.look import look  # noqa: PLC0415 - start-up time: it brings sqlglot

    return look(address, scan, backends.place)


def refuse_unsupported(compiled: Compiled, backends: Backends, memory: Memory | None = None) -> None:
    """Raise Problems for every field that the target of its resource cannot honour."""
    known = supported(backends, memory)
    found = []
    for resource in compiled.desired:
        if compiled.ids.get(resource.address) in known:
            continue
        if isinstance(resource.body, Relation | Check):
            for said, help_ in backends.engine.refused(resource.body):
                message = f"the engine `{backends.name('engine')}` cannot be asked for `{resource.address}`: {said}"
                found.append(
                    Diagnostic("unsupported-by-backend", message, _said_at(compiled, resource.address), help=help_)
                )
        if isinstance(resource.body, Service):
            found.extend(
                Diagnostic(e.code, str(e), _said_at(compiled, resource.address, e.at), help=e.help)
                for e in backends.deploys.refused(resource.body)
            )
        if isinstance(resource.body, Workflow) and not resource.body.run_on_apply:
            found += _refused_by_target(resource.address, resource.body, compiled, backends)
        port = _PORTS.get(resource.form, "")
        refused: set[tuple[str | int, ...]] = set()
        for need, path in needs(resource.body):
            if need not in backends.of(port).capabilities and not any(path[: len(r)] == r for r in refused):
                refused.add(path)
                field = ".".join(str(p) for p in path)
                message = f"the {port.replace('_', ' ')} `{backends.name(port)}` cannot honour `{field}` of `{resource.address}`"
                help_ = "remove it, or set it only in environments whose target can (`overrides`)"
                found.append(
                    Diagnostic(
                        "unsupported-by-backend", message, _said_at(compiled, resource.address, path), help=help_
                    )
                )
    if found:
        raise Problems(found)
    if not known.issuperset(compiled.ids.values()):
        note_supported(backends, memory, compiled.ids.values())


def _refused_by_target(
    address: Address, body: Workflow, compiled: Compiled, backends: Backends
) -> Iterator[Diagnostic]:
    for one in backends.pipelines.refused(body):
        message = f"the pipeline target `{backends.name('pipeline_target')}` cannot take `{address}`: {one}"
        yield Diagnostic(one.code, message, _said_at(compiled, address, one.at), help=one.help)


def _said_at(compiled: Compiled, address: Address, path: "FieldPath" = ()) -> Span | None:
    """Where the files say it; nowhere for what they do not hold any more."""
    return compiled.span(address, path) if address.whole in compiled.gathered.bound else None


def acceptances(compiled: Compiled) -> tuple[Acceptance, ...]:
    """The drift that the environment accepts."""
    return tuple(Acceptance(*said) for said in compiled.gathered.accepts)


def today() -> str:
    """The day (UTC); what is accepted is accepted until one."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def reality(
    desired: DesiredState,
    state: State,
    backends: Backends,
    accepts: Iterable[Acceptance] = (),
    memory: Memory | None = None,
) -> Reality:
    """What is really there of what the state believes."""
    seen = observed(backends, memory)
    drift = marked(drift_of(desired, state, seen, backends, targets(backends)), accepts, today())
    versions = {name: Estimate(size.rows, size.bytes, size.partitions) for name, size in seen.versions.items()}
    trained = {
        r.body.register.model: r.body.version
        for r in desired
        if r.form == "workflow" and isinstance(r.body, Workflow) and r.body.run_on_apply and r.body.register
    }
    models = frozenset(f"{model}/{v}" for model, v in trained.items() if backends.registry.get(model, v) is not None)
    due = _due(desired, state, backends, versions.keys())
    repaired = frozenset(d.address for d in drift if d.repairable and d.acknowledged is None)
    accepted = frozenset(d.address for d in drift if d.repairable and d.acknowledged is not None) - repaired
    gone = {
        d.address
        for d in drift
        if d.what in GONE and d.address in repaired and state.records[d.address].form == "relation"
    }
    return Reality(
        known=True, versions=versions, pointers=seen.pointers, drifted=repaired - gone, models=models,
        remade=_remade(desired, state, backends), due=due, drift=drift, accepted=accepted,
    )  # fmt: skip


def _due(desired: DesiredState, state: State, backends: Backends, there: Collection[str]) -> dict[Address, int]:
    """How many partitions would be built, of what is not as it was applied and reads nothing that is yet to be built."""
    changed = [
        r for r in desired if r.form == "relation" and (known := state.get(r.address)) and known.digest != r.digest
    ]
    if not any(isinstance(r.body, Relation) and r.body.partitions for r in changed):
        return {}
    physical = versions_of(desired)
    for resource in desired:
        recorded = state.get(resource.address)
        inside = isinstance(resource.body, Relation) and resource.body.scan is not None and resource.body.scan.inside
        if inside and recorded is not None and recorded.outputs.get("version") in there:
            physical[str(resource.address)] = str(recorded.outputs["version"])  # a view: it shows what is there now
    found = {}
    for resource in changed:
        body = resource.body
        if not isinstance(body, Relation) or body.partitions is None:
            continue
        needed = {str(resource.address), *body.reads}
        if all(physical[a] in there for a in needed):
            parts = backends.engine.partitions(resource.address, body, physical)
            found[resource.address] = sum(1 for p in parts if p.due)
    return found


def _remade(desired: DesiredState, state: State, backends: Backends) -> dict[Address, frozenset[Address]]:
    """Of models that would get another version than is recorded: which of their parents decide otherwise, as the registered one tells."""
    found = {}
    for resource in desired:
        record = state.get(resource.address)
        model = (
            record.outputs.get("model") if record is not None and record.form == resource.form == "workflow" else None
        )
        if record is None or model is None or record.outputs.get("version") == resource.version:
            continue
        was = backends.registry.get(str(model), str(record.outputs.get("version")))
        if was is not None and isinstance(resource.body, Workflow):
            found[resource.address] = _deciding(resource, resource.body, record, was, desired)
    return found


def _deciding(
    resource: Resource, body: Workflow, record: Record, was: ModelVersion, desired: DesiredState
) -> frozenset[Address]:
    pipelines = frozenset(p for p in resource.parents if (r := desired.get(p)) is not None and r.form == "workflow")
    mine, before = (dict(words.get("parameters", {})) for words in (resource.words, record.words))
    now = dict(body.parameters)
    other = {n for n in {*now, *was.parameters} if now.get(n) != was.parameters.get(n)} if was.parameters else set()
    given = any(mine.get(n) == before.get(n) for n in other)
    data = {Address.parse(s.relation) for s in body.steps if isinstance(s, DatasetStep)}
    moved = {a for a in data if (r := desired.get(a)) is not None and was.lineage.get(str(a), r.digest) != r.digest}
    code = any(was.lineage.get(name, "") != known for name, known in _code(body).items())
    edited = [n for n in {*resource.words, *record.words} if resource.words.get(n) != record.words.get(n)]
    told = given or moved or code or other or any(resource.costs.get(n) != "update" for n in edited)
    return frozenset(moved) | (pipelines if given or not told else frozenset())


def targets(backends: Backends) -> dict[str, Target]:
    """What makes workflows and services, by the name of the form."""
    found = {"workflow": ("pipelines", "pipeline_target"), "service": ("deploys", "deploy_target")}
    return {
        form: Target(f"{room}.{backends.name(port)}", digest(backends.name(port), dict(backends.choices[port].options)))
        for form, (room, port) in found.items()
    }


def versions_of(desired: DesiredState) -> dict[str, str]:
    """From address to the version that should exist."""
    return {str(r.address): r.version for r in desired if r.form == "relation"}


def bench(desired: DesiredState, backends: Backends, compiled: Compiled) -> Bench:
    """What an apply works with."""
    physical = versions_of(desired)
    definitions = {str(r.address): r.digest for r in desired if r.form == "relation"}
    return Bench(
        lambda: backends.engine,
        lambda: backends.pipelines,
        lambda: backends.deploys,
        lambda: backends.registry,
        {p: backends.name(p) for p in PORTS},
        physical,
        compiled.gathered.files.content,
        lambda step, folder: export(step, folder, desired, backends.engine, physical),
        lambda workflow: {a: definitions[a] for a in _made_of(desired, workflow) if a in definitions} | _code(workflow),
        compiled.place,
        lambda body: as_run(body, desired, compiled.gathered.files.content),
        lambda address: claims_of(desired, address, physical),
        lambda workflow: certificates(workflow, backends.engine, physical),
        targets(backends),
        lambda record, kept: clear(backends.place.root, record, kept),
    )


def _made_of(desired: DesiredState, workflow: Workflow) -> list[str]:
    """The datasets of a workflow, and everything that they are made of."""
    parents = {r.address: r.parents for r in desired}
    datasets = [Address.parse(s.relation) for s in workflow.steps if isinstance(s, DatasetStep)]
    return sorted(str(a) for a in {*datasets, *upstream(parents, datasets)})


def _code(workflow: Workflow) -> dict[str, str]:
    return {f"code:{path}": digest for s in workflow.steps if isinstance(s, CommandStep) for path, digest in s.code}
