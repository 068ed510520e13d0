"""What Snowflake calls what the canonical dialect says."""

from __future__ import annotations

from mlspec.ir.sql._clouds.tongue import T, Tongue, cast, number, typed
from mlspec.ir.sql._clouds.words import spoken as _spoken
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import call

_EPOCH = "1970-01-01 00:00:00"


def spoken(tree: exp.Expr) -> exp.Expr:
    """The same tree in what Snowflake has. Raises Unspoken."""
    return _spoken(_SNOWFLAKE, tree)


def _naive(node: exp.Expr) -> exp.Expr:
    return cast(node, T.TIMESTAMPNTZ)


def _halved(above: exp.Expr, below: exp.Expr) -> exp.Expr:
    """Exact: its division rounds to a few digits, so that only what divides without a rest is divided."""
    whole = exp.Sub(this=above, expression=call("MOD", above.copy(), below.copy()))
    return cast(exp.paren(exp.Div(this=exp.paren(whole), expression=below, typed=True), copy=False), T.BIGINT)


def _shifted(time: exp.Expr, months: int, seconds: int, rest: int) -> exp.Expr | None:
    made = time
    for unit, size in (("MONTH", months), ("SECOND", seconds), ("MICROSECOND", rest)):
        made = call("DATEADD", exp.var(unit), number(size), made) if size else made
    return made


def _newest(order: exp.Order) -> exp.Expr:
    """NULL is left out of a list."""
    values = exp.Order(expressions=[e.copy() for e in order.expressions])
    listed = exp.WithinGroup(this=call("ARRAY_AGG", order.this.copy()), expression=values)
    return call("GET", listed, 0)


def _quantile(value: exp.Expr, share: exp.Expr) -> exp.Expr:
    order = exp.Order(expressions=[exp.Ordered(this=value, nulls_first=False)])
    return exp.WithinGroup(this=call("PERCENTILE_CONT", share), expression=order)


_SNOWFLAKE = Tongue(
    "Snowflake",
    "snowflake",
    epoch=lambda time: cast(call("DATE_PART", "EPOCH_MICROSECOND", _naive(time)), T.BIGINT),
    moment=lambda micros: _naive(call("TO_TIMESTAMP_NTZ", micros, 6)),
    instant=lambda time: cast(time, T.TIMESTAMPLTZ),
    wall=lambda time: _naive(call("CONVERT_TIMEZONE", "UTC", time)),
    elsewhere=lambda time, zone: _naive(call("CONVERT_TIMEZONE", "UTC", zone, _naive(time))),
    dates_apart=lambda late, early: call("DATEDIFF", exp.var("DAY"), early, late),
    shifted=_shifted,
    halved=_halved,
    hexadecimal=lambda digits, size: call("TO_NUMBER", digits, "X" * size),
    md5=lambda text: call("MD5", text),
    parts={
        "DOW": lambda t: call("MOD", call("DAYOFWEEKISO", t), 7),
        "ISODOW": lambda t: call("DAYOFWEEKISO", t),
        "DOY": lambda t: call("DAYOFYEAR", t),
        "WEEK": lambda t: call("WEEKISO", t),
        "SECOND": lambda t: call("SECOND", t),
    },
    truncated=lambda unit, time, kind: None if unit == "WEEK" else call("DATE_TRUNC", unit, time),
    quantile=_quantile,
    newest=_newest,
    types={
        **dict.fromkeys((T.TIMESTAMP, T.TIMESTAMPNTZ, T.DATETIME), typed(T.TIMESTAMPNTZ)),
        **dict.fromkeys((T.TIMESTAMPTZ, T.TIMESTAMPLTZ), typed(T.TIMESTAMPLTZ)),
    },
    lacks={
        T.FLOAT: "declare it as `float64`", T.JSON: "keep it as `string`", T.ARRAY: "use `last` for `last_n`",
        T.LIST: "use `last` for `last_n`", T.STRUCT: "keep its parts in columns of their own",
    },
    endless="inf",
    longest=255,
)  # fmt: skip
