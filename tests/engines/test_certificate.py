"""The certificate of a dataset: what it says is so, it goes where the data goes, and it tells what differs."""

import datetime as dt
import json
import subprocess
import sys

import duckdb
import pytest
from small_projects import apply, plan, write_csv, write_project

import mlspec
from mlspec.base.diag import Problems
from mlspec.session import Session

T0 = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
ORDERS = [
    (c, 10 * c + d, T0 + dt.timedelta(days=d), T0 + dt.timedelta(days=d, hours=6)) for d in range(20) for c in (1, 2)
]
ASKING = [(1, d % 3 == 0, T0 + dt.timedelta(days=d), T0 + dt.timedelta(days=d + 4)) for d in range(20)]
ASKING += [(None, True, T0 + dt.timedelta(days=3), T0 + dt.timedelta(days=3))] * 2 + [(7, False, None, None)]
TRAIN = """\
import json, os, pathlib
folder = pathlib.Path(os.environ["MLSPEC_INPUT_DATA"])
about = json.loads((folder / "dataset.json").read_text())
certificate = json.loads((folder / about["certificate"]).read_text())
assert certificate["rows"]["answered"] == about["rows"]
out = pathlib.Path(os.environ["MLSPEC_OUTPUT_MODEL"])
out.mkdir(exist_ok=True)
(out / "model.json").write_text("{}")
pathlib.Path(os.environ["MLSPEC_OUTPUT_METRICS"]).write_text("{\\"auc\\": 1.0}")
"""


def documents(window="7d"):
    return [
        {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}},
        {"kind": "source", "name": "orders", "files": "orders.csv", "event_time": "at", "available_time": "known",
         "columns": {"customer": "int64", "amount": "int64", "at": "timestamptz", "known": "timestamptz"}},
        {"kind": "source", "name": "asking", "files": "asking.csv", "event_time": "at",
         "columns": {"customer": "int64", "late": "boolean", "at": "timestamptz", "known": "timestamptz"}, "available_time": "at"},
        {"kind": "feature_view", "name": "spending", "entities": ["customer"], "source": "orders",
         "aggregations": [{"function": "sum", "column": "amount", "name": "spent", "window": window, "offset": "1d"}]},
        {"kind": "feature_view", "name": "last", "entities": ["customer"], "source": "orders", "latest": ["amount"], "ttl": "30d"},
        {"kind": "feature_view", "name": "asked", "entities": ["customer"],
         "on_request": {"inputs": {"customer": "int64"}, "features": {"odd": "customer % 2 = 1"}}},
        {"kind": "feature_set", "name": "buyer", "features": ["spending.*", "last.*", "asked.odd"]},
        {"kind": "dataset", "name": "buyers", "feature_set": "buyer",
         "labels": {"sql": "SELECT customer, late, at AS event_time, known FROM asking", "label": "late", "available_time": "known"},
         "split": {"time": {"test_from": "2024-01-11"}}},
    ]  # fmt: skip


@pytest.fixture
def root(tmp_path):
    write_csv(tmp_path / "orders.csv", ("customer", "amount", "at", "known"), ORDERS)
    write_csv(tmp_path / "asking.csv", ("customer", "late", "at", "known"), ASKING)
    _, events, applied = apply(write_project(tmp_path, documents()))
    assert applied.ok, applied.failed
    notes = {str(e.address): e.notes for e in events if type(e).__name__ == "Done"}
    assert "`customer` is NULL in 2 of 23 rows" in notes["dataset.buyers"]
    return tmp_path


def certificate(root):
    with Session(root) as session:
        return session.certificate("dataset.buyers")


def verify(root):
    with Session(root) as session:
        found = session.verify("buyers")
    return {(d.what, d.of) for d in found.differences}


def test_what_it_says_is_so(root):
    found = certificate(root)
    assert found["rows"] == {"asked": 23, "answered": 23}
    assert found["mlspec"] == mlspec.__version__
    assert found["engine"]["type"] == "duckdb"
    assert duckdb.__version__ in found["engine"]["version"]
    columns = {c["name"]: c for c in found["columns"]}
    assert columns["customer"]["role"] == "key"
    assert (columns["customer"]["missing"], columns["customer"]["missing_share"]) == (2, round(2 / 23, 6))
    with Session(root) as session:
        rows = session.query("dataset.buyers", limit=0)
    for index, name in enumerate(rows.columns):
        assert columns[name]["missing"] == sum(row[index] is None for row in rows.rows), name
    masked = [a for a in ASKING if a[2] and a[2] < T0 + dt.timedelta(days=10) <= a[3]]
    assert found["time"]["labels_masked"] == len(masked) == 4
    assert found["time"]["rows"] == {"train": 12, "validation": 0, "test": 10}
    assert found["time"]["first"] == "2024-01-01T00:00:00Z"
    orders = found["sources"]["source.orders"]
    assert (orders["rows"], orders["newest"], orders["where"]) == (40, "2024-01-20T00:00:00Z", ["orders.csv"])
    assert orders["snapshot"]
    (window,) = found["views"]["feature_view.spending"]["windows"]
    assert window == {"feature": "spent", "function": "sum", "window_seconds": 604800.0, "offset_seconds": 86400.0}
    assert found["views"]["feature_view.last"]["ttl_seconds"] == 2592000.0
    assert found["views"]["feature_view.last"]["boundary"] == "inclusive"
    assert {
        "feature_view.asked",
        "feature_view.last",
        "feature_view.spending",
        "source.orders",
        "dataset.buyers",
    } <= set(found["definitions"])


