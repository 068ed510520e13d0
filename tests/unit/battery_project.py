"""The project of the battery: two sources, fifteen views and sets of rows in six layers, two chains down to monitors."""

import copy
import datetime as dt
from pathlib import Path

from small_projects import write_csv

COLUMNS = {"id": "int64", "customer": "int64", "ts": "timestamp", "amount": "int64", "discount": "int32", "state": "string",
           "channel": "string", "items": "int32", "note": "string"}  # fmt: skip
PEOPLE = {"customer": "int64", "country": "string", "born": "int32"}

SQL = {
    "clean": """SELECT customer, ts, id, amount, amount - discount AS net, discount, channel, items
FROM orders WHERE state <> 'void' AND amount > 0""",
    "spend": "SELECT customer, ts, id, net * 2 AS doubled, amount AS gross FROM clean",
    "habits": """WITH c AS (SELECT customer, ts, id, net FROM clean), d AS (SELECT id, MAX(items) AS most FROM clean GROUP BY id)
SELECT c.customer, c.ts, c.id, c.net > 10 AS large, c.net + d.most AS more FROM c JOIN d ON c.id = d.id""",
    "channels": "SELECT customer, ts, id, CASE WHEN channel IN ('web', 'app') THEN 1 ELSE 0 END AS web FROM clean",
    "baskets": "SELECT customer, ts, id, amount AS paid FROM clean WHERE items BETWEEN 2 AND 9",
    "daily": """SELECT customer, MAX(ts) AS ts, COUNT(*) AS n, SUM(net) AS total
FROM clean GROUP BY customer, DATE_TRUNC('day', ts)""",
    "persons": "SELECT customer, country, born FROM people",
    "ranks": "SELECT s.customer, s.ts, s.id, s.doubled + 1 AS score, p.country FROM spend AS s JOIN persons AS p ON s.customer = p.customer",
    "mixed": "SELECT h.customer, h.ts, h.id, h.more + b.paid AS mix FROM habits AS h JOIN baskets AS b ON h.id = b.id",
    "final": "SELECT r.customer, r.ts, r.id, r.score * 2 AS best, m.mix FROM ranks AS r LEFT JOIN mixed AS m ON r.id = m.id",
}  # fmt: skip
BASE = ["windows.paid_7d", "spend.doubled", "habits.large"]
RICH = [
    "final.best",
    "final.mix",
    "channels.web",
    "daily.total",
    "windows.orders_1d",
    "newest.last_channel",
    "asked.basket_size",
]


def _view(name: str) -> dict:
    timed = {} if name == "persons" else {"event_time": "ts", **({} if name == "daily" else {"tie_break": "id"})}
    return {"kind": "feature_view", "name": name, "entities": ["customer"], "sql": SQL[name], **timed}


def _chain(name: str, features: list[str], gates: dict, label: str) -> list[dict]:
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
    return [
        {"kind": "feature_set", "name": name, "features": list(features)},
        {"kind": "dataset", "name": f"{name}_rows", "feature_set": name, "format": "csv", "labels": {"sql": label, "label": "big"}},
        {"kind": "pipeline", "name": f"train_{name}", "parameters": {"depth": {"type": "int64", "default": 3}},
         "steps": {"rows": {"dataset": f"{name}_rows"}, "train": train, "measure": measure, "register": register}},
        {"kind": "model", "name": f"{name}_model", "feature_set": name, "label": "big", "framework": "custom", "pipeline": f"train_{name}", "gates": gates},
        {"kind": "deployment", "name": f"{name}_live", "model": f"{name}_model", "image": "registry.example/shop:1", "replicas": 2, "owner": "ml"},
    ]  # fmt: skip


def _monitor(name: str, subject: str, **fields: object) -> dict:
    return {
        "kind": "monitor",
        "name": name,
        "subject": subject,
        "threshold": {"max": 0.2},
        "schedule": "0 3 * * *",
        **fields,
    }


def documents() -> list[dict]:
    asked = "SELECT customer, ts AS event_time, 3 AS basket, amount > 20 AS big FROM orders"
    written = [
        {"kind": "team", "name": "shop", "role": "data_science"},
        {"kind": "team", "name": "ml", "role": "ml_engineering"},
        {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}},
        {"kind": "source", "name": "orders", "files": "orders.csv", "columns": COLUMNS, "event_time": "ts", "owner": "shop",
         "checks": [{"not_null": ["amount"]}, {"accepted_values": {"column": "state", "values": ["paid", "void"]}}]},
        {"kind": "source", "name": "people", "files": "people.csv", "columns": PEOPLE},
        *[_view(n) for n in SQL],
        {"kind": "feature_view", "name": "windows", "entities": ["customer"], "source": "orders", "aggregations": [
            {"function": "sum", "name": "paid_7d", "column": "amount", "window": "7d"},
            {"function": "count", "name": "orders_1d", "window": "1d", "where": "amount > 0 AND state = 'paid'"},
            {"function": "max", "name": "most_7d", "column": "discount", "window": "7d"}]},
        {"kind": "feature_view", "name": "newest", "entities": ["customer"], "source": "orders", "latest": {"last_channel": "channel"}, "ttl": "30d"},
        {"kind": "feature_view", "name": "asked", "entities": ["customer"], "on_request": {"inputs": {"basket": "int64"}, "features": {"basket_size": "basket + 1"}}},
        *_chain("base", BASE, {"auc": {"min": 0.5}}, "SELECT customer, ts AS event_time, amount > 20 AS big FROM orders"),
        *_chain("rich", RICH, {"auc": {"min": 0.5}}, asked),
        _monitor("amount_gaps", "source.orders", metric="missing_rate", columns=["amount"]),
        _monitor("doubled_drift", "feature_view.spend", metric="psi", columns=["doubled"], reference="base_rows", window="7d"),
        _monitor("web_drift", "deployment.rich_live", metric="psi", columns=["channels__web"], reference="training"),
        _monitor("income", "feature_view.daily", metric="custom", sql="SELECT AVG(total) AS income FROM daily"),
        _monitor("slow", "deployment.base_live", metric="latency"),
    ]  # fmt: skip
    return copy.deepcopy(written)


def write_data(root: Path) -> None:
    start = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - wall-clock UTC
    orders = [
        [i, i % 4, start + dt.timedelta(hours=7 * i), 10 + i, i % 3, "void" if i % 9 == 8 else "paid", ["web", "shop"][i % 2], i % 5, "x"]
        for i in range(40)
    ]  # fmt: skip
    write_csv(root / "orders.csv", COLUMNS, orders)
    write_csv(root / "people.csv", PEOPLE, [[i, "abcd"[i], 1980 + i] for i in range(4)])
