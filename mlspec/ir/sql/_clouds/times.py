"""Times and spans of time."""

from __future__ import annotations

from typing import Any

from mlspec.ir.sql._clouds.tongue import AWARE, NAIVE, T, Tongue, cast, literal, told
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Unspoken, whole

_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400, "WEEK": 604_800}
_MICROSECONDS = {"MICROSECOND": 1, "MILLISECOND": 1_000}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_UNITS = frozenset({*_SECONDS, *_MONTHS}) - {"QUARTER"}
_MILLION = 1_000_000
_SIMPLE = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "QUARTER"})
NAMES = {"DAYOFWEEK": "DOW", "DAYOFYEAR": "DOY", "WEEKOFYEAR": "WEEK", "DAYOFWEEKISO": "ISODOW", "DAYOFMONTH": "DAY"}
PARTS = {
    exp.Year: "YEAR", exp.Month: "MONTH", exp.Day: "DAY", exp.DayOfMonth: "DAY", exp.Hour: "HOUR", exp.Minute: "MINUTE",
    exp.Quarter: "QUARTER", exp.DayOfYear: "DOY", exp.DayOfWeek: "DOW", exp.DayOfWeekIso: "ISODOW", exp.WeekOfYear: "WEEK",
}  # fmt: skip


def micros(tongue: Tongue, node: exp.UnixMicros) -> exp.Expr | None:
    return tongue.epoch(_in_utc(tongue, node, node.this))


def _in_utc(tongue: Tongue, asked: exp.Expr, time: exp.Expr) -> exp.Expr:
    kind = told(time)
    if kind in AWARE:
        return tongue.wall(time.copy())
    if kind in NAIVE or kind is T.DATE:
        return time.copy()
    raise Unspoken(asked, "whether the time has a zone must be seen", "cast it to `timestamp` or `timestamptz`")


def made_time(tongue: Tongue, node: exp.UnixToTime) -> exp.Expr | None:
    scale = whole(node.args.get("scale"))
    if scale != 6:  # noqa: PLR2004 - microseconds
        raise Unspoken(node, f"it is not known to mean the same in {tongue.engine}")
    return tongue.moment(node.this.copy())


def zoned(tongue: Tongue, node: exp.AtTimeZone) -> exp.Expr | None:
    """A time in a zone as an instant, or an instant as the time there."""
    kind, zone = told(node.this), literal(node.args.get("zone"))
    if zone is None or kind not in NAIVE | AWARE:
        raise Unspoken(node, "the time zone must be written out, and the type of the time seen", "cast the time first")
    if kind in AWARE:
        here = tongue.wall(node.this.copy())
        return here if zone in {"UTC", "Etc/UTC"} else tongue.elsewhere(here, zone)
    if zone in {"UTC", "Etc/UTC"}:
        return tongue.instant(node.this.copy())
    raise Unspoken(
        node, f"which of two equal hours {tongue.engine} means when clocks are put back is not known",
        "keep instants in the table, as `timestamptz`",
    )  # fmt: skip


def moved(tongue: Tongue, node: Any) -> exp.Expr | None:
    """A time and a span of time, written out."""
    span, time = (node.expression, node.this)
    if isinstance(node, exp.Add) and isinstance(time, exp.Interval):
        span, time = time, span
    if not isinstance(span, exp.Interval):
        return None
    size, unit = whole(span.this) if not _text(span) else int(str(span.this.this)), _unit(span)
    if size is None:
        raise Unspoken(span, "a span of time is one whole number and one unit")
    sign = -1 if isinstance(node, exp.Sub) else 1
    months = sign * size * _MONTHS.get(unit, 0)
    total = sign * size * (_SECONDS.get(unit, 0) * _MILLION + _MICROSECONDS.get(unit, 0))
    seconds, rest = divmod(abs(total), _MILLION)
    direction = 1 if total > 0 else -1
    made = tongue.shifted(time.copy(), months, direction * seconds, direction * rest)
    if made is None:
        raise Unspoken(
            node, f"{tongue.engine} cannot move a time by that", "use whole milliseconds, or days for months"
        )
    return made


def _text(span: exp.Interval) -> bool:
    return isinstance(span.this, exp.Literal) and span.this.is_string and str(span.this.this).lstrip("-").isdigit()


def _unit(span: exp.Interval) -> str:
    unit = str(span.args.get("unit") or "").upper().rstrip("S")
    if unit not in {*_SECONDS, *_MICROSECONDS, *_MONTHS}:
        raise Unspoken(span, "its unit is not known")
    return unit


def span(tongue: Tongue, node: exp.Interval) -> exp.Expr | None:
    """Only as what a time is moved by."""
    if isinstance(node.parent, exp.Add | exp.Sub):
        return None
    raise Unspoken(node, f"{tongue.engine} has no spans of time by themselves", "add it to a time, or count in seconds")


def extracted(tongue: Tongue, node: exp.Extract) -> exp.Expr | None:
    return field(tongue, node, NAMES.get(node.name.upper(), node.name.upper()), node.expression)


def part(tongue: Tongue, node: Any) -> exp.Expr | None:
    return field(tongue, node, PARTS[type(node)], node.this)


def field(tongue: Tongue, node: exp.Expr, name: str, time: exp.Expr) -> exp.Expr:
    """A field of a time, of an instant in UTC."""
    time = tongue.wall(time.copy()) if told(time) in AWARE else time.copy()
    made = tongue.parts.get(name)
    if made is not None:
        return cast(made(time), T.BIGINT)
    if name not in _SIMPLE:
        raise Unspoken(node, f"it is not known to mean the same in {tongue.engine}")
    return cast(exp.Extract(this=exp.var(name), expression=time), T.BIGINT)


def difference(tongue: Tongue, node: exp.DateDiff) -> exp.Expr | None:
    unit = str(node.args.get("unit") or "DAY").upper().rstrip("S")
    if unit != "DAY":
        raise Unspoken(
            node, "engines count differently what lies between two times", "subtract `epoch(…)`, or count days"
        )
    ends = [node.this, node.expression]
    days = [cast(tongue.wall(e.copy()) if told(e) in AWARE else e.copy(), T.DATE) for e in ends]
    return cast(tongue.dates_apart(days[0], days[1]), T.BIGINT)


def truncated(tongue: Tongue, node: Any) -> exp.Expr | None:
    unit = str(node.args.get("unit") or "").strip("'").upper()
    kind = told(node.this)
    if unit not in _UNITS or node.args.get("zone"):
        raise Unspoken(node, f"it is not known to mean the same in {tongue.engine}")
    time = tongue.wall(node.this.copy()) if kind in AWARE else node.this.copy()
    made = tongue.truncated(unit, time, kind)
    if made is None:
        raise Unspoken(node, "the type of the time must be seen", "cast it to `timestamp` or `timestamptz`")
    return tongue.instant(made) if kind in AWARE else made


def clock(tongue: Tongue, node: exp.CurrentTimestamp) -> exp.Expr | None:
    return tongue.clock(node) if tongue.clock else None
