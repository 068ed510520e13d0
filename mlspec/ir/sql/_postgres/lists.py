"""Aggregates and lists."""

from __future__ import annotations

from typing import Any

from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Rule, Unspoken, call, held, whole


def counted(node: exp.CountIf) -> exp.Expr | None:
    one = exp.Case(ifs=[exp.If(this=node.this.copy(), true=exp.Literal.number(1))])
    return exp.Count(this=one)


def distinct(node: exp.ApproxDistinct) -> exp.Expr | None:
    """Counted exactly, which is near enough."""
    return exp.Count(this=exp.Distinct(expressions=[node.this.copy()]))


def quantile(node: Any) -> exp.Expr | None:
    share = exp.Literal.number("0.5") if isinstance(node, exp.Median) else node.args.get("expression")
    if whole(share) is None and not isinstance(share, exp.Literal):
        raise Unspoken(node, "the share must be written out", "write `quantile_cont(x, 0.5)`")
    order = exp.Order(expressions=[exp.Ordered(this=node.this.copy(), nulls_first=False)])
    return exp.WithinGroup(this=call("PERCENTILE_CONT", share.copy()), expression=order)


def _known(*nodes: exp.Expr) -> exp.Expr:
    return exp.and_(*[held(n).is_(exp.null()).not_() for n in nodes])


def _first(values: exp.Expr, known: exp.Expr | None = None) -> exp.Expr:
    """The first of a list of values, of which those that are not known are left out."""
    listed: exp.Expr = exp.ArrayAgg(this=values)
    if known is not None:
        listed = exp.Filter(this=listed, expression=exp.Where(this=known))
    return exp.Bracket(
        this=exp.paren(listed, copy=False), expressions=[exp.Literal.number(0)]
    )  # the writer counts from 1


def any_value(node: exp.AnyValue) -> exp.Expr | None:
    inner = node.this.this if isinstance(node.this, exp.Order) else node.this
    return _first(node.this.copy(), _known(inner))


def end(*, desc: bool) -> Rule:
    def rule(node: Any) -> exp.Expr | None:
        if not isinstance(node.this, exp.Order):
            raise Unspoken(node, "the order must be said", "write `first(x ORDER BY y)`")
        ordered = node.this.copy()
        for key in ordered.expressions if desc else []:
            key.set("desc", not key.args.get("desc"))
            key.set("nulls_first", not key.args.get("nulls_first"))
        return _first(ordered)

    return rule


def at_end(*, desc: bool) -> Rule:
    def rule(node: Any) -> exp.Expr | None:
        if node.args.get("count") is not None:
            raise Unspoken(node, "only the first is known in PostgreSQL")
        by = exp.Ordered(this=node.expression.copy(), desc=desc, nulls_first=False)
        return _first(exp.Order(this=node.this.copy(), expressions=[by]), _known(node.this, node.expression))

    return rule


def taken(node: exp.Bracket) -> exp.Expr | None:
    at = node.expressions[0] if len(node.expressions) == 1 else None
    if isinstance(at, exp.Slice):
        fine = (whole(at.this) or 0) > 0 and (whole(at.expression) or 0) > 0
    else:
        place = whole(at)
        fine = place is not None and place >= int(node.args.get("offset") or 0)
    if not fine:
        raise Unspoken(node, "the place in a list must be written out, and count from its beginning")
    if isinstance(node.this, exp.Column | exp.Paren):
        return None
    made = node.copy()
    made.set("this", exp.paren(node.this.copy(), copy=False))
    return made


def contained(node: exp.ArrayContains) -> exp.Expr | None:
    inside = exp.EQ(this=held(node.expression), expression=call("ANY", node.this.copy()))
    known = exp.Case(
        ifs=[exp.If(this=_known(node.this, node.expression), true=exp.func("COALESCE", inside, exp.false()))]
    )
    return exp.paren(known, copy=False)
