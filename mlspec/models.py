"""What is told about models: their versions with where they come from, what their aliases mean, and what they meant when."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlspec.backends.port import ModelRegistry, ModelVersion
from mlspec.base.address import Address
from mlspec.base.diag import known_names, problem
from mlspec.ledger.history import Past
from mlspec.plan.compatible import same_version
from mlspec.state.model import Record, State

Row = dict[str, Any]


def listing(names: Iterable[str], state: State, registry: ModelRegistry) -> list[Row]:
    """A line for each model: how many versions there are, which one was applied, what its aliases mean, who serves it."""
    found = []
    for name in sorted(names):
        record = state.get(Address("model", name))
        found.append(
            {
                "model": name,
                "versions": len(registry.versions(name)),
                "applied": _version(record),
                "aliases": dict(sorted(registry.aliases(name).items())),
                "served_by": sorted(str(r.address) for r in state if _serves(r, name)),
            }
        )
    return found


def versions(name: str, state: State, registry: ModelRegistry) -> list[Row]:
    """A line for each version of a model, the newest last."""
    return [_short(v, name, state, registry) for v in registry.versions(name)]


def whole(name: str, wanted: str, state: State, registry: ModelRegistry) -> Row:
    """One version in full, by its digest, how that begins, or an alias; with its metrics beside those of each alias.

    Raises Problems where there is none, or several.
    """
    means = registry.aliases(name)
    known = registry.versions(name)
    chosen = means.get(wanted, wanted)
    found = [v for v in known if v.version.startswith(chosen)]
    if len(found) != 1:
        several = "several versions that begin with" if found else "no version and no alias"
        help_ = (
            known_names(wanted, means, "alias") if means and not found else f"`mlspec models show {name}` lists them"
        )
        raise problem("unknown-version", f"model `{name}` has {several} `{wanted}`", help=help_)
    (version,) = found
    beside = {a: v for a in sorted(means) for v in known if v.version == means[a] and v.version != version.version}
    return _short(version, name, state, registry) | {
        "format": version.format,
        "parameters": dict(version.parameters),
        "lineage": dict(version.lineage),
        "contract": dict(version.contract),
        "output": dict(version.output),
        "files_digest": version.files_digest,
        "path": version.path,
        "compared": [row for alias, other in beside.items() for row in _compared(version, alias, other)],
    }


def history(name: str, runs: Iterable[Past]) -> list[Row]:
    """Which version was applied, and what each alias meant, from run to run: who moved it, when, and from which commit."""
    rows: dict[Address, list[Row]] = {}
    for run in runs:
        for change in run.changes:
            address = Address.parse(change["address"])
            if address.kind != "model":
                continue
            if moved := change.get("moved"):
                rows[address] = [*rows.pop(Address.parse(moved), []), *rows.get(address, [])]
            before = rows.setdefault(address, [])
            was = before[-1]["version"] if before else ""
            version = change.get("version", "")
            if version != was:
                before.append(_move(run, address, was, version))
    found = [row for address, listed in rows.items() if address.name == name for row in listed]
    return sorted(found, key=lambda row: (row["number"], row["what"].startswith("@"), row["what"]))


def _move(run: Past, address: Address, was: str, version: str) -> Row:
    return {
        "number": run.number,
        "at": run.ended,
        "who": run.who,
        "host": run.host,
        "verb": run.verb,
        "revision": run.revision,
        "what": f"@{address.part}" if address.part else "applied",
        "before": was,
        "version": version,
    }


def _short(version: ModelVersion, name: str, state: State, registry: ModelRegistry) -> Row:
    means: Mapping[str, str] = registry.aliases(name)
    return {
        "version": version.version,
        "created": version.created,
        "aliases": sorted(a for a, v in means.items() if v == version.version),
        "served_by": sorted(
            str(r.address) for r in state if _serves(r, name) and same_version(_version(r), version.version)
        ),
        "metrics": dict(version.metrics),
    }


def _compared(version: ModelVersion, alias: str, other: ModelVersion) -> Sequence[Row]:
    both = [m for m in sorted(version.metrics) if m in other.metrics]
    datasets = [a for a in version.lineage if a.startswith("dataset.")]
    same = all(version.lineage[a] == other.lineage.get(a) for a in datasets)
    return [
        {
            "with": alias,
            "metric": metric,
            "here": version.metrics[metric],
            "there": other.metrics[metric],
            "difference": round(version.metrics[metric] - other.metrics[metric], 12),
            "same_data": same,
        }
        for metric in both
    ]


def _serves(record: Record, model: str) -> bool:
    return record.form == "service" and _model_of(record) == model


def _model_of(record: Record) -> str:
    named = str(record.outputs.get("model") or record.words.get("model", ""))
    return named.rpartition(".")[2].partition("@")[0]


def _version(record: Record | None) -> str:
    return str(record.outputs.get("version", "")) if record else ""
