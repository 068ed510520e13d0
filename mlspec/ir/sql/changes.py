"""Change points: for each key, the value of every windowed feature from each moment on at which one can change.

Between two such moments nothing enters a window and nothing leaves one. So a table of them answers at every `t` with its
last row before `t` (boundary exclusive), or at or before it (inclusive): it is what a materialized view of windows holds.
"""

from __future__ import annotations

from collections.abc import Collection

from mlspec.base.value import replace
from mlspec.ir.relation import Boundary, Windows
from mlspec.ir.sql.dialect import column, moment, number
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spans import ASKED, Span, events, names, union
from mlspec.ir.sql.traits import Traits
from mlspec.ir.sql.windows import answers

Between = tuple[int, int]
"""From a moment on until before another one, in microseconds."""


def change_points(
    windows: Windows, traits: Traits, between: Between | None = None, only: Collection[str] | None = None
) -> exp.Query:
    """The keys, `event_time`, and one column a feature: those `between` two times if any are given, of `only` some features."""
    keys = names(windows)
    asked = windows
    if only is not None:
        windows = replace(windows, aggregates=tuple(a for a in windows.aggregates if a.name in only))
    found = answers(windows, "__questions", traits)
    final = exp.select(
        *[exp.alias_(column(n, "__q"), k, quoted=True) for n, k in zip(keys, windows.keys, strict=True)],
        exp.alias_(moment(_happened(windows), zoned=windows.zoned), "event_time", quoted=True),
    ).from_(exp.alias_(exp.to_table("__questions"), "__q", table=True))
    holders: dict[str, exp.Expr] = {}
    for index, answer in enumerate(found):
        alias = f"__a{index}"
        same = [exp.EQ(this=column(n, "__q"), expression=column(n, alias)) for n in (*keys, ASKED)]
        rows = exp.alias_(answer.query.subquery(), alias, table=True, quoted=True)
        final = final.join(rows, on=exp.and_(*same), join_type="LEFT", copy=False)
        holders |= {f: column(f, alias) for f in answer.features}
    for aggregate in windows.aggregates:
        node = holders[aggregate.name]
        final = final.select(exp.alias_(_zeroed(aggregate.function, node), aggregate.name, quoted=True), copy=False)
    return final.with_("__questions", as_=_questions(asked, between), materialized=True, copy=False)


def _zeroed(function: str, node: exp.Expr) -> exp.Expr:
    zero = function in {"count", "count_distinct", "approx_count_distinct"}
    return exp.func("COALESCE", node, exp.Literal.number(0)) if zero else node


def _happened(windows: Windows) -> exp.Expr:
    """Exclusive, what is asked a microsecond later holds from just after the moment on."""
    asked = column(ASKED, "__q")
    return exp.Sub(this=asked, expression=number(1)) if windows.boundary is Boundary.EXCLUSIVE else asked


def _questions(windows: Windows, between: Between | None) -> exp.Query:
    """Every moment at which an event begins or stops to count in some window, as a question just after it."""
    known = column("__known") if windows.available else None
    exclusive = windows.boundary is Boundary.EXCLUSIVE
    moments: list[exp.Expr] = []
    for span in dict.fromkeys(Span.of(a) for a in windows.aggregates):
        enters = span.enters(column("__us"), known)
        moments.append(exp.Add(this=exp.paren(enters), expression=number(1)) if exclusive else enters)
        if span.window:
            leaves = span.leaves(column("__us"), windows.boundary)
            late = exclusive and not span.hop
            moments.append(exp.Add(this=exp.paren(leaves), expression=number(1)) if late else leaves)
    distinct = list({m.sql(): m for m in moments}.values())
    branches = [
        exp.select(*[column(k) for k in names(windows)], exp.alias_(m, ASKED, quoted=True)).from_("__happened")
        for m in distinct
    ]
    rows = union(branches).subquery("__moments")
    query = exp.select(*[column(k) for k in names(windows)], column(ASKED)).distinct().from_(rows)
    if between is not None:
        first, end = (m + int(exclusive) for m in between)
        query = query.where(
            exp.GTE(this=column(ASKED), expression=number(first)), exp.LT(this=column(ASKED), expression=number(end))
        )
    return query.with_("__happened", as_=events(windows, []))
