"""A query understood: its tables and columns resolved, its output typed, its lineage and digests taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Column, Origin
from mlspec.ir.sql._plain.grammar import Query, Select, plain
from mlspec.ir.sql._plain.told import forget as forget  # noqa: PLC0414 - for whoever keeps what plain queries are read by
from mlspec.ir.sql._plain.told import remember as remember  # noqa: PLC0414 - as above
from mlspec.ir.sql._plain.understand import understand
from mlspec.ir.sql.analysis import Analysis, Lookup
from mlspec.ir.sql.glot import exp

_READ: dict[str, Query | None] = {}
"""Queries whose tables were looked for, until they are understood; None for what is not plain."""
_UNREAD = Query("", {}, Select(False, [], [], False))  # noqa: FBT003 - it stands for none
_MOST_READ = 2_000
"""More than these are read again when they are understood."""


def analyse(text: str, lookup: Lookup) -> Analysis:
    """Understand one SELECT. Raises SqlProblems with everything that is wrong with it."""
    query = _READ.pop(text, _UNREAD)
    if query is _UNREAD:
        query = plain(text)
    found = understand(query, lookup) if query is not None else None
    if found is not None:
        return found
    from mlspec.ir.sql.whole import analyse_any  # noqa: PLC0415 - start-up time: it brings sqlglot

    return analyse_any(text, lookup)


def named_tables(text: str) -> Iterator[tuple[str, int, int]]:
    """The tables that a query reads: the name as written, its offset and length; nothing if it cannot be parsed."""
    query = _READ.get(text, _UNREAD)
    if query is _UNREAD:
        query = plain(text)
    if len(_READ) < _MOST_READ:
        _READ[text] = query
    if query is not None:
        yield from query.places()
        return
    from mlspec.ir.sql.whole import tables_of_any  # noqa: PLC0415 - start-up time: it brings sqlglot

    yield from tables_of_any(text)


def expression(text: str, columns: Mapping[str, Column]) -> tuple[exp.Expr, ColumnType, frozenset[str]]:
    """An expression over columns: its tree (columns quoted), its type, the names that it reads. Raises SqlProblems."""
    from mlspec.ir.sql.whole import expression_over  # noqa: PLC0415 - start-up time: it brings sqlglot

    return expression_over(text, columns)


def origins_of(columns: Iterable[Column]) -> tuple[Origin, ...]:
    """All origins of some columns, each once."""
    return tuple(sorted({o for c in columns for o in c.origins}, key=lambda o: (o.address, o.column)))
