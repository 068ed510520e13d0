"""Windowed aggregations as a relation: for each key, the value of every feature from each moment on at which it changes.

A row of the source counts from its start, `max(event time + offset, available time)`, to its end, `event time + offset +
window`. The row at `event_time` holds what is true just after that moment (boundary exclusive: the window `[t - w, t)`)
or from that moment on (boundary inclusive: `(t - w, t]`), until the next one. A training dataset or an online store
then needs no more than the last row before `t`. docs/semantics.md has the pictures.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from mlspec.ir.columntype import INTEGERS, ColumnType
from mlspec.ir.sql.dialect import DIALECT, column, data_type, interval, table

FUNCTIONS = ("count", "sum", "avg", "min", "max", "stddev", "variance", "median", "count_distinct")
_ADDITIVE = frozenset({"count", "sum", "avg"})
_INT64, _FLOAT64 = ColumnType("int64"), ColumnType("float64")


@dataclass(frozen=True)
class Aggregate:
    """One feature: a function of the rows in a window. Times in microseconds; window 0 is everything so far."""

    name: str
    function: str
    window: int
    offset: int = 0
    value: exp.Expr | None = None
    value_type: ColumnType | None = None
    where: exp.Expr | None = None

    @property
    def type(self) -> ColumnType:
        """The type of the feature."""
        if self.function in {"count", "count_distinct"}:
            return _INT64
        if self.function in {"min", "max"} and self.value_type:
            return self.value_type
        if self.function == "sum" and self.value_type:
            if self.value_type.name in INTEGERS or self.value_type.name == "boolean":
                return _INT64
            return ColumnType("decimal", 38, self.value_type.scale) if self.value_type.name == "decimal" else _FLOAT64
        return _FLOAT64

    @property
    def additive(self) -> bool:
        """Whether a running sum gives it exactly: counts, and sums of integers and decimals."""
        exact = self.value_type is None or self.value_type.name in INTEGERS | {"boolean", "decimal"}
        return self.function == "count" or (self.function in _ADDITIVE and exact)


@dataclass(frozen=True)
class Events:
    """The rows that are aggregated, by the names of their columns. No `available`: known when it happens."""

    address: str
    keys: tuple[str, ...]
    time: str
    available: str = ""


def change_points(events: Events, aggregates: Sequence[Aggregate]) -> str:
    """The query of the relation: the keys, `event_time`, and one column a feature."""
    if all(a.additive for a in aggregates):
        return _running_sums(events, aggregates).sql(DIALECT)
    return _by_join(events, aggregates).sql(DIALECT)


@dataclass(frozen=True)
class _Span:
    """Windows that begin and end together share their running sums."""

    offset: int
    window: int


def _spans(aggregates: Iterable[Aggregate]) -> list[_Span]:
    return list(dict.fromkeys(_Span(a.offset, a.window) for a in aggregates))


def _start(offset: int) -> exp.Expr:
    moved = exp.Add(this=column("__time"), expression=interval(offset)) if offset else column("__time")
    return exp.Greatest(this=moved, expressions=[column("__available")], ignore_nulls=False)


def _end(span: _Span) -> exp.Expr:
    return exp.Add(this=column("__time"), expression=interval(span.offset + span.window))


def _read(events: Events, values: Sequence[exp.Expr]) -> exp.Select:
    """The rows that can count at all: known keys, known times; with the values that are aggregated."""
    needed = [*events.keys, events.time, *([events.available] if events.available else [])]
    select = exp.select(*[column(k) for k in events.keys])
    select = select.select(exp.alias_(column(events.time), "__time", quoted=True), copy=False)
    select = select.select(exp.alias_(column(events.available or events.time), "__available", quoted=True), copy=False)
    select = select.select(*values, copy=False)
    return select.from_(table(events.address)).where(*[column(n).is_(exp.null()).not_() for n in needed])


def _conditional(aggregate: Aggregate, value: exp.Expr) -> exp.Expr:
    if aggregate.where is None:
        return value
    return exp.Case(ifs=[exp.If(this=aggregate.where.copy(), true=value)])


# -- running sums ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sum:
    """What is added up for a feature: the rows that count, or their values."""

    span: _Span
    what: str
    node: exp.Expr


def _summed(aggregate: Aggregate) -> dict[str, exp.Expr]:
    one = exp.cast(exp.Literal.number(1), "BIGINT")
    zero = exp.cast(exp.Literal.number(0), "BIGINT")
    if aggregate.value is None:
        return {"n": exp.func("COALESCE", _conditional(aggregate, one), zero)}
    known = exp.Case(ifs=[exp.If(this=aggregate.value.copy().is_(exp.null()).not_(), true=one)])
    counted = exp.func("COALESCE", _conditional(aggregate, known), zero)
    if aggregate.function == "count":
        return {"n": counted}
    kind = aggregate.value_type
    wide = data_type(ColumnType("decimal", 38, kind.scale)) if kind and kind.name == "decimal" else "INT128"
    value = (
        exp.cast(exp.paren(aggregate.value.copy()), "INT")
        if kind and kind.name == "boolean"
        else aggregate.value.copy()
    )
    summed = exp.func("COALESCE", _conditional(aggregate, exp.cast(value, wide)), exp.Literal.number(0))
    return {"n": counted, "s": exp.cast(summed, wide)}


def _running_sums(events: Events, aggregates: Sequence[Aggregate]) -> exp.Select:
    values: dict[str, tuple[str, exp.Expr]] = {}
    wanted: dict[tuple[_Span, str], str] = {}
    uses: list[dict[str, str]] = []
    for aggregate in aggregates:
        use = {}
        for what, node in _summed(aggregate).items():
            value, _ = values.setdefault(node.sql(DIALECT), (f"__v{len(values)}", node))
            span = _Span(aggregate.offset, aggregate.window)
            use[what] = wanted.setdefault((span, value), f"__r{len(wanted)}")
        uses.append(use)
    rows = _read(events, [exp.alias_(node, name, quoted=True) for name, node in values.values()])
    points = _points(events.keys, wanted)
    grouped = exp.select(*[column(k) for k in events.keys], column("__at"))
    grouped = grouped.select(
        *[exp.alias_(exp.func("SUM", column(r)), r, quoted=True) for r in wanted.values()], copy=False
    )
    grouped = grouped.from_("__points").group_by(*[column(k) for k in events.keys], column("__at"), copy=False)
    running = exp.select(*[column(k) for k in events.keys], column("__at"))
    for name in wanted.values():
        over = exp.Window(
            this=exp.func("SUM", column(name)),
            partition_by=[column(k) for k in events.keys],
            order=exp.Order(expressions=[exp.Ordered(this=column("__at"), nulls_first=False)]),
        )
        running = running.select(exp.alias_(over, name, quoted=True), copy=False)
    running = running.from_("__changes", copy=False)
    final = exp.select(*[column(k) for k in events.keys], exp.alias_(column("__at"), "event_time", quoted=True))
    final = final.select(
        *[exp.alias_(_value(a, u), a.name, quoted=True) for a, u in zip(aggregates, uses, strict=True)], copy=False
    )
    final = final.from_("__running", copy=False)
    return (
        final.with_("__events", as_=rows, copy=False)
        .with_("__points", as_=points, copy=False)
        .with_("__changes", as_=grouped, copy=False)
        .with_("__running", as_=running, copy=False)
    )


def _points(keys: Sequence[str], wanted: dict[tuple[_Span, str], str]) -> exp.Query:
    """Every moment at which a row begins or stops to count, with what it adds."""
    spans = list(dict.fromkeys(span for span, _ in wanted))
    branches = []
    for offset in dict.fromkeys(s.offset for s in spans):
        adds = {n: exp.Literal.number(0) if s.offset != offset else _added(s, v) for (s, v), n in wanted.items()}
        branches.append(_point(keys, _start(offset), adds))
    for span in spans:
        if span.window:
            subtracts = {
                n: exp.Neg(this=_added(s, v)) if s == span else exp.Literal.number(0) for (s, v), n in wanted.items()
            }
            branches.append(
                _point(keys, _end(span), subtracts).where(exp.GT(this=_end(span), expression=_start(span.offset)))
            )
    query: exp.Query = branches[0]
    for branch in branches[1:]:
        query = exp.union(query, branch, distinct=False, copy=False)
    return query


def _added(span: _Span, value: str) -> exp.Expr:
    """The value, if the row counts at all: one that is known only after it has left the window never does."""
    if not span.window:
        return column(value)
    counts = exp.GT(this=_end(span), expression=_start(span.offset))
    return exp.Case(ifs=[exp.If(this=counts, true=column(value))], default=exp.Literal.number(0))


def _point(keys: Sequence[str], at: exp.Expr, adds: Mapping[str, exp.Expr]) -> exp.Select:
    select = exp.select(*[column(k) for k in keys], exp.alias_(at, "__at", quoted=True))
    return select.select(*[exp.alias_(node, name, quoted=True) for name, node in adds.items()]).from_("__events")


def _value(aggregate: Aggregate, use: dict[str, str]) -> exp.Expr:
    if aggregate.function == "count":
        return exp.cast(column(use["n"]), "BIGINT")
    total: exp.Expr = exp.cast(column(use["s"]), data_type(aggregate.type))
    if aggregate.function == "avg":
        total = exp.Div(this=exp.cast(column(use["s"]), "DOUBLE"), expression=exp.cast(column(use["n"]), "DOUBLE"))
    some = exp.GT(this=column(use["n"]), expression=exp.Literal.number(0))
    return exp.Case(ifs=[exp.If(this=some, true=total)])


# -- every other function: join the moments with the rows that count then ----------------------------------------------


def _by_join(events: Events, aggregates: Sequence[Aggregate]) -> exp.Select:
    values = []
    for index, aggregate in enumerate(aggregates):
        value = aggregate.value.copy() if aggregate.value is not None else exp.Literal.number(1)
        if aggregate.value_type and aggregate.value_type.name == "boolean" and aggregate.function not in {"min", "max"}:
            value = exp.cast(exp.paren(value), "INT")
        values.append(exp.alias_(_conditional(aggregate, value), f"__v{index}", quoted=True))
    rows = _read(events, values)
    moments: list[exp.Select] = []
    for span in _spans(aggregates):
        for at in [_start(span.offset), *([_end(span)] if span.window else [])]:
            keys = [column(k) for k in events.keys]
            moments.append(exp.select(*keys, exp.alias_(at, "__at", quoted=True)).from_("__events"))
    points: exp.Query = moments[0]
    for moment in moments[1:]:
        points = exp.union(points, moment, distinct=False, copy=False)
    distinct = exp.select(*[column(k) for k in events.keys], column("__at")).distinct().from_("__points")
    final = exp.select(
        *[column(k, "__p") for k in events.keys], exp.alias_(column("__at", "__p"), "event_time", quoted=True)
    )
    for index, aggregate in enumerate(aggregates):
        final = final.select(exp.alias_(_aggregated(aggregate, index), aggregate.name, quoted=True), copy=False)
    same = [exp.EQ(this=column(k, "__p"), expression=column(k, "__e")) for k in events.keys]
    known = exp.LTE(this=column("__available", "__e"), expression=column("__at", "__p"))
    final = final.from_(exp.alias_(exp.to_table("__moments"), "__p", table=True), copy=False)
    final = final.join(
        exp.alias_(exp.to_table("__events"), "__e", table=True), on=exp.and_(*same, known), join_type="LEFT", copy=False
    )
    final = final.group_by(*[column(k, "__p") for k in events.keys], column("__at", "__p"), copy=False)
    return (
        final.with_("__events", as_=rows, copy=False)
        .with_("__points", as_=points, copy=False)
        .with_("__moments", as_=distinct, copy=False)
    )


def _aggregated(aggregate: Aggregate, index: int) -> exp.Expr:
    value = column(f"__v{index}", "__e")
    span = _Span(aggregate.offset, aggregate.window)
    time = column("__time", "__e")
    began = exp.LTE(this=exp.Add(this=time.copy(), expression=interval(span.offset)), expression=column("__at", "__p"))
    inside: exp.Expr = began
    if span.window:
        end = exp.Add(this=time.copy(), expression=interval(span.offset + span.window))
        inside = exp.and_(began, exp.GT(this=end, expression=column("__at", "__p")))
    call: exp.Expr
    if aggregate.function == "count_distinct":
        call = exp.Count(this=exp.Distinct(expressions=[value]))
    else:
        names = {"stddev": "STDDEV_SAMP", "variance": "VAR_SAMP", "median": "MEDIAN"}
        call = exp.func(names.get(aggregate.function, aggregate.function.upper()), value, dialect=DIALECT)
    return exp.cast(exp.Filter(this=call, expression=exp.Where(this=inside)), data_type(aggregate.type))
