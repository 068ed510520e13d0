"""A project with a deployment that is really served on this machine, for the tests of what a plan may take from it."""

import copy
import http.client
import json
import socket
import sys
from pathlib import Path

from small_projects import write_csv, write_project

TRAIN = """
import json, operator, os
from pathlib import Path
from types import SimpleNamespace
import joblib

rows, model = Path(os.environ["MLSPEC_INPUT_ROWS"]), Path(os.environ["MLSPEC_OUTPUT_MODEL"])
features = json.loads((rows / "dataset.json").read_text())["features"]
model.mkdir(exist_ok=True)
joblib.dump(SimpleNamespace(predict=operator.methodcaller("get", features[0]["name"])), model / "model.joblib")
(model / "model.json").write_text(json.dumps({"features": features}))
if os.environ["MLSPEC_PARAM_LOADS"] == "false":
    (model / "model.joblib").write_bytes(b"nothing that could be loaded")
Path(os.environ["MLSPEC_OUTPUT_METRICS"]).write_text(json.dumps({"auc": 0.9}))
"""
SPEND = "SELECT customer, ts, id, amount * 2 AS doubled, amount AS gross FROM orders"
COLUMNS = {"id": "int64", "customer": "int64", "ts": "timestamp", "amount": "int64"}


def documents(port: int) -> list[dict]:
    train = {
        "command": f"{sys.executable} train.py",
        "code": ["train.py"],
        "inputs": {"rows": "rows.data"},
        "outputs": {"model": "model", "metrics": "metrics"},
    }
    steps = {
        "rows": {"dataset": "rows"},
        "train": train,
        "register": {"register": {"model": "train.model", "metrics": "train.metrics"}},
    }
    written = [
        {"kind": "team", "name": "ml", "role": "ml_engineering"},
        {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}},
        {"kind": "source", "name": "orders", "files": "orders.csv", "columns": COLUMNS, "event_time": "ts"},
        {"kind": "feature_view", "name": "spend", "entities": ["customer"], "sql": SPEND, "event_time": "ts", "tie_break": "id"},
        {"kind": "feature_set", "name": "chosen", "features": ["spend.doubled", "spend.gross"]},
        {"kind": "dataset", "name": "rows", "feature_set": "chosen", "format": "csv",
         "labels": {"sql": "SELECT customer, ts AS event_time, amount > 20 AS big FROM orders", "label": "big"}},
        {"kind": "pipeline", "name": "train", "parameters": {"loads": {"type": "boolean", "default": True}}, "steps": steps},
        {"kind": "model", "name": "big", "feature_set": "chosen", "label": "big", "framework": "sklearn", "pipeline": "train",
         "output": {"big": "float64"}, "gates": {"auc": {"min": 0.5}}},
        {"kind": "deployment", "name": "live", "model": "big", "port": port, "owner": "ml"},
    ]  # fmt: skip
    return copy.deepcopy(written)


def of(found: list[dict], address: str) -> dict:
    return next(d for d in found if f"{d['kind']}.{d['name']}" == address)


def write(root: Path, found: list[dict]) -> Path:
    return write_project(root, found, deploy_target="local")


def write_data(root: Path) -> None:
    write_csv(root / "orders.csv", COLUMNS, [[i, i % 3, f"2024-01-0{i + 1} 00:00:00", 10 * i] for i in range(6)])
    (root / "train.py").write_text(TRAIN)


def without_gross(found: list[dict]) -> None:
    """The feature goes from its view and from the set that takes it."""
    of(found, "feature_view.spend")["sql"] = SPEND.replace(", amount AS gross", "")
    of(found, "feature_set.chosen")["features"] = ["spend.doubled"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def asked(port: int, **features: int):
    """What the model answers to these features; None if it does not take them."""
    inputs = [{"name": n, "shape": [1], "datatype": "INT64", "data": [v]} for n, v in features.items()]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(
            "POST", "/v2/models/big/infer", json.dumps({"inputs": inputs}), {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        said = json.loads(answer.read())
    finally:
        connection.close()
    return said["outputs"][0]["data"][0] if answer.status == http.client.OK else None
