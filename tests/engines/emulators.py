"""Lines to what stands in for warehouses that cannot be had here; each skips, and says what is missing.

Snowflake: `fakesnow`, a server in an environment of its own (`MLSPEC_FAKESNOW` is its program). Redshift: PostgreSQL, with
its functions of times added. Databricks: Spark. BigQuery and Trino: DuckDB, which runs what sqlglot reads in their text.
"""

import atexit
import functools
import os
import shutil
import socket
import subprocess
import time
from types import SimpleNamespace

import duckdb
import pytest
import sqlglot
from servers import postgres
from spark_here import ENGINE, MISSING
from sqlglot import exp

from mlspec.backends.engines._connector.line import ConnectorLine
from mlspec.backends.engines._duckdb.line import _logical as logical
from mlspec.backends.engines._spark.arrow import arrow_of
from mlspec.backends.engines._spark.session import opened
from mlspec.backends.engines._warehouse.line import Answer
from mlspec.backends.engines.databricks import DatabricksLine
from mlspec.backends.engines.databricks import kind as kind_of_databricks
from mlspec.backends.engines.redshift import RedshiftLine
from mlspec.backends.engines.redshift import kind as kind_of_redshift
from mlspec.backends.engines.snowflake import Snowflake
from mlspec.backends.port import Place
from mlspec.ir.relation import Keep
from mlspec.ir.sql.traits import BIGQUERY, DATABRICKS, REDSHIFT, TRINO, Traits

_SECONDS = 60


