"""Changes that make nothing: what was moved gets its new name, what exists is taken over."""

from pathlib import Path

from mlspec.apply.work import Bench, adopt, unmake
from mlspec.backends.port import BackendError, ModelRegistry, ModelVersion
from mlspec.base.address import Address
from mlspec.base.value import replace
from mlspec.ir.alias import Alias
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Resource, physical_name
from mlspec.ir.workflow import Workflow
from mlspec.plan.change import Change
from mlspec.state.model import Record


def move(resource: Resource, before: Record, bench: Bench) -> Record:
    """Give what a record describes its new name; the record of it. Raises BackendError."""
    address, outputs = resource.address, dict(before.outputs)
    match resource.body:
        case Relation() as body:
            version = physical_name(str(address), body)
            bench.engine().rename(before.address, address, str(outputs["version"]), version)
            outputs["version"] = version
        case Workflow(run_on_apply=True):
            _models(bench.registry(), str(outputs["model"]), address.name)
            outputs["model"] = address.name
        case Alias() as body:
            bench.registry().point(address.name, body.name, str(outputs["version"]))
            outputs["model"] = address.name
        case Workflow() as body:
            outputs = dict(bench.pipelines().publish(body).outputs)
            bench.pipelines().withdraw(before.outputs)
    return adopt(resource, replace(before, address=address, outputs=outputs))


def prepare(change: Change, resource: Resource, before: Record, bench: Bench) -> None:
    """Before something that was moved is made anew: let it use what was there, and take its place."""
    if change.reason == "moved" and isinstance(resource.body, Relation):
        version = physical_name(str(resource.address), resource.body)
        bench.engine().rename(before.address, resource.address, str(before.outputs["version"]), version)
    if resource.form == "service" and bench.deploys().exclusive:
        unmake(before, bench)


def retire(resource: Resource, before: Record, bench: Bench) -> None:
    """After it was made anew: take away what has the old name."""
    if resource.form != "service" or not bench.deploys().exclusive:
        unmake(before, bench)


def _models(registry: ModelRegistry, old: str, new: str) -> None:
    """All versions of a model, under its new name."""
    for version in [_whole(registry, v) for v in registry.versions(old)]:
        registry.register(replace(version, model=new), Path(version.path))
    registry.adopt(new)
    registry.remove(old)


def take_over(resource: Resource, existing: str, bench: Bench) -> tuple[Record, tuple[str, ...]]:
    """Let what exists be what is described; the record of it, and notes. Raises BackendError."""
    body = resource.body
    if isinstance(body, Relation):
        size = bench.engine().adopt(resource.address, body, existing)
        version = physical_name(str(resource.address), body)
        bench.engine().point(resource.address, version)
        record = Record(resource.address, resource.form, "", f"engines.{bench.names['engine']}")
        record = replace(record, rows_digest=body.rows_digest, outputs={"version": version})
        return adopt(resource, record), (f"{size.rows:,} rows of `{existing}`",)
    if not isinstance(body, Workflow) or not body.register:
        raise BackendError(f"`{resource.address}` cannot be imported")
    found = _whole(bench.registry(), registered(bench.registry(), existing))
    kept = replace(found, model=body.register.model, version=body.version)
    bench.registry().register(kept, Path(found.path))
    bench.registry().adopt(kept.model)
    record = Record(resource.address, resource.form, "", f"pipelines.{bench.names['pipeline_target']}")
    outputs = {"version": kept.version, "model": kept.model}
    return adopt(resource, replace(record, outputs=outputs)), (f"version {found.version[:8]} of `{found.model}`",)


def registered(registry: ModelRegistry, existing: str) -> ModelVersion:
    """The registered version that `model/digest` means. Raises BackendError."""
    model, _, digits = existing.partition("/")
    found = [v for v in registry.versions(model) if v.version.startswith(digits)]
    if len(found) != 1:
        message = f"model `{model}` has {'no' if not found else 'several'} versions that begin with `{digits}`"
        raise BackendError(message, f"`mlspec show model.{model}` lists them", "unknown-version")
    return found[0]


def _whole(registry: ModelRegistry, version: ModelVersion) -> ModelVersion:
    """A version with its files, which a registry elsewhere fetches when somebody asks. Raises BackendError."""
    found = registry.get(version.model, version.version)
    if found is None or not found.path:
        raise BackendError(f"the files of version {version.version[:8]} of model `{version.model}` are not there")
    return found


def recorded_at(change: Change) -> Address:
    """Where a change finds its record: at its own address, or at the one that it was moved from."""
    return Address.parse(change.previous) if change.previous else change.address
