"""Tables of other databases, against real ones: one strict contract, and no copy where nothing has changed."""

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from small_projects import apply, plan, read, write_project

from mlspec.base.diag import Problems
from mlspec.session import Session

COLUMNS = {
    "id": "int64", "name": "string", "amount": "decimal(10,2)", "ratio": "float64", "at": "timestamptz", "born": "date", "raw": "bytes",
    "good": "boolean",
}  # fmt: skip
ROWS = [
    {"id": 1, "name": 'q"uote,\nline', "amount": 1.5, "ratio": 0.1, "at": "2024-01-01T10:00:00Z", "born": "2000-01-31", "raw": "00ff", "good": True},
    {"id": 2, "name": "", "amount": None, "ratio": None, "at": None, "born": None, "raw": None, "good": False},
    {"id": 3, "name": None, "amount": -2, "ratio": 1e300, "at": "2024-01-01T10:00:00.123456Z", "born": None, "raw": "", "good": None},
]  # fmt: skip


class SQLite:
    """A SQLite file."""

    def __init__(self, root: Path) -> None:
        self.words = {"type": "sqlite", "path": "shop.sqlite"}
        self.connection = sqlite3.connect(root / "shop.sqlite")
        self.run(
            "CREATE TABLE people (id INTEGER, name TEXT, amount REAL, ratio REAL, at TEXT, born TEXT, raw BLOB, good INTEGER, other TEXT)"
        )
        self.run("""INSERT INTO people VALUES
            (1, 'q"uote,\nline', 1.5, 0.1, '2024-01-01T10:00:00Z', '2000-01-31', x'00ff', 1, 'a'),
            (2, '', NULL, NULL, NULL, NULL, NULL, 0, 'b'),
            (3, NULL, -2, 1e300, '2024-01-01T10:00:00.123456Z', NULL, x'', NULL, 'c')""")

    def run(self, statement: str) -> None:
        self.connection.execute(statement)
        self.connection.commit()


class DuckDB:
    """A DuckDB file; it is closed between statements, for it can be open once."""

    def __init__(self, root: Path) -> None:
        self.words, self.path = {"type": "duckdb", "path": "shop.duckdb"}, root / "shop.duckdb"
        self.run(
            'CREATE TABLE people (id BIGINT, name VARCHAR, amount DECIMAL(10,2), ratio DOUBLE, "at" TIMESTAMPTZ, born DATE, raw BLOB, good BOOLEAN, other VARCHAR)'
        )
        self.run("""INSERT INTO people VALUES
            (1, 'q"uote,\nline', 1.5, 0.1, '2024-01-01T10:00:00Z', '2000-01-31', '\\x00\\xff', true, 'a'),
            (2, '', NULL, NULL, NULL, NULL, NULL, false, 'b'),
            (3, NULL, -2, 1e300, '2024-01-01T10:00:00.123456Z', NULL, '', NULL, 'c')""")

    def run(self, statement: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(statement)


class Postgres:
    """A database of a server that the tests have started."""

    def __init__(self, port: int) -> None:
        self.words = {
            "type": "postgres",
            "host": "127.0.0.1",
            "port": port,
            "name": "postgres",
            "user": "reader",
            "password": {"env": "READER_PASSWORD"},
        }
        self.port = port
        self.run("DROP TABLE IF EXISTS people")
        self.run(
            "CREATE TABLE people (id integer, name varchar(40), amount numeric(10,2), ratio double precision, at timestamptz, born date, raw bytea, good boolean, other text)"
        )
        self.run("""INSERT INTO people VALUES
            (1, E'q"uote,\nline', 1.5, 0.1, '2024-01-01T10:00:00Z', '2000-01-31', '\\x00ff', true, 'a'),
            (2, '', NULL, NULL, NULL, NULL, NULL, false, 'b'),
            (3, NULL, -2, 1e300, '2024-01-01T10:00:00.123456Z', NULL, '', NULL, 'c')""")

    def run(self, statement: str) -> None:
        import psycopg  # noqa: PLC0415 - of an extra

        where = f"host=127.0.0.1 port={self.port} dbname=postgres user=reader password=a-password"
        with psycopg.connect(where) as connection:
            connection.execute(statement)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    pytest.importorskip("psycopg", reason="needs the extra `postgres`")
    if shutil.which("initdb") is None or shutil.which("postgres") is None:
        pytest.skip("there is no PostgreSQL on this machine")
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder:
        data = Path(folder) / "data"
        (Path(folder) / "password").write_text("a-password")
        as_user = []
        if os.geteuid() == 0:  # the server refuses to be root
            as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
            shutil.chown(folder, "nobody", "nogroup")
        made = subprocess.run([*as_user, "initdb", "-D", data, "-U", "reader", "-A", "scram-sha-256", f"--pwfile={folder}/password", "-E", "UTF8"],
                              capture_output=True, check=False, cwd=folder, text=True)  # fmt: skip
        if made.returncode:
            pytest.skip(f"no PostgreSQL can be set up here: {made.stderr.strip()[-200:]}")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            number = free.getsockname()[1]
        control = [*as_user, "pg_ctl", "-D", data, "-w", "-o", f"-p {number} -k {folder} -c fsync=off"]
        subprocess.run([*control, "-l", f"{folder}/log", "start"], check=True, capture_output=True, cwd=folder)
        yield number
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder)


