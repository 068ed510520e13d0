"""Times and spans of time."""

from __future__ import annotations

from typing import Any

from mlspec.ir.sql._postgres.numbers import cast
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Rule, Unspoken, call, held

LENGTHS = frozenset({"microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "year"})
PARTS = {
    exp.Year: "YEAR", exp.Month: "MONTH", exp.Day: "DAY", exp.DayOfMonth: "DAY", exp.Hour: "HOUR", exp.Minute: "MINUTE",
    exp.Quarter: "QUARTER", exp.DayOfYear: "DOY", exp.DayOfWeek: "DOW", exp.DayOfWeekIso: "ISODOW", exp.WeekOfYear: "WEEK",
}  # fmt: skip
_FIELDS = frozenset({*PARTS.values(), "ISOYEAR"})
_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600}
_OF_A_MINUTE = {"SECOND": "SECOND", "MILLISECOND": "MILLISECONDS", "MICROSECOND": "MICROSECONDS"}
_FORMATS = {"%Y": "YYYY", "%m": "MM", "%d": "DD", "%H": "HH24", "%M": "MI", "%S": "SS"}
_UNITS = frozenset({"SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})
_MILLION = 1_000_000


def extract(field: str, value: exp.Expr) -> exp.Expr:
    return exp.Extract(this=exp.var(field), expression=value)


def part(field: str) -> Rule:
    def rule(node: Any) -> exp.Expr | None:
        return cast(extract(field, node.this.copy()), "BIGINT")

    return rule


def extracted(node: exp.Extract) -> exp.Expr | None:
    field = {"DAYOFWEEK": "DOW", "DAYOFYEAR": "DOY"}.get(node.name.upper(), node.name.upper())
    if field == "EPOCH":
        return cast(extract("EPOCH", node.expression.copy()), "DOUBLE")
    if field.rstrip("S") in _OF_A_MINUTE:
        return cast(call("FLOOR", extract(_OF_A_MINUTE[field.rstrip("S")], node.expression.copy())), "BIGINT")
    if field not in _FIELDS:
        raise Unspoken(node, "it is not known to mean the same in PostgreSQL")
    return cast(extract(field, node.expression.copy()), "BIGINT")


def micros(node: exp.UnixMicros) -> exp.Expr | None:
    """Exact: PostgreSQL's epoch is a decimal."""
    whole_number = exp.Mul(this=extract("EPOCH", node.this.copy()), expression=exp.Literal.number(_MILLION))
    return cast(whole_number, "BIGINT")


def seconds(node: exp.TimeToUnix) -> exp.Expr | None:
    return cast(extract("EPOCH", node.this.copy()), "DOUBLE")


def so_many(count: exp.Expr, unit: str) -> exp.Expr:
    one = exp.Interval(this=exp.Literal.string("1"), unit=exp.var(unit.upper()))
    return exp.paren(exp.Mul(this=held(count), expression=one), copy=False)


def made_time(node: exp.UnixToTime) -> exp.Expr | None:
    scale = node.args.get("scale")
    digits = int(scale.name) if isinstance(scale, exp.Literal) else 0
    if digits not in {3, 6}:
        return call("TO_TIMESTAMP", node.this.copy())
    unit = "microsecond" if digits == 6 else "millisecond"  # noqa: PLR2004 - as above
    epoch = cast(exp.Literal.string("1970-01-01 00:00:00"), "TIMESTAMP")
    return exp.paren(exp.Add(this=epoch, expression=so_many(node.this, unit)), copy=False)


def interval(node: exp.Interval) -> exp.Expr | None:
    unit = str(node.args.get("unit") or "").lower().rstrip("s")
    if isinstance(node.this, exp.Literal):
        return None
    if unit not in LENGTHS:
        raise Unspoken(node, "its unit is not known")
    return so_many(node.this, unit)


def difference(node: exp.DateDiff) -> exp.Expr | None:
    """How many bounds of the unit lie between."""
    unit, late, early = str(node.args.get("unit") or "DAY").upper(), node.this, node.expression
    if unit == "DAY":
        days = exp.Sub(this=cast(late.copy(), "DATE"), expression=cast(early.copy(), "DATE"))
        return cast(exp.paren(days, copy=False), "BIGINT")
    if unit in _SECONDS:
        ends = [call("DATE_TRUNC", unit.lower(), n.copy()) for n in (late, early)]
        passed = extract("EPOCH", exp.paren(exp.Sub(this=ends[0], expression=ends[1]), copy=False))
        return cast(exp.Div(this=passed, expression=exp.Literal.number(_SECONDS[unit]), typed=True), "BIGINT")
    if unit in {"YEAR", "MONTH"}:
        counted = [_months(n, unit) for n in (late, early)]
        return cast(exp.paren(exp.Sub(this=counted[0], expression=exp.paren(counted[1])), copy=False), "BIGINT")
    if unit == "WEEK":  # seven days
        apart = exp.Sub(this=cast(late.copy(), "DATE"), expression=cast(early.copy(), "DATE"))
        return cast(exp.Div(this=exp.paren(apart, copy=False), expression=exp.Literal.number(7), typed=True), "BIGINT")
    raise Unspoken(node, f"bounds of {unit.lower()} are not known to mean the same in PostgreSQL")


def _months(node: exp.Expr, unit: str) -> exp.Expr:
    year = extract("YEAR", node.copy())
    if unit == "YEAR":
        return year
    return exp.Add(this=exp.Mul(this=year, expression=exp.Literal.number(12)), expression=extract("MONTH", node.copy()))


def truncated(node: Any) -> exp.Expr | None:
    unit = str(node.args.get("unit") or "").strip("'").upper()
    if unit not in _UNITS or node.args.get("zone"):
        raise Unspoken(node, "it is not known to mean the same in PostgreSQL")
    no_time = exp.Interval(this=exp.Literal.string("0"), unit=exp.var("SECOND"))
    moment = exp.Add(this=held(node.this), expression=no_time)  # of a date the moment at which it begins, in no zone
    return call("DATE_TRUNC", unit.lower(), moment)


def formatted(node: exp.TimeToStr) -> exp.Expr | None:
    """Years, months, days, hours, minutes and seconds, in digits; every other sign in quotes."""
    written = node.args.get("format")
    if not isinstance(written, exp.Literal):
        raise Unspoken(node, "the format must be written out")
    text, made, index = written.name, "", 0
    while index < len(text):
        one = text[index : index + 2] if text[index] == "%" else text[index]
        if one.startswith("%") and one not in _FORMATS:
            raise Unspoken(node, f"`{one}` is not known to mean the same in PostgreSQL")
        made += _FORMATS.get(one) or ('\\"' if one == '"' else f'"{one}"')
        index += len(one)
    return call("TO_CHAR", node.this.copy(), made)
