"""The world of an environment: the backends that it has chosen, what they cannot do, and what is really there."""

import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlspec.apply.artifacts import certificates, export
from mlspec.apply.claims import claims_of
from mlspec.apply.work import Bench
from mlspec.backends.chosen import Backends, Choice
from mlspec.backends.needs import needs
from mlspec.backends.port import BackendError, Locked, Place
from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems
from mlspec.compile.project import Compiled
from mlspec.documents.project import PRIVATE
from mlspec.ir.check import Check
from mlspec.ir.desired import DesiredState
from mlspec.ir.outside import Scan, Seen
from mlspec.ir.relation import Relation
from mlspec.ir.resource import physical_name
from mlspec.ir.workflow import CommandStep, Workflow
from mlspec.observing import drift_of
from mlspec.plan.change import Estimate
from mlspec.plan.drift import GONE, Acceptance, marked
from mlspec.plan.reality import Reality
from mlspec.state.model import State

if TYPE_CHECKING:  # start-up time: it brings pydantic, sqlglot and a YAML parser
    from mlspec.compile.gather import Gathered

PORTS = ("engine", "state_store", "pipeline_target", "deploy_target", "model_registry")


def chosen_backends(gathered: "Gathered", root: Path) -> Backends:
    """The backends that the environment names, or the embedded ones."""
    document, project = gathered.project.document, gathered.project.spec
    chosen: Any = project.environment(gathered.environment)  # type: ignore[attr-defined]
    choices = {}
    for port in PORTS:
        options = dict(getattr(chosen, port).model_dump())
        path = ("environments", gathered.environment, port)
        spans = {name: document.span((*path, name)) for name in options}
        choices[port] = Choice(options.pop("type"), options, spans)
    return Backends(choices, Place(root, root / PRIVATE, gathered.environment, project.name))


def look_outside(address: str, scan: Scan, backends: Backends) -> Seen:
    """What a source reads: a table of the warehouse is looked at by its engine, everything else from here."""
    if scan.inside:
        there = backends.engine.columns((scan.table,)).get(scan.table, {})
        return Seen(snapshot=backends.engine.content(scan.table), there=tuple(there.items()))
    from mlspec.backends.outside.look import look  # noqa: PLC0415 - start-up time: it brings sqlglot

    return look(address, scan, backends.place)


def refuse_unsupported(compiled: Compiled, backends: Backends) -> None:
    """Raise Problems for every field that the target of its resource cannot honour."""
    found = []
    for resource in compiled.desired:
        if isinstance(resource.body, Relation | Check):
            for said, help_ in backends.engine.refused(resource.body):
                message = f"the engine `{backends.name('engine')}` cannot be asked for `{resource.address}`: {said}"
                found.append(Diagnostic("unsupported-by-backend", message, compiled.span(resource.address), help=help_))
        port = {"workflow": "pipeline_target", "service": "deploy_target", "relation": "engine"}.get(resource.form, "")
        for need, path in needs(resource.body):
            if need not in backends.of(port).capabilities:
                field = ".".join(str(p) for p in path)
                message = f"the {port.replace('_', ' ')} `{backends.name(port)}` cannot honour `{field}` of `{resource.address}`"
                help_ = "remove it, or set it only in environments whose target can (`overrides`)"
                found.append(
                    Diagnostic("unsupported-by-backend", message, compiled.span(resource.address, path), help=help_)
                )
    if found:
        raise Problems(found)


def acceptances(compiled: Compiled) -> tuple[Acceptance, ...]:
    """The drift that the environment accepts."""
    chosen: Any = compiled.gathered.project.spec.environment(compiled.gathered.environment)  # type: ignore[attr-defined]
    return tuple(Acceptance(a.address, a.reason, a.until, a.what or "", a.subject or "") for a in chosen.acknowledge)


def today() -> str:
    """The day (UTC); what is accepted is accepted until one."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def reality(desired: DesiredState, state: State, backends: Backends, accepts: Iterable[Acceptance] = ()) -> Reality:
    """What is really there of what the state believes. Raises Locked when an apply has the warehouse for itself."""
    try:
        observed = backends.engine.observe()
    except BackendError as error:
        holder = backends.store.holder()
        if error.code != "warehouse-busy" or holder is None:
            raise
        raise Locked(holder, "wait for it to end, or plan with `--no-refresh`") from None
    drift = marked(drift_of(desired, state, observed, backends), accepts, today())
    versions = {name: Estimate(size.rows, size.bytes, size.partitions) for name, size in observed.versions.items()}
    trained = {
        r.body.register.model: r.body.version
        for r in desired
        if isinstance(r.body, Workflow) and r.body.run_on_apply and r.body.register
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
    return Reality(True, versions, observed.pointers, repaired - gone, models, due, drift, accepted)  # noqa: FBT003 - somebody looked


def _due(desired: DesiredState, state: State, backends: Backends, there: Collection[str]) -> dict[Address, int]:
    """How many partitions would be built, of what is not as it was applied and reads nothing that is yet to be built."""
    physical = versions_of(desired)
    for resource in desired:
        recorded = state.get(resource.address)
        inside = isinstance(resource.body, Relation) and resource.body.scan is not None and resource.body.scan.inside
        if inside and recorded is not None and recorded.outputs.get("version") in there:
            physical[str(resource.address)] = str(recorded.outputs["version"])  # a view: it shows what is there now
    found = {}
    for resource in desired:
        body, recorded = resource.body, state.get(resource.address)
        if not isinstance(body, Relation) or body.partitions is None or recorded is None:
            continue
        needed = {str(resource.address), *body.reads}
        if recorded.digest != resource.digest and all(physical[a] in there for a in needed):
            parts = backends.engine.partitions(resource.address, body, physical)
            found[resource.address] = sum(1 for p in parts if p.due)
    return found


def versions_of(desired: DesiredState) -> dict[str, str]:
    """From address to the version that should exist."""
    return {str(r.address): physical_name(str(r.address), r.body) for r in desired if isinstance(r.body, Relation)}


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
        lambda workflow: definitions | _code(workflow),
        compiled.place,
        lambda address: claims_of(desired, address, physical),
        lambda workflow: certificates(workflow, backends.engine, physical),
    )


def _code(workflow: Workflow) -> dict[str, str]:
    return {f"code:{path}": digest for s in workflow.steps if isinstance(s, CommandStep) for path, digest in s.code}
