"""Parts of a select as its shape needs them: what makes its rows, which of its columns are equal, what stands for what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlspec.base.value import dataclass, replace
from mlspec.ir.sql.canon import Opaque, Reading, canonical, conjuncts, operands
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.nodes import Nodes, inside

Name = tuple[str, str]
"""A table, by its alias, and a column of it."""

_SETS = re.compile(r"(unnest|explode|_to_table|generate_subscripts|json_each|json_tree)", re.IGNORECASE)
"""Functions that answer several rows for one, by their names."""
_GROUPINGS = ("cube", "rollup", "grouping_sets", "totals", "all")


@dataclass(frozen=True)
class Makers:
    """Which nodes of a query may make one row of many, and which several rows of one, by their identities."""

    one: frozenset[int]
    several: frozenset[int]

    @classmethod
    def of(cls, nodes: Nodes) -> Makers:
        """Those of a query."""
        return cls(nodes.holding(exp.AggFunc, exp.Window), nodes.holding(exp.UDTF, exp.Anonymous))


def named_sources(select: exp.Expr) -> list[exp.Expr]:
    """What stands in FROM and in the joins, in order."""
    start = select.args.get("from_") or select.args.get("from")
    return ([start.this] if start else []) + [j.this for j in select.args.get("joins") or []]


def row_words(
    select: exp.Select, texts: Mapping[str, str], reading: Reading, makers: Makers, *, ordered: bool
) -> Iterator[Any]:
    """What makes the rows of a select besides what it reads and its conditions; nothing if it only computes.

    `texts` are its columns. An order counts where it decides which rows there are, or if the query is `ordered`.
    """
    group = select.args.get("group")
    if group is not None:
        yield ["group", *_grouped(group, texts, reading)]
    for key in ("having", "qualify"):
        if part := select.args.get(key):
            yield [key, *conjuncts(part.this.unnest(), reading)]
    if group is None and (
        select.args.get("having") or any(id(p) in makers.one and _aggregates(p) for p in select.selects)
    ):
        yield ["one row"]
    if made := sorted(texts[p.alias_or_name] for p in select.selects if id(p) in makers.several and makes_rows(p)):
        yield ["unnested", *made]
    distinct, order = select.args.get("distinct"), select.args.get("order")
    on = distinct.args.get("on") if distinct else None
    named = _by_alias(texts, reading)
    if distinct:
        yield ["distinct", *([canonical(on, named)] if on else sorted(set(texts.values())))]
    cut = [canonical(select.args[k], named) for k in ("limit", "offset") if select.args.get(k)]
    if cut:
        yield ["limit", *cut]
    if order and (cut or on or ordered):
        if any(isinstance(o.this, exp.Literal) for o in order.expressions):
            raise Opaque
        yield ["order", canonical(order.expressions, named)]


def _grouped(group: exp.Group, texts: Mapping[str, str], reading: Reading) -> list[str]:
    if any(group.args.get(k) for k in _GROUPINGS):
        return [canonical(group, reading), *sorted(set(texts.values()))]
    return sorted({canonical(e, reading) for e in group.expressions})


def _by_alias(texts: Mapping[str, str], reading: Reading) -> Reading:
    """ORDER BY and DISTINCT ON may name columns of the answer."""

    def leaf(column: exp.Column) -> str:
        return texts[column.name] if not column.table and column.name in texts else reading.leaf(column)

    return replace(reading, leaf=leaf)


def _aggregates(projection: exp.Expr) -> bool:
    """Whether it makes one row of many: an aggregate that is not the function of a window."""
    for node in projection.find_all(exp.AggFunc):
        above = node.parent
        while isinstance(above, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
            above = above.parent
        inside = node.find_ancestor(exp.Query)
        own = inside is None or inside is projection.find_ancestor(exp.Query)
        if own and not isinstance(above, exp.Window):
            return True
    return False


def makes_rows(projection: exp.Expr) -> bool:
    """Whether it makes several rows of one, as UNNEST does."""
    return any(
        isinstance(node, exp.UDTF) or (isinstance(node, exp.Anonymous) and _SETS.search(str(node.this)))
        for node in inside(projection)
    )


def joined_by(join: exp.Join, name: str) -> Iterator[tuple[Name, Name]]:
    """The columns of a table joined from the left, each with one that it equals wherever it is not NULL."""
    on = join.args.get("on")
    for part in operands(on, exp.And) if on else []:
        if not (
            isinstance(part, exp.EQ) and isinstance(part.this, exp.Column) and isinstance(part.expression, exp.Column)
        ):
            continue
        left, right = (part.this, part.expression) if part.expression.table == name else (part.expression, part.this)
        if right.table == name != left.table and str(left.type) == str(right.type):
            yield (right.table, right.name), (left.table, left.name)


def instead(node: exp.Expr, select: exp.Expr, equal: Mapping[Name, Name]) -> exp.Expr:
    """What a node of a select stands for: `COALESCE(a.k, b.k)` of `a JOIN b USING (k)` for `a.k`, `OVER w` for its window."""
    if isinstance(node, exp.Coalesce):
        return _coalesced(node, equal)
    if isinstance(node, exp.Window) and node.args.get("alias"):
        return _spelled(node, select.args.get("windows") or [])
    return node


def _coalesced(node: exp.Coalesce, equal: Mapping[Name, Name]) -> exp.Expr:
    first = node.this
    if not isinstance(first, exp.Column):
        return node
    for other in node.expressions:
        at = (other.table, other.name) if isinstance(other, exp.Column) else None
        while at is not None and at != (first.table, first.name):
            at = equal.get(at)
        if at is None:
            return node
    return first


def _spelled(node: exp.Window, windows: list[exp.Window]) -> exp.Expr:
    found = next((w for w in windows if w.this.name == node.args["alias"].name), None)
    said = [k for k in ("partition_by", "order", "spec", "first") if node.args.get(k)]
    if found is None or said or found.args.get("alias") or not isinstance(found.this, exp.Identifier):
        raise Opaque
    args = {k: found.args[k] for k in ("partition_by", "order", "spec") if found.args.get(k)}
    whole = exp.Window(this=node.this.copy(), over=node.args.get("over"))
    for key, value in args.items():
        whole.set(key, [v.copy() for v in value] if isinstance(value, list) else value.copy())
    return whole
