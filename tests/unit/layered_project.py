"""A layered project for the tests of planning: two sources, seven views, and all that follows to a deployment."""

import copy
import datetime as dt
from pathlib import Path

from small_projects import write_csv, write_project

CLEAN = "SELECT customer, at, id, amount, amount - discount AS net, discount FROM orders WHERE state <> 'void' AND amount > 0"
SPEND = "SELECT customer, at, id, net * 2 AS doubled, amount AS gross FROM clean"
HABITS = "WITH c AS (SELECT customer, at, id, net FROM clean) SELECT customer, at, id, net > 10 AS large FROM c"
RANKS = "SELECT s.customer, s.at, s.id, s.doubled + 1 AS score, w.country FROM spend AS s JOIN who AS w ON s.customer = w.customer"
COLUMNS = {
    "id": "int64",
    "customer": "int64",
    "at": "timestamp",
    "amount": "int64",
    "discount": "int64",
    "state": "string",
}
FEATURES = ["windows.paid_7d", "windows.orders_1d", "spend.doubled", "habits.large", "ranks.score"]


def view(name, sql, **fields):
    return {
        "kind": "feature_view",
        "name": name,
        "entities": ["customer"],
        "sql": sql,
        "event_time": "at",
        "tie_break": "id",
        **fields,
    }


def documents() -> list[dict]:
    train = {
        "command": "cp -r $MLSPEC_INPUT_ROWS $MLSPEC_OUTPUT_MODEL",
        "inputs": {"rows": "rows.data"},
        "outputs": {"model": "model"},
    }
    measure = {
        "command": "echo '{\"auc\": 0.9}' > $MLSPEC_OUTPUT_METRICS",
        "inputs": {"model": "train.model"},
        "outputs": {"metrics": "metrics"},
    }
    register = {"register": {"model": "train.model", "metrics": "measure.metrics"}}
    labels = {"sql": "SELECT customer, at AS event_time, amount > 20 AS big FROM orders", "label": "big"}
    written = [
        {"kind": "team", "name": "shop", "role": "data_science"},
        {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}},
        {"kind": "source", "name": "orders", "files": "orders.csv", "columns": COLUMNS, "event_time": "at", "keys": ["id"], "owner": "shop"},
        {"kind": "source", "name": "people", "files": "people.csv", "columns": {"customer": "int64", "country": "string", "born": "int64"}},
        view("clean", CLEAN),
        view("spend", SPEND),
        view("habits", HABITS),
        {"kind": "feature_view", "name": "who", "entities": ["customer"], "sql": "SELECT customer, country, born FROM people"},
        view("ranks", RANKS),
        {"kind": "feature_view", "name": "windows", "entities": ["customer"], "source": "orders", "aggregations": [
            {"function": "sum", "name": "paid_7d", "column": "amount", "window": "7d"},
            {"function": "count", "name": "orders_1d", "window": "1d"},
            {"function": "max", "name": "most_7d", "column": "discount", "window": "7d"}]},
        {"kind": "feature_view", "name": "asked", "entities": ["customer"],
         "on_request": {"inputs": {"basket": "int64"}, "features": {"basket_size": "basket + 1"}}},
        {"kind": "feature_set", "name": "chosen", "features": FEATURES},
        {"kind": "dataset", "name": "training", "feature_set": "chosen", "labels": labels, "format": "csv"},
        {"kind": "pipeline", "name": "train", "steps": {"rows": {"dataset": "training"}, "train": train, "measure": measure, "register": register}},
        {"kind": "model", "name": "big", "feature_set": "chosen", "label": "big", "framework": "custom", "pipeline": "train",
         "gates": {"auc": {"min": 0.5}}},
        {"kind": "deployment", "name": "big_live", "model": "big", "image": "registry.example/shop:1"},
    ]  # fmt: skip
    return copy.deepcopy(written)


def of(found: list[dict], address: str) -> dict:
    """The document at an address."""
    return next(d for d in found if f"{d['kind']}.{d['name']}" == address)


def write(root: Path, found: list[dict] | None = None) -> Path:
    return write_project(root, documents() if found is None else found)


def write_data(root: Path) -> None:
    start = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - wall-clock UTC
    orders = [
        [i, i % 4, start + dt.timedelta(hours=7 * i), 10 + i, i % 3, "void" if i % 9 == 8 else "paid"]
        for i in range(40)
    ]
    write_csv(root / "orders.csv", COLUMNS, orders)
    write_csv(root / "people.csv", ("customer", "country", "born"), [[i, "abcd"[i], 1980 + i] for i in range(4)])
