"""Windowed features as differences of running sums: exact for counts, for sums of integers and decimals, for distinct values.

Events and questions go into one stream, by key and in the order of time; each question reads the sum so far at both ends
of its window. With an available time an event enters by when it is known and leaves by its event time, and is only added
where it ever counts. A distinct value counts from its event on until it leaves or the same value comes again, so it is
added where that begins and taken away where it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlspec.ir.relation import Aggregate, Boundary, Windows
from mlspec.ir.sql.aggregates import from_sums, parts, sums
from mlspec.ir.sql.dialect import DIALECT, column, number
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spans import ASKED, Answer, Span, events, names, union
from mlspec.ir.sql.traits import Traits

_BEFORE_ALL = -(2**62)


def spread(windows: Windows, aggregate: Aggregate) -> bool:
    """Whether a number of distinct values is a difference of sums: when each event is known as it happens."""
    return aggregate.function == "count_distinct" and not windows.available


def by_sums(windows: Windows, aggregates: Sequence[Aggregate], questions: str, traits: Traits) -> Answer:
    """The features of a stream, by question."""
    stream = _Stream(windows, traits)
    features = []
    for aggregate in aggregates:
        span = Span.of(aggregate)
        if spread(windows, aggregate):
            node: exp.Expr = exp.cast(stream.distinct(aggregate, span), "BIGINT")
        else:
            node = from_sums(aggregate, {what: stream.total(part, span) for what, part in sums(aggregate).items()})
        features.append(exp.alias_(node, aggregate.name, quoted=True))
    keys = [column(n) for n in names(windows)]
    final = exp.select(*keys, column(ASKED), *features).from_("__running")
    final = final.where(column("__end").is_(exp.null()).not_()).group_by(*[k.copy() for k in keys], column(ASKED))
    final = final.with_("__events", as_=stream.happened(), copy=False)
    final = final.with_("__stream", as_=union(stream.branches(questions)), copy=False)
    return Answer(final.with_("__running", as_=stream.running(), copy=False), tuple(a.name for a in aggregates))


class _Stream:
    """What is added up, on which rows of the stream, and at which ends of windows it is read.

    A column of the stream is a value on the rows of events that enter with an offset (`Offset`), or on those that stand
    at the event time itself (None).
    """

    def __init__(self, windows: Windows, traits: Traits) -> None:
        self.windows, self.traits = windows, traits
        self.values: dict[str, tuple[str, exp.Expr]] = {}
        self.spread: dict[str, str] = {}
        self.columns: dict[tuple[str, int | None], tuple[str, exp.Expr]] = {}
        self.ends: dict[tuple[str, Span], int] = {}

    # -- what is added up ----------------------------------------------------------------------------------------------

    def total(self, node: exp.Expr, span: Span) -> exp.Expr:
        """What is added up of a value in a span, as an expression over the groups of the pivot."""
        value = column(self._value(node))
        if not self.windows.available:
            return self._difference(span, self._column(value, None), self._column(value, None))
        counted = self._counting(span, value)
        return self._difference(span, self._column(counted, span.offset), self._column(counted, None))

    def distinct(self, aggregate: Aggregate, span: Span) -> exp.Expr:
        """How many values there are: each counts once, from its first event in a row of events until the last has left."""
        value = self._value(parts(aggregate)[0])
        number_ = self.spread.setdefault(value, f"{len(self.spread)}")
        began = self._once(span, column(f"__before{number_}"), column("__us"), value)
        ended = self._once(span, column("__us"), column(f"__after{number_}"), value)
        return self._difference(span, self._column(began, None), self._column(ended, None))

    def _once(self, span: Span, earlier: exp.Expr, later: exp.Expr, value: str) -> exp.Expr:
        """1 unless the earlier event of the same value still counts when the later one comes."""
        still: exp.Expr = earlier.is_(exp.null()).not_()
        if span.window:
            open_ended = exp.GT if span.hop and self.windows.boundary is Boundary.EXCLUSIVE else exp.GTE
            leaves = exp.paren(span.leaves(earlier, self.windows.boundary))
            moved = exp.Add(this=later, expression=number(span.offset)) if span.offset else later
            still = open_ended(this=leaves, expression=moved.copy())
        known = exp.and_(
            column(value).is_(exp.null()).not_(), exp.func("COALESCE", exp.paren(still), exp.false()).not_()
        )
        return exp.Case(ifs=[exp.If(this=known, true=exp.Literal.number(1))], default=exp.Literal.number(0))

    def _value(self, node: exp.Expr) -> str:
        return self.values.setdefault(node.sql(DIALECT), (f"__v{len(self.values)}", node))[0]

    def _column(self, node: exp.Expr, offset: int | None) -> str:
        return self.columns.setdefault((node.sql(DIALECT), offset), (f"__r{len(self.columns)}", node))[0]

    def _counting(self, span: Span, node: exp.Expr) -> exp.Expr:
        """The value, if the row counts at all: one that is known only after it has left the window never does."""
        if not span.window:
            return node
        leaves = exp.paren(span.leaves(column("__us"), self.windows.boundary))
        counts = exp.GT(this=leaves, expression=span.enters(column("__us"), column("__known")))
        return exp.Case(ifs=[exp.If(this=counts, true=node)], default=exp.Literal.number(0))

    def _difference(self, span: Span, newest: str, oldest: str) -> exp.Expr:
        new = self._read("new", Span(span.offset, 0, 0), newest)
        if span.window:
            return exp.Sub(this=new, expression=self._read("old", span, oldest))
        base = self._read("base", Span(0, 0, 0), newest) if self.traits.ordered_streams else None
        return exp.Sub(this=new, expression=base) if base is not None else new

    def _read(self, end: str, span: Span, name: str) -> exp.Expr:
        index = self.ends.setdefault((end, span), len(self.ends))
        here = exp.EQ(this=column("__end"), expression=exp.Literal.number(index))
        return exp.Max(this=exp.Case(ifs=[exp.If(this=here, true=column(name))]))

    # -- the stream ----------------------------------------------------------------------------------------------------

    def happened(self) -> exp.Select:
        """The events with their values, and when the same distinct value was seen before and after."""
        rows = events(self.windows, self.values.values())
        if not self.spread:
            return rows
        found = exp.select(exp.Star()).from_(rows.subquery("__rows"))
        for value, index in self.spread.items():
            by = [*[column(n) for n in names(self.windows)], column(value)]
            for name, made in (("before", exp.Lag(this=column("__us"))), ("after", exp.Lead(this=column("__us")))):
                order = exp.Order(expressions=[exp.Ordered(this=column("__us"), nulls_first=False)])
                over = exp.Window(this=made, partition_by=[b.copy() for b in by], order=order)
                found = found.select(exp.alias_(over, f"__{name}{index}", quoted=True), copy=False)
        return found

    def branches(self, questions: str) -> list[exp.Select]:
        """The events, and the ends of the windows of each question."""
        found = []
        for offset in dict.fromkeys(o for _, o in self.columns):
            at = column("__us") if offset is None else Span(offset, 0, 0).enters(column("__us"), column("__known"))
            found.append(self._events(at, offset))
        return found + [self._question(end, span, index, questions) for (end, span), index in self.ends.items()]

    def _events(self, at: exp.Expr, offset: int | None) -> exp.Select:
        asked = exp.cast(exp.null(), "BIGINT")
        select = self._row(at, asked, exp.cast(exp.null(), "INT"), later=self.windows.boundary is Boundary.EXCLUSIVE)
        return self._adding(select, lambda node, own: node.copy() if own == offset else None).from_(
            "__events", copy=False
        )

    def _question(self, end: str, span: Span, index: int, questions: str) -> exp.Select:
        asked: exp.Expr = column(ASKED)
        if end == "old":
            asked = span.oldest(asked)
        elif end == "base":
            asked = number(_BEFORE_ALL // 2)
        elif not self.windows.available:
            asked = span.newest(asked)
        later = self.windows.boundary is Boundary.INCLUSIVE
        select = self._row(asked, column(ASKED), exp.Literal.number(index), later=later)
        return self._adding(select, lambda _, __: None).from_(exp.to_table(questions), copy=False)

    def _adding(self, select: exp.Select, own: Callable[[exp.Expr, int | None], exp.Expr | None]) -> exp.Select:
        for (_, offset), (name, node) in self.columns.items():
            added = own(node, offset)
            zero = exp.Literal.number(0)
            select = select.select(exp.alias_(zero if added is None else added, name, quoted=True), copy=False)
        return select

    def _row(self, at: exp.Expr, asked: exp.Expr, end: exp.Expr, *, later: bool) -> exp.Select:
        """A row of the stream; of equal moments, the `later` come second."""
        order: exp.Expr = exp.Mul(this=exp.paren(at), expression=number(2))
        if later:
            order = exp.Add(this=order, expression=number(1))
        named = {"__at": order, ASKED: asked, "__end": end}
        return exp.select(
            *[column(n) for n in names(self.windows)], *[exp.alias_(v, n, quoted=True) for n, v in named.items()]
        )

    # -- the sums so far -----------------------------------------------------------------------------------------------

    def running(self) -> exp.Select:
        """Every row of the stream with what was added up before and at it."""
        keys = names(self.windows)
        if self.traits.ordered_streams:
            return self._along(keys)
        running = exp.select(*[column(n) for n in (*keys, ASKED, "__end")]).from_("__stream")
        for name, _ in self.columns.values():
            order = exp.Order(expressions=[exp.Ordered(this=column("__at"), nulls_first=False)])
            over = exp.Window(this=exp.Sum(this=column(name)), partition_by=[column(k) for k in keys], order=order)
            running = running.select(exp.alias_(over, name, quoted=True), copy=False)
        return running

    def _along(self, keys: list[str]) -> exp.Select:
        """Along the sorted stream without a thought for keys: both ends of a window lie among the rows of one.

        The engine promises to keep the order of a subquery; that it did is asserted row by row.
        """
        by = [*keys, "__at"]
        ordered = exp.select(exp.Star()).from_("__stream").order_by(*[column(n) for n in by])
        beside = exp.select(exp.Star()).from_(ordered.subquery("__ordered"))
        for index, name in enumerate(by):
            before = exp.Window(this=exp.Lag(this=column(name)))
            beside = beside.select(exp.alias_(before, f"__p{index}", quoted=True), copy=False)
        disorder: exp.Expr = exp.false()
        for index, name in reversed(list(enumerate(by))):
            greater = exp.GT(this=column(f"__p{index}"), expression=column(name))
            equal = exp.EQ(this=column(f"__p{index}"), expression=column(name))
            deeper = [] if isinstance(disorder, exp.Boolean) else [exp.paren(exp.and_(equal, disorder))]
            disorder = exp.paren(exp.or_(greater, *deeper))
        wrong = exp.func("ERROR", exp.Literal.string("the rows of a stream came in another order than asked for"))
        end = exp.Case(ifs=[exp.If(this=disorder, true=exp.cast(wrong, "INT"))], default=column("__end"))
        running = exp.select(*[column(n) for n in (*keys, ASKED)], exp.alias_(end, "__end", quoted=True))
        frame = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW")
        for name, _ in self.columns.values():
            over = exp.Window(this=exp.Sum(this=column(name)), spec=frame.copy())
            running = running.select(exp.alias_(over, name, quoted=True), copy=False)
        return running.from_(beside.subquery("__beside"), copy=False)
