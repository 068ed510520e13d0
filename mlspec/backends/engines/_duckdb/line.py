"""A connection to DuckDB as the furniture knows one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mlspec.backends.engines._warehouse.line import Answer, Line
from mlspec.ir.relation import Keep
from mlspec.ir.sql.dialect import DIALECT, from_sql
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import DUCKDB

ROWS_AT_ONCE = 50_000
_LOADED = "__loaded"


class DuckLine(Line):
    """`raw` is what the library calls a connection."""

    def __init__(self, raw: Any) -> None:
        super().__init__(DUCKDB)
        self.raw = raw

    def execute(self, statement: str) -> None:
        self.raw.execute(statement)

    def fetch(self, query: str) -> Answer:
        cursor = self.raw.execute(query)
        names = tuple(d[0] for d in cursor.description)
        types = tuple(_logical(str(d[1])) for d in cursor.description)
        return Answer(names, types, tuple(cursor.fetchall()))

    @contextmanager
    def transaction(self, about: str) -> Iterator[None]:
        """Nobody else can write: a database has one writing process, and the engine does one thing at a time."""
        self.raw.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.raw.execute("ROLLBACK")
            raise
        self.raw.execute("COMMIT")

    def begin_again(self) -> None:
        """Leave a transaction that failed for a new one, to look at what it was that failed."""
        self.raw.execute("ROLLBACK")
        self.raw.execute("BEGIN")

    def kept(self, schema: str) -> Mapping[str, Keep]:
        query = (
            "SELECT table_name, 'table' FROM duckdb_tables() WHERE schema_name = ? "
            "UNION ALL SELECT view_name, 'view' FROM duckdb_views() WHERE schema_name = ?"
        )
        return {name: Keep(kind) for name, kind in self.raw.execute(query, [schema, schema]).fetchall()}

    def shapes(self, schemas: Sequence[str]) -> Mapping[tuple[str, str], str]:
        query = (
            "SELECT schema_name, view_name, sql FROM duckdb_views() WHERE list_contains(?, schema_name) UNION ALL "
            "SELECT schema_name, table_name, string_agg(column_name || ' ' || data_type, ', ' ORDER BY column_name) FROM duckdb_columns() "
            "SEMI JOIN duckdb_tables() USING (table_oid, schema_name) WHERE list_contains(?, schema_name) GROUP BY ALL"
        )
        found = self.raw.execute(query, [list(schemas), list(schemas)]).fetchall()
        return {(schema, name): text for schema, name, text in found}

    def described(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        places = {(t.db or "main", t.name): n for n in names for t in [exp.to_table(n, dialect=DIALECT)]}
        query = "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() WHERE list_contains(?, table_name) ORDER BY column_index"
        found: dict[str, dict[str, str]] = {}
        for schema, table, name, kind in self.raw.execute(query, [[t for _, t in places]]).fetchall():
            if (schema, table) in places:
                found.setdefault(places[schema, table], {})[name] = _logical(kind)
        return found

    def batches(self, table: exp.Table) -> Iterator[Any]:
        query = exp.select(exp.Star()).from_(table).sql(DIALECT)
        yield from self.raw.execute(query).to_arrow_reader(ROWS_AT_ONCE)

    def arrow(self, query: exp.Query) -> Any:
        return self.raw.sql(query.sql(DIALECT)).to_arrow_table()

    @contextmanager
    def loaded(self, rows: Any) -> Iterator[exp.Table]:
        """Read where it lies, in the memory of this process."""
        self.raw.register(_LOADED, rows)
        try:
            yield exp.Table(this=exp.to_identifier(_LOADED, quoted=True))
        finally:
            self.raw.unregister(_LOADED)

    def close(self) -> None:
        self.raw.close()


def _logical(name: str) -> str:
    kind = from_sql(exp.DataType.build(name, dialect=DIALECT))
    return str(kind) if kind else name.lower()
