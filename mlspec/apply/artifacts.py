"""What is written for a resource: the artifacts of its backend, and a dataset with its certificate."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlspec.backends.chosen import Backends
from mlspec.backends.port import BackendError, SqlEngine
from mlspec.base.address import Address
from mlspec.ir.desired import DesiredState
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Resource
from mlspec.ir.service import Service
from mlspec.ir.workflow import DatasetStep, Workflow


def rendered(resource: Resource, backends: Backends, physical: Mapping[str, str]) -> dict[str, str]:
    """The artifacts of a resource by path."""
    match resource.body:
        case Relation() as body:
            artifact = backends.engine.render(resource.address, body, physical)
            return {artifact.path: artifact.text}
        case Workflow() as body:
            return {a.path: a.text for a in backends.pipelines.render(body)}
        case Service() as body:
            return {a.path: a.text for a in backends.deploys.render(body, None)}
        case _:
            return {}


def export(
    step: DatasetStep, folder: Path, desired: DesiredState, engine: SqlEngine, physical: Mapping[str, str]
) -> None:
    """Write a dataset: `data.<format>`, and `dataset.json` with its columns by role and its certificate."""
    resource = desired.resources[Address.parse(step.relation)]
    body = resource.body
    if not isinstance(body, Relation):
        raise BackendError(f"`{step.relation}` is no dataset")
    rows = engine.export(physical[step.relation], folder / f"data.{step.format}", step.format)
    types = {c.name: str(c.type) for c in body.columns}
    roles: dict[str, list[str]] = {}
    for name, role in body.roles:
        roles.setdefault(role, []).append(name)
    about = {
        "dataset": step.relation, "format": step.format, "rows": rows, "digest": step.digest,
        "features": [{"name": n, "type": types[n]} for n in roles.get("feature", [])],
        "labels": roles.get("label", []), "keys": roles.get("key", []), "time": roles.get("time", [""])[0],
        "split": roles.get("split", [""])[0], "certificate": _certificate(desired, resource, rows, physical),
    }  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def _certificate(desired: DesiredState, resource: Resource, rows: int, physical: Mapping[str, str]) -> dict[str, Any]:
    """What the rows are made of: definitions, boundaries, snapshots of the sources."""
    above = _above(desired, resource)
    relations = [(str(r.address), r.digest, r.body) for r in above if isinstance(r.body, Relation)]
    return {
        "rows": rows,
        "definitions": {a: d for a, d, _ in relations},
        "versions": {a: physical[a] for a, _, _ in relations},
        "snapshots": {a: b.scan.snapshot for a, _, b in relations if b.scan and b.scan.snapshot},
        "boundaries": {
            a: str(b.timing.boundary) for a, _, b in relations if b.timing.event_time and a.startswith("feature_view.")
        },
    }


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
