"""What a dataset is made of: definitions, boundaries and windows of its views, snapshots of its sources, how time is read."""

from collections.abc import Mapping
from typing import Any

from mlspec import __version__
from mlspec.base.address import Address
from mlspec.ir.certificate import FORMAT, Claims
from mlspec.ir.desired import DesiredState
from mlspec.ir.outside import Scan
from mlspec.ir.relation import Keep, Lookup, Relation, Windows
from mlspec.ir.resource import Resource, column_digests

_TIME = ("time_range", "split", "sample")


def claims_of(desired: DesiredState, address: Address, physical: Mapping[str, str]) -> Claims | None:
    """The claims of a dataset; None for a relation that is none."""
    resource = desired.resources[address]
    body = resource.body
    if not isinstance(body, Relation) or body.as_of is None or not body.roles:
        return None
    above = [(str(r.address), r, r.body) for r in _above(desired, resource) if isinstance(r.body, Relation)]
    sources = [(a, b) for a, _, b in above if b.scan is not None]
    views = [(str(a), desired.resources[a].body) for a in _views(resource) if a in desired.resources]
    about = {
        "format": FORMAT,
        "dataset": str(address),
        "version": physical[str(address)],
        "mlspec": __version__,
        "definitions": {a: r.digest for a, r, _ in above}
        | {str(a): desired.resources[a].digest for a in _views(resource)},
        "versions": {a: physical[a] for a, _, _ in above},
        "columns": _columns(body),
        "views": {a: _view(b) for a, b in views if isinstance(b, Relation)},
        "lookups": [_lookup(look) for look in body.as_of.lookups],
        "sources": {a: _source(b.scan) for a, b in sources if b.scan},
        "time": {
            "column": body.as_of.time,
            **{n: resource.words[n] for n in _TIME if n in resource.words},
            **_labels(resource),
        },
    }
    events = tuple((a, b.timing.event_time) for a, b in sources if b.keep is Keep.TABLE)
    return Claims(about, events)


def _above(desired: DesiredState, resource: Resource) -> list[Resource]:
    seen: dict[Address, Resource] = {}
    todo = [resource]
    while todo:
        one = todo.pop()
        if one.address not in seen:
            seen[one.address] = one
            reads = one.body.reads if isinstance(one.body, Relation) else ()
            todo.extend(desired.resources[Address.parse(a)] for a in reads)
    return [seen[a] for a in sorted(seen)]


def _views(resource: Resource) -> tuple[Address, ...]:
    """The views that its features come from, those too that are computed where they are asked and never kept."""
    body = resource.body
    origins = {o.address for c in body.columns for o in c.origins} if isinstance(body, Relation) else set()
    return tuple(sorted(a for a in map(Address.parse, origins) if a.kind == "feature_view"))


def _columns(body: Relation) -> list[dict[str, Any]]:
    roles, digests = dict(body.roles), column_digests(body)
    return [
        {"name": c.name, "role": roles.get(c.name, "input"), "type": str(c.type), "digest": digests[c.name]}
        for c in body.columns
    ]


def _view(body: Relation) -> dict[str, Any]:
    timing = body.timing
    said: dict[str, Any] = {"boundary": str(timing.boundary)} if timing.event_time else {"constant": True}
    for name in ("event_time", "available_time", "tie_break", "valid_to"):
        if getattr(timing, name):
            said[name] = getattr(timing, name)
    if timing.ttl:
        said["ttl_seconds"] = timing.ttl / 1_000_000
    return said | ({"windows": _windows(body.windows)} if body.windows else {})


def _windows(windows: Windows) -> list[dict[str, Any]]:
    found = []
    for one in windows.aggregates:
        said: dict[str, Any] = {
            "feature": one.name,
            "function": one.function,
            "window_seconds": one.window / 1_000_000 or None,
        }
        for name in ("offset", "hop"):
            if getattr(one, name):
                said[f"{name}_seconds"] = getattr(one, name) / 1_000_000
        found.append(said)
    return found


def _lookup(look: Lookup) -> dict[str, Any]:
    return {"of": look.address, "keys": dict(look.keys), "columns": [name for _, name in look.features]} | (
        {"at": look.at} if look.at else {}
    )


def _source(scan: Scan) -> dict[str, Any]:
    return {"where": list(scan.files) or scan.table, "snapshot": scan.snapshot}


def _labels(resource: Resource) -> dict[str, Any]:
    labels = resource.words.get("labels")
    known = labels.get("available_time") if isinstance(labels, Mapping) else None
    return {"labels_available_time": known} if known else {}
