"""The smallest project of every kind, and a few shapes more: names to documents, each with what it needs."""

import copy
import datetime as dt
import json
from pathlib import Path

import yaml
from small_projects import project, write_csv

COLUMNS = {"id": "int64", "shop": "int64", "till": "string", "at": "timestamp", "paid": "int64", "country": "string"}

DOCUMENTS = {
    "team": {"kind": "team", "name": "shop", "role": "data_science", "members": ["ann"], "reviewers": ["@ann"]},
    "entity": {"kind": "entity", "name": "till", "keys": {"till": "string", "shop": "int64"}},
    "source": {"kind": "source", "name": "sales", "files": {"path": "sales.csv", "null_values": ["", "-"]}, "columns": COLUMNS,
               "event_time": "at", "keys": ["id"], "tie_break": "id", "checks": [{"range": {"column": "paid", "min": 0, "max": 1000.5}}]},
    "source_of_query": {"kind": "source", "name": "large", "query": "SELECT shop, till, at, id, paid FROM sales WHERE paid > 3 AND id >= 0"},
    "feature_view": {"kind": "feature_view", "name": "takings", "entities": ["till"], "source": "sales", "aggregations": [
        {"function": "sum", "name": "paid", "column": "paid", "windows": ["7d", "all"]},
        {"function": "count", "name": "sold_1d", "window": "1d", "where": "paid > 2 AND country <> 'no'"}]},
    "feature_view_of_sql": {"kind": "feature_view", "name": "last", "entities": ["till"], "event_time": "at", "tie_break": "id", "ttl": "30d",
                            "sql": "SELECT shop, till, at, id, paid * 2 AS double FROM sales WHERE paid > 1 AND country = 'no'",
                            "checks": [{"not_null": ["double"]}]},
    "feature_view_of_latest": {"kind": "feature_view", "name": "newest", "entities": ["till"], "source": "sales",
                               "latest": {"where_sold": "country", "paid": "paid + 1"}, "materialize": "view"},
    "feature_view_on_request": {"kind": "feature_view", "name": "asked", "entities": ["till"],
                                "on_request": {"inputs": {"items": "int64", "basket": "int64"}, "features": {"each": "basket / items", "more": "basket + 1"}}},
    "feature_set": {"kind": "feature_set", "name": "chosen", "features": ["takings.*", "last.double", "newest.paid", "asked.each"]},
    "dataset": {"kind": "dataset", "name": "rows", "feature_set": "chosen", "format": "csv",
                "labels": {"label": "big", "sql": "SELECT shop, till, at AS event_time, 3 AS items, paid AS basket, paid > 9 AS big FROM sales"},
                "split": {"hash": {"columns": ["till"], "test": 0.25, "validation": 0.1}}},
    "step": {"kind": "step", "name": "fit", "command": ["sh", "-c", "exit 0"], "inputs": {"rows": "artifact"},
             "parameters": {"depth": {"type": "int64", "default": 3, "min": 1}, "alpha": {"type": "float64"}}, "env": {"B": "2", "A": "1"}},
    "pipeline": {"kind": "pipeline", "name": "train", "parameters": {
        "depth": {"type": "int64", "default": 3, "min": 1}, "alpha": {"type": "float64", "default": 0.5}}, "steps": {
        "rows": {"dataset": "rows"},
        "train": {"command": "cp -r $MLSPEC_INPUT_ROWS $MLSPEC_OUTPUT_MODEL; echo '{\"auc\": 0.9, \"f1\": 0.8}' > $MLSPEC_OUTPUT_METRICS",
                  "inputs": {"rows": "rows.data"}, "outputs": {"model": "model", "metrics": "metrics"}, "env": {"B": "2", "A": "1"}},
        "register": {"register": {"model": "train.model", "metrics": "train.metrics"}}}},
    "model": {"kind": "model", "name": "big", "feature_set": "chosen", "label": "big", "framework": "custom", "pipeline": "train",
              "parameters": {"depth": 4, "alpha": 0.25}, "gates": {"f1": {"min": 0.1}, "auc": {"min": 0.5, "max": 1.0}},
              "output": {"chance": "float64", "answer": "boolean"}},
    "deployment": {"kind": "deployment", "name": "live", "model": "big", "image": "registry.example/shop:1", "env": {"B": "2", "A": "1"},
                   "replicas": {"min": 1, "max": 3}, "resources": {"cpu": "500m", "memory": "1Gi"}},
    "monitor": {"kind": "monitor", "name": "drift", "subject": "source.sales", "metric": "missing_rate", "columns": ["paid", "country"],
                "threshold": {"max": 0.1}, "schedule": "0 3 * * *", "window": "1d"},
    "policy": {"kind": "policy", "name": "careful", "when": "change.action == 'delete'", "message": "Ask first", "enforce": "warn"},
    "moved": {"kind": "moved", "name": "shop", "from": "team.store", "to": "team.shop"},
    "removed": {"kind": "removed", "name": "old", "address": "team.old"},
}  # fmt: skip

