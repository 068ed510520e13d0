"""What a feature is worth at a moment, in plain Python: the reference that every engine is compared with.

Rows are dictionaries, times are datetimes, None is NULL. docs/semantics.md says the same in words and pictures.
"""

import operator
import statistics
from dataclasses import dataclass
from datetime import timedelta


def quantile(values, fraction):
    """The value at a fraction of the way through the sorted values, between two of them if need be."""
    ordered = sorted(values)
    low = int(fraction * (len(ordered) - 1))
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (fraction * (len(ordered) - 1) - low)


NUMBERS = {
    "count": len,
    "count_distinct": lambda values: len(set(values)),
    "sum": lambda values: sum(values) if values else None,
    "avg": lambda values: sum(values) / len(values) if values else None,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "median": lambda values: statistics.median(values) if values else None,
    "variance": lambda values: statistics.variance(values) if len(values) > 1 else None,
    "percentile": lambda values, fraction: quantile(values, fraction) if values else None,
    "first": lambda values: values[0] if values else None,
    "last": lambda values: values[-1] if values else None,
    "last_n": lambda values, n: values[: -int(n) - 1 : -1] or None,
    "distinct_n": lambda values, n: list(dict.fromkeys(reversed(values)))[: int(n)] or None,
    "stddev": lambda values: statistics.stdev(values) if len(values) > 1 else None,
}


@dataclass(frozen=True)
class Timing:
    """The columns that say when a row happened, when it became known, and which of equals is the last."""

    time: str = ""
    available: str = ""
    tie_break: str = ""
    inclusive: bool = True
    ttl: timedelta | None = None
    until: str = ""


def visible(rows, asked, t, timing):
    """The rows of the asked keys that are known at `t`: NULL equals nothing and happens never."""
    same = [r for r in rows if all(v is not None and r[k] == v for k, v in asked.items())]
    if not timing.time:
        return same
    known = timing.available or timing.time
    dated = [r for r in same if t is not None and r[timing.time] is not None and r[known] is not None]
    return [r for r in dated if (r[known] <= t if timing.inclusive else r[known] < t)]


def latest(rows, asked, t, timing):
    """The row that answers at `t`: the newest of the visible ones, unless it is older than the ttl; or None."""
    order = [c for c in (timing.time, timing.available, timing.tie_break) if c]
    found = max(visible(rows, asked, t, timing), key=lambda r: [(r[c] is not None, r[c]) for c in order], default=None)
    expired = found and timing.ttl is not None and found[timing.time] < t - timing.ttl
    ended = found and timing.until and found[timing.until] is not None and found[timing.until] <= t
    return None if expired or ended else found


def windowed(rows, asked, t, timing, function, value, *, window=None, offset=timedelta(0), hop=None,
             where=lambda _: True, among=lambda _: True, argument=()):  # fmt: skip
    """A function of the values of the visible rows in `[t - w, t)`, or `(t - w, t]`; no window: everything so far.

    With a hop the old end moves in steps since 1970. Values are in the order in which they happened, became known, and
    by their tie break and value.
    """
    inside = [r for r in visible(rows, asked, t, timing) if among(r)]
    if inside:
        end, begin = t - offset, t - offset - window if window else None
        if hop and window:
            begin -= (begin - type(t)(1970, 1, 1, tzinfo=t.tzinfo)) % hop
        ended, begun = (operator.le, operator.gt) if timing.inclusive else (operator.lt, operator.ge)
        inside = [r for r in inside if ended(r[timing.time], end) and (not window or begun(r[timing.time], begin))]
    order = [c for c in (timing.time, timing.available, timing.tie_break) if c]
    inside = sorted(
        (r for r in inside if value(r) is not None),
        key=lambda r: [(r[c] is not None, r[c]) for c in order] + [value(r)],
    )
    if function == "ratio":
        whole = sum(value(r) for r in inside)
        return sum(value(r) for r in inside if where(r)) / whole if whole else None
    return NUMBERS[function]([value(r) for r in inside if where(r)], *argument)


def forward(rows, asked, t, time, function, value, *, window, ends, where=lambda _: True, argument=()):
    """A label: a function of the values of the rows in `[t, t + w)`, or None while the window may still get rows."""
    if t is None or ends is None or ends < t + window:
        return None
    same = [r for r in rows if all(v is not None and r[k] == v for k, v in asked.items()) and r[time] is not None]
    inside = [r for r in same if t <= r[time] < t + window and where(r) and value(r) is not None]
    inside = sorted(inside, key=lambda r: (r[time], value(r)))
    return NUMBERS[function]([value(r) for r in inside], *argument)