def test_it_verifies_until_something_differs(root):
    assert verify(root) == set()
    write_project(root, documents("8d"))
    assert {("definition", "feature_view.spending"), ("column", "spending__spent")} <= verify(root)
    assert ("definition", "feature_view.last") not in verify(root)
    write_project(root, documents())
    assert verify(root) == set()
    write_csv(root / "orders.csv", ("customer", "amount", "at", "known"), ORDERS[:-1])
    assert ("source", "source.orders") in verify(root)
    write_csv(root / "orders.csv", ("customer", "amount", "at", "known"), ORDERS)
    with duckdb.connect(str(root / ".mlspec" / "warehouse.duckdb")) as connection:
        connection.execute(f'DELETE FROM mlspec_data."{certificate_version(root)}" WHERE customer IS NULL')
        connection.execute("UPDATE mlspec_data._versions SET rows = 21 WHERE rows = 23")
    assert {what for what, _ in verify(root)} == {"rows"}


def certificate_version(root):
    text = (
        (root / ".mlspec" / "state" / "dev.json")
        if (root / ".mlspec" / "state").is_dir()
        else next((root / ".mlspec").rglob("*.json"))
    )
    records = json.loads(text.read_text())["records"]
    found = next(
        r
        for a, r in (records.items() if isinstance(records, dict) else ((r["address"], r) for r in records))
        if a == "dataset.buyers"
    )
    return found["outputs"]["version"]


def test_on_the_command_line(root):
    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "mlspec", "-C", str(root), *words], capture_output=True, text=True, check=False
        )

    assert json.loads(run("certificate", "dataset.buyers", "--format", "json").stdout) == certificate(root)
    assert "labels_masked: 4" in run("certificate", "dataset.buyers").stdout
    assert "NULL in 2 of 23 rows (8.7%)" in run("show", "dataset.buyers").stdout
    done = run("certificate", "dataset.buyers", "--verify")
    assert (done.returncode, done.stderr) == (0, "")
    assert "could be made again now" in done.stdout
    write_project(root, documents("9d"))
    done = run("certificate", "dataset.buyers", "--verify")
    assert done.returncode == 1
    assert "definition feature_view.spending: was" in done.stdout
    assert json.loads(run("certificate", "buyers", "--verify", "--format", "json").stdout)["reproducible"] is False
    assert "did you mean `dataset.buyers`" in run("certificate", "dataset.buyer").stderr


def test_what_was_built_before_there_were_any_says_so(root):
    with duckdb.connect(str(root / ".mlspec" / "warehouse.duckdb")) as connection:
        connection.execute("DROP TABLE mlspec_data._certificates")
    with pytest.raises(Problems, match="gave no certificates"):
        certificate(root)
    apply(root, replace=["dataset.buyers"])
    assert certificate(root)["rows"]["answered"] == 23


def test_it_goes_with_the_data_and_with_the_model(root):
    (root / "train.py").write_text(TRAIN)
    pipeline = {"kind": "pipeline", "name": "training", "steps": {
        "data": {"dataset": "buyers"},
        "train": {"command": f"{sys.executable} train.py", "code": ["train.py"], "inputs": {"data": "data.data"},
                  "outputs": {"model": "model", "metrics": "metrics"}},
        "keep": {"register": {"model": "train.model", "metrics": "train.metrics"}}}}  # fmt: skip
    model = {
        "kind": "model",
        "name": "late",
        "feature_set": "buyer",
        "pipeline": "training",
        "framework": "custom",
        "label": "late",
        "gates": {"auc": {"min": 0.5}},
    }
    write_project(root, [*documents(), pipeline, model])
    _, _, applied = apply(root)
    assert applied.ok, applied.failed
    with Session(root) as session:
        (version,) = session.backends.registry.versions("late")
    assert version.certificates == {"dataset.buyers": certificate(root)}


def test_nothing_is_left_of_it(root):
    apply(root, destroy=True)
    with duckdb.connect(str(root / ".mlspec" / "warehouse.duckdb")) as connection:
        assert connection.execute("SELECT count(*) FROM mlspec_data._certificates").fetchone() == (0,)
    assert plan(root).changes