NEEDS = {
    "source_of_query": ["source"],
    "feature_view": ["entity", "source"],
    "feature_view_of_sql": ["entity", "source"],
    "feature_view_of_latest": ["entity", "source"],
    "feature_view_on_request": ["entity"],
    "feature_set": ["feature_view", "feature_view_of_sql", "feature_view_of_latest", "feature_view_on_request"],
    "dataset": ["feature_set"],
    "pipeline": ["dataset"],
    "model": ["pipeline"],
    "deployment": ["model"],
    "monitor": ["source"],
    "moved": ["team"],
}

PROJECTS = ["project", *DOCUMENTS]


def documents(name: str) -> list[dict]:
    """The document of that name and everything that it needs, what is needed first."""
    found: dict[str, dict] = {}

    def add(one: str) -> None:
        for needed in NEEDS.get(one, []):
            add(needed)
        found[one] = copy.deepcopy(DOCUMENTS[one])

    if name != "project":
        add(name)
    return list(found.values())


def write_data(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    start = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - wall-clock UTC
    rows = [
        [i, i % 2, "ab"[i % 2], start + dt.timedelta(hours=5 * i), i % 13, ["no", "se", None][i % 3]] for i in range(30)
    ]
    write_csv(root / "sales.csv", COLUMNS, rows)


def write_blocks(root: Path, found: list[dict], **environment: object) -> None:
    """One file of block YAML: plain scalars, keys as they come."""
    text = "---\n".join(yaml.safe_dump(d, sort_keys=False, width=1000) for d in found) or "# nothing yet\n"
    (root / "mlspec.yaml").write_text(yaml.safe_dump(project(**environment), sort_keys=False))
    (root / "specs.yaml").write_text(text)


def write_otherwise(root: Path, found: list[dict], **environment: object) -> None:
    """The same in another hand: flow style, keys backwards, quotes, comments, SQL laid out anew, a file each."""
    (root / "specs.yaml").unlink()
    (root / "mlspec.yaml").write_text(json.dumps(backwards(project(**environment)), indent=3) + "  # the project\n")
    for document in found:
        folder = root / "folders" / document["kind"]
        folder.mkdir(parents=True, exist_ok=True)
        laid_out = {
            k: v.replace(" FROM ", "\n  -- from where\nfrom  ").replace(" AND ", "\n and ")
            if k in {"sql", "query"}
            else v
            for k, v in document.items()
        }
        (folder / f"{document['name']}.yml").write_text(
            "# " + document["name"] + "\n" + json.dumps(backwards(laid_out)) + "\n"
        )


def backwards(value: object) -> object:
    if isinstance(value, dict):
        return {k: backwards(v) for k, v in reversed(value.items())}
    return [backwards(v) for v in value] if isinstance(value, list) else value
