"""Times, spans of time and time zones."""

from __future__ import annotations

from typing import Any

from mlspec.ir.sql._spark.words import AWARE, NAIVE, T, cast, instant, literal, told
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Unspoken, call, whole

UNITS = frozenset("MICROSECOND MILLISECOND SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR".split())
_TWICE_OTHERWISE = frozenset({"Australia/Lord_Howe", "Antarctica/Troll"})
"""Zones whose clocks are not put back by an hour."""


def known_unit(node: exp.Expr | None) -> str:
    name = node.name.upper().rstrip("S") if node is not None else ""
    return name if name in UNITS else ""


def spanned(node: exp.Interval) -> exp.Expr | None:
    unit = known_unit(node.args.get("unit"))
    if not unit or unit == "QUARTER":
        raise Unspoken(node, "a span of time is one number and one unit")
    amount = node.this
    if isinstance(amount, exp.Literal):
        if not str(amount.this).lstrip("-").isdigit():
            raise Unspoken(node, "a span of time is one whole number and one unit")
        return exp.Interval(this=exp.Literal.string(str(amount.this)), unit=exp.var(unit))
    return spans(amount, unit)


def spans(amount: exp.Expr, unit: str) -> exp.Expr:
    """So many of a unit, when how many is computed."""
    one = exp.Interval(this=exp.Literal.string("1"), unit=exp.var(unit))
    return exp.paren(exp.Mul(this=exp.paren(amount.copy()), expression=one), copy=False)


def elsewhere(node: exp.AtTimeZone) -> exp.Expr | None:
    kind, zone = told(node.this), literal(node.args.get("zone"))
    if zone is None or kind is None or kind not in NAIVE | AWARE:
        raise Unspoken(node, "the time zone must be written out, and the type of the time known", "cast the time first")
    naive = cast(node.this.copy(), T.TIMESTAMP)
    if kind in AWARE:
        return call("CONVERT_TIMEZONE", "UTC", zone, naive)
    if zone in {"UTC", "Etc/UTC"}:
        return instant(naive)
    if zone in _TWICE_OTHERWISE:
        raise Unspoken(node, "its clocks are not put back by an hour")
    # when clocks are put back, an hour comes twice: the second is meant, Spark means the first
    hour = exp.Interval(this=exp.Literal.string("1"), unit=exp.var("HOUR"))
    first = call("CONVERT_TIMEZONE", zone, "UTC", naive)
    second = exp.Add(this=first.copy(), expression=hour)
    again = exp.EQ(this=call("CONVERT_TIMEZONE", "UTC", zone, second), expression=naive.copy())
    return instant(exp.If(this=again, true=second.copy(), false=first))


_FIELDS = {"YEAR": "YEAR", "MONTH": "MONTH", "DAY": "DAY", "HOUR": "HOUR", "MINUTE": "MINUTE", "DOY": "DOY", "WEEK": "WEEK",
           "QUARTER": "QUARTER", "ISODOW": "DAYOFWEEK_ISO", "DAYOFYEAR": "DOY", "DAYOFMONTH": "DAY", "WEEKOFYEAR": "WEEK",
           "DAYOFWEEKISO": "DAYOFWEEK_ISO", "ISOYEAR": "YEAROFWEEK"}  # fmt: skip
_OF_SECONDS = {"SECOND": 1, "MILLISECOND": 1_000, "MICROSECOND": 1_000_000}


def extracted(node: exp.Extract) -> exp.Expr | None:
    field = node.name.upper()
    if field in _FIELDS:
        return exp.Extract(this=exp.var(_FIELDS[field]), expression=node.expression.copy())
    if field in {"DOW", "WEEKDAY", "DAYOFWEEK"}:
        days = exp.Extract(this=exp.var("DOW"), expression=node.expression.copy())
        return exp.paren(exp.Sub(this=days, expression=exp.Literal.number(1)), copy=False)
    unit = field.rstrip("S")
    if unit in _OF_SECONDS:
        seconds = exp.Extract(this=exp.var("SECOND"), expression=node.expression.copy())
        return cast(exp.Mul(this=seconds, expression=exp.Literal.number(_OF_SECONDS[unit])), T.BIGINT)
    raise Unspoken(node, "it is not known to mean the same on Spark")


def difference(node: exp.DateDiff) -> exp.Expr | None:
    """How many beginnings of a unit lie between; weeks are seven days."""
    unit = known_unit(node.args.get("unit"))
    if not unit:
        raise Unspoken(node, "Spark has no such unit")
    counted = "DAY" if unit == "WEEK" else unit
    ends = [call("DATE_TRUNC", counted, instant(n.copy())) for n in (node.expression, node.this)]
    made = call("TIMESTAMPDIFF", exp.var(counted), *ends)
    return exp.IntDiv(this=made, expression=exp.Literal.number(7)) if unit == "WEEK" else made


def truncated(node: Any) -> exp.Expr | None:
    unit = known_unit(node.args.get("unit"))
    if not unit or node.args.get("zone"):
        raise Unspoken(node, "Spark has no such unit")
    made = call("DATE_TRUNC", unit, node.this.copy())
    return cast(made, told(node.this) or T.TIMESTAMP) if told(node.this) in NAIVE else made


def made_time(node: exp.UnixToTime) -> exp.Expr | None:
    scale = whole(node.args.get("scale"))
    if scale == 6:  # noqa: PLR2004 - microseconds
        return cast(call("TIMESTAMP_MICROS", node.this.copy()), T.TIMESTAMP)
    if scale is None:
        return call("TIMESTAMP_SECONDS", node.this.copy())
    raise Unspoken(node, "it is not known to mean the same on Spark")


def formatted(node: exp.TimeToStr) -> None:
    form = literal(node.args.get("format")) or "?"
    for known in ("%Y", "%m", "%d", "%H", "%M", "%S"):
        form = form.replace(known, "")
    if not all(c in "-_/.:, " for c in form):
        raise Unspoken(node, "only %Y %m %d %H %M %S are known to mean the same on Spark")
