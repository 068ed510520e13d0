"""Numbers, and casts."""

from __future__ import annotations

from typing import Any

from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Rule, Unspoken, call, held, whole

_T = exp.DataType.Type
_FLOATS = frozenset({_T.DOUBLE, _T.FLOAT})
_TEXTS = frozenset({_T.VARCHAR, _T.TEXT, _T.CHAR})
_TRUE_OR_FALSE = (exp.Predicate, exp.Not, exp.And, exp.Or, exp.Boolean)
_HEX = "0x"
_DIGITS = 16


def told(node: Any) -> Any:
    """The type that a cast says."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node.to.this if isinstance(node, exp.Cast) else None


def cast(node: exp.Expr, kind: str) -> exp.Cast:
    return exp.Cast(this=node, to=exp.DataType.build(kind))


def bytewise(node: exp.Expr) -> exp.Collate:
    """A text that is compared byte by byte."""
    return exp.Collate(this=node, expression=exp.to_identifier("C", quoted=True))


def converted(node: exp.Cast) -> exp.Expr | None:
    target, inner = node.to.this, node.this
    while isinstance(inner, exp.Paren):
        inner = inner.this
    if target in _TEXTS:
        return exp.paren(bytewise(cast(node.this.copy(), "TEXT")), copy=False)
    if target in {_T.ARRAY, _T.LIST} and _of_texts(node.to):
        return exp.paren(bytewise(node.copy()), copy=False)
    if target is _T.BIGINT and (digits := _hexadecimal(inner)) is not None:
        padded = call("LPAD", digits, _DIGITS, "0")
        bits = exp.Cast(
            this=exp.DPipe(this=exp.Literal.string("x"), expression=padded),
            to=exp.DataType.build("BIT(64)", dialect="postgres"),
        )
        return exp.Cast(this=bits, to=node.to.copy())
    if isinstance(inner, _TRUE_OR_FALSE) and target in {_T.BIGINT, _T.SMALLINT, _T.DECIMAL, *_FLOATS}:
        return exp.Cast(this=cast(node.this.copy(), "INT"), to=node.to.copy())
    return None


def _of_texts(kind: exp.DataType) -> bool:
    inside = kind.expressions[0] if kind.expressions else None
    return isinstance(inside, exp.DataType) and (inside.this in _TEXTS or _of_texts(inside))


def _hexadecimal(node: exp.Expr) -> exp.Expr | None:
    """The digits of `'0x' || …`."""
    parts = [node.this, node.expression] if isinstance(node, exp.DPipe) else node.expressions
    if isinstance(node, exp.DPipe | exp.Concat) and len(parts) == 2 and parts[0] == exp.Literal.string(_HEX):  # noqa: PLR2004
        digits: exp.Expr = parts[1].copy()
        return digits
    return None


def tried(node: exp.TryCast) -> exp.Expr | None:
    raise Unspoken(node, "PostgreSQL has no TRY_CAST", "test the text first (`CASE WHEN … THEN CAST(…) END`)")


def divided(node: exp.Div) -> exp.Expr | None:
    """By zero it is infinite, or not a number; PostgreSQL would stop."""
    below = node.expression
    above = node.this.copy() if told(node.this) is _T.DOUBLE else cast(node.this.copy(), "DOUBLE")
    made = exp.Div(this=above, expression=below.copy(), typed=True)
    if isinstance(below, exp.Nullif) or (isinstance(below, exp.Literal) and float(below.this) != 0):
        return made
    endless = exp.Mul(this=above.copy(), expression=cast(exp.Literal.string("Infinity"), "DOUBLE"))
    zero = exp.EQ(this=held(below), expression=exp.Literal.number(0))
    return exp.Case(ifs=[exp.If(this=zero, true=endless)], default=made)


def halved(node: exp.IntDiv) -> exp.Expr | None:
    """By zero it is NULL."""
    return call("DIV", node.this.copy(), exp.Nullif(this=node.expression.copy(), expression=exp.Literal.number(0)))


def rounded(node: exp.Round) -> exp.Expr | None:
    """Halves go away from zero; of a float its binary value is meant, of a decimal its text."""
    digits, value = node.args.get("decimals"), node.this
    if told(value) not in _FLOATS:
        return call("ROUND", cast(value.copy(), "DECIMAL"), *([digits.copy()] if digits is not None else []))
    places = 0 if digits is None else whole(digits)
    if places is None:
        raise Unspoken(node, "the number of digits must be written out")
    power = cast(exp.Literal.number(f"1e{abs(places)}"), "DOUBLE")
    moved = _product(cast(value.copy(), "DOUBLE"), power, shrink=places < 0)
    size = call("FLOOR", exp.Add(this=call("ABS", moved), expression=cast(exp.Literal.number("0.5"), "DOUBLE")))
    signed = exp.Mul(this=call("SIGN", moved.copy()), expression=size)
    return exp.paren(_product(signed, power.copy(), shrink=places >= 0), copy=False)


def _product(value: exp.Expr, power: exp.Expr, *, shrink: bool) -> exp.Expr:
    if shrink:
        return exp.Div(this=value, expression=power, typed=True)
    return exp.Mul(this=value, expression=power)


def bounded(name: str, *, zero: str = "") -> Rule:
    """Of what is below zero it is not a number, and of zero perhaps endless; PostgreSQL would stop."""

    def rule(node: Any) -> exp.Expr | None:
        value = cast(node.this.copy(), "DOUBLE")
        cases = [exp.If(this=exp.LT(this=value, expression=exp.Literal.number(0)), true=_special("NaN"))]
        if zero:
            equal = exp.EQ(this=value.copy(), expression=exp.Literal.number(0))
            cases.append(exp.If(this=equal, true=_special(zero)))
        return exp.Case(ifs=cases, default=call(name, value.copy()))

    return rule


def _special(text: str) -> exp.Expr:
    return cast(exp.Literal.string(text), "DOUBLE")


def logarithm(node: exp.Log) -> exp.Expr | None:
    base, value = (node.this, node.expression) if node.args.get("expression") is not None else (None, node.this)
    if base is None:
        return bounded("LOG", zero="-Infinity")(exp.Ln(this=value))
    above, below = (bounded("LN", zero="-Infinity")(exp.Ln(this=n)) for n in (value, base))
    return exp.Div(this=above, expression=below, typed=True)


def nan(node: exp.IsNan) -> exp.Expr | None:
    return exp.EQ(this=held(node.this), expression=cast(exp.Literal.string("NaN"), "DOUBLE"))


def extreme(node: Any) -> exp.Expr | None:
    """NULL is passed over, here and there; where it must not be, the algebra says so by CASE."""
    kind = exp.Greatest if isinstance(node, exp.Greatest) else exp.Least
    return kind(this=node.this.copy(), expressions=[e.copy() for e in node.expressions], ignore_nulls=True)
