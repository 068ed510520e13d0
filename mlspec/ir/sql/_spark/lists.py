"""Lists and quantiles."""

from typing import Any

from sqlglot import exp

from mlspec.ir.sql._spark.words import FLOATS, told
from mlspec.ir.sql.spoken import Unspoken, call, whole


def in_order(node: exp.ArrayAgg) -> exp.Expr | None:
    """A list in an order: the rows with what they are ordered by, sorted, of which the values are kept."""
    order = node.this
    if not isinstance(order, exp.Order):
        raise Unspoken(node, "the order must be said", "write `list(x ORDER BY y)`")
    down = {bool(o.args.get("desc")) for o in order.expressions}
    if len(down) > 1 or any(bool(o.args.get("nulls_first")) == bool(o.args.get("desc")) for o in order.expressions):
        raise Unspoken(node, "the order must be one way, NULL before everything or, going down, after it")
    parts: list[exp.Expr | str] = []
    for index, key in enumerate(order.expressions):
        parts += [f"o{index}", key.this.copy()]
    parts += ["v", order.this.copy()]
    rows: exp.Expr = call("COLLECT_LIST", call("NAMED_STRUCT", *parts))
    outer = node.parent
    if isinstance(outer, exp.Filter):
        rows = exp.Filter(this=rows, expression=outer.expression.copy())
    going_down = exp.true() if down == {True} else exp.false()
    listed = call("SORT_ARRAY", rows, exp.Boolean(this=not going_down.this))
    step = exp.Lambda(this=exp.column("v", table="r"), expressions=[exp.to_identifier("r")])
    made = exp.Nullif(this=call("TRANSFORM", listed, step), expression=call("ARRAY"))
    if isinstance(outer, exp.Filter):
        outer.set("this", made)
        outer.meta["unwrap"] = True
        return None
    return made


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
