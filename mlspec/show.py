"""What is told about a project: all resources in short, one in full."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlspec.backends.port import CheckResult, CheckRun, ModelVersion
from mlspec.base.address import Address
from mlspec.compile.project import Compiled
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Resource
from mlspec.state.model import Record, State


def listing(compiled: Compiled, state: State) -> list[dict[str, Any]]:
    """A line for each resource, with whether it is applied as the files describe it."""
    found = [_line(r, state) for r in compiled.desired]
    gone = [a for a in state.records if a not in compiled.desired.resources]
    found += [
        {"address": str(a), "form": state.records[a].form, "owner": state.records[a].owner, "status": "to be deleted"}
        for a in gone
    ]
    return sorted(found, key=lambda line: str(line["address"]))


def _line(resource: Resource, state: State) -> dict[str, Any]:
    recorded = state.get(resource.address)
    status = "not applied" if recorded is None else "applied" if recorded.digest == resource.digest else "changed"
    return {"address": str(resource.address), "form": resource.form, "owner": resource.owner, "status": status}


def whole(
    compiled: Compiled, state: State, address: Address, runs: Sequence[CheckRun], versions: Iterable[ModelVersion]
) -> dict[str, Any]:
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
            if resource.body.scan is not None:
                found["undeclared"] = list(resource.body.scan.undeclared)
        found["parents"] = [str(p) for p in resource.parents]
        found["children"] = sorted(str(r.address) for r in compiled.desired if address in r.parents)
    found["record"] = record(recorded) if recorded else None
    found["checks"] = [_check(run, c) for run in runs[:1] for c in run.results]
    found["history"] = [
        {"at": run.at, "checks": len(run.results), "failed": [c.name for c in run.results if not c.passed]}
        for run in runs
    ]
    found["versions"] = [{"version": v.version, "metrics": dict(v.metrics), "format": v.format} for v in versions]
    return found


def in_short(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """What of a certificate people look for first; `mlspec certificate` has all of it."""
    rows, time = certificate["rows"]["answered"], certificate["time"]
    gaps = [c for c in certificate["columns"] if c["missing"] and c["role"] in {"key", "feature", "label"}]
    missing = {c["name"]: f"NULL in {c['missing']:,} of {rows:,} rows ({c['missing_share']:.1%})" for c in gaps}
    short = {
        "built_at": certificate["built_at"],
        "engine": " ".join(certificate["engine"].values()),
        "mlspec": certificate["mlspec"],
    }
    short |= {"rows": rows, "from": time["first"], "to": time["last"]}
    masked = {"labels_masked": time["labels_masked"]} if time.get("labels_masked") else {}
    return {**short, **masked, "sources": certificate["sources"], "missing": missing}


def _check(run: CheckRun, found: CheckResult) -> dict[str, Any]:
    sample = [dict(zip(found.sample.columns, row, strict=True)) for row in found.sample.rows] if found.sample else []
    return {"name": found.name, "severity": found.severity, "failed": found.failed, "total": found.total, "passed": found.passed,
            "at": run.at, "sample": sample}  # fmt: skip


def record(known: Record) -> dict[str, Any]:
    """A record as JSON."""
    return {
        "address": str(known.address), "form": known.form, "digest": known.digest, "backend": known.backend, "owner": known.owner,
        "protect": known.protect, "parents": [str(p) for p in known.parents], "columns": dict(known.columns),
        "words": dict(known.words), "about": dict(known.about), "outputs": dict(known.outputs),
    }  # fmt: skip
