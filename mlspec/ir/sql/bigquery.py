"""What BigQuery calls what the canonical dialect says: a time without a zone is a DATETIME, an instant a TIMESTAMP."""

from __future__ import annotations

from typing import Any

from mlspec.ir.sql._clouds.tongue import AWARE, NAIVE, T, Tongue, cast, number
from mlspec.ir.sql._clouds.words import spoken as _spoken
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import call

_SCALE, _WHOLE = 9, 29
"""The digits of NUMERIC behind the point, and before it; BIGNUMERIC holds every decimal."""


def spoken(tree: exp.Expr) -> exp.Expr:
    """The same tree in what BigQuery has. Raises Unspoken."""
    return _spoken(_BIGQUERY, _decimals(tree))


def _decimals(tree: exp.Expr) -> exp.Expr:
    """A decimal is rounded to its scale by hand: a type without sizes is the only one that a cast takes."""
    made = tree.copy()
    for node in list(made.find_all(exp.Cast))[::-1]:
        if node.to.this is not T.DECIMAL or not node.to.expressions:
            continue
        sizes = [int(p.name) for p in node.to.expressions]
        scale = sizes[1] if len(sizes) > 1 else 0
        narrow = scale <= _SCALE and sizes[0] - scale <= _WHOLE
        kind = T.DECIMAL if narrow else T.BIGDECIMAL
        rounded = exp.Round(this=cast(node.this.copy(), kind), decimals=number(scale))
        node.this.replace(rounded)
        node.set("to", exp.DataType(this=kind))
    return made


def _extract(field: str, time: exp.Expr) -> exp.Expr:
    return exp.Extract(this=exp.var(field), expression=time)


def _plus(node: exp.Expr, amount: int) -> exp.Expr:
    return exp.paren(exp.Add(this=node, expression=number(amount)), copy=False)


def _shifted(time: exp.Expr, months: int, seconds: int, rest: int) -> exp.Expr | None:
    made = time
    for unit, size in (("MONTH", months), ("SECOND", seconds), ("MICROSECOND", rest)):
        if size:
            span = exp.Interval(this=exp.Literal.number(abs(size)), unit=exp.var(unit))
            made = (exp.Add if size > 0 else exp.Sub)(this=made, expression=span)
    return exp.paren(made, copy=False)


def _truncated(unit: str, time: exp.Expr, kind: Any) -> exp.Expr | None:
    part = exp.var("ISOWEEK" if unit == "WEEK" else unit)
    if kind is T.DATE:
        return call("DATE_TRUNC", time, part)
    return cast(call("DATETIME_TRUNC", time, part), T.TIMESTAMP) if kind in NAIVE | AWARE else None


def _known(value: exp.Expr, *order: exp.Expr) -> exp.Expr:
    return exp.Order(this=exp.IgnoreNulls(this=value), expressions=list(order))


def _at(values: exp.Expr, place: exp.Expr) -> exp.Expr:
    return exp.Bracket(this=values, expressions=[call("SAFE_OFFSET", place)])


def _quantile(value: exp.Expr, share: exp.Expr) -> exp.Expr:
    """Exact, from all values in order; its own function is an estimate."""
    values = exp.ArrayAgg(this=_known(value, exp.Ordered(this=value.copy(), desc=False, nulls_first=True)))
    count = exp.Count(this=value.copy())
    place = exp.Mul(this=share, expression=exp.paren(exp.Sub(this=count, expression=number(1))))
    low, high = (_at(values.copy(), cast(call(f, place.copy()), T.BIGINT)) for f in ("FLOOR", "CEIL"))
    part = exp.Sub(this=place.copy(), expression=call("FLOOR", place.copy()))
    more = exp.Mul(this=exp.paren(exp.Sub(this=high, expression=low.copy())), expression=exp.paren(part))
    return exp.paren(exp.Add(this=low, expression=more), copy=False)


def _newest(order: exp.Order) -> exp.Expr:
    values = exp.ArrayAgg(this=exp.Limit(this=_known(order.this, *order.expressions), expression=number(1)))
    return _at(values, number(0))


_BIGQUERY = Tongue(
    "BigQuery",
    "bigquery",
    epoch=lambda time: call("UNIX_MICROS", cast(time, T.TIMESTAMPTZ)),
    moment=lambda micros: cast(call("TIMESTAMP_MICROS", micros), T.TIMESTAMP),
    instant=lambda time: cast(time, T.TIMESTAMPTZ),
    wall=lambda time: cast(time, T.TIMESTAMP),
    elsewhere=lambda time, zone: cast(call("DATETIME", cast(time, T.TIMESTAMPTZ), zone), T.TIMESTAMP),
    dates_apart=lambda late, early: call("DATE_DIFF", late, early, exp.var("DAY")),
    shifted=_shifted,
    halved=lambda above, below: call("DIV", above, below),
    hexadecimal=lambda digits, size: cast(call("CONCAT", "0x", digits), T.BIGINT),
    md5=lambda text: call("TO_HEX", call("MD5", text)),
    parts={
        "DOW": lambda t: exp.Sub(this=_extract("DAYOFWEEK", t), expression=number(1)),
        "ISODOW": lambda t: _plus(call("MOD", _plus(_extract("DAYOFWEEK", t), 5), 7), 1),
        "DOY": lambda t: _extract("DAYOFYEAR", t),
        "WEEK": lambda t: _extract("ISOWEEK", t),
        "SECOND": lambda t: _extract("SECOND", t),
    },
    truncated=_truncated,
    quantile=_quantile,
    newest=_newest,
    types={T.BIGDECIMAL: lambda node: node},
    lacks={
        T.FLOAT: "declare it as `float64`", T.JSON: "keep it as `string`", T.ARRAY: "use `last` for `last_n`",
        T.LIST: "use `last` for `last_n`", T.STRUCT: "keep its parts in columns of their own",
    },
    share=lambda above, below: call("IEEE_DIVIDE", above, below),
    nulls_in_windows=False,
    patterns=True,
    longest=300,
)  # fmt: skip
