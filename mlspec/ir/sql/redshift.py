"""What Redshift calls what the canonical dialect says. Its `DATEADD` and `DATEDIFF` take the unit as a text too."""

from __future__ import annotations

from mlspec.ir.sql._clouds.tongue import T, Tongue, cast, number
from mlspec.ir.sql._clouds.words import spoken as _spoken
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Unspoken, call


def spoken(tree: exp.Expr) -> exp.Expr:
    """The same tree in what Redshift has. Raises Unspoken."""
    made = _spoken(_REDSHIFT, tree)
    for select in made.find_all(exp.Select):
        inside = [w for p in select.selects for w in p.find_all(exp.WithinGroup) if w.parent_select is select]
        if len({w.expression for w in inside}) > 1:
            raise Unspoken(
                inside[-1], "Redshift sorts the values of one column only in a query", "make a feature view of each"
            )
    return made


def _start() -> exp.Expr:
    return cast(exp.Literal.string("1970-01-01 00:00:00"), T.TIMESTAMP)


def _naive(node: exp.Expr) -> exp.Expr:
    return cast(node, T.TIMESTAMP)


def _at(time: exp.Expr, zone: str) -> exp.Expr:
    return exp.AtTimeZone(this=exp.paren(time), zone=exp.Literal.string(zone))


def _extract(field: str, time: exp.Expr) -> exp.Expr:
    return exp.Extract(this=exp.var(field), expression=time)


def _shifted(time: exp.Expr, months: int, seconds: int, rest: int) -> exp.Expr | None:
    made = time
    for unit, size in (("month", months), ("second", seconds), ("microsecond", rest)):
        made = call("DATEADD", unit, number(size), made) if size else made
    return made


def _halved(above: exp.Expr, below: exp.Expr) -> exp.Expr:
    return exp.Div(this=cast(above, T.BIGINT), expression=cast(below, T.BIGINT), typed=True)


def _quantile(value: exp.Expr, share: exp.Expr) -> exp.Expr:
    order = exp.Order(expressions=[exp.Ordered(this=value, nulls_first=False)])
    return exp.WithinGroup(this=call("PERCENTILE_CONT", share), expression=order)


def _iso_day(time: exp.Expr) -> exp.Expr:
    days = exp.paren(exp.Add(this=cast(_extract("DOW", time), T.INT), expression=number(6)))
    return exp.Add(this=call("MOD", days, 7), expression=number(1))


_REDSHIFT = Tongue(
    "Redshift",
    "redshift",
    epoch=lambda time: call("DATEDIFF", "microsecond", _start(), _naive(time)),
    moment=lambda micros: _naive(call("DATEADD", "microsecond", micros, _start())),
    instant=lambda time: cast(_at(_naive(time), "UTC"), T.TIMESTAMPTZ),
    wall=lambda time: _naive(_at(time, "UTC")),
    elsewhere=lambda time, zone: _naive(_at(_at(_naive(time), "UTC"), zone)),
    dates_apart=lambda late, early: call("DATEDIFF", "day", early, late),
    shifted=_shifted,
    halved=_halved,
    hexadecimal=lambda digits, size: call("STRTOL", digits, 16),
    md5=lambda text: call("MD5", text),
    parts={
        "DOW": lambda t: _extract("DOW", t),
        "ISODOW": _iso_day,
        "DOY": lambda t: _extract("DOY", t),
        "WEEK": lambda t: _extract("WEEK", t),
        "SECOND": lambda t: call("FLOOR", _extract("SECOND", t)),
    },
    truncated=lambda unit, time, kind: call("DATE_TRUNC", unit.lower(), time),
    quantile=_quantile,
    lacks={
        T.JSON: "keep it as `string`", T.ARRAY: "use `max` or `min` for `last_n`",
        T.LIST: "use `max` or `min` for `last_n`", T.STRUCT: "keep its parts in columns of their own",
    },
    frames=False,
    approximate=False,
    null_wins=False,
    backslash=False,
    clock=lambda node: cast(exp.var("SYSDATE"), T.TIMESTAMPTZ),
    longest=127,
)  # fmt: skip
