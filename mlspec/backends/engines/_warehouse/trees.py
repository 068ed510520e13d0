"""Statements as canonical trees, the same for every engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlspec.backends.port import BackendError
from mlspec.ir.relation import Keep, Relation
from mlspec.ir.sql import forbidden
from mlspec.ir.sql.dialect import DIALECT, column, data_type
from mlspec.ir.sql.glot import exp, sqlglot


def table(schema: str, name: str) -> exp.Table:
    """A table or view by its schema and name."""
    return exp.Table(this=exp.to_identifier(name, quoted=True), db=exp.to_identifier(schema, quoted=True))


def substituted(tree: exp.Query, kept: Mapping[str, exp.Table], scanned: exp.Query | None = None) -> exp.Query:
    """A canonical query with kept versions in the place of addresses, and what is scanned in the place of `scan`.

    Raises BackendError for a query that does more than read them: nothing that is run here has not been looked at twice.
    """
    wrong = next(forbidden.found(tree, kept), None)
    if wrong is not None:
        raise BackendError(f"a definition may only read declared sources: {wrong}", code="forbidden-sql")
    for node in list(tree.find_all(exp.Table)):
        version = kept.get(node.name) if "." in node.name else None
        if version is not None:
            schema = version.args.get("db")
            node.set("this", version.this.copy())
            node.set("db", schema.copy() if schema else None)
        elif node.name == "scan" and not node.args.get("db") and scanned is not None:
            node.replace(scanned.subquery("scan"))
    return tree


def typed(relation: Relation, inside: exp.Query) -> exp.Select:
    """The columns of a relation, in order, each of its declared type."""
    wanted = [exp.alias_(exp.cast(column(c.name), data_type(c.type)), c.name, quoted=True) for c in relation.columns]
    return exp.select(*wanted).from_(inside.subquery("made"))


def make(target: exp.Table, keep: Keep, query: exp.Query) -> exp.Create:
    """Make a table or a view of a query."""
    return exp.Create(this=target, kind="VIEW" if keep is Keep.VIEW else "TABLE", expression=query)


def make_view(target: exp.Table, query: exp.Query) -> exp.Create:
    """Make a view, or let it mean something else."""
    return exp.Create(this=target, kind="VIEW", expression=query, replace=True)


def make_schema(schema: str) -> exp.Create:
    """Make a schema, if it is not there."""
    return exp.Create(this=exp.Table(db=exp.to_identifier(schema, quoted=True)), kind="SCHEMA", exists=True)


def make_table(target: exp.Table, columns: Mapping[str, str]) -> exp.Create:
    """Make an empty table of columns and their canonical types, if it is not there."""
    defined = [
        exp.ColumnDef(this=exp.to_identifier(n, quoted=True), kind=exp.DataType.build(t, dialect=DIALECT))
        for n, t in columns.items()
    ]
    return exp.Create(this=exp.Schema(this=target, expressions=defined), kind="TABLE", exists=True)


def drop(keep: Keep, target: exp.Table) -> exp.Expr:
    """Drop a table or a view, if it is there."""
    return _dropped("VIEW" if keep is Keep.VIEW else "TABLE", target)


def drop_schema(schema: str) -> exp.Expr:
    """Drop a schema, if it is there."""
    return _dropped("SCHEMA", exp.Table(db=exp.to_identifier(schema, quoted=True)))


def _dropped(kind: str, target: exp.Table) -> exp.Expr:
    """By way of text: releases of sqlglot do not agree on where a DROP keeps its names."""
    return sqlglot.parse_one(f"DROP {kind} IF EXISTS {target.sql(DIALECT)}", dialect=DIALECT)


def insert(
    target: exp.Table, columns: Sequence[str], rows: Iterable[Sequence[exp.Expr | str | int | None]]
) -> exp.Insert:
    """Put rows of values into a table."""
    values = exp.Values(expressions=[exp.Tuple(expressions=[literal(v) for v in row]) for row in rows])
    into = exp.Schema(this=target, expressions=[exp.to_identifier(c, quoted=True) for c in columns])
    return exp.Insert(this=into, expression=values)


def delete(target: exp.Table, **equal: str) -> exp.Delete:
    """Delete the rows in which these columns have these values."""
    return exp.Delete(this=target, where=exp.Where(this=equals(**equal)))


def equals(**equal: str) -> exp.Expr:
    """The condition that these columns have these values."""
    return exp.and_(*[exp.EQ(this=column(n), expression=exp.Literal.string(v)) for n, v in equal.items()])


def literal(value: Any) -> exp.Expr:
    """A value, quoted by the writer of the dialect; an expression is itself."""
    return value if isinstance(value, exp.Expr) else exp.convert(value)


def counted(rows: exp.Table | exp.Query) -> exp.Select:
    """How many rows there are."""
    inside = rows.subquery("counted") if isinstance(rows, exp.Query) else rows
    return exp.select(exp.Count(this=exp.Star())).from_(inside)
