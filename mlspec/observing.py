"""What has become of what was recorded: each backend is asked once, and what differs is told one by one."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlspec.backends.chosen import Backends
from mlspec.backends.found import Difference, Observed
from mlspec.ir.desired import DesiredState
from mlspec.ir.resource import Resource
from mlspec.plan.drift import MARK, Drift
from mlspec.plan.target import Target, made_elsewhere
from mlspec.state.model import Record, State


def drift_of(
    desired: DesiredState, state: State, observed: Observed, backends: Backends, made_by: Mapping[str, Target]
) -> tuple[Drift, ...]:
    """Everything that is not as it was recorded, in the order of addresses; what the state has learned already is left out.

    `desired` was compiled now, so that it knows which columns sources have now.
    """
    found: list[Drift] = []
    for record in sorted(state, key=lambda r: r.address):
        resource = desired.get(record.address)
        found.extend(_of(record, resource, observed, backends, made_by))
        if record.form == "relation":
            found.extend(_columns(record, resource))
    return tuple(d for d in found if _mark(state, d) != d.what)


def _mark(state: State, drift: Drift) -> Any:
    record = state.get(drift.address)
    return record.outputs.get(MARK) if record else None


def _of(
    record: Record, resource: Resource | None, observed: Observed, backends: Backends, made_by: Mapping[str, Target]
) -> Iterator[Drift]:
    if made_elsewhere(record, made_by.get(record.form)):
        return  # the plan says so, and nobody here can tell how it is
    match record.form:
        case "relation":
            yield from _relation(record, resource, observed)
        case "service":
            yield from _told(record, resource, backends.deploys.differences(record.outputs))
        case "alias":
            yield from _alias(record, resource, backends)
        case "workflow" if "model" in record.outputs:
            yield from _model(record, resource, backends)
        case "workflow":
            yield from _told(record, resource, backends.pipelines.differences(record.outputs))


def _wanted(resource: Resource | None) -> dict[str, str] | None:
    """The version that the files want of a thing."""
    made = resource is not None and resource.form in {"relation", "workflow", "service", "alias"}
    return {"version": resource.version} if made and resource is not None else None


def _relation(record: Record, resource: Resource | None, observed: Observed) -> Iterator[Drift]:
    address, version = record.address, str(record.outputs.get("version", ""))
    kept, wanted = {"version": version}, _wanted(resource)
    if (altered := observed.altered.get(version)) is not None:
        yield Drift(address, "altered", version, kept | {"definition": altered.made},
                    kept | {"definition": altered.found}, wanted, {MARK: "altered"})  # fmt: skip
    elif version in observed.unnoted:
        yield Drift(address, "unnoted", version, kept, {**kept, "partitions": 0}, wanted)
    elif version not in observed.versions:
        yield Drift(address, "missing", version, kept, None, wanted)
        return
    pointed = observed.pointers.get(str(address))
    if pointed is None:
        yield Drift(address, "missing", f"public name of {address}", kept, None, wanted, {MARK: "missing"})
    elif str(address) in observed.names or pointed != version:
        name = observed.names.get(str(address))
        there = {"version": pointed} if pointed else {"version": None}
        more = {"definition": name.found} if name and pointed in {"", version} else {}
        yield Drift(address, "repointed", f"public name of {address}", kept, there | more, wanted, {MARK: "repointed"})


def _model(record: Record, resource: Resource | None, backends: Backends) -> Iterator[Drift]:
    model, version = str(record.outputs["model"]), str(record.outputs["version"])
    if backends.registry.get(model, version) is not None:
        return
    subject, kept = f"{model} {version[:8]}", {"version": version}
    if any(v.version == version for v in backends.registry.versions(model)):
        edited = {"version": version, "files": "not as they were registered"}
        yield Drift(record.address, "edited", subject, kept, edited, _wanted(resource), {MARK: "edited"})
    else:
        yield Drift(record.address, "missing", subject, kept, None, _wanted(resource))


def _alias(record: Record, resource: Resource | None, backends: Backends) -> Iterator[Drift]:
    """Whether a name of a model version means in the registry what it was recorded to mean."""
    model, alias, version = (str(record.outputs[n]) for n in ("model", "alias", "version"))
    found = backends.registry.aliases(model).get(alias)
    if found != version:
        what, there = ("repointed", {"version": found}) if found else ("missing", None)
        yield Drift(
            record.address, what, f"{model}@{alias}", {"version": version}, there, _wanted(resource), {MARK: what}
        )


def _told(record: Record, resource: Resource | None, found: tuple[Difference, ...]) -> Iterator[Drift]:
    """What a target says of the things that it made; its record goes when all that it made has gone."""
    wanted = _wanted(resource)
    for one in found:
        made, now = ({"digest": t} if t else None for t in (one.made, one.found))
        yield Drift(record.address, one.what, one.subject, made or {"version": record.outputs.get("version")}, now, wanted,
                    {MARK: one.what})  # fmt: skip


def _columns(record: Record, resource: Resource | None) -> Iterator[Drift]:
    """How the schema of a source has changed since it was applied; nothing where nobody can tell without its rows."""
    scanned = resource.scanned if resource else None
    if scanned is None or not scanned.there:
        return
    now, declared = scanned.there, scanned.declared
    before: Mapping[str, Any] = record.outputs.get("columns") or {n: t for n, t in declared.items() if n not in now}
    learned = {"columns": now}
    outside = set(scanned.partitions)  # these stand in the paths, not among the columns
    for name in sorted((before.keys() | (now.keys() if "columns" in record.outputs else set())) - outside):
        old, new = before.get(name), now.get(name)
        if old != new:
            what = "column_added" if old is None else "column_removed" if new is None else "column_retyped"
            yield Drift(record.address, what, name, old, new, declared.get(name), learned)
