"""Features computed from a request: the very expressions of training, evaluated by DuckDB in the server's own memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import duckdb

from mlspec.backends.outside.confinement import confine
from mlspec.backends.outside.fitting import from_text, unfit
from mlspec.backends.plain import plain
from mlspec.ir.columntype import ColumnType
from mlspec.ir.service import Computed
from mlspec.ir.sql.dialect import DIALECT, column, data_type
from mlspec.ir.sql.glot import exp, sqlglot
from mlspec.serving.bundle import Fields
from mlspec.serving.tensors import BadRequest, Column

_OF_JSON = frozenset({"array", "struct"})


class Requested:
    """Computes the features of a model that are computed. Values come as texts, so that none is rounded on the way."""

    def __init__(self, computed: tuple[Computed, ...]) -> None:
        self.inputs: Fields = tuple(sorted({name: kind for one in computed for name, kind in one.inputs}.items()))
        self._names = tuple(one.name for one in computed)
        self._types = {n: ColumnType.parse(t) for n, t in self.inputs}
        self._lock = threading.Lock()
        self._connection = duckdb.connect(":memory:")
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET threads = 1")
        self._connection.execute("SET enable_progress_bar = false")
        confine(self._connection)
        self._statement = self._connection.extract_statements(self._query(computed).sql(DIALECT))[0]

    def compute(self, columns: Mapping[str, Column]) -> dict[str, Column]:
        """The features of some rows, by the columns of a request. Raises BadRequest."""
        texts = [[_text(v, self._types[n]) for v in columns[n]] for n, _ in self.inputs]
        with self._lock:
            try:
                rows = self._connection.execute(self._statement, texts).fetchall()
            except duckdb.Error as error:
                raise self._refused(texts, error) from None
        values = [[plain(v) for v in one] for one in zip(*rows, strict=True)] if rows else [[] for _ in self._names]
        return dict(zip(self._names, values, strict=True))

    def _query(self, computed: tuple[Computed, ...]) -> exp.Select:
        typed = [exp.alias_(_cast(column(n), self._types[n]), n, quoted=True) for n, _ in self.inputs]
        rows = exp.select(*typed).from_(self._texts().subquery("texts"))
        wanted = [
            exp.alias_(
                exp.cast(sqlglot.parse_one(one.expression, dialect=DIALECT), data_type(ColumnType.parse(one.type))),
                one.name,
                quoted=True,
            )
            for one in computed
        ]
        return exp.select(*wanted).from_(rows.subquery("request"))

    def _texts(self) -> exp.Select:
        given = [
            f"unnest(CAST(${i} AS VARCHAR[])) AS {column(n).sql(DIALECT)}" for i, (n, _) in enumerate(self.inputs, 1)
        ]
        tree = sqlglot.parse_one(f"SELECT {', '.join(given)}", dialect=DIALECT)
        assert isinstance(tree, exp.Select)  # noqa: S101 - as written
        return tree

    def _refused(self, texts: list[list[str | None]], error: Exception) -> BadRequest:
        """The input that is no value of its type, if one is the reason."""
        for (name, kind), values in zip(self.inputs, texts, strict=True):
            if self._types[name].name in _OF_JSON:
                continue
            query = exp.select(exp.func("COUNT_IF", unfit(column("v"), self._types[name]))).from_(
                "(SELECT unnest($1::VARCHAR[]) AS v)"
            )
            found = self._connection.execute(query.sql(DIALECT), [values]).fetchone()
            if found and found[0]:
                return BadRequest(f"input `{name}` holds a value that is no {kind}")
        said = str(error).splitlines()[0]
        return BadRequest(f"the features that are computed from the request cannot be: {said}")


def _text(value: Any, kind: ColumnType) -> str | None:
    if value is None:
        return None
    if kind.name in _OF_JSON or not isinstance(value, str):
        return value if isinstance(value, str) else json.dumps(value)
    return value


def _cast(value: exp.Expr, kind: ColumnType) -> exp.Expr:
    """As texts of files are read: exactly, or not at all."""
    if kind.name in _OF_JSON:
        return exp.cast(exp.cast(value, "JSON"), data_type(kind))
    if kind.name == "bytes":
        return exp.Anonymous(this="unhex", expressions=[value])
    return from_text(value, kind)