@functools.cache
def _served(program: str, variable: str, *arguments: str) -> int | str:
    """The port of a server that is started for this process; or why there is none."""
    found = os.environ.get(variable) or shutil.which(program)
    if not found:
        return (
            f"{program.upper()} IS ABSENT: install it in an environment of its own, and name its program in {variable}"
        )
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    said = [a.format(*ports) for a in arguments]
    process = subprocess.Popen([found, *said], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(process.kill)
    for _ in range(_SECONDS * 10):
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", ports[0])) == 0:
                return ports[0]
        time.sleep(0.1)
    return f"{program} did not answer"


def fakesnow() -> int:
    """The port of a Snowflake that is none."""
    pytest.importorskip("snowflake.connector", reason="needs the extra `snowflake`")
    port = _served("fakesnow", "MLSPEC_FAKESNOW", "-s", "-p", "{0}")
    if isinstance(port, str):
        pytest.skip(port)
    return port


def snowflake_settings(port: int) -> dict:
    """How an environment of a project names it."""
    options = {"host": "localhost", "port": port, "protocol": "http", "network_timeout": 5}
    return {
        "account": "fakesnow",
        "user": "tester",
        "password": {"env": "MLSPEC_TEST_PASSWORD"},
        "database": "LAKE",
        "options": options,
    }


def snowflake(place: Place) -> ConnectorLine:
    """A line to it, with the connector of the real one."""
    os.environ["MLSPEC_TEST_PASSWORD"] = "none"  # noqa: S105
    line = Snowflake(Snowflake.Settings(**snowflake_settings(fakesnow())), place).opened()
    line.execute('CREATE SCHEMA IF NOT EXISTS "tests"')
    return _Fake(line.traits, line.raw, line._kind)


class _Fake(ConnectorLine):
    """It knows no hexadecimal numbers, and lists views apart from tables."""

    def kept(self, schema: str):
        views = self.fetch(f"SELECT table_name FROM information_schema.views WHERE table_schema = '{schema}'").rows
        return {**super().kept(schema), **{name: Keep.VIEW for (name,) in views}}

    def execute(self, statement: str) -> None:
        super().execute(_known(statement))

    def fetch(self, query: str) -> Answer:
        return super().fetch(_known(query))


def _known(text: str) -> str:
    if "'XXXXXXXX'" not in text:
        return text
    tree = sqlglot.parse_one(text, dialect="snowflake")
    for node in list(tree.find_all(exp.ToNumber)):
        digits = exp.DPipe(this=exp.Literal.string("0x"), expression=node.this.copy())
        node.replace(exp.cast(exp.paren(digits), "BIGINT"))
    return tree.sql("snowflake")


class _ReadBack(ConnectorLine):
    """DuckDB, which runs what sqlglot reads in a text of the dialect; `macros` are functions that it does not know."""

    def __init__(self, traits: Traits, macros: str) -> None:
        raw = duckdb.connect(":memory:")
        raw.execute("SET TimeZone = 'UTC'")
        raw.execute("SET threads = 1")
        raw.execute(macros)
        super().__init__(traits, raw, lambda described: None)

    def execute(self, statement: str) -> None:
        self.raw.execute(self._read(statement))

    def fetch(self, query: str) -> Answer:
        cursor = self.raw.execute(self._read(query))
        types = tuple(logical(str(d[1])) for d in cursor.description)
        return Answer(tuple(d[0] for d in cursor.description), types, tuple(cursor.fetchall()))

    def kept(self, schema: str):
        found = self.raw.execute(
            f"SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = '{schema}'"
        )
        return {n: Keep.VIEW if k == "VIEW" else Keep.TABLE for n, k in found.fetchall()}

    def _read(self, text: str) -> str:
        text = text.replace("`source.rows`", "`source_rows`")  # a dot would end the name of a dataset
        (made,) = sqlglot.transpile(text, read=self.traits.dialect, write="duckdb")
        return made


def bigquery(place: Place) -> ConnectorLine:
    """What sqlglot makes of it, run by DuckDB."""
    return _ReadBack(BIGQUERY, _BIGQUERY)


def trino(place: Place) -> ConnectorLine:
    """What sqlglot makes of it, run by DuckDB."""
    return _ReadBack(TRINO, _TRINO)


_BIGQUERY = """
CREATE MACRO ieee_divide(a, b) AS a / b;
"""
_TRINO = """
CREATE MACRO from_unixtime_nanos(n) AS make_timestamptz(CAST(n // 1000 AS BIGINT));
CREATE MACRO at_timezone(t, z) AS (t AT TIME ZONE z);
CREATE MACRO with_timezone(t, z) AS (t AT TIME ZONE z);
CREATE MACRO to_unixtime(t) AS epoch(t);
CREATE MACRO from_base(digits, base) AS CAST('0x' || digits AS BIGINT);
"""
"""Functions of the dialects that DuckDB is not known to have."""

_SHIMS = """
CREATE FUNCTION dateadd(unit text, size bigint, t timestamp) RETURNS timestamp IMMUTABLE LANGUAGE sql AS
  $$ SELECT t + CASE WHEN unit = 'month' THEN make_interval(months => size::int) WHEN unit = 'second' THEN size * INTERVAL '1 second'
     ELSE size * INTERVAL '1 microsecond' END $$;
CREATE FUNCTION dateadd(unit text, size bigint, t timestamptz) RETURNS timestamptz IMMUTABLE LANGUAGE sql AS
  $$ SELECT dateadd(unit, size, t AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' $$;
CREATE FUNCTION datediff(unit text, a timestamp, b timestamp) RETURNS bigint IMMUTABLE LANGUAGE sql AS
  $$ SELECT CASE WHEN unit = 'day' THEN b::date - a::date
     ELSE ((extract(epoch FROM b) - extract(epoch FROM a)) * 1000000)::bigint END $$;
CREATE FUNCTION strtol(digits text, base int) RETURNS bigint IMMUTABLE LANGUAGE sql AS
  $$ SELECT ('x' || lpad(digits, 16, '0'))::bit(64)::bigint $$;
CREATE FUNCTION fnv_hash(v anyelement, seed bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS
  $$ SELECT hashtextextended(coalesce(v::text, 'none'), seed) $$;
"""
"""Redshift's functions that PostgreSQL lacks."""


class _Redshift(RedshiftLine):
    unpinned = ""

    def execute(self, statement: str) -> None:
        super().execute(_in_postgres(statement))

    def fetch(self, query: str):
        return super().fetch(_in_postgres(query))


def _in_postgres(text: str) -> str:
    return text.replace("VARCHAR(MAX)", "TEXT").replace("SYSDATE", "LOCALTIMESTAMP")


def redshift(place: Place) -> ConnectorLine:
    """A line to a database of its own."""
    import psycopg  # noqa: PLC0415 - of an extra

    server = postgres()
    raw = psycopg.connect(server.dsn(server.fresh(f"redshift_{os.getpid()}")), autocommit=True)
    raw.execute("SET timezone TO 'UTC'")
    raw.execute(_SHIMS)
    return _Redshift(REDSHIFT, raw, kind_of_redshift)


class _Cursor:
    """A cursor as a connector has one, over Spark."""

    def __init__(self, session) -> None:
        self.session, self.description, self._rows = session, None, []

    def execute(self, statement: str) -> None:
        frame = self.session.sql(statement)
        fields = [(f.name, f.dataType) for f in frame.schema.fields]
        self.description = [
            (n, t.typeName(), None, None, getattr(t, "precision", None), getattr(t, "scale", None), True)
            for n, t in fields
        ]
        found = arrow_of(frame)
        self._rows = list(zip(*[c.to_pylist() for c in found.columns], strict=True)) if fields else []

    def fetchall(self) -> list:
        return self._rows

    def fetchmany(self, size: int) -> list:
        found, self._rows = self._rows[:size], self._rows[size:]
        return found

    def close(self) -> None: ...


def databricks(place: Place) -> ConnectorLine:
    """A line to the Spark of this process."""
    if MISSING:
        pytest.skip(f"SPARK IS ABSENT: {', '.join(MISSING)} is not installed")
    session = opened(ENGINE["master"], "", {})
    for schema in ("tests", "shop", "mlspec_data", "databricks"):
        session.sql(f"CREATE SCHEMA IF NOT EXISTS `{schema}` LOCATION '{place.root.as_uri()}/{schema}'")
    return DatabricksLine(
        DATABRICKS, SimpleNamespace(cursor=lambda: _Cursor(session), close=lambda: _swept(session)), kind_of_databricks
    )


def _swept(session) -> None:
    for schema in ("tests", "shop", "mlspec_data", "databricks"):
        session.sql(f"DROP SCHEMA IF EXISTS `{schema}` CASCADE")


LINES = {"snowflake": snowflake, "bigquery": bigquery, "redshift": redshift, "databricks": databricks, "trino": trino}
