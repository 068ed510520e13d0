"""Tables of a PostgreSQL server: looked at and summed up there, copied in one stream."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlspec.backends.outside.databases.table import Declared, Table
from mlspec.backends.outside.secrets import secret_value
from mlspec.backends.port import BackendError
from mlspec.base.digest import digest
from mlspec.ir.outside import Database, Scan

_TYPES = {
    "smallint": "SMALLINT", "integer": "INTEGER", "bigint": "BIGINT", "real": "REAL", "double precision": "DOUBLE",
    "boolean": "BOOLEAN", "text": "VARCHAR", "character varying": "VARCHAR", "character": "VARCHAR", "uuid": "VARCHAR",
    "date": "DATE", "timestamp without time zone": "TIMESTAMP", "timestamp with time zone": "TIMESTAMPTZ",
    "json": "JSON", "jsonb": "JSON", "bytea": "BLOB",
}  # fmt: skip
_SIZED = re.compile(r"([a-z ]+?)(\(\d+(?:,\d+)?\))?( with(?:out)? time zone)?(\[\])?")
_SETTINGS = ("timezone = 'UTC'", "datestyle = 'ISO, YMD'", "intervalstyle = 'iso_8601'", "extra_float_digits = 1")


class PostgresTable(Table):
    """A table of a server, in one transaction that sees one state of it."""

    def __init__(self, connection: Any, table: str) -> None:
        self._connection, self._table = connection, table

    @classmethod
    @contextmanager
    def opened(cls, scan: Scan, database: Database) -> Iterator["PostgresTable"]:
        """Connect, for reading only."""
        try:
            import psycopg  # noqa: PLC0415 - of the extra `postgres`
        except ImportError:
            message = f"`{scan.table}` needs a driver for PostgreSQL that is not installed"
            raise BackendError(message, "pip install 'mlspec[postgres]'", "source-unreadable") from None
        words = {"host": database.host, "port": database.port, "dbname": database.name, "user": database.user}
        password = {"password": secret_value(database.password)} if database.password else {}
        given: dict[str, Any] = {k: v for k, v in words.items() if v} | password
        try:
            with psycopg.connect(connect_timeout=10, application_name="mlspec", **given) as connection:
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                for setting in _SETTINGS:
                    connection.execute(f"SET LOCAL {setting}")
                yield cls(connection, scan.table)
        except psycopg.Error as error:
            said = (str(error).splitlines() or ["no answer"])[0].rstrip(".")
            message = f"`{scan.table}` of database `{database.name}` cannot be read: {said}"
            raise BackendError(message, code="source-unreadable") from None

    def columns(self) -> Mapping[str, str]:
        found = self._connection.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute "
            "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            [self._table],
        )
        return {str(name): _type(str(kind)) for name, kind in found.fetchall()}

    def _selected(self, declared: Declared) -> Any:
        from psycopg import sql  # noqa: PLC0415 - of the extra `postgres`

        nested = sql.SQL("to_jsonb({0}) AS {0}")
        shape = {"array": nested, "struct": nested, "bytes": sql.SQL("encode({0}, 'hex') AS {0}")}
        wanted = [shape.get(k.name, sql.SQL("{0}")).format(sql.Identifier(n)) for n, k in declared]
        table = sql.SQL(".").join(sql.Identifier(p.lower()) for p in self._table.split("."))
        return sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(wanted), table)

    def content(self, declared: Declared) -> str:
        from psycopg import sql  # noqa: PLC0415 - of the extra `postgres`

        summed = sql.SQL("SELECT count(*), sum(hashtextextended(r::text, 0)::numeric)::text FROM ({}) AS r")
        count, total = self._connection.execute(summed.format(self._selected(declared))).fetchone()
        return digest([n for n, _ in declared], count, total)

    def copy(self, declared: Declared, path: Path) -> None:
        from psycopg import sql  # noqa: PLC0415 - of the extra `postgres`

        statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER true, FORCE_QUOTE *)")
        with (
            path.open("wb") as file,
            self._connection.cursor().copy(statement.format(self._selected(declared))) as rows,
        ):
            for data in rows:
                file.write(data)


def _type(said: str) -> str:
    """DuckDB's name of a type of PostgreSQL, as far as they are the same."""
    match = _SIZED.fullmatch(said)
    if match is None:
        return ""
    name = f"{match[1]}{match[3] or ''}"
    found = f"DECIMAL{match[2]}" if name == "numeric" and match[2] else _TYPES.get(name, "")
    return found + ("[]" if match[4] and found else "")
