"""Numbers, and casts."""

from __future__ import annotations

import datetime as dt
from typing import Any

from mlspec.ir.sql._clouds.tongue import (
    AWARE,
    FLOATS,
    INTEGERS,
    NAIVE,
    TEXTS,
    T,
    Tongue,
    case,
    cast,
    inside,
    literal,
    number,
    told,
)
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Unspoken, call, whole

_TRUE_OR_FALSE = (exp.Predicate, exp.Not, exp.And, exp.Or, exp.Boolean)
_HEX = "0x"
HEXADECIMAL = "__hexadecimal"


def typed(tongue: Tongue, node: exp.DataType) -> exp.Expr | None:
    if node.this in tongue.lacks:
        raise Unspoken(node, f"{tongue.engine} has no such type", tongue.lacks[node.this])
    made = tongue.types.get(node.this)
    if made is not None:
        return made(node)
    if node.this not in _TYPES:
        raise Unspoken(node, f"{tongue.engine} has no such type")
    return None


_TYPES = frozenset({T.BOOLEAN, T.DATE, T.DECIMAL, T.BINARY, T.VARBINARY, T.BLOB, T.INTERVAL, *INTEGERS, *FLOATS, *TEXTS,
                    *NAIVE, *AWARE})  # fmt: skip


def converted(tongue: Tongue, node: exp.Cast) -> exp.Expr | None:
    target, inner = node.to.this, inside(node.this)
    source = told(node.this)
    if (text := literal(inner)) is not None and target in NAIVE | AWARE:
        return _time(tongue, node, text)
    if target in TEXTS and source in FLOATS | NAIVE | AWARE:
        raise Unspoken(node, "engines write fractions and times differently", "cast to a decimal, or say the format")
    if target in TEXTS and isinstance(inner, _TRUE_OR_FALSE):
        words = exp.Literal.string("true"), exp.Literal.string("false")
        unknown = exp.If(this=exp.paren(inner.copy()).is_(exp.null()), true=exp.null())
        return exp.Case(ifs=[unknown, exp.If(this=inner.copy(), true=words[0])], default=words[1])
    if isinstance(inner, _TRUE_OR_FALSE) and target in {T.DECIMAL, *FLOATS}:
        return exp.Cast(this=cast(node.this.copy(), T.INT), to=node.to.copy())
    if target in AWARE and source in NAIVE:
        return tongue.instant(node.this.copy())
    if target in NAIVE and source in AWARE:
        return tongue.wall(node.this.copy())
    return None


def _time(tongue: Tongue, node: exp.Cast, text: str) -> exp.Expr | None:
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        raise Unspoken(node, "engines read times differently", "write it as `2024-01-31 12:00:00`") from None
    if node.to.this in AWARE:
        time = time.replace(tzinfo=time.tzinfo or dt.UTC).astimezone(dt.UTC).replace(tzinfo=None)
    said = time.replace(tzinfo=None).isoformat(sep=" ") + (tongue.utc if node.to.this in AWARE else "")
    return exp.Cast(this=exp.Literal.string(said), to=node.to.copy())


def _hexadecimal(node: Any) -> exp.Expr | None:
    """The digits of `'0x' || …`."""
    parts = [node.this, node.expression] if isinstance(node, exp.DPipe) else node.expressions
    if isinstance(node, exp.DPipe | exp.Concat) and len(parts) == 2 and literal(parts[0]) == _HEX:  # noqa: PLR2004
        digits: exp.Expr = parts[1].copy()
        return digits
    return None


def marked(tree: exp.Expr) -> exp.Expr:
    """Numbers that are read from their hexadecimal digits, as such: only the whole expression shows it. Raises Unspoken."""
    made = tree.copy()
    for node in list(made.find_all(exp.Cast)):
        digits = _hexadecimal(inside(node.this)) if node.to.this in INTEGERS else None
        if digits is None:
            continue
        size = whole(digits.args.get("expression")) if isinstance(digits, exp.Left) else None
        if not size:
            raise Unspoken(node, "the number of hexadecimal digits must be written out", "write `left(x, 8)`")
        node.this.replace(call(HEXADECIMAL, digits, size))
    return made


def tried(tongue: Tongue, node: exp.TryCast) -> exp.Expr | None:
    raise Unspoken(node, "engines read different texts as values", "test the text first, then `CAST`")


def double(node: exp.Expr) -> exp.Expr:
    """A number as a float of 64 bits."""
    return node if told(node) is T.DOUBLE else cast(node, T.DOUBLE)


def divided(tongue: Tongue, node: exp.Div) -> exp.Expr | None:
    """Of floats, always; by zero it is infinite, or not a number, where an engine would stop."""
    above, below = double(node.this.copy()), double(node.expression.copy())
    if tongue.share is not None:
        return tongue.share(above, below)
    made = exp.Div(this=above, expression=below, typed=True)
    bottom = inside(node.expression)
    while isinstance(bottom, exp.Cast):
        bottom = inside(bottom.this)
    if isinstance(bottom, exp.Nullif) or (isinstance(bottom, exp.Literal) and float(bottom.this) != 0):
        return made
    endless = exp.Mul(this=above.copy(), expression=cast(exp.Literal.string(tongue.endless), T.DOUBLE))
    zero = exp.EQ(this=below.copy(), expression=exp.Literal.number(0))
    return case(zero, endless, made)


