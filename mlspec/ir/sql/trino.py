"""What Trino calls what the canonical dialect says."""

from __future__ import annotations

from mlspec.ir.sql._clouds.tongue import T, Tongue, cast, number, typed
from mlspec.ir.sql._clouds.words import spoken as _spoken
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import call

_MILLION, _THOUSAND = 1_000_000, 1_000
_DIGITS = 6


def spoken(tree: exp.Expr) -> exp.Expr:
    """The same tree in what Trino has. Raises Unspoken."""
    return _spoken(_TRINO, tree)


def _naive(node: exp.Expr) -> exp.Expr:
    return exp.Cast(this=node, to=typed(T.TIMESTAMP, _DIGITS)(exp.DataType()))


def _aware(node: exp.Expr) -> exp.Expr:
    return exp.Cast(this=node, to=typed(T.TIMESTAMPTZ, _DIGITS)(exp.DataType()))


def _epoch(time: exp.Expr) -> exp.Expr:
    """Whole seconds, and the rest: the seconds of TO_UNIXTIME are floats, whose error is below half a microsecond until 2242."""
    time = _naive(time)
    whole = call("TO_UNIXTIME", call("DATE_TRUNC", "second", time))
    part = exp.Sub(this=call("TO_UNIXTIME", time.copy()), expression=whole)
    million = cast(number(_MILLION), T.DOUBLE)
    rest = cast(call("ROUND", exp.Mul(this=exp.paren(part), expression=million)), T.BIGINT)
    seconds = exp.Mul(this=cast(whole.copy(), T.BIGINT), expression=number(_MILLION))
    return exp.paren(exp.Add(this=seconds, expression=rest), copy=False)


def _moment(micros: exp.Expr) -> exp.Expr:
    wide = exp.Cast(this=micros, to=exp.DataType.build("DECIMAL(38, 0)"))
    nanos = exp.Mul(this=wide, expression=number(_THOUSAND))
    return _naive(call("AT_TIMEZONE", call("FROM_UNIXTIME_NANOS", nanos), "UTC"))


def _shifted(time: exp.Expr, months: int, seconds: int, rest: int) -> exp.Expr | None:
    if rest % _THOUSAND:
        return None
    made = time
    size = f"{abs(seconds)}.{abs(rest) // _THOUSAND:03d}" if rest else str(abs(seconds))
    for unit, value, text in (("MONTH", months, str(abs(months))), ("SECOND", seconds or rest, size)):
        if value:
            span = exp.Interval(this=exp.Literal.string(text), unit=exp.var(unit))
            made = (exp.Add if value > 0 else exp.Sub)(this=made, expression=span)
    return exp.paren(made, copy=False)


def _halved(above: exp.Expr, below: exp.Expr) -> exp.Expr:
    return exp.Div(this=cast(above, T.BIGINT), expression=cast(below, T.BIGINT), typed=True)


def _known(values: exp.Expr, value: exp.Expr) -> exp.Expr:
    return exp.Filter(this=exp.ArrayAgg(this=values), expression=exp.Where(this=value.copy().is_(exp.null()).not_()))


def _quantile(value: exp.Expr, share: exp.Expr) -> exp.Expr:
    """Exact, from all values in order; its own function is an estimate."""
    values = call("ARRAY_SORT", _known(value.copy(), value))
    share = cast(share, T.DOUBLE)
    place = exp.Mul(this=share, expression=exp.paren(exp.Sub(this=exp.Count(this=value.copy()), expression=number(1))))
    ends = [cast(call(f, place.copy()), T.BIGINT) for f in ("FLOOR", "CEIL")]
    low, high = (call("ELEMENT_AT", values.copy(), exp.Add(this=e, expression=number(1))) for e in ends)
    part = exp.Sub(this=place.copy(), expression=call("FLOOR", place.copy()))
    more = exp.Mul(this=exp.paren(exp.Sub(this=high, expression=low.copy())), expression=exp.paren(part))
    return exp.paren(exp.Add(this=low, expression=more), copy=False)


_TRINO = Tongue(
    "Trino",
    "trino",
    epoch=_epoch,
    moment=_moment,
    instant=lambda time: _aware(call("WITH_TIMEZONE", _naive(time), "UTC")),
    wall=lambda time: _naive(call("AT_TIMEZONE", time, "UTC")),
    elsewhere=lambda time, zone: _naive(call("AT_TIMEZONE", call("WITH_TIMEZONE", _naive(time), "UTC"), zone)),
    dates_apart=lambda late, early: call("DATE_DIFF", "day", early, late),
    shifted=_shifted,
    halved=_halved,
    hexadecimal=lambda digits, size: call("FROM_BASE", digits, 16),
    md5=lambda text: call("LOWER", call("TO_HEX", call("MD5", call("TO_UTF8", text)))),
    parts={
        "DOW": lambda t: call("MOD", call("DAY_OF_WEEK", t), 7),
        "ISODOW": lambda t: call("DAY_OF_WEEK", t),
        "DOY": lambda t: call("DAY_OF_YEAR", t),
        "WEEK": lambda t: call("WEEK", t),
        "SECOND": lambda t: call("SECOND", t),
    },
    truncated=lambda unit, time, kind: call("DATE_TRUNC", unit.lower(), time),
    quantile=_quantile,
    newest=lambda order: call("ELEMENT_AT", _known(order, order.this), 1),
    listed=lambda order, size: call("SLICE", _known(order, order.this), 1, size),
    types={
        **dict.fromkeys((T.TIMESTAMP, T.TIMESTAMPNTZ, T.DATETIME), typed(T.TIMESTAMP, _DIGITS)),
        **dict.fromkeys((T.TIMESTAMPTZ, T.TIMESTAMPLTZ), typed(T.TIMESTAMPTZ, _DIGITS)),
        **dict.fromkeys((T.ARRAY, T.LIST), lambda node: node),
    },
    lacks={T.JSON: "keep it as `string`", T.STRUCT: "keep its parts in columns of their own"},
    utc=" UTC",
    filters=True,
    joins_texts=True,
    longest=128,
)
