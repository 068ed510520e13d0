"""Whole projects on a real PostgreSQL: what is applied is there, what is half done is done, nobody meets another's work."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from servers import postgres
from small_projects import apply, plan, read, write_csv, write_project

from mlspec.backends.port import BackendError
from mlspec.base.diag import Problems
from mlspec.session import Session

COLUMNS = {
    "id": "int64", "name": "string", "good": "boolean", "small": "int32", "price": "decimal(10,2)", "ratio": "float64", "day": "date",
    "at": "timestamp", "seen": "timestamptz", "about": "json",
}  # fmt: skip
ROWS = [
    [1, 'q"uote,\nline', "true", 7, "1.50", "0.1", "2024-01-31", "2024-01-01 10:00:00.123456", "2024-01-01T10:00:00+02:00", '{"a": 1}'],
    [2, "ÄÖ é", "false", -7, "-2.25", "1e300", "1999-12-31", "1999-12-31 23:59:59.999999", "2024-07-01T00:00:00Z", "[1, null]"],
    [3, None, None, None, None, None, None, None, None, None],
]  # fmt: skip
LONG = "a_feature_view_with_a_name_that_is_as_long_as_a_name_may_be"
"""With the digest of a version, longer than PostgreSQL would keep."""


@pytest.fixture
def database(request):
    server = postgres()
    return server, server.fresh(f"p{os.getpid()}_{abs(hash(request.node.name)) % 10**8}")


def engine(database, **more):
    server, name = database
    return {"engine": {"type": "postgres", "dsn": server.dsn(name), **more}}


def shop(root: Path, database, *, window="7d", environments=None, **more) -> Path:
    write_csv(root / "orders.csv", ["customer", "amount", "at"],
              [[c, c * 10 + i, f"2024-01-{i + 1:02d}T10:00:00Z"] for c in (1, 2) for i in range(9)])  # fmt: skip
    documents = [
        {"kind": "source", "name": "orders", "files": "orders.csv", "event_time": "at", "checks": [{"not_null": ["customer"]}],
         "columns": {"customer": "int64", "amount": "int64", "at": "timestamptz"}},
        {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}},
        {"kind": "feature_view", "name": "spending", "entities": ["customer"], "source": "orders",
         "aggregations": [{"function": "sum", "column": "amount", "name": "spent", "window": window}]},
        {"kind": "feature_view", "name": LONG, "entities": ["customer"], "source": "orders", "latest": {"x": "amount"}},
        {"kind": "feature_set", "name": "buyer", "features": ["spending.*", f"{LONG}.*"]},
        {"kind": "dataset", "name": "buyers", "feature_set": "buyer",
         "split": {"hash": {"columns": ["customer"], "test": 0.5}},
         "labels": {"sql": "SELECT customer, at AS event_time, amount > 15 AS big FROM orders", "label": "big"}},
    ]  # fmt: skip
    return write_project(root, documents, **engine(database, **more))


def test_a_project_is_applied_asked_and_taken_down(tmp_path, database):
    root = shop(tmp_path, database)
    _, _, done = apply(root)
    assert done.ok, done.failed
    assert plan(root).changes == ()
    rows = sorted(read(root, "dataset.buyers"), key=lambda r: (r["customer"], r["event_time"]))
    assert [r["spending__spent"] for r in rows[:9]] == [None, 10, 21, 33, 46, 60, 75, 91, 98]
    assert [r[f"{LONG}__x"] for r in rows[:3]] == [10, 11, 12]
    server, name = database
    with server.connect(name) as connection:
        (count,) = connection.execute("SELECT count(*) FROM dev.buyers").fetchone()
        assert count == 18
        longest = connection.execute(
            "SELECT max(length(relname)) FROM pg_class WHERE relname LIKE 'a_feature%'"
        ).fetchone()
        assert longest[0] <= 63
        indexed = connection.execute(
            "SELECT count(*) FROM pg_indexes WHERE schemaname = 'mlspec_data' AND tablename LIKE 'a_feature%'"
        )
        assert indexed.fetchone()[0] == 1
    _, _, done = apply(root, destroy=True)
    assert done.ok, done.failed
    with server.connect(name) as connection:
        left = connection.execute(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('dev', 'mlspec_data') AND relkind IN ('r', 'v')"
        )
        assert {n for (n,) in left if not n.startswith("_")} == set()


def test_every_type_comes_through_and_goes_out(tmp_path, database):
    duckdb_root, root = tmp_path / "duckdb", tmp_path / "postgres"
    source = {"kind": "source", "name": "things", "files": "things.csv", "columns": COLUMNS}
    for one, environment in ((duckdb_root, {}), (root, engine(database))):
        write_csv(one / "things.csv", COLUMNS, ROWS)
        write_project(one, [source], **environment)
        assert apply(one)[2].ok
    assert read(root, "source.things") == read(duckdb_root, "source.things")
    exported = []
    for one in (duckdb_root, root):
        with Session(one) as session:
            version = next(iter(session.recorded()[0])).outputs["version"]
            for kind in ("parquet", "csv"):
                assert session.backends.engine.export(version, one / f"out.{kind}", kind) == 3
        import pyarrow.parquet as pq  # noqa: PLC0415 - heavy

        exported.append((pq.read_table(one / "out.parquet").to_pylist(), (one / "out.csv").read_text()))
    assert exported[0] == exported[1]


def test_lists_are_lists(tmp_path, database):
    root = tmp_path / "p"
    root.mkdir()
    (root / "things.json").write_text(
        '{"id": 1, "tags": ["a", null, "b,{}"], "sizes": [1, 2]}\n{"id": 2, "tags": null, "sizes": []}\n'
    )
    columns = {"id": "int64", "tags": "array<string>", "sizes": "array<int64>"}
    write_project(
        root, [{"kind": "source", "name": "things", "files": "things.json", "columns": columns}], **engine(database)
    )
    _, _, done = apply(root)
    assert done.ok, done.failed
    found = sorted(read(root, "source.things"), key=lambda r: r["id"])
    assert [r["tags"] for r in found] == [["a", None, "b,{}"], None]
    assert [r["sizes"] for r in found] == [[1, 2], []]


def test_a_table_of_somebody_else_is_watched_in_any_order(tmp_path, database):
    server, name = database
    with server.connect(name) as connection:
        connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.people (id bigint, name text, big numeric(12, 3))")
        connection.execute("INSERT INTO raw.people VALUES (1, 'a', 1.5), (2, NULL, 2)")
    people = {
        "kind": "source",
        "name": "people",
        "table": "raw.people",
        "columns": {"id": "int64", "name": "string", "big": "decimal(12,3)"},
    }
    root = write_project(tmp_path, [people], **engine(database))
    assert apply(root)[2].ok
    with server.connect(name) as connection:
        connection.execute("TRUNCATE raw.people; INSERT INTO raw.people VALUES (2, NULL, 2), (1, 'a', 1.5)")
    assert plan(root).changes == ()
    with server.connect(name) as connection:
        connection.execute("INSERT INTO raw.people VALUES (3, 'c', 0)")
    assert plan(root).changes
    assert apply(root)[2].ok
    assert len(read(root, "source.people")) == 3


def test_a_killed_apply_is_finished_by_the_next(tmp_path, database):
    root = shop(tmp_path, database)
    code = (
        "import os, signal, sys; from pathlib import Path; from mlspec.session import Session\n"
        "from mlspec.backends.engines._warehouse.catalog import Catalog\n"
        "record = Catalog.record\n"
        "def dying(self, address, *rest):\n"
        "    record(self, address, *rest)\n"
        "    if address == 'dataset.buyers': os.kill(os.getpid(), signal.SIGKILL)\n"
        "Catalog.record = dying\n"
        f"s = Session(Path({str(root)!r})); s.apply(s.plan(), on_event=lambda e: None)\n"
    )
    died = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, cwd=Path(__file__).parents[2])
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    server, name = database
    with server.connect(name) as connection:
        built = connection.execute("SELECT address FROM mlspec_data._versions").fetchall()
    assert ("source.orders",) in built
    assert ("dataset.buyers",) not in built
    assert apply(root)[2].ok
    assert plan(root).changes == ()
    assert len(read(root, "dataset.buyers")) == 18


def test_another_environment_points_to_what_is_there(tmp_path, database):
    root = shop(tmp_path, database)
    assert apply(root)[2].ok
    text = (root / "mlspec.yaml").read_text()
    document = json.loads(text)
    document["environments"]["prod"] = {
        **document["environments"]["dev"],
        "state_store": {"type": "file", "path": "prod.json"},
    }
    (root / "mlspec.yaml").write_text(json.dumps(document))
    with Session(root, "prod") as session:
        planned = session.plan()
        assert {
            c.action.word
            for c in planned.plan.changes
            if c.address.kind in {"source", "dataset"} and not c.address.part
        } == {"repoint"}
        assert session.apply(planned, on_event=lambda _: None).ok
    server, name = database
    with server.connect(name) as connection:
        assert connection.execute("SELECT count(*) FROM prod.buyers").fetchone()[0] == 18
    with Session(root, "prod") as session:
        assert session.apply(session.plan(destroy=True), on_event=lambda _: None).ok
    assert plan(root).changes == ()


def test_applies_of_several_projects_at_once(tmp_path, database):
    """One database, six projects, each with a prefix of its own or sharing the same versions: nobody breaks the catalog."""
    roots = [shop(tmp_path / f"p{i}", database, schema_prefix=f"team{i % 3}_") for i in range(6)]
    for i, root in enumerate(roots):
        text = (root / "mlspec.yaml").read_text().replace('"dev"', f'"dev{i}"')
        (root / "mlspec.yaml").write_text(text)
    done = {}
    workers = [threading.Thread(target=lambda r=r: done.update({r: apply(r)[2]})) for r in roots]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [d.failed for d in done.values()] == [()] * 6
    server, name = database
    with server.connect(name) as connection:
        for i in range(3):
            twice = connection.execute(
                f'SELECT version FROM "team{i}_mlspec_data"._versions GROUP BY version HAVING count(*) > 1'
            )
            assert twice.fetchall() == []
    for root in roots:
        assert plan(root).changes == ()


def test_replacing_what_others_read(tmp_path, database):
    """A table is made anew under the views that read it, with its rows."""
    root = shop(tmp_path, database)
    assert apply(root)[2].ok
    _, _, done = apply(root, replace=("source.orders",))
    assert done.ok, done.failed
    assert len(read(root, "dataset.buyers")) == 18


def test_partitions_are_built_where_something_changed(tmp_path, database):
    rows = [[h % 3, f"2024-01-01T{h:02d}:00:00", h] for h in range(24)]
    kept = {"incremental": {"partition": "6h", "start": "2024-01-01T00:00:00"}}
    source = {
        "kind": "source",
        "name": "events",
        "files": "events.csv",
        "event_time": "at",
        "columns": {"k": "int64", "at": "timestamp", "v": "int32"},
    }
    entity = {"kind": "entity", "name": "thing", "keys": {"k": "int64"}}
    views = [
        {"kind": "feature_view", "name": name, "entities": ["thing"], "source": "events", "materialize": how,
         "aggregations": [{"function": "sum", "column": "v", "name": "s", "window": "2h"}]}
        for name, how in (("parts", kept), ("whole", "table"))
    ]  # fmt: skip
    write_csv(tmp_path / "events.csv", ["k", "at", "v"], rows)
    root = write_project(tmp_path, [source, entity, *views], **engine(database))
    for more in ([], [[9, "2024-01-01T01:00:00", 5]], [[9, "2024-01-03T01:00:00", 5]]):
        rows += more
        write_csv(root / "events.csv", ["k", "at", "v"], rows)
        _, _, done = apply(root)
        assert done.ok, done.failed
        ours, whole = (sorted(map(repr, read(root, f"feature_view.{n}"))) for n in ("parts", "whole"))
        assert ours == whole
        assert plan(root).changes == ()
    server, name = database
    with server.connect(name) as connection:
        built = connection.execute(
            "SELECT begins, count(DISTINCT built_at) FROM mlspec_data._partitions GROUP BY begins"
        ).fetchall()
    assert len(built) == 7


def test_nothing_is_written_by_what_reads(tmp_path, database):
    root = shop(tmp_path, database)
    assert apply(root)[2].ok
    with Session(root) as session:
        line = session.backends.engine.line(write=False)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            line.fetch("DELETE FROM mlspec_data._versions RETURNING version")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT customer, pg_read_file('/etc/passwd') AS name, at FROM orders",
        "SELECT customer, query_to_xml('DELETE FROM orders', true, true, '') AS name, at FROM orders",
        "SELECT customer, TRY_CAST(amount AS INTEGER) AS small, at FROM orders",
        "SELECT customer, {'a': amount} AS s, at FROM orders",
    ],
)
def test_what_cannot_be_asked_is_refused_by_the_plan(tmp_path, database, sql):
    root = shop(tmp_path, database)
    view = {"kind": "feature_view", "name": "odd", "entities": ["customer"], "sql": sql, "event_time": "at"}
    (root / "feature_view.odd.doc.yaml").write_text(json.dumps(view))
    with pytest.raises(Problems):
        plan(root)


def test_a_name_that_would_be_cut_off_is_refused_by_the_plan(tmp_path, database):
    root = shop(tmp_path, database)
    view = {
        "kind": "feature_view",
        "name": LONG,
        "entities": ["customer"],
        "source": "orders",
        "latest": {"too_long": "amount"},
    }
    (root / f"feature_view.{LONG}.doc.yaml").write_text(json.dumps(view))
    with pytest.raises(Problems, match="at most 63 bytes"):
        plan(root)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"dsn": "host=127.0.0.1 password=hunter2"}, "secret-literal"),
        ({"dsn": "postgresql://me:hunter2@127.0.0.1/x"}, "secret-literal"),
        ({"password": {"env": "NOBODY_SET_THIS"}}, "secret-missing"),
        ({"password": {"file": "x"}}, "invalid-secret"),
        ({"dsn": "host=127.0.0.1 port=1"}, "warehouse-unreachable"),
    ],
)
def test_a_server_that_cannot_be_reached(tmp_path, database, more, code):
    root = shop(tmp_path, database, **more)
    with pytest.raises((BackendError, Problems)) as caught:
        plan(root)
    found = caught.value
    assert (found.code if isinstance(found, BackendError) else found.diagnostics[0].code) == code
    assert "hunter2" not in str(found)


def called_otherwise(root: Path) -> None:
    """Everything that the engine keeps gets another name."""
    for path in root.glob("*.doc.yaml"):
        text = path.read_text()
        for old, new in (("orders", "sales"), ("spending", "takings"), ("buyers", "clients")):
            text = text.replace(f'"name": "{old}"', f'"name": "{new}"').replace(
                f'"source": "{old}"', f'"source": "{new}"'
            )
            text = text.replace(f'"{old}.*"', f'"{new}.*"').replace(f"FROM {old}", f"FROM {new}")
        path.write_text(text)
    pairs = (
        ("source.orders", "source.sales"),
        ("feature_view.spending", "feature_view.takings"),
        ("dataset.buyers", "dataset.clients"),
    )
    for number, (old, new) in enumerate(pairs):
        (root / f"m{number}.doc.yaml").write_text(json.dumps({"kind": "moved", "from": old, "to": new}))


def test_what_has_another_name_is_not_made_anew(tmp_path, database):
    root = shop(tmp_path, database)
    assert apply(root)[2].ok
    rows = read(root, "dataset.buyers")
    called_otherwise(root)
    planned, _, done = apply(root)
    assert done.ok, done.failed
    assert {c.action.word for c in planned.changes} <= {"move", "update"}
    assert plan(root).empty
    assert sorted(map(str, read(root, "dataset.clients"))) == sorted(map(str, rows))
    server, name = database
    with server.connect(name) as connection:
        found = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'dev'"
        ).fetchall()
    assert {"sales", "takings", "clients"} <= {n for (n,) in found}
    assert not {"orders", "spending", "buyers"} & {n for (n,) in found}
    assert apply(root, destroy=True)[2].ok
    with server.connect(name) as connection:
        left = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'mlspec_data' AND table_name NOT LIKE '\\_%'")  # fmt: skip
        assert left.fetchall() == []
