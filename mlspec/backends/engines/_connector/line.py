"""A line over a connector of Python's DB-API; the few things that differ are said by who opens it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from mlspec.backends.engines._warehouse.line import Answer, Line
from mlspec.backends.outside.arrow import library, physical
from mlspec.backends.port import BackendError
from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Keep
from mlspec.ir.sql.dialect import DIALECT, from_sql
from mlspec.ir.sql.formulate import written
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import Traits

ROWS_AT_ONCE = 50_000
_TEXT = ColumnType("string")

Kind = Callable[[Any], ColumnType | None]
"""The logical type of a column as the driver describes it (an item of `cursor.description`)."""


class ConnectorLine(Line):
    """`raw` is what the connector calls a connection, in the mode in which each statement stands for itself."""

    def __init__(self, traits: Traits, raw: Any, kind: Kind) -> None:
        super().__init__(traits)
        self.raw, self._kind = raw, kind

    def execute(self, statement: str) -> None:
        cursor = self.raw.cursor()
        try:
            cursor.execute(statement)
            if cursor.description:  # some connectors run a statement only when its answer is taken
                cursor.fetchall()
        finally:
            cursor.close()

    def fetch(self, query: str) -> Answer:
        cursor = self.raw.cursor()
        try:
            cursor.execute(query)
            rows = tuple(tuple(row) for row in cursor.fetchall())
            found = cursor.description or ()
            types = tuple(str(self._kind(d) or d[1]) for d in found)
            return Answer(tuple(str(d[0]) for d in found), types, rows)
        finally:
            cursor.close()

    def transaction(self, about: str) -> AbstractContextManager[None]:
        """Nothing of the kind, unless the engine has transactions; the state's lock keeps others out of an environment."""
        return self._begun() if self.traits.transactions else nullcontext()

    @contextmanager
    def _begun(self) -> Iterator[None]:
        self.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    def kept(self, schema: str) -> Mapping[str, Keep]:
        name = exp.Literal.string(schema).sql(self.traits.dialect)
        found = self.fetch(
            f"SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = {name}"  # noqa: S608 - quoted by the writer
        )
        return {str(n): Keep.VIEW if "VIEW" in str(k).upper() else Keep.TABLE for n, k in found.rows}

    def described(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """A question for each table: what a catalog says of types is different everywhere, what a query answers is not."""
        found = {}
        for name in names:
            nothing = exp.select(exp.Star()).from_(exp.to_table(name, dialect=DIALECT)).limit(0)
            try:
                there = self.ask(nothing)
            except Exception:  # noqa: BLE001, S112 - it is not there, which the build says with the name of the source
                continue
            found[name] = dict(zip(there.names, there.types, strict=True))
        return found

    def batches(self, table: exp.Table) -> Iterator[Any]:
        """In no order: none is kept, so a file of a training dataset has its rows as they come."""
        pa = library()
        cursor = self.raw.cursor()
        try:
            cursor.execute(written(exp.select(exp.Star()).from_(table), self.traits))
            columns = pa.schema([(str(d[0]), physical(self._kind(d) or _TEXT)) for d in cursor.description])
            yield _batch(pa, [], columns)
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield _batch(pa, rows, columns)
        finally:
            cursor.close()

    def arrow(self, query: exp.Query) -> Any:
        """Row by row, as the connectors give them; the types are those that the query casts to."""
        pa = library()
        answer = self.ask(query)
        kinds = [from_sql(node.to) if isinstance(node := p.unalias(), exp.Cast) else None for p in query.selects]
        columns = pa.schema([(n, physical(k or _TEXT)) for n, k in zip(answer.names, kinds, strict=True)])
        return pa.Table.from_batches([_batch(pa, answer.rows, columns)])

    @contextmanager
    def loaded(self, rows: Any) -> Iterator[exp.Table]:
        raise BackendError(
            "rows of one's own cannot be sent to this engine, a table of it can be asked for",
            "put the rows into a table, declare it as a source, and make a dataset of it",
            "unsupported-by-backend",
        )
        yield  # the shape of a context

    def close(self) -> None:
        self.raw.close()


def _batch(pa: Any, rows: Any, columns: Any) -> Any:
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    arrays = [pa.array([_whole(v, f.type) for v in vs], type=f.type) for vs, f in zip(values, columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=columns)


def _whole(value: Any, kind: Any) -> Any:
    """Some connectors give whole numbers as decimals."""
    return int(value) if value is not None and str(kind) in {"int32", "int64"} else value
