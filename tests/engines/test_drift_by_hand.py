"""What somebody alters by hand in a real PostgreSQL and in Spark's warehouse is seen and put right."""

import json
import os

import pytest
from servers import postgres
from small_projects import actions, apply, plan, write_csv, write_project
from spark_here import ENGINE, needs_spark

from mlspec.session import Session

SOURCE = {"kind": "source", "name": "orders", "files": "orders.csv", "event_time": "at",
          "columns": {"customer": "int64", "amount": "int64", "at": "timestamptz"}}  # fmt: skip
ENTITY = {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}}
SPEND = {"kind": "feature_view", "name": "spend", "entities": ["customer"], "source": "orders", "materialize": "table",
         "aggregations": [{"function": "sum", "column": "amount", "name": "paid", "window": "7d"}]}  # fmt: skip
LARGE = {"kind": "feature_view", "name": "large", "entities": ["customer"], "event_time": "at", "materialize": "view",
         "sql": "SELECT customer, at, amount > 5 AS large FROM orders"}  # fmt: skip
DAILY = {**SPEND, "name": "daily", "materialize": {"incremental": {"partition": "1d", "start": "2024-01-01"}}}
ROWS = [[c, 3 * c + d, f"2024-01-{d:02d}T10:00:00Z"] for c in (1, 2) for d in range(1, 6)]


def told(root):
    with Session(root) as session:
        return [(str(d.address), d.what) for d in session.drift().drift]


HANDS = {
    "DROP TABLE mlspec_data.{spend} CASCADE": ("feature_view.spend", "missing", "rebuild"),
    "DROP VIEW dev.spend": ("feature_view.spend", "missing", "repoint"),
    "DROP VIEW dev.spend; CREATE VIEW dev.spend AS SELECT * FROM mlspec_data.{large}": ("feature_view.spend", "repointed", "repoint"),
    "CREATE OR REPLACE VIEW dev.spend AS SELECT * FROM mlspec_data.{spend} WHERE paid > 9": ("feature_view.spend", "repointed", "repoint"),
    "CREATE OR REPLACE VIEW mlspec_data.{large} AS SELECT customer, at, true AS large FROM mlspec_data.{orders}": ("feature_view.large", "altered", "update"),
    "ALTER TABLE mlspec_data.{spend} ADD COLUMN mine INTEGER": ("feature_view.spend", "altered", "rebuild"),
    "DELETE FROM mlspec_data._partitions": ("feature_view.daily", "unnoted", "rebuild"),
}  # fmt: skip


def test_postgresql(tmp_path):
    server = postgres()
    name = server.fresh(f"drift_{os.getpid()}")
    write_csv(tmp_path / "orders.csv", SOURCE["columns"], ROWS)
    documents = [SOURCE, ENTITY, SPEND, LARGE, DAILY]
    root = write_project(tmp_path, documents, engine={"type": "postgres", "dsn": server.dsn(name)})
    assert apply(root)[2].ok
    assert told(root) == []
    with Session(root) as session:
        versions = {r.address.name: r.outputs.get("version") for r in session.recorded()[0]}
    for statement, (address, what, action) in HANDS.items():
        with server.connect(name) as connection:
            connection.execute(statement.format(**versions))
        assert told(root) == [(address, what)], statement
        planned, _, done = apply(root)
        assert actions(planned) == [(address, action)], statement
        assert done.ok, (statement, done.failed)
        assert told(root) == [], statement
        assert plan(root).empty, statement


def test_a_table_of_postgresql_that_changed_upstream(tmp_path):
    server = postgres()
    name = server.fresh(f"upstream_{os.getpid()}")
    with server.connect(name) as connection:
        connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.orders (id bigint, amount integer, note text)")
    source = {"kind": "source", "name": "orders", "table": "raw.orders", "columns": {"id": "int64", "amount": "int64"}}
    root = write_project(tmp_path, [source], engine={"type": "postgres", "dsn": server.dsn(name)})
    assert apply(root)[2].ok
    assert told(root) == []
    with server.connect(name) as connection:
        connection.execute("ALTER TABLE raw.orders DROP COLUMN note, ADD COLUMN country text")
    assert told(root) == [("source.orders", "column_added"), ("source.orders", "column_removed")]


@pytest.mark.skipif(needs_spark[0].args[0], reason="SPARK IS ABSENT")
@pytest.mark.xdist_group("spark")
def test_spark(tmp_path, spark):
    write_csv(tmp_path / "orders.csv", SOURCE["columns"], ROWS)
    root = write_project(tmp_path, [SOURCE, ENTITY, SPEND, LARGE], engine=ENGINE)
    assert apply(root)[2].ok
    assert told(root) == []
    warehouse = root / ".mlspec" / "spark-warehouse"
    next((warehouse / "data").glob("spend__*")).joinpath("_SUCCESS").unlink()
    (note,) = (warehouse / "notes" / "version").glob("large__*.json")
    kept = json.loads(note.read_text())
    note.write_text(json.dumps({**kept, "query": kept["query"].replace("> 5", "> 6")}))
    (warehouse / "notes" / "pointer" / "dev__source__orders.json").unlink()
    found = told(root)
    assert found == [("feature_view.large", "altered"), ("feature_view.spend", "missing"), ("source.orders", "missing")]
    assert apply(root)[2].ok
    assert told(root) == []
