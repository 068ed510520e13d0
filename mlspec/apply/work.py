"""One change carried out by the backend that its body belongs to; the answer is what goes into the state."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from mlspec.apply.live import as_served, reads_of
from mlspec.backends.partition import Wanted
from mlspec.backends.port import (
    BackendError,
    CheckResult,
    DeployTarget,
    ModelRegistry,
    ModelVersion,
    Outcome,
    PipelineTarget,
    Refreshed,
    SqlEngine,
    Tools,
)
from mlspec.base.address import Address
from mlspec.base.diag import Span
from mlspec.base.value import dataclass
from mlspec.ir.alias import Alias
from mlspec.ir.certificate import Claims
from mlspec.ir.check import Check
from mlspec.ir.outside import Scan, held
from mlspec.ir.relation import Keep, Relation
from mlspec.ir.resource import Body, Resource, body_digest, physical_name, told_columns
from mlspec.ir.service import Service
from mlspec.ir.workflow import CommandStep, DatasetStep, Workflow
from mlspec.plan.compatible import READS
from mlspec.plan.target import OPTIONS, Target, made_elsewhere, made_otherwise
from mlspec.plan.triggered import RAN_FOR
from mlspec.state.model import Record

Say = Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """What the work is done with. `content` is the digest of a file of the project; `export` writes a dataset.

    `place` is where the files say something of an address. `claims` is what a dataset is made of, `certificates` are those
    of the datasets that a workflow is trained on.
    """

    engine: Callable[[], SqlEngine]
    pipelines: Callable[[], PipelineTarget]
    deploys: Callable[[], DeployTarget]
    registry: Callable[[], ModelRegistry]
    names: Mapping[str, str]
    physical: Mapping[str, str]
    content: Callable[[str], str]
    export: Callable[[DatasetStep, Path], None]
    lineage: Callable[[Workflow], Mapping[str, str]]
    place: Callable[[Address, tuple[str | int, ...]], Span | None]
    runnable: Callable[[Workflow], Workflow]
    """A published definition as it is run."""
    claims: Callable[[Address], Claims | None]
    certificates: Callable[[Workflow], Mapping[str, Any]]
    targets: Mapping[str, Target]
    """What makes workflows and services, by the name of the form."""
    clear: Callable[[Record, Collection[str]], None]
    """Removes the rendered files of a record, but for some paths."""


def make(
    resource: Resource, bench: Bench, say: Say, *, anew: bool = False, run: bool = False, before: Record | None = None
) -> tuple[Record, tuple[str, ...]]:
    """Bring a resource about, `before` as it was, and `run` what it defines; the record of it, and notes for people.

    Raises BackendError.
    """
    backend, outcome = _made(resource, bench, say, anew=anew, before=before)
    if isinstance(resource.body, Workflow) and resource.body.triggers:
        outcome = _seen(resource.body, bench, say, outcome, run=run)
    body, target = resource.body, bench.targets.get(resource.form)
    model = isinstance(body, Workflow) and body.run_on_apply
    outputs = dict(outcome.outputs) | ({OPTIONS: target.options} if target and not model else {})
    if before is not None and made_otherwise(before, target):
        bench.clear(before, outputs.get("files", ()))
    record = Record(
        resource.address, resource.form, resource.digest, backend, told_columns(body),
        body.rows_digest if isinstance(body, Relation) else "", dict(resource.words), dict(resource.about), resource.parents,
        resource.owner, resource.protect, outputs,
    )  # fmt: skip
    return record, outcome.notes


def expand(resource: Resource, bench: Bench, say: Say) -> None:
    """Build a version beside the one that is there, which stays what everybody reads. Raises BackendError."""
    body = resource.body
    if isinstance(body, Relation):
        _build(resource.address, body, bench, say, anew=False)


def _made(resource: Resource, bench: Bench, say: Say, *, anew: bool, before: Record | None) -> tuple[str, Outcome]:
    match resource.body:
        case Relation() as body:
            return f"engines.{bench.names['engine']}", _relation(resource.address, body, bench, say, anew=anew)
        case Workflow() as body if body.run_on_apply:
            return f"pipelines.{bench.names['pipeline_target']}", _train(body, bench, say)
        case Workflow() as body:
            return f"pipelines.{bench.names['pipeline_target']}", bench.pipelines().publish(body)
        case Service() as body:
            return f"deploys.{bench.names['deploy_target']}", _deploy(body, bench, before)
        case Alias() as body:
            return f"registries.{bench.names['model_registry']}", _point(body, bench)
        case Check() as body:
            return f"engines.{bench.names['engine']}", _check(body, bench)
        case _:
            return "", Outcome()


def _relation(address: Address, body: Relation, bench: Bench, say: Say, *, anew: bool) -> Outcome:
    notes = _build(address, body, bench, say, anew=anew)
    scan, version = body.scan, physical_name(str(address), body)
    bench.engine().point(address, version)
    seen = {"columns": dict(scan.there)} if scan and scan.there and body.partitions is None else {}
    return Outcome({"version": version, **seen}, notes)


def _build(address: Address, body: Relation, bench: Bench, say: Say, *, anew: bool) -> tuple[str, ...]:
    scan, version = body.scan, physical_name(str(address), body)
    if scan and outdated(body, bench.content) and version not in bench.engine().observe().versions:
        raise BackendError(
            f"the files of `{address}` have changed since the plan was made", "plan again", "files-changed"
        )
    if body.partitions is not None:
        done = bench.engine().refresh(address, body, bench.physical, Wanted(anew=anew), say)
        return (_built(done),)
    claims = bench.claims(address)
    size = bench.engine().build(address, body, bench.physical, anew=anew, claims=claims)
    computed = body.keep is Keep.VIEW and not body.unique  # nobody has counted its rows
    missing = _keys_missing(bench.engine().certificate(version) or {}) if claims else ()
    return () if computed else (f"{size.rows:,} rows", *missing)


def outdated(body: Body, content: Callable[[str], str]) -> str:
    """The file of the project that holds something else than when this was planned, or is gone; nothing where none is."""
    match body:
        case Relation(scan=Scan() as scan) if scan.files and not scan.store:
            try:
                same = held(scan, [content(f) for f in scan.files]) == scan.snapshot
            except OSError:
                same = False
            return "" if same else ", ".join(scan.files)
        case Workflow():
            code = [c for s in body.steps if isinstance(s, CommandStep) for c in s.code]
            return next((path for path, known in code if known and content(path) != known), "")
        case _:
            return ""


def _keys_missing(certificate: Mapping[str, Any]) -> tuple[str, ...]:
    rows = certificate.get("rows", {}).get("answered", 0)
    gaps = [c for c in certificate.get("columns", ()) if c["role"] == "key" and c["missing"]]
    return tuple(f"`{c['name']}` is NULL in {c['missing']:,} of {rows:,} rows" for c in gaps)


def _built(done: Refreshed) -> str:
    held = f"{done.size.rows:,} rows in {done.size.partitions:,} partitions"
    return f"{done.partitions:,} built, {held}" if done.partitions else f"nothing was due, {held}"


def _seen(body: Workflow, bench: Bench, say: Say, published: Outcome, *, run: bool) -> Outcome:
    """What was published, run if a trigger has a new version; it says which versions it has seen."""
    notes = published.notes
    if run:
        whole = bench.runnable(body)
        tools = Tools(bench.export, bench.registry(), say, bench.lineage(whole), bench.certificates(whole))
        done = bench.pipelines().run(whole, tools)
        notes = (*notes, f"run {done.id}, {len(done.steps)} steps")
    return Outcome(
        {**published.outputs, RAN_FOR: {t: bench.physical[t] for t in body.triggers if t in bench.physical}}, notes
    )


def _train(body: Workflow, bench: Bench, say: Say) -> Outcome:
    register = body.register
    known = register is not None and bench.registry().get(register.model, body.version) is not None
    if not known and (changed := outdated(body, bench.content)):
        raise BackendError(f"`{changed}` has changed since the plan was made", "plan again", "files-changed")
    tools = Tools(bench.export, bench.registry(), say, bench.lineage(body), bench.certificates(body))
    run = bench.pipelines().run(body, tools)
    if run.version is None:
        raise BackendError(
            f"the pipeline of `{body.name}` ended without registering a model",
            "a condition left its register step out",
            "not-registered",
        )
    bench.registry().adopt(run.version.model)
    metrics = ", ".join(f"{n} {v:.4g}" for n, v in sorted(run.version.metrics.items())[:6])
    return Outcome(
        {**run.outputs, "version": run.version.version, "model": run.version.model},
        (f"version {run.version.version[:8]}", metrics),
    )


def _deploy(body: Service, bench: Bench, before: Record | None) -> Outcome:
    version = _registered(body.model, body.version, bench)
    named = {v for v in (body.rollout.shadow_version, body.rollout.canary_version) if v}
    others = {v: _registered(body.model, v, bench) for v in sorted(named)}
    done = bench.deploys().apply_beside(as_served(body, version), version, others)
    return Outcome({**done.outputs, READS: reads_of(body, version, bench.physical, before)}, done.notes)


def _point(body: Alias, bench: Bench) -> Outcome:
    """Let an alias mean its version; it says what it meant before."""
    version = _registered(body.model, body.version, bench)
    before = bench.registry().aliases(body.model).get(body.name, "")
    bench.registry().point(body.model, body.name, version.version)
    said = f"version {version.version[:8]}" + (f", it was {before[:8]}" if before and before != version.version else "")
    outputs = {
        "version": version.version,
        "model": body.model,
        "alias": body.name,
        "files_digest": version.files_digest,
    }
    return Outcome(outputs, (said,))


def _registered(model: str, version: str, bench: Bench) -> ModelVersion:
    """The registered version of this digest, or the one whose digest begins so. Raises BackendError."""
    found = bench.registry().get(model, version)
    known = [] if found else [v for v in bench.registry().versions(model) if v.version.startswith(version)]
    if len(known) == 1:
        found = known[0]
    if found is None:
        message = f"model `{model}` has {'several versions that begin with' if known else 'no version'} `{version}`"
        raise BackendError(message, f"`mlspec models show {model}` lists them", "unknown-version")
    return found


def _check(body: Check, bench: Bench) -> Outcome:
    if not body.expectations:
        return Outcome({}, ("declared; this version of mlspec does not measure monitors yet",))
    results = bench.engine().check(body, bench.physical)
    failed = [r for r in results if not r.passed and r.severity == "error"]
    if failed:
        lines = "; ".join(told(r) for r in failed)
        raise BackendError(f"`{body.subject}` fails {len(failed)} of {len(results)} checks: {lines}",
                           "correct the data, or let the check warn (`severity: warn`, `max_failed`)", "check-failed",
                           ("checks", results.index(failed[0])))  # fmt: skip
    warned = tuple(f"warning: {told(r)}" for r in results if not r.passed)
    return Outcome({}, (f"{len(results) - len(warned)} of {len(results)} checks passed", *warned))


def told(result: CheckResult) -> str:
    """A check that fails, in a line."""
    return f"`{result.name}` fails for {result.failed:,} of {result.total:,}"


def unmake(record: Record, bench: Bench) -> None:
    """Take away what a record describes. Raises BackendError."""
    if made_elsewhere(record, bench.targets.get(record.form)):
        bench.clear(record, ())
        return
    match record.form:
        case "relation":
            bench.engine().remove(record.address)
        case "workflow" if "model" in record.outputs:
            bench.registry().remove(str(record.outputs["model"]))
            bench.clear(record, ())
        case "alias":
            bench.registry().unpoint(str(record.outputs["model"]), str(record.outputs["alias"]))
        case "workflow":
            bench.pipelines().withdraw(record.outputs)
        case "service":
            bench.deploys().destroy(record.outputs)


def adopt(resource: Resource, record: Record) -> Record:
    """The record of a resource of which only words or parents have changed."""
    return Record(
        record.address, record.form, body_digest(resource.body), record.backend, told_columns(resource.body), record.rows_digest,
        dict(resource.words), dict(resource.about), resource.parents, resource.owner, resource.protect, record.outputs,
    )  # fmt: skip
