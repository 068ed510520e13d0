"""Joins, groups, windows, tables and types."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, count

from mlspec.ir.sql._spark.words import AWARE, NAIVE, T
from mlspec.ir.sql.dialect import DIALECT
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Unspoken


def joined(node: exp.Join) -> None:
    method = str(node.args.get("method") or "").upper()
    if method:
        raise Unspoken(node, f"Spark has no {method} JOIN", "let a feature view or a dataset look rows up by time")


def named(node: exp.CTE) -> None:
    """Spark decides by itself what to compute once."""
    node.set("materialized", None)


def grouped(node: exp.Group) -> None:
    if any(node.args.get(k) for k in ("grouping_sets", "cube", "rollup", "totals")):
        raise Unspoken(node, "grouping sets are not known to mean the same on Spark")


def framed(node: exp.WindowSpec) -> None:
    if node.args.get("exclude") or str(node.args.get("kind") or "").upper() == "GROUPS":
        raise Unspoken(node, "Spark has no such frame")


def windowed(node: exp.Window) -> None:
    if isinstance(node.this, exp.Count) and isinstance(node.this.this, exp.Distinct):
        raise Unspoken(node, "Spark counts no distinct values over a window")
    if isinstance(node.this, exp.Filter):
        node.set("this", _chosen(node, node.this))


def _chosen(node: exp.Window, filtered: exp.Filter) -> exp.Expr:
    """An aggregate over a window of the values that a filter lets through: the others are NULL, which it passes over."""
    aggregate = filtered.this.copy()
    if not isinstance(aggregate, _PASSING_OVER_NULL) or isinstance(aggregate.this, exp.Distinct):
        raise Unspoken(node, "Spark has no such filter over a window", "write `CASE WHEN … THEN … END` in it")
    value = exp.Literal.number(1) if isinstance(aggregate.this, exp.Star) else aggregate.this.copy()
    aggregate.set("this", exp.Case(ifs=[exp.If(this=filtered.expression.this.copy(), true=value)]))
    return aggregate


_PASSING_OVER_NULL = (
    exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Stddev, exp.StddevSamp, exp.StddevPop, exp.Variance, exp.VariancePop,
    exp.LogicalAnd, exp.LogicalOr,
)  # fmt: skip


def among(node: exp.In) -> None:
    """In a condition of its own NULL is as good as false; elsewhere Spark would say false for NULL."""
    if node.args.get("query") is None:
        return
    outer = node.parent
    while isinstance(outer, (exp.Not, exp.Paren)):
        outer = outer.parent
    while isinstance(outer, (exp.And, exp.Paren)):
        outer = outer.parent
    if not isinstance(outer, exp.Where):
        raise Unspoken(node, "it must be a condition of WHERE, joined to others by AND", "write a LEFT JOIN")


def listed(node: exp.Table) -> None:
    if not isinstance(node.this, exp.Identifier) or node.args.get("pivots") or node.args.get("sample"):
        raise Unspoken(node, "it is not known to mean the same on Spark")


def typed(node: exp.DataType) -> exp.Expr | None:
    if node.this is T.INT128:
        return exp.DataType.build("DECIMAL(38, 0)", dialect=DIALECT)
    if node.this is T.JSON:
        return exp.DataType(this=T.TEXT)
    if node.this not in _TYPES:
        raise Unspoken(node, "Spark has no such type")
    return None


_TYPES = frozenset(
    {T.BOOLEAN, T.SMALLINT, T.TINYINT, T.INT, T.BIGINT, T.FLOAT, T.DOUBLE, T.DECIMAL, T.TEXT, T.VARCHAR,
     T.BINARY, T.VARBINARY, T.DATE, T.ARRAY, T.LIST, T.STRUCT, *NAIVE, *AWARE}
)  # fmt: skip


def apart(tree: exp.Expr) -> exp.Expr:
    """A copy in which every named query has a name of its own: in Spark's words all of them stand at the top."""
    root = tree.copy()
    _rename(root, {}, set())
    return root


def _rename(node: exp.Expr, names: Mapping[str, str], taken: set[str]) -> None:
    inside = dict(names)
    own = node.args.get("with_")
    for cte in own.expressions if own else ():
        _rename(cte.this, inside, taken)
        old = cte.alias
        new = next(n for n in chain([old], (f"{old}_{i}" for i in count(2))) if n not in taken)
        taken.add(new)
        inside[old] = new
        cte.args["alias"].set("this", exp.to_identifier(new, quoted=True))
    if isinstance(node, exp.Table) and not node.args.get("db") and inside.get(node.name, node.name) != node.name:
        if not node.alias:
            node.set("alias", exp.TableAlias(this=exp.to_identifier(node.name, quoted=True)))
        node.set("this", exp.to_identifier(inside[node.name], quoted=True))
    for child in node.iter_expressions():
        if child is not own:
            _rename(child, inside, taken)
