"""Lists and quantiles."""

from __future__ import annotations

from typing import Any

from mlspec.ir.sql._spark.words import FLOATS, told
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Unspoken, call, whole


def in_order(node: exp.ArrayAgg) -> exp.Expr | None:
    """A list in an order."""
    order = node.this
    if not isinstance(order, exp.Order):
        raise Unspoken(node, "the order must be said", "write `list(x ORDER BY y)`")
    return _in_place(node, exp.Nullif(this=_sorted(node, order, order.this), expression=call("ARRAY")))


def joined(node: exp.GroupConcat) -> exp.Expr | None:
    """Texts in an order, joined; NULL where there is none."""
    order = node.this
    if not isinstance(order, exp.Order):
        raise Unspoken(node, "the order must be said", "write `string_agg(x, ',' ORDER BY y)`")
    texts = exp.Nullif(this=_sorted(node, order, order.this, some=True), expression=call("ARRAY"))
    return _in_place(node, call("ARRAY_JOIN", texts, (node.args.get("separator") or exp.Literal.string(",")).copy()))


def _sorted(node: exp.Expr, order: exp.Order, value: exp.Expr, *, some: bool = False) -> exp.Expr:
    """The rows with what they are ordered by, sorted, of which the values are kept; with `some` those that are not NULL."""
    if isinstance(value, exp.Distinct):
        raise Unspoken(node, "Spark sorts no distinct values", "select them with `SELECT DISTINCT` first")
    down = {bool(o.args.get("desc")) for o in order.expressions}
    if len(down) > 1:
        raise Unspoken(node, "the order must be one way, up or down")
    parts: list[exp.Expr | str] = []
    for index, key in enumerate(order.expressions):
        if bool(key.args.get("nulls_first")) == bool(key.args.get("desc")):  # Spark has NULL below everything
            parts += [f"n{index}", key.this.copy().is_(exp.null())]
        parts += [f"o{index}", key.this.copy()]
    rows: exp.Expr = call("COLLECT_LIST", call("NAMED_STRUCT", *parts, "v", value.copy()))
    outer = node.parent
    wanted = [outer.expression.this.copy()] if isinstance(outer, exp.Filter) else []
    wanted += [value.copy().is_(exp.null()).not_()] if some else []
    if wanted:
        rows = exp.Filter(this=rows, expression=exp.Where(this=exp.and_(*wanted)))
    listed = call("SORT_ARRAY", rows, exp.Boolean(this=down != {True}))
    step = exp.Lambda(this=exp.column("v", table="r"), expressions=[exp.to_identifier("r")])
    return call("TRANSFORM", listed, step)


def _in_place(node: exp.Expr, made: exp.Expr) -> exp.Expr | None:
    """What is made of an aggregate stands in the place of its filter too, which is inside."""
    outer = node.parent
    if not isinstance(outer, exp.Filter):
        return made
    outer.set("this", made)
    outer.meta["unwrap"] = True
    return None


def filtered(node: exp.Filter) -> exp.Expr | None:
    return node.this.copy() if node.meta.get("unwrap") else None


def taken(node: exp.Bracket) -> exp.Expr | None:
    """An element by its place from 1 on, NULL where there is none; or the first so many."""
    at = node.expressions[0] if len(node.expressions) == 1 else None
    shift = 1 - int(node.args.get("offset") or 0)
    if isinstance(at, exp.Slice):
        first, last = whole(at.this), whole(at.expression)
        if first is None or last is None or first < 1:
            raise Unspoken(node, "a part of a list is from one written number to another")
        return call("SLICE", node.this.copy(), first, max(last - first + 1, 0))
    place = whole(at)
    if place is None or place + shift == 0:
        raise Unspoken(node, "the place in a list must be written out")
    return call("TRY_ELEMENT_AT", node.this.copy(), place + shift)


def quantile(node: Any) -> exp.Expr | None:
    share = exp.Literal.number("0.5") if isinstance(node, exp.Median) else node.args.get("expression")
    if not isinstance(share, exp.Literal):
        raise Unspoken(node, "the share must be written out", "write `quantile_cont(x, 0.5)`")
    if told(node.this) not in FLOATS:
        raise Unspoken(node, "of decimals it is not known to mean the same on Spark", "cast to DOUBLE")
    return call("PERCENTILE", node.this.copy(), share.copy())
