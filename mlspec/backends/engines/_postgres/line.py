"""A connection to PostgreSQL as the furniture knows one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlspec.backends.engines._postgres.types import logical, shown, sizes
from mlspec.backends.engines._warehouse import arrow
from mlspec.backends.engines._warehouse.line import Answer, Line
from mlspec.backends.engines._warehouse.trees import drop
from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Keep
from mlspec.ir.sql.dialect import DIALECT, data_type
from mlspec.ir.sql.formulate import written
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import POSTGRES

ROWS_AT_ONCE = 50_000
_KINDS = {"r": Keep.TABLE, "p": Keep.TABLE, "v": Keep.VIEW}
_LOADED = "__loaded"
_TEXT = ColumnType("string")

_SHAPES = """\
SELECT n.nspname, c.relname, CASE WHEN c.relkind = 'v' THEN pg_catalog.pg_get_viewdef(c.oid) ELSE coalesce((
  SELECT string_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attname)
  FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '') END
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p', 'v')"""
_DESCRIBED = """\
SELECT t.at, a.attname, a.atttypid, a.atttypmod FROM unnest(%s::text[]) WITH ORDINALITY AS t(name, at)
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = to_regclass(t.name)
WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY t.at, a.attnum"""


class PostgresLine(Line):
    """`raw` is what psycopg calls a connection, in the mode in which each statement stands for itself."""

    def __init__(self, raw: Any, schema: str) -> None:
        super().__init__(POSTGRES)
        self.raw, self._schema, self._inside = raw, schema, False

    def execute(self, statement: str) -> None:
        self.raw.execute(statement)

    def fetch(self, query: str) -> Answer:
        """Outside a transaction in one that only reads."""
        with self._reading():
            cursor = self.raw.execute(query)
            found = [logical(d.type_code, d.precision, d.scale) for d in cursor.description]
            types = tuple(str(t) if t else shown(d.type_code) for t, d in zip(found, cursor.description, strict=True))
            return Answer(tuple(d.name for d in cursor.description), types, tuple(cursor.fetchall()))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        if self._inside:
            yield
            return
        with self._begun("BEGIN TRANSACTION READ ONLY"):
            yield

    @contextmanager
    def transaction(self, about: str) -> Iterator[None]:
        with self._begun("BEGIN"):
            key = f"mlspec {self._schema} {about}"
            self.raw.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
            yield

    @contextmanager
    def _begun(self, statement: str) -> Iterator[None]:
        self.raw.execute(statement)
        self._inside = True
        try:
            yield
        except BaseException:
            self._inside = False
            if not self.raw.closed:
                self.raw.execute("ROLLBACK")
            raise
        self._inside = False
        self.raw.execute("COMMIT")

    def kept(self, schema: str) -> Mapping[str, Keep]:
        query = (
            "SELECT c.relname, c.relkind FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v')"
        )
        return {name: _KINDS[kind] for name, kind in self.raw.execute(query, [schema]).fetchall()}

    def shapes(self, schemas: Sequence[str]) -> Mapping[tuple[str, str], str]:
        found = self.raw.execute(_SHAPES, [list(schemas)]).fetchall()
        return {(schema, name): text for schema, name, text in found}

    def described(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        places = [".".join(_quoted(p.name) for p in exp.to_table(n, dialect=DIALECT).parts) for n in names]
        found: dict[str, dict[str, str]] = {}
        for at, name, oid, modifier in self.raw.execute(_DESCRIBED, [places]).fetchall():
            kind = logical(oid, *sizes(modifier))
            found.setdefault(names[at - 1], {})[name] = str(kind) if kind else shown(oid)
        return found

    def batches(self, table: exp.Table) -> Iterator[Any]:
        """As they lie on the disk, which is the order in which a build wrote them."""
        with self._reading(), self.raw.cursor(name="mlspec_batches") as cursor:
            self.raw.execute("SET LOCAL synchronize_seqscans = off")
            self.raw.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            cursor.execute(f"SELECT * FROM {table.sql('postgres')}")  # noqa: S608 - a quoted name
            found = cursor.description
            types = [logical(d.type_code, d.precision, d.scale) or _TEXT for d in found]
            columns = arrow.schema([d.name for d in found], types)
            yield arrow.batch([], columns)
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield arrow.batch(rows, columns)

    def arrow(self, query: exp.Query) -> Any:
        """Value by value: psycopg knows no Arrow."""
        with self._reading():
            cursor = self.raw.execute(written(query, self.traits))
            types = [logical(d.type_code, d.precision, d.scale) or _TEXT for d in cursor.description]
            columns = arrow.schema([d.name for d in cursor.description], types)
            parts = [arrow.batch([], columns)]
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                parts.append(arrow.batch(rows, columns))
            return arrow.table(parts)

    @contextmanager
    def loaded(self, rows: Any) -> Iterator[exp.Table]:
        """A temporary table, for as long as its transaction, which writes nothing else."""
        with self._begun("BEGIN"):
            table = self.temporary(_LOADED, arrow.kinds(rows.schema))
            name = table.sql("postgres")
            with self.raw.cursor().copy(f"COPY {name} FROM STDIN") as copy:
                for batch in rows.to_batches(max_chunksize=ROWS_AT_ONCE):
                    for row in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                        copy.write_row(row)
            self.raw.execute(f"ANALYZE {name}")
            self.raw.execute("SET LOCAL transaction_read_only = on")
            yield table

    def temporary(self, name: str, columns: Mapping[str, ColumnType]) -> exp.Table:
        """An empty table of this transaction, that nobody else sees."""
        defined = ", ".join(f"{_quoted(n)} {written(data_type(t), self.traits)}" for n, t in columns.items())
        self.execute(f"CREATE TEMPORARY TABLE {_quoted(name)} ({defined}) ON COMMIT DROP")
        return exp.Table(this=exp.to_identifier(name, quoted=True), db=exp.to_identifier("pg_temp"))

    def copy_in(self, table: str, path: Path) -> None:
        """Put the rows of a CSV file into a table."""
        with self.raw.cursor().copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy, path.open("rb") as file:
            while block := file.read(1 << 20):
                copy.write(block)

    def let_view(self, view: exp.Table, query: exp.Query) -> None:
        """Replaced where its columns allow that, else made anew; what others have built on it is then in the way, and named."""
        self.raw.execute("SAVEPOINT mlspec_view")
        try:
            super().let_view(view, query)
        except self._no_replacement():
            self.raw.execute("ROLLBACK TO SAVEPOINT mlspec_view")
            self.run(drop(Keep.VIEW, view))
            super().let_view(view, query)
        self.raw.execute("RELEASE SAVEPOINT mlspec_view")

    @staticmethod
    def _no_replacement() -> type[Exception]:
        from psycopg.errors import InvalidTableDefinition  # noqa: PLC0415 - loaded already

        return InvalidTableDefinition

    def drop_schema(self, schema: str) -> None:
        import psycopg  # noqa: PLC0415 - loaded already

        self.raw.execute("SAVEPOINT mlspec_schema")
        try:
            super().drop_schema(schema)
        except psycopg.Error:  # somebody else keeps things there, or owns it
            self.raw.execute("ROLLBACK TO SAVEPOINT mlspec_schema")
        self.raw.execute("RELEASE SAVEPOINT mlspec_schema")

    def close(self) -> None:
        self.raw.close()


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql("postgres")
