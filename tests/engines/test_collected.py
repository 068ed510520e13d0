"""What nothing needs is collected from a real PostgreSQL and from Spark's warehouse, and what somebody has built on stays."""

import os

import pytest
from servers import postgres
from small_projects import apply, plan, read, write_csv, write_project
from spark_here import ENGINE, needs_spark

from mlspec.session import Session

SOURCE = {"kind": "source", "name": "orders", "files": "orders.csv", "event_time": "at",
          "columns": {"customer": "int64", "amount": "int64", "at": "timestamptz"}}  # fmt: skip
ENTITY = {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}}
ROWS = [[c, 3 * c + d, f"2024-01-{d:02d}T10:00:00Z"] for c in (1, 2) for d in range(1, 6)]


def versions(root, name, **environment):
    """Three versions of a table, one after the other; their names."""
    write_csv(root / "orders.csv", SOURCE["columns"], ROWS)
    found = []
    for window in ("1d", "2d", "3d"):
        spend = {"kind": "feature_view", "name": name, "entities": ["customer"], "source": "orders", "materialize": "table",
                 "aggregations": [{"function": "sum", "column": "amount", "name": "paid", "window": window}]}  # fmt: skip
        write_project(root, [SOURCE, ENTITY, spend], **environment)
        assert apply(root)[2].ok
        with Session(root) as session:
            found.append(next(r.outputs["version"] for r in session.recorded()[0] if r.address.name == name))
    return found


def collected(root, grace=0.0):
    with Session(root) as session:
        return session.gc(grace=grace, dry_run=False).unused


def test_postgresql(tmp_path):
    server = postgres()
    name = server.fresh(f"gc_{os.getpid()}")
    first, second, live = versions(tmp_path, "spend", engine={"type": "postgres", "dsn": server.dsn(name)})
    assert collected(tmp_path, 3600.0) == ()
    with server.connect(name) as connection:
        connection.execute(f"CREATE SCHEMA mine; CREATE VIEW mine.old AS SELECT * FROM mlspec_data.{first}")
    gone = {u.name: u for u in collected(tmp_path) if u.what == "table"}
    assert gone.keys() == {first, second}
    assert (bool(gone[first].kept), gone[second].kept) == (True, "")
    with server.connect(name) as connection:
        there = connection.execute("SELECT relname FROM pg_class WHERE relname LIKE 'spend__%' AND relkind = 'r'")
        assert {n for (n,) in there} == {first, live}
        connection.execute("DROP SCHEMA mine CASCADE")
    assert [u.name for u in collected(tmp_path) if u.what == "table"] == [first]
    assert plan(tmp_path).empty
    assert read(tmp_path, "feature_view.spend")


@pytest.mark.skipif(needs_spark[0].args[0], reason="SPARK IS ABSENT")
@pytest.mark.xdist_group("spark")
def test_spark(tmp_path, spark):
    first, second, live = versions(tmp_path, "spend", engine=ENGINE)
    assert collected(tmp_path, 3600.0) == ()
    assert {u.name for u in collected(tmp_path) if u.what == "table"} == {first, second}
    kept = tmp_path / ".mlspec" / "spark-warehouse"
    assert {p.name.partition("__m")[0] for p in (kept / "data").iterdir() if p.name.startswith("spend")} == {live}
    assert {p.stem for p in (kept / "notes" / "age").glob("spend*")} == {live}
    assert plan(tmp_path).empty
