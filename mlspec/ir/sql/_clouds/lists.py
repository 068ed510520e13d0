"""Aggregates, and lists of values in an order."""

from __future__ import annotations

from typing import Any

from mlspec.ir.sql._clouds.numbers import double
from mlspec.ir.sql._clouds.tongue import FLOATS, Tongue, case, told
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Unspoken, whole

_ONE_OF = (exp.Sum, exp.Min, exp.Max, exp.Avg, exp.Stddev, exp.StddevSamp, exp.StddevPop, exp.Variance, exp.VariancePop)
_IN_PLACE = "write it in an aggregation of a feature view"


def filtered(tongue: Tongue, node: exp.Filter) -> exp.Expr | None:
    """As a condition on each value, where an engine has none on rows."""
    inner, condition = node.this, node.expression.this
    if isinstance(inner, exp.ArrayAgg) or tongue.filters:
        return None
    if isinstance(inner, exp.Count):
        if isinstance(inner.this, exp.Distinct):
            values = [case(condition.copy(), v.copy()) for v in inner.this.expressions]
            return exp.Count(this=exp.Distinct(expressions=values))
        value = exp.Literal.number(1) if isinstance(inner.this, exp.Star) else inner.this.copy()
        return exp.Count(this=case(condition.copy(), value))
    if isinstance(inner, _ONE_OF) and not isinstance(inner.this, exp.Distinct):
        return type(inner)(this=case(condition.copy(), inner.this.copy()))
    raise Unspoken(node, f"{tongue.engine} has no FILTER here", "use CASE inside")


def counted(tongue: Tongue, node: exp.CountIf) -> exp.Expr | None:
    return exp.Count(this=case(node.this.copy(), exp.Literal.number(1)))


def distinct(tongue: Tongue, node: exp.ApproxDistinct) -> exp.Expr | None:
    """Counted exactly where an estimate is said in words of its own."""
    if tongue.approximate:
        return None
    return exp.Count(this=exp.Distinct(expressions=[node.this.copy()]))


def quantile(tongue: Tongue, node: Any) -> exp.Expr | None:
    share = exp.Literal.number("0.5") if isinstance(node, exp.Median) else node.args.get("expression")
    if not isinstance(share, exp.Literal) or share.is_string:
        raise Unspoken(node, "the share must be written out", "write `quantile_cont(x, 0.5)`")
    if isinstance(node.parent, exp.Window):
        raise Unspoken(node, f"{tongue.engine} cannot compute it over a window", "group by the key, and join")
    if told(node.this) not in FLOATS:
        raise Unspoken(node, "its type must be seen", "cast to DOUBLE")
    return tongue.quantile(double(node.this.copy()), share.copy())


def listed(tongue: Tongue, node: exp.ArrayAgg) -> exp.Expr | None:
    """Left for the place at which values are taken from it."""
    outer = node.parent.parent if isinstance(node.parent, exp.Filter) else node.parent
    if not isinstance(outer, exp.Bracket) or not isinstance(node.this, exp.Order):
        raise Unspoken(node, f"lists of values are not known to mean the same in {tongue.engine}", _IN_PLACE)
    return None


def taken(tongue: Tongue, node: exp.Bracket) -> exp.Expr | None:
    """The first value of a list in an order, or the first so many."""
    inner = node.this.this if isinstance(node.this, exp.Filter) else node.this
    at = node.expressions[0] if len(node.expressions) == 1 else None
    if not isinstance(inner, exp.ArrayAgg) or not isinstance(inner.this, exp.Order):
        raise Unspoken(node, f"lists are not known to mean the same in {tongue.engine}")
    if isinstance(node.this, exp.Filter) and not _of_known(node.this):
        raise Unspoken(node, "only values that are known can be listed", _IN_PLACE)
    if isinstance(at, exp.Slice):
        size = whole(at.expression)
        if tongue.listed is None or whole(at.this) != 1 or size is None:
            raise Unspoken(node, f"{tongue.engine} has no lists that are NULL where there is nothing", "use `last`")
        return tongue.listed(inner.this.copy(), size)
    if whole(at) != 1 or tongue.newest is None:
        raise Unspoken(node, f"{tongue.engine} has no first of an order among its aggregates", "use `min` or `max`")
    return tongue.newest(inner.this.copy())


def _of_known(node: exp.Filter) -> bool:
    ordered = node.this.this
    return bool(node.expression.this == ordered.this.copy().is_(exp.null()).not_())


def no_order(tongue: Tongue, node: Any) -> exp.Expr | None:
    raise Unspoken(node, f"which value {tongue.engine} takes is not known", "use `min(x)` or `max(x)`")
