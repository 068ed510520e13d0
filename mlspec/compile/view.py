"""What is asked about a compiled project: listings, one resource in full, questions to the engine, datasets written out."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlglot import exp

from mlspec.backends.chosen import Backends
from mlspec.backends.port import BackendError, CheckResult, ModelVersion, SqlEngine
from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, known_names, problem
from mlspec.compile.project import Compiled
from mlspec.ir.desired import DesiredState
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Resource
from mlspec.ir.service import Service
from mlspec.ir.sql.analyse import analyse, expression
from mlspec.ir.sql.dialect import DIALECT, column, data_type, table
from mlspec.ir.sql.parse import SqlProblem, SqlProblems
from mlspec.ir.sql.pit import Lookup, Spine, point_in_time
from mlspec.ir.workflow import DatasetStep, Workflow
from mlspec.state.model import Record, State


def listing(compiled: Compiled, state: State) -> list[dict[str, Any]]:
    """A line for each resource: is it applied as the files describe it?"""
    found = [_line(r, state) for r in compiled.desired]
    gone = [a for a in state.records if a not in compiled.desired.resources]
    found += [{"address": str(a), "form": state.records[a].form, "owner": state.records[a].owner, "status": "to be deleted"} for a in gone]
    return sorted(found, key=lambda line: str(line["address"]))


def _line(resource: Resource, state: State) -> dict[str, Any]:
    recorded = state.get(resource.address)
    status = "not applied" if recorded is None else "applied" if recorded.digest == resource.digest else "changed"
    return {"address": str(resource.address), "form": resource.form, "owner": resource.owner, "status": status}


def whole(compiled: Compiled, state: State, address: Address, checks: Iterable[CheckResult], versions: Iterable[ModelVersion]) -> dict[str, Any]:
    """Everything about one resource."""
    resource = compiled.desired.get(address)
    recorded = state.get(address)
    found: dict[str, Any] = {"address": str(address)}
    if address.whole in compiled.gathered.bound:
        found["file"] = str(compiled.span(address))
        found["description"] = compiled.spec(address).description
    if resource is not None:
        found |= _line(resource, state)
        found["spec"] = dict(resource.words)
        if isinstance(resource.body, Relation):
            found["columns"] = [
                {"name": c.name, "type": str(c.type), "description": c.description, "words": c.words, "tags": list(c.tags),
                 "origins": [f"{o.address}.{o.column}" for o in c.origins]}
                for c in resource.body.columns
            ]  # fmt: skip
        found["parents"] = [str(p) for p in resource.parents]
        found["children"] = sorted(str(r.address) for r in compiled.desired if address in r.parents)
    found["record"] = record(recorded) if recorded else None
    found["checks"] = [{"name": c.name, "severity": c.severity, "failed": c.failed, "total": c.total, "passed": c.passed} for c in checks]
    found["versions"] = [{"version": v.version, "metrics": dict(v.metrics), "format": v.format} for v in versions]
    return found


def record(known: Record) -> dict[str, Any]:
    """A record as JSON."""
    return {
        "address": str(known.address), "form": known.form, "digest": known.digest, "backend": known.backend, "owner": known.owner,
        "protect": known.protect, "parents": [str(p) for p in known.parents], "columns": dict(known.columns),
        "words": dict(known.words), "about": dict(known.about), "outputs": dict(known.outputs),
    }  # fmt: skip


# -- questions to the engine ---------------------------------------------------------------------------------------------


def question(compiled: Compiled, what: str, *, where: str, columns: Sequence[str], at: str, keys: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    """A canonical query and the addresses that it reads. Raises Problems."""
    if " " in what.strip():
        try:
            found = analyse(what, lambda name: _lookup(compiled, name))
        except SqlProblems as error:
            raise _problems(error) from None
        return found.query, found.reads
    address = _relation_address(compiled, what)
    body: Any = compiled.desired.resources[address].body
    if at or keys:
        return _values_at(compiled, address, body, at, keys)
    known = {c.name: c for c in body.columns}
    for name in columns:
        if name not in known:
            raise problem("unknown-column", f"`{what}` has no column `{name}`", help=known_names(name, known, "column"))
    query = exp.select(*[column(n) for n in columns or known]).from_(table(str(address)))
    if where:
        try:
            query = query.where(expression(where, known)[0])
        except SqlProblems as error:
            raise _problems(error) from None
    return query.sql(DIALECT), (str(address),)


def _problems(error: SqlProblems) -> Problems:
    return Problems(Diagnostic(p.code, p.message, None, p.label, p.help) for p in error.problems)


def _relation_address(compiled: Compiled, what: str) -> Address:
    relations = {str(r.address): r.address for r in compiled.desired if isinstance(r.body, Relation)}
    relations |= {a.name: a for a in relations.values() if sum(b.name == a.name for b in relations.values()) == 1}
    if what not in relations:
        raise problem("unknown-address", f"there are no rows called `{what}`", help=known_names(what, relations, "relation"))
    return relations[what]


def _lookup(compiled: Compiled, name: str) -> tuple[str, Relation] | SqlProblem:
    try:
        address = _relation_address(compiled, name)
    except Problems as error:
        return SqlProblem("unknown-table", error.diagnostics[0].message, help=error.diagnostics[0].help)
    body: Any = compiled.desired.resources[address].body
    return str(address), body


def _values_at(compiled: Compiled, address: Address, body: Relation, at: str, keys: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    """The feature values that would be answered for keys at a time."""
    view: Any = compiled.spec(address)
    if not hasattr(view, "entities"):
        raise problem("not-a-feature-view", f"`{address}` is no feature view: `--at` and `--key` are for those")
    missing = [k for k in body.keys if k not in keys]
    if missing or not at:
        wanted = " ".join(f"--key {k}=…" for k in body.keys)
        raise problem("missing-key", f"`{address}` is asked by its keys at a time", help=f"write {wanted} --at 2013-06-01T12:00:00Z")
    if unknown := sorted(set(keys) - set(body.keys)):
        raise problem("unknown-key", f"`{unknown[0]}` is no key of `{address}`", help=known_names(unknown[0], body.keys, "key"))
    times = {body.timing.event_time, body.timing.available_time, body.timing.tie_break}
    features = tuple((c.name, c.name) for c in body.columns if c.name not in body.keys and c.name not in times)
    types = {c.name: c.type for c in body.columns}
    asked = exp.select(*[exp.alias_(exp.cast(exp.Literal.string(keys[k]), data_type(types[k])), k, quoted=True) for k in body.keys])
    asked = asked.select(exp.alias_(exp.cast(exp.Literal.string(at), "TIMESTAMPTZ"), "__asked_at", quoted=True))
    spine = Spine(asked, body.keys, "__asked_at")
    query = point_in_time(spine, [Lookup(str(address), body, features, tuple((k, k) for k in body.keys))], {}, {})
    return query.sql(DIALECT), (str(address),)


# -- artifacts -------------------------------------------------------------------------------------------------------------


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


def export(step: DatasetStep, folder: Path, desired: DesiredState, engine: SqlEngine, physical: Mapping[str, str]) -> None:
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
        "boundaries": {a: str(b.timing.boundary) for a, _, b in relations if b.timing.event_time and a.startswith("feature_view.")},
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