@pytest.fixture(params=["sqlite", "duckdb", "postgres"])
def other(request, tmp_path, monkeypatch):
    monkeypatch.setenv("READER_PASSWORD", "a-password")
    match request.param:
        case "sqlite":
            return SQLite(tmp_path)
        case "duckdb":
            return DuckDB(tmp_path)
        case _:
            return Postgres(request.getfixturevalue("port"))


def write(root: Path, other, columns=None, table: str = "people", **more) -> None:
    write_project(
        root,
        [
            {
                "kind": "source",
                "name": "s",
                "table": table,
                "database": {**other.words, **more},
                "columns": columns or COLUMNS,
            }
        ],
    )


def refused(root: Path):
    with Session(root) as session, pytest.raises(Problems) as problems:
        session.plan()
    (one,) = problems.value.diagnostics
    assert one.span is not None
    return one


def test_rows_are_those_of_the_table(other, tmp_path):
    write(tmp_path, other)
    assert apply(tmp_path)[2].ok
    assert sorted(read(tmp_path, "source.s"), key=lambda r: r["id"]) == ROWS


def test_only_what_the_declared_columns_hold_is_a_change(other, tmp_path):
    write(tmp_path, other)
    assert apply(tmp_path)[2].ok
    other.run("UPDATE people SET other = 'z'")
    assert plan(tmp_path).empty
    other.run("UPDATE people SET name = 'z' WHERE id = 1")
    assert not plan(tmp_path).empty
    assert apply(tmp_path)[2].ok
    assert plan(tmp_path).empty
    assert {r["name"] for r in read(tmp_path, "source.s")} == {"z", "", None}
    assert len([p for p in (tmp_path / ".mlspec" / "tables").rglob("*") if p.is_file()]) == 1


def test_what_changes_after_the_plan_is_not_read(other, tmp_path):
    write(tmp_path, other)
    with Session(tmp_path) as session:
        planned = session.plan()
        other.run("DELETE FROM people WHERE id = 1")
        (one,) = session.apply(planned, on_event=lambda event: None).failed
    assert one.code == "files-changed"


def test_a_missing_column_and_a_missing_table(other, tmp_path):
    write(tmp_path, other, {"id": "int64", "nam": "string"})
    one = refused(tmp_path)
    assert (one.code, one.help) == ("missing-column", "did you mean `name`?")
    write(tmp_path, other, table="persons")
    assert refused(tmp_path).code == "source-unreadable"


def test_a_type_that_does_not_fit(other, tmp_path):
    write(tmp_path, other, {"id": "int64", "name": "int64"})
    if isinstance(other, SQLite):  # its columns have no types, its values have
        (one,) = apply(tmp_path)[2].failed
        assert (one.code, "holds a text" in one.message) == ("unfit-value", True)
        return
    assert refused(tmp_path).code == "schema-mismatch"
    write(tmp_path, other, {"at": "timestamp"})
    assert "has a time zone" in refused(tmp_path).help


def test_fields_that_do_not_go_together(tmp_path):
    write(tmp_path, SQLite(tmp_path), host="here")
    assert refused(tmp_path).code == "meaningless-field"
    write_project(
        tmp_path,
        [{"kind": "source", "name": "s", "table": "t", "database": {"type": "postgres"}, "columns": {"a": "int64"}}],
    )
    assert refused(tmp_path).code == "missing-field"


def test_a_server_that_does_not_answer_and_a_wrong_password(port, tmp_path, monkeypatch):
    other = Postgres(port)
    monkeypatch.setenv("READER_PASSWORD", "hunter2")
    write(tmp_path, other)
    one = refused(tmp_path)
    assert one.code == "source-unreadable"
    assert "hunter2" not in one.message
    write(tmp_path, other, port=9)
    assert refused(tmp_path).code == "source-unreadable"
    monkeypatch.delenv("READER_PASSWORD")
    assert refused(tmp_path).code == "secret-missing"


def test_no_password_is_written_anywhere(port, tmp_path, monkeypatch):
    monkeypatch.setenv("READER_PASSWORD", "a-password")
    write(tmp_path, Postgres(port))
    with Session(tmp_path) as session:
        planned = session.plan()
        session.save(planned, tmp_path / "x.plan")
        assert session.apply(planned, on_event=lambda event: None).ok
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"a-password" not in path.read_bytes(), path
