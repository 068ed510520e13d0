"""Small projects on Spark, in this process and on a server: made, asked, exported, made anew after a crash, destroyed."""

import datetime as dt
import json
import os
import shutil
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from small_projects import actions, apply, plan, read, write_csv, write_project
from spark_here import ENGINE, needs_spark

from mlspec.base.diag import Problems
from mlspec.session import Session

pytestmark = needs_spark

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
COLUMNS = {"k": "int64", "at": "timestamptz", "wall": "timestamp", "day": "date", "v": "int32", "x": "float64",
           "price": "decimal(10,2)", "name": "string", "ok": "boolean"}  # fmt: skip
DOCUMENTS = [
    {"kind": "source", "name": "rows", "files": "rows.csv", "columns": COLUMNS, "event_time": "at",
     "checks": [{"not_null": ["k"]}, {"range": {"column": "v", "max": 3}, "severity": "warn"}]},
    {"kind": "source", "name": "halves", "query": "SELECT k, at, v / 2 AS half, CAST(x AS INTEGER) AS near FROM rows", "event_time": "at"},
    {"kind": "entity", "name": "one", "keys": {"k": "int64"}},
    {"kind": "feature_view", "name": "newest", "entities": ["one"], "source": "halves", "latest": ["half", "near"]},
    {"kind": "feature_view", "name": "lately", "entities": ["one"], "source": "rows", "windows": ["6h"],
     "aggregations": [{"function": "sum", "column": "v", "name": "total"}, {"function": "max", "column": "x", "name": "top"}]},
    {"kind": "feature_set", "name": "chosen", "features": ["newest.*", "lately.*"]},
    {"kind": "dataset", "name": "answers", "feature_set": "chosen",
     "labels": {"sql": "SELECT k, at AS event_time, wall, day, price, name, ok, v > 1 AS y FROM rows", "label": "y"}},
]  # fmt: skip


def written(root: Path, engine: dict, documents=DOCUMENTS) -> Path:
    rows = [
        [
            i % 3,
            START + dt.timedelta(hours=i),
            dt.datetime(2024, 3, 10, 2, i),  # noqa: DTZ001 - wall-clock
            dt.date(2024, 1, 1 + i),
            i,
            i / 4,
            f"{i}.25",
            f"n{i}",
            "true",
        ]
        for i in range(9)
    ]
    write_csv(root / "rows.csv", tuple(COLUMNS), [*rows, [None, START, None, None, None, None, None, None, None]][:9])
    return write_project(root, documents, engine=engine)


def lived(root: Path, engine: dict, tmp_path: Path) -> None:
    """A project from its beginning to its end; its answers are DuckDB's."""
    expected = written(tmp_path / "reference", {"type": "duckdb"})
    assert apply(expected)[2].ok
    _, _, applied = apply(written(root, engine))
    assert applied.ok, [(str(f.address), f.message) for f in applied.failed]
    assert actions(plan(root)) == []
    for what in ("rows", "halves", "dataset.answers"):
        key = lambda row: (row["k"], str(row.get("at") or row.get("event_time")))  # noqa: E731
        assert sorted(read(root, what), key=key) == sorted(read(expected, what), key=key)
    asked = {"at": "2024-01-01T05:30:00Z", "keys": {"k": "2"}}
    assert read(root, "lately", **asked) == read(expected, "lately", **asked)
    with Session(root) as session:
        version = session.backends.engine.observe().pointers["dataset.answers"]
        assert session.backends.engine.export(version, tmp_path / "out.csv", "csv") == 9
        assert [r.passed for r in session.backends.engine.results("source.rows")[0].results] == [True, False]
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 10
    assert apply(root, destroy=True)[2].ok


def test_in_this_process(tmp_path):
    root = tmp_path / "p"
    lived(root, ENGINE, tmp_path)
    kept = root / ".mlspec" / "spark-warehouse"
    assert [p for p in kept.rglob("*") if p.is_file() and p.parent.name != "locks"] == []
    assert list((kept / "data").iterdir()) == []