def halved(tongue: Tongue, node: exp.IntDiv) -> exp.Expr | None:
    """Of whole numbers; by zero it is NULL."""
    known = [*node.this.find_all(exp.Cast), *node.expression.find_all(exp.Cast)]
    if not any(c.to.this in INTEGERS for c in known):
        raise Unspoken(node, "it must be seen that these are whole numbers", "write `CAST(a AS BIGINT) // b`")
    below = node.expression.copy()
    if whole(inside(inside(below).this if isinstance(inside(below), exp.Cast) else below)) in {None, 0}:
        below = exp.Nullif(this=below, expression=exp.Literal.number(0))
    return exp.paren(tongue.halved(exp.paren(node.this.copy()), below), copy=False)


def rest(tongue: Tongue, node: exp.Mod) -> exp.Expr | None:
    """By zero it is NULL."""
    below = inside(node.expression)
    below = inside(below.this) if isinstance(below, exp.Cast) else below
    if whole(below) not in {None, 0}:
        return call("MOD", node.this.copy(), node.expression.copy())
    divisor = exp.Nullif(this=node.expression.copy(), expression=exp.Literal.number(0))
    return call("MOD", node.this.copy(), divisor)


def rounded(tongue: Tongue, node: exp.Round) -> exp.Expr | None:
    """Halves go away from zero; of a float its binary value is meant, not its text."""
    digits, value = node.args.get("decimals"), node.this
    if told(value) not in FLOATS:
        return None
    places = 0 if digits is None else whole(digits)
    if places is None:
        raise Unspoken(node, "the number of digits must be written out")
    power = cast(exp.Literal.number(10 ** abs(places)), T.DOUBLE)
    up, down = (exp.Mul, exp.Div) if places >= 0 else (exp.Div, exp.Mul)
    moved = up(this=value.copy(), expression=power)
    size = call("FLOOR", exp.Add(this=call("ABS", moved), expression=cast(exp.Literal.number("0.5"), T.DOUBLE)))
    signed = exp.Mul(this=call("SIGN", value.copy()), expression=size)
    return exp.paren(down(this=exp.paren(signed), expression=power.copy()), copy=False)


def even(node: exp.Expr) -> exp.Expr:
    """A float as a whole one; halves go to the even side."""
    two, half = cast(exp.Literal.number(2), T.DOUBLE), cast(exp.Literal.number("0.5"), T.DOUBLE)
    gap = exp.Sub(this=node.copy(), expression=call("FLOOR", node.copy()))
    twice = exp.Mul(this=two, expression=call("ROUND", exp.Div(this=node.copy(), expression=two.copy(), typed=True)))
    return case(exp.EQ(this=exp.paren(gap), expression=half), twice, call("ROUND", node.copy()))


def logarithm(tongue: Tongue, node: exp.Ln) -> exp.Expr | None:
    """Of zero it is minus infinity and below it not a number, where an engine would stop."""
    value = double(node.this.copy())
    ifs = [
        exp.If(this=exp.GT(this=value, expression=number(0)), true=exp.Ln(this=value.copy())),
        exp.If(this=exp.EQ(this=value.copy(), expression=number(0)), true=_float(f"-{tongue.endless}")),
        exp.If(this=exp.LT(this=value.copy(), expression=number(0)), true=_float("NaN")),
    ]
    return exp.Case(ifs=ifs)


def stepped(tongue: Tongue, node: Any) -> exp.Expr | None:
    """A float stays a float."""
    if node.args.get("decimals") is not None:
        raise Unspoken(node, "it takes one value")
    name = "FLOOR" if isinstance(node, exp.Floor) else "CEIL"
    made = call(name, node.this.copy())
    return cast(made, T.DOUBLE) if told(node.this) in FLOATS else made


def root(tongue: Tongue, node: exp.Sqrt) -> exp.Expr | None:
    """Below zero it is not a number, where an engine would stop."""
    value = double(node.this.copy())
    negative = exp.LT(this=value, expression=number(0))
    return case(negative, _float("NaN"), exp.Sqrt(this=value.copy()))


def _float(text: str) -> exp.Expr:
    return cast(exp.Literal.string(text), T.DOUBLE)


def averaged(tongue: Tongue, node: Any) -> exp.Expr | None:
    """Of whole numbers too it is a fraction."""
    if isinstance(node.this, exp.Distinct):
        raise Unspoken(node, f"it is not known to mean the same in {tongue.engine}")
    return None if told(node.this) is T.DOUBLE else type(node)(this=double(node.this.copy()))


def extreme(tongue: Tongue, node: Any) -> exp.Expr | None:
    """NULL is passed over, unless the algebra says that it never comes."""
    values = [node.this, *node.expressions]
    plain = node.args.get("ignore_nulls") is False or all(isinstance(v, exp.Literal) for v in values)
    name = "GREATEST" if isinstance(node, exp.Greatest) else "LEAST"
    if plain or not tongue.null_wins:
        return call(name, *[v.copy() for v in values])
    made: exp.Expr = values[0].copy()
    for value in values[1:]:
        both = call(name, made.copy(), value.copy())
        made = exp.func("COALESCE", both, made, value.copy())
    return made
