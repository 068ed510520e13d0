"""Windowed features that no sum gives: along the stream where nothing ever leaves, else from the events of each window.

Each question is joined with the events in its window by time buckets as long as the window, so that the join is one of
equal values and no pair is further apart than two windows.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlspec.ir.relation import Aggregate, Boundary, Windows
from mlspec.ir.sql.aggregates import ORDERED, call, in_order, parts
from mlspec.ir.sql.dialect import column, number
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spans import ASKED, Answer, Span, events, inside, names, union

# -- everything so far -------------------------------------------------------------------------------------------------


def so_far(windows: Windows, aggregates: Sequence[Aggregate], questions: str) -> Answer:
    """Functions of all rows so far: nothing ever leaves, so they run along the stream."""
    span = Span(aggregates[0].offset, 0, 0)
    known = column("__known") if windows.available else None
    side = int(windows.boundary is Boundary.EXCLUSIVE)
    begins = exp.Add(
        this=exp.Mul(this=exp.paren(span.enters(column("__us"), known)), expression=number(2)), expression=number(side)
    )
    asks = exp.Add(this=exp.Mul(this=column(ASKED), expression=number(2)), expression=number(1 - side))
    return _along(windows, aggregates, questions, (begins, asks), None)


def by_frames(windows: Windows, span: Span, aggregates: Sequence[Aggregate], questions: str) -> Answer:
    """Functions over a frame of the stream that is as long as the window; each event is known as it happens."""
    inclusive = windows.boundary is Boundary.INCLUSIVE
    happened: exp.Expr = column("__us")
    newest, oldest = span.newest(column(ASKED)), span.oldest(column(ASKED))
    if (
        not inclusive
    ):  # half a step before the events of its moment, so that a frame ends where its question stands, which is cheap
        happened, oldest = _doubled(happened), _doubled(oldest)
        newest = exp.Sub(this=_doubled(newest), expression=number(1))
    length: exp.Expr = number(span.window - 1 if inclusive else 2 * span.window)
    if span.hop:
        moved = exp.Sub(this=column("__at"), expression=exp.paren(oldest))
        length = exp.func("COALESCE", exp.Sub(this=moved, expression=number(int(inclusive))), number(0))
    frame = exp.WindowSpec(kind="RANGE", start=length, start_side="PRECEDING", end="CURRENT ROW")
    return _along(windows, aggregates, questions, (happened, newest), frame)


def _doubled(moment: exp.Expr) -> exp.Expr:
    return exp.Mul(this=exp.paren(moment), expression=number(2))


def _along(
    windows: Windows,
    aggregates: Sequence[Aggregate],
    questions: str,
    ats: tuple[exp.Expr, exp.Expr],
    frame: exp.WindowSpec | None,
) -> Answer:
    """Events and questions in one stream, at the moments of `ats`; each question reads what its frame holds."""
    keys = [column(k) for k in names(windows)]
    values = [(f"__v{i}", parts(a)[0]) for i, a in enumerate(aggregates)]
    happened = exp.select(
        *keys, exp.alias_(ats[0], "__at", quoted=True),
        exp.alias_(exp.cast(exp.null(), "BIGINT"), ASKED, quoted=True), *[column(n) for n, _ in values],
    ).from_("__events")  # fmt: skip
    asked = exp.select(*[k.copy() for k in keys], ats[1], column(ASKED), *[exp.null() for _ in values]).from_(questions)
    order = exp.Order(expressions=[exp.Ordered(this=column("__at"), nulls_first=False)])
    running = exp.select(*[k.copy() for k in keys], column(ASKED)).from_("__stream")
    for aggregate, (name, _) in zip(aggregates, values, strict=True):
        made = call(aggregate, [column(name)], [])
        assert isinstance(made, exp.Cast)  # noqa: S101 - `call` casts
        over = exp.Window(
            this=made.this.copy(),
            partition_by=[k.copy() for k in keys],
            order=order.copy(),
            spec=frame.copy() if frame else None,
        )
        running = running.select(
            exp.alias_(exp.Cast(this=over, to=made.to.copy()), aggregate.name, quoted=True), copy=False
        )
    final = exp.select(*[column(n) for n in (*names(windows), ASKED, *(a.name for a in aggregates))])
    final = final.from_("__running").where(column(ASKED).is_(exp.null()).not_())
    query = final.with_("__events", as_=events(windows, values))
    query = query.with_("__stream", as_=union([happened, asked]), copy=False)
    return Answer(query.with_("__running", as_=running, copy=False), tuple(a.name for a in aggregates))


# -- joins with the events of each window ------------------------------------------------------------------------------


def _pairs(windows: Windows, span: Span, values: Sequence[tuple[str, exp.Expr]], questions: str) -> exp.Select:
    """Each question beside every event in its window, as `__q` and `__e`, to be selected from."""
    keys, length = names(windows), span.window + span.hop
    asked: exp.Query = exp.select(*[column(k) for k in keys], column(ASKED)).from_(exp.to_table(questions))
    seen: exp.Query = events(windows, values)
    on: list[exp.Expr] = [exp.EQ(this=column(k, "__q"), expression=column(k, "__e")) for k in keys]
    if length:
        bucket = exp.IntDiv(this=exp.paren(span.newest(column(ASKED))), expression=number(length))
        earlier = exp.Sub(this=exp.paren(bucket.copy()), expression=number(1))
        asked = union([asked.select(exp.alias_(b, "__bucket", quoted=True)) for b in (bucket, earlier)])
        own = exp.IntDiv(this=column("__us"), expression=number(length))
        seen = exp.select(exp.Star(), exp.alias_(own, "__bucket", quoted=True)).from_(seen.subquery("__rows"))
        on.append(exp.EQ(this=column("__bucket", "__q"), expression=column("__bucket", "__e")))
    on += inside(windows, span, column(ASKED, "__q"), "__e")
    select = exp.select().from_(exp.alias_(asked.subquery(), "__q", table=True, quoted=True))
    return select.join(exp.alias_(seen.subquery(), "__e", table=True, quoted=True), on=exp.and_(*on), copy=False)


def by_join(windows: Windows, span: Span, aggregates: Sequence[Aggregate], questions: str) -> Answer:
    """Functions of the events in the windows of one span."""
    keys = [column(k, "__q") for k in names(windows)]
    order = in_order(windows, "__e") if any(a.function in ORDERED for a in aggregates) else []
    values: list[tuple[str, exp.Expr]] = []
    made: list[exp.Expr] = []
    for aggregate in aggregates:
        own = [(f"__v{len(values) + i}", node) for i, node in enumerate(parts(aggregate))]
        values += own
        made.append(call(aggregate, [column(n, "__e") for n, _ in own], order))
    select = _pairs(windows, span, values, questions).select(*keys, column(ASKED, "__q"), copy=False)
    select = select.select(
        *[exp.alias_(m, a.name, quoted=True) for a, m in zip(aggregates, made, strict=True)], copy=False
    )
    grouped = select.group_by(*[k.copy() for k in keys], column(ASKED, "__q"), copy=False)
    return Answer(grouped, tuple(a.name for a in aggregates))


def last_distinct(windows: Windows, span: Span, aggregate: Aggregate, questions: str) -> Answer:
    """The values seen last, each once: first the newest row of each value, then the newest of those."""
    keys = names(windows)
    at = in_order(windows, "__e")
    inner = _pairs(windows, span, [("__v0", parts(aggregate)[0])], questions)
    inner = inner.select(*[column(k, "__q") for k in keys], column(ASKED, "__q"), column("__v0", "__e"), copy=False)
    ranked = exp.Window(
        this=exp.RowNumber(),
        partition_by=[*[column(k, "__q") for k in keys], column(ASKED, "__q"), column("__v0", "__e")],
        order=exp.Order(expressions=[exp.Ordered(this=o.copy(), desc=True, nulls_first=False) for o in at]),
    )
    inner = inner.select(*[exp.alias_(o, f"__o{i}", quoted=True) for i, o in enumerate(at)], copy=False)
    inner = inner.select(exp.alias_(ranked, "__rank", quoted=True), copy=False)
    outer = exp.select(*[column(k) for k in keys], column(ASKED)).from_(inner.subquery("__seen"))
    made = call(aggregate, [column("__v0")], [column(f"__o{i}") for i in range(len(at))])
    outer = outer.select(exp.alias_(made, aggregate.name, quoted=True), copy=False)
    outer = outer.where(exp.EQ(this=column("__rank"), expression=exp.Literal.number(1)))
    return Answer(outer.group_by(*[column(k) for k in keys], column(ASKED)), (aggregate.name,))
