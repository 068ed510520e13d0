"""Numbers, and casts between them and texts."""

from __future__ import annotations

from typing import Any

from mlspec.ir.sql._spark.words import AWARE, FLOATS, T, cast, literal, told
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Rule, Unspoken, call, whole


def divided(node: exp.Div) -> exp.Expr | None:
    """By zero it is infinite, or not a number; Spark would stop."""
    below = node.expression
    never = isinstance(below, exp.Nullif) or (isinstance(below, exp.Literal) and float(below.this) != 0)
    if never:
        return None
    zero = exp.EQ(this=below.copy(), expression=exp.Literal.number(0))
    endless = exp.Mul(this=node.this.copy(), expression=cast(exp.Literal.string("Infinity"), T.DOUBLE))
    return exp.If(this=zero, true=endless, false=exp.Div(this=node.this.copy(), expression=below.copy()))


def rounded(node: exp.Round) -> exp.Expr | None:
    """Spark rounds the decimal text of a float; here its binary value is meant."""
    digits = node.args.get("decimals")
    if told(node.this) not in FLOATS or digits is None:
        return None
    places = whole(digits)
    if places is None:
        raise Unspoken(node, "the number of digits must be written out")
    if places == 0:
        return call("ROUND", node.this.copy())
    power = exp.Literal.number(f"1e{abs(places)}")
    up, down = (exp.Mul, exp.Div) if places > 0 else (exp.Div, exp.Mul)
    inside = call("ROUND", up(this=node.this.copy(), expression=power))
    return exp.paren(down(this=inside, expression=power.copy()), copy=False)


def to_whole(name: str) -> Rule:
    def rule(node: Any) -> exp.Expr | None:
        if node.args.get("decimals") is not None:
            raise Unspoken(node, "it takes one value")
        made = call(name, node.this.copy())
        return cast(made, T.DOUBLE) if told(node.this) in FLOATS else made

    return rule


def log(name: str) -> Rule:
    """Of zero it is minus infinity and below it not a number; Spark would answer NULL."""

    def rule(node: Any) -> exp.Expr | None:
        zero, value = exp.Literal.number(0), node.this
        endless, none = (cast(exp.Literal.string(t), T.DOUBLE) for t in ("-Infinity", "NaN"))
        edge = exp.If(this=exp.EQ(this=value.copy(), expression=zero), true=endless, false=none)
        outside = exp.LTE(this=value.copy(), expression=zero.copy())
        return exp.If(this=outside, true=edge, false=call(name, value.copy()))

    return rule


def logarithm(node: exp.Log) -> exp.Expr | None:
    base, value = (
        (node.this, node.expression) if node.args.get("expression") is not None else (exp.convert(10), node.this)
    )
    if whole(base) not in {2, 10}:
        raise Unspoken(node, "the base must be 2 or 10", "write `ln(x) / ln(base)`")
    return log(f"LOG{whole(base)}")(exp.Ln(this=value.copy()))


def halved(node: exp.IntDiv) -> exp.Expr | None:
    """Of decimals it is no whole number here, and one there."""
    if any(c.to.this is T.BIGINT for c in node.find_all(exp.Cast)) or node.find(exp.UnixMicros):
        return None
    decimal = exp.Like(this=call("TYPEOF", node.this.copy()), expression=exp.Literal.string("decimal%"))
    wrong = call("RAISE_ERROR", "`//` of decimals is not known to mean the same on Spark")
    return exp.If(this=decimal, true=wrong, false=exp.IntDiv(this=node.this.copy(), expression=node.expression.copy()))


def signed(node: exp.Sign) -> exp.Expr | None:
    return cast(call("SIGN", node.this.copy()), T.INT)


def converted(node: exp.Cast) -> exp.Expr | None:
    target, source = node.to.this, told(node.this)
    if isinstance(node, exp.TryCast):
        raise Unspoken(node, "engines read different texts as values", "test the text first, then `CAST`")
    if target in {T.TEXT, T.VARCHAR} and source in FLOATS:
        raise Unspoken(node, "engines write fractions differently", "cast to a decimal first")
    if target in {T.TEXT, T.VARCHAR} and source in AWARE:
        return call("CONCAT", cast(node.this.copy(), T.TEXT), "+00")
    if target is T.DECIMAL and source in FLOATS:
        return decimal(node)
    if target is T.BIGINT and isinstance(node.this, exp.Concat | exp.DPipe):
        return hexadecimal(node)
    return None


def decimal(node: exp.Cast) -> exp.Expr | None:
    """Of a float: by its binary value, not by its text."""
    sizes = [int(p.name) for p in node.to.expressions]
    power = exp.Literal.number(f"1e{sizes[1] if len(sizes) > 1 else 0}")
    nudge = exp.Mul(this=call("SIGN", node.this.copy()), expression=exp.Literal.number("1e-9"))
    scaled = exp.Add(this=exp.Mul(this=node.this.copy(), expression=power), expression=nudge)
    value = exp.Div(this=call("ROUND", scaled), expression=power.copy())
    return exp.Cast(this=value, to=node.to.copy())


def hexadecimal(node: exp.Cast) -> exp.Expr | None:
    joined = node.this
    parts = [joined.this, joined.expression] if isinstance(joined, exp.DPipe) else joined.expressions
    if len(parts) == 2 and literal(parts[0]) == "0x":  # noqa: PLR2004 - a prefix and the digits
        return cast(call("CONV", parts[1].copy(), 16, 10), T.BIGINT)
    return None