def test_what_a_crash_left_is_not_believed(tmp_path):
    root = written(tmp_path, ENGINE, DOCUMENTS[:1])
    assert apply(root)[2].ok
    kept = root / ".mlspec" / "spark-warehouse"
    (note,) = (kept / "notes" / "version").glob("*.json")
    note.unlink()  # as if it had ended before it was noted
    assert actions(plan(root)) != []
    assert apply(root)[2].ok
    assert len(list((kept / "data").iterdir())) == 1
    (data,) = (kept / "data").iterdir()
    shutil.rmtree(data)
    assert actions(plan(root)) != []


def test_what_spark_would_answer_otherwise_is_refused_by_the_plan(tmp_path):
    refused = {
        "kind": "source",
        "name": "odd",
        "query": "SELECT k, at, CAST(x AS VARCHAR) AS t FROM rows",
        "event_time": "at",
    }
    with pytest.raises(Problems, match="engines write fractions differently"):
        plan(written(tmp_path, ENGINE, [DOCUMENTS[0], refused]))


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of Spark Connect with a catalog of its own."""
    home = Path(os.environ.get("MLSPEC_SPARK_SERVER") or Path(find_spec("pyspark").origin).parent)
    port, folder = free_port(), tmp_path_factory.mktemp("server")
    options = {"spark.connect.grpc.binding.port": port, "spark.sql.warehouse.dir": folder / "warehouse", "spark.ui.enabled": "false",
               "spark.connect.grpc.binding.address": "127.0.0.1", "spark.sql.shuffle.partitions": 2, "spark.driver.host": "127.0.0.1"}  # fmt: skip
    command = [
        home / "bin" / "spark-submit",
        "--class",
        "org.apache.spark.sql.connect.service.SparkConnectServer",
        "--master",
        "local[2]",
    ]
    command += [part for name, value in options.items() for part in ("--conf", f"{name}={value}")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "spark-internal"],
            cwd=folder,
            stdout=log,
            stderr=log,
            env={**os.environ, "SPARK_HOME": str(home)},
        )
    for _ in range(240):
        if "Spark Connect server started" in (folder / "log").read_text() or process.poll() is not None:
            break
        time.sleep(0.5)
    assert process.poll() is None, (folder / "log").read_text()[-2000:]
    yield f"sc://127.0.0.1:{port}", folder / "warehouse"
    process.terminate()
    process.wait(30)


@pytest.mark.slow
def test_on_a_server(server, tmp_path):
    url, warehouse = server
    lived(tmp_path / "p", {"type": "spark", "remote": url}, tmp_path)
    assert [p for p in warehouse.rglob("*") if p.is_file()] == []


def test_a_server_that_is_not_there(tmp_path):
    root = written(tmp_path, {"type": "spark", "remote": f"sc://127.0.0.1:{free_port()}"}, DOCUMENTS[:1])
    with Session(root) as session, pytest.raises(Exception, match="cannot be used") as raised:
        session.plan()
    assert raised.value.code == "warehouse-unreachable"


def test_what_has_another_name_is_not_made_anew(tmp_path):
    root = written(tmp_path / "p", ENGINE)
    assert apply(root)[2].ok
    rows = read(root, "dataset.answers")
    renamed = json.loads(json.dumps(DOCUMENTS).replace('"name": "answers"', '"name": "replies"').replace('"name": "newest"', '"name": "latest"').replace('"newest.*"', '"latest.*"'))  # fmt: skip
    moves = [
        {"kind": "moved", "name": "a", "from": "dataset.answers", "to": "dataset.replies"},
        {"kind": "moved", "name": "b", "from": "feature_view.newest", "to": "feature_view.latest"},
    ]
    written(root, ENGINE, [*renamed, *moves])
    planned, _, done = apply(root)
    assert done.ok, done.failed
    assert {c.action.word for c in planned.changes} <= {"move", "update"}
    assert plan(root).empty
    assert sorted(map(str, read(root, "dataset.replies"))) == sorted(map(str, rows))
