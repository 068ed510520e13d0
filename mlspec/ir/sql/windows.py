"""Windowed aggregations at the moments of questions: which rows of the events are in each window, and what they give.

What running sums give exactly is the difference of two of them: events and questions go into one stream in the order of
time, and each question reads the sum so far at both ends of its window. Everything so far needs one end only. Every other
function joins each question with the events of its window, by time buckets as long as the window, so that the join is one
of equal values. Times are whole microseconds. docs/semantics.md has the pictures.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from mlspec.ir.relation import Aggregate, Boundary, Windows
from mlspec.ir.sql.aggregates import ORDERED, RUNNING, additive, call, from_sums, in_order, parts, sums
from mlspec.ir.sql.dialect import DIALECT, column, microseconds, number, table

ASKED = "__t"


@dataclass(frozen=True)
class Span:
    """Windows that begin and end together; `window` 0 is everything so far."""

    offset: int
    window: int
    hop: int

    @classmethod
    def of(cls, aggregate: Aggregate) -> "Span":
        """The span of an aggregate."""
        return cls(aggregate.offset, aggregate.window, aggregate.hop)

    def newest(self, asked: exp.Expr) -> exp.Expr:
        """The new end of the window of a question."""
        return exp.Sub(this=asked, expression=number(self.offset)) if self.offset else asked

    def oldest(self, asked: exp.Expr) -> exp.Expr:
        """The old end; with a hop, the last step at or before it."""
        end = exp.Sub(this=asked, expression=number(self.offset + self.window))
        return floored(end, self.hop) if self.hop else end

    def enters(self, event: exp.Expr, known: exp.Expr | None) -> exp.Expr:
        """The moment at which an event begins to count."""
        moved = exp.Add(this=event, expression=number(self.offset)) if self.offset else event
        return moved if known is None else exp.Greatest(this=moved, expressions=[known], ignore_nulls=False)

    def leaves(self, event: exp.Expr, boundary: Boundary) -> exp.Expr:
        """The moment from which on it counts no more; without a hop and exclusive, just after which."""
        if not self.hop:
            return exp.Add(this=event, expression=number(self.offset + self.window))
        earlier = number(1)
        up: exp.Expr = exp.paren(exp.Sub(this=event, expression=earlier)) if boundary is Boundary.INCLUSIVE else event
        step = exp.Add(this=floored(up, self.hop), expression=number(self.hop))
        return exp.Add(this=exp.paren(step), expression=number(self.offset + self.window))


def floored(node: exp.Expr, step: int) -> exp.Expr:
    """The last multiple of a step at or before a number; before 1970 too."""
    size = number(step)
    rest = exp.Mod(this=exp.paren(node.copy()), expression=size)
    rest = exp.Mod(this=exp.paren(exp.Add(this=exp.paren(rest), expression=size.copy())), expression=size.copy())
    return exp.Sub(this=exp.paren(node), expression=exp.paren(rest))


@dataclass(frozen=True)
class Answer:
    """Some features by question: a query of the keys `__k0`…, the time asked `__t` and the features, a row for each."""

    query: exp.Select
    features: tuple[str, ...]


def answers(windows: Windows, questions: str) -> list[Answer]:
    """The features at the questions of a table with the columns `__k0`… and `__t`; a question may have no row."""
    summed = [a for a in windows.aggregates if additive(a)]
    rest = [a for a in windows.aggregates if not additive(a)]
    running = [a for a in rest if not a.window and a.function in RUNNING]
    found = [_by_sums(windows, summed, questions)] if summed else []
    offsets = dict.fromkeys(a.offset for a in running)
    found += [_so_far(windows, [a for a in running if a.offset == o], questions) for o in offsets]
    joined = [a for a in rest if a not in running]
    for span in dict.fromkeys(Span.of(a) for a in joined):
        same = [a for a in joined if Span.of(a) == span]
        plain = [a for a in same if a.function != "distinct_n"]
        found += [_by_join(windows, span, plain, questions)] if plain else []
        found += [_distinct(windows, span, a, questions) for a in same if a.function == "distinct_n"]
    return found


def names(windows: Windows) -> list[str]:
    """What the keys are called in streams and answers."""
    return [f"__k{i}" for i in range(len(windows.keys))]


def events(windows: Windows, values: Iterable[tuple[str, exp.Expr]]) -> exp.Select:
    """The events that can count at all: known keys, known times; with some values, each under a name."""
    needed = [*windows.keys, windows.time, *([windows.available] if windows.available else [])]
    select = exp.select(
        *[exp.alias_(column(k), n, quoted=True) for k, n in zip(windows.keys, names(windows), strict=True)],
        exp.alias_(microseconds(column(windows.time), zoned=windows.zoned), "__us", quoted=True),
    )
    if windows.available:
        known = microseconds(column(windows.available), zoned=windows.zoned)
        select = select.select(exp.alias_(known, "__known", quoted=True), copy=False)
    if windows.order:
        select = select.select(exp.alias_(column(windows.order), "__order", quoted=True), copy=False)
    select = select.select(*[exp.alias_(node, name, quoted=True) for name, node in values], copy=False)
    return select.from_(table(windows.events)).where(*[column(n).is_(exp.null()).not_() for n in needed])


# -- differences of running sums ---------------------------------------------------------------------------------------


class _Sums:
    """The columns that are added up, the streams they are added up in, and the ends of windows that read them.

    Without an available time there is one stream, by event time. With one, an event enters by when it is known and
    leaves by its event time: a stream for each offset, and one for leaving, in which it is added only to the sums of
    windows in which it ever counts.
    """

    def __init__(self, windows: Windows) -> None:
        self.windows = windows
        self.values: dict[str, tuple[str, exp.Expr]] = {}
        self.columns: dict[tuple[str, Span | None], str] = {}
        self.ends: dict[tuple[str, Span], int] = {}

    def total(self, node: exp.Expr, span: Span) -> exp.Expr:
        """What is added up of a value in a span, as an expression over the groups of the pivot."""
        value, _ = self.values.setdefault(node.sql(DIALECT), (f"__v{len(self.values)}", node))
        own = span if self.windows.available else None
        name = self.columns.setdefault((value, own), f"__r{len(self.columns)}")
        newest = self._read("new", Span(span.offset, 0, 0), name)
        return exp.Sub(this=newest, expression=self._read("old", span, name)) if span.window else newest

    def _read(self, end: str, span: Span, name: str) -> exp.Expr:
        index = self.ends.setdefault((end, span), len(self.ends))
        here = exp.EQ(this=column("__end"), expression=exp.Literal.number(index))
        return exp.Max(this=exp.Case(ifs=[exp.If(this=here, true=column(name))]))

    def branches(self, questions: str) -> list[exp.Select]:
        """The stream: events, and the ends of the windows of each question."""
        if not self.windows.available:
            found = [self._events(0, column("__us"), None)]
        else:
            found = [
                self._events(1 + o, Span(o, 0, 0).enters(column("__us"), column("__known")), o) for o in self._offsets()
            ]
            if any(s and s.window for _, s in self.columns):
                found.append(self._events(0, column("__us"), None))
        return found + [self._question(end, span, index, questions) for (end, span), index in self.ends.items()]

    def _offsets(self) -> list[int]:
        return list(dict.fromkeys(s.offset for _, s in self.columns if s))

    def _events(self, stream: int, at: exp.Expr, offset: int | None) -> exp.Select:
        """The events of a stream: those that enter with an offset, or without one those that leave."""
        select = self._row(stream, at, later=self.windows.boundary is Boundary.EXCLUSIVE)
        select = select.select(
            exp.alias_(exp.cast(exp.null(), "BIGINT"), ASKED, quoted=True),
            exp.alias_(exp.cast(exp.null(), "INT"), "__end", quoted=True),
            copy=False,
        )
        for (value, span), name in self.columns.items():
            node: exp.Expr = column(value)
            if span is not None:
                adds = bool(span.window) if offset is None else span.offset == offset
                node = self._counting(span, node) if adds else exp.Literal.number(0)
            select = select.select(exp.alias_(node, name, quoted=True), copy=False)
        return select.from_("__events", copy=False)

    def _counting(self, span: Span, node: exp.Expr) -> exp.Expr:
        """The value, if the row counts at all: one that is known only after it has left the window never does."""
        if not span.window:
            return node
        leaves = span.leaves(column("__us"), self.windows.boundary)
        counts = exp.GT(this=exp.paren(leaves), expression=span.enters(column("__us"), column("__known")))
        return exp.Case(ifs=[exp.If(this=counts, true=node)], default=exp.Literal.number(0))

    def _question(self, end: str, span: Span, index: int, questions: str) -> exp.Select:
        asked: exp.Expr = column(ASKED)
        stream = 1 + span.offset if end == "new" and self.windows.available else 0
        if end == "old":
            asked = span.oldest(asked)
        elif not self.windows.available:
            asked = span.newest(asked)
        select = self._row(stream, asked, later=self.windows.boundary is Boundary.INCLUSIVE)
        select = select.select(column(ASKED), exp.alias_(exp.Literal.number(index), "__end", quoted=True), copy=False)
        for name in self.columns.values():
            select = select.select(exp.alias_(exp.Literal.number(0), name, quoted=True), copy=False)
        return select.from_(exp.to_table(questions), copy=False)

    def _row(self, stream: int, at: exp.Expr, *, later: bool) -> exp.Select:
        """A row of the stream; of equal moments, the `later` come second."""
        order: exp.Expr = exp.Mul(this=exp.paren(at), expression=number(2))
        if later:
            order = exp.Add(this=order, expression=number(1))
        select = exp.select(*[column(n) for n in names(self.windows)], exp.alias_(order, "__at", quoted=True))
        return select.select(exp.alias_(number(stream), "__stream", quoted=True)) if self.windows.available else select


def _by_sums(windows: Windows, aggregates: Sequence[Aggregate], questions: str) -> Answer:
    added = _Sums(windows)
    features = [
        (a.name, from_sums(a, {what: added.total(node, Span.of(a)) for what, node in sums(a).items()}))
        for a in aggregates
    ]
    keys = [column(n) for n in names(windows)]
    streams = [column("__stream")] if windows.available else []
    over = {
        "partition_by": [*keys, *streams],
        "order": exp.Order(expressions=[exp.Ordered(this=column("__at"), nulls_first=False)]),
    }
    running = exp.select(*keys, column(ASKED), column("__end")).from_("__stream")
    for name in added.columns.values():
        total = exp.Window(this=exp.Sum(this=column(name)), **{k: _copied(v) for k, v in over.items()})
        running = running.select(exp.alias_(total, name, quoted=True), copy=False)
    final = exp.select(*[k.copy() for k in keys], column(ASKED)).from_("__running")
    final = final.select(*[exp.alias_(node, name, quoted=True) for name, node in features], copy=False)
    final = final.where(column("__end").is_(exp.null()).not_()).group_by(*[k.copy() for k in keys], column(ASKED))
    query = final.with_("__events", as_=events(windows, added.values.values()))
    query = query.with_("__stream", as_=union(added.branches(questions)), copy=False)
    return Answer(query.with_("__running", as_=running, copy=False), tuple(a.name for a in aggregates))


def _copied(value: object) -> object:
    return [v.copy() for v in value] if isinstance(value, list) else value.copy()  # type: ignore[attr-defined]


def union(branches: Sequence[exp.Query]) -> exp.Query:
    """All rows of all of them."""
    query = branches[0]
    for branch in branches[1:]:
        query = exp.union(query, branch, distinct=False, copy=False)
    return query


# -- everything so far -------------------------------------------------------------------------------------------------


def _so_far(windows: Windows, aggregates: Sequence[Aggregate], questions: str) -> Answer:
    """Functions of all rows so far: nothing ever leaves, so they run along the stream."""
    keys = names(windows)
    span = Span(aggregates[0].offset, 0, 0)
    known = column("__known") if windows.available else None
    exclusive = windows.boundary is Boundary.EXCLUSIVE
    values = [(f"__v{i}", parts(a)[0]) for i, a in enumerate(aggregates)]
    happened = exp.select(
        *[column(k) for k in keys],
        exp.alias_(span.enters(column("__us"), known), "__at", quoted=True),
        exp.alias_(exp.Literal.number(1 if exclusive else 0), "__side", quoted=True),
        exp.alias_(exp.cast(exp.null(), "BIGINT"), ASKED, quoted=True),
        *[column(n) for n, _ in values],
    ).from_("__events")
    asked = exp.select(
        *[column(k) for k in keys], column(ASKED), exp.Literal.number(0 if exclusive else 1), column(ASKED),
        *[exp.null() for _ in values],
    ).from_(exp.to_table(questions))  # fmt: skip
    order = exp.Order(expressions=[exp.Ordered(this=column(n), nulls_first=False) for n in ("__at", "__side")])
    running = exp.select(*[column(k) for k in keys], column(ASKED)).from_("__stream")
    for aggregate, (name, _) in zip(aggregates, values, strict=True):
        made = call(aggregate, [column(name)], [])
        inner = made.this if isinstance(made, exp.Cast) else made
        over = exp.Window(this=inner.copy(), partition_by=[column(k) for k in keys], order=order.copy())
        kind = made.args["to"] if isinstance(made, exp.Cast) else None
        running = running.select(exp.alias_(exp.Cast(this=over, to=kind), aggregate.name, quoted=True), copy=False)
    final = exp.select(*[column(n) for n in (*keys, ASKED, *(a.name for a in aggregates))]).from_("__running")
    query = final.where(column(ASKED).is_(exp.null()).not_()).with_("__events", as_=events(windows, values))
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


def inside(windows: Windows, span: Span, asked: exp.Expr, alias: str) -> list[exp.Expr]:
    """The conditions under which an event is in the window of a question, and known."""
    inclusive = windows.boundary is Boundary.INCLUSIVE
    before, after = (exp.LTE, exp.GT) if inclusive else (exp.LT, exp.GTE)
    found: list[exp.Expr] = [before(this=column("__us", alias), expression=span.newest(asked.copy()))]
    if windows.available:
        found.append(before(this=column("__known", alias), expression=asked.copy()))
    if span.window:
        found.append(after(this=column("__us", alias), expression=span.oldest(asked.copy())))
    return found


def _by_join(windows: Windows, span: Span, aggregates: Sequence[Aggregate], questions: str) -> Answer:
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


def _distinct(windows: Windows, span: Span, aggregate: Aggregate, questions: str) -> Answer:
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
