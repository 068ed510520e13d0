"""The row that answers at a moment: of those with the same keys that are visible, the one with the greatest event time.

It is found in the way that the engine has: an as-of join, a lateral look-up, or by counting how many rows each question
has seen, the number of its last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlspec.ir.columntype import INTEGERS, TIMES, ColumnType
from mlspec.ir.relation import Boundary, Lookup, Timing
from mlspec.ir.sql.dialect import column, interval, microseconds, table
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import Traits

Found = tuple["exp.Select", Mapping[str, "exp.Expr"]]


def found_rows(final: exp.Select, lookup: Lookup, asked: exp.Expr, alias: str, traits: Traits) -> Found:
    """A query of the spine `__s` joined with the rows that answer, and what each feature is in it."""
    if not lookup.timing.event_time:
        on = exp.and_(*_same_keys(lookup, alias))
        rows = exp.alias_(_rows(lookup, []).subquery(), alias, table=True, quoted=True)
        return final.join(rows, on=on, join_type="LEFT", copy=False), _values(lookup, alias, None)
    values = _values(lookup, alias, asked)
    if traits.asof_join:
        return _by_asof(final, lookup, asked, alias, traits), values
    way = _by_lateral if traits.lateral else _by_number
    return way(final, lookup, asked, alias), values


def _same_keys(lookup: Lookup, alias: str) -> list[exp.Expr]:
    return [exp.EQ(this=column(ours, "__s"), expression=column(theirs, alias)) for theirs, ours in lookup.keys]


def _later(timing: Timing) -> type[exp.Binary]:
    return exp.GTE if timing.boundary is Boundary.INCLUSIVE else exp.GT


def _values(lookup: Lookup, alias: str, asked: exp.Expr | None) -> dict[str, exp.Expr]:
    """The features of the row found, NULL where it has expired."""
    timing, found = lookup.timing, {}
    conditions: list[exp.Expr] = []
    if asked is not None and timing.ttl:
        oldest = exp.Sub(this=asked, expression=interval(timing.ttl))
        conditions.append(exp.GTE(this=column("__event", alias), expression=oldest))
    if asked is not None and timing.valid_to:
        until = column("__until", alias)
        still = exp.LT(this=asked.copy(), expression=until)
        conditions.append(exp.paren(exp.or_(until.copy().is_(exp.null()), still)))
    for index, (feature, _) in enumerate(lookup.features):
        value: exp.Expr = column(f"__v{index}", alias)
        if conditions:
            value = exp.Case(ifs=[exp.If(this=exp.and_(*[c.copy() for c in conditions]), true=value)])
        found[feature] = value
    return found


def _rows(lookup: Lookup, extra: Sequence[exp.Expr]) -> exp.Select:
    """The rows that can answer at all: keys, values, and their times as `__event`, `__known`, `__until`."""
    timing = lookup.timing
    select = exp.select(
        *[column(theirs) for theirs, _ in lookup.keys],
        *[exp.alias_(column(f), f"__v{i}", quoted=True) for i, (f, _) in enumerate(lookup.features)],
        *extra,
    ).from_(table(lookup.address))
    if not timing.event_time:
        return select
    known = timing.available_time or timing.event_time
    select = select.select(
        exp.alias_(column(timing.event_time), "__event", quoted=True),
        exp.alias_(column(known), "__known", quoted=True),
        copy=False,
    )
    if timing.valid_to:
        select = select.select(exp.alias_(column(timing.valid_to), "__until", quoted=True), copy=False)
    needed = dict.fromkeys((*[theirs for theirs, _ in lookup.keys], timing.event_time, known))
    return select.where(*[column(n).is_(exp.null()).not_() for n in needed], copy=False)


def _ranked(order: Sequence[str], partition: Sequence[str], *, desc: bool = True) -> exp.Window:
    by = [exp.Ordered(this=column(n), desc=desc, nulls_first=False) for n in order]
    return exp.Window(
        this=exp.RowNumber(), partition_by=[column(k) for k in partition], order=exp.Order(expressions=by)
    )


def _in_force(lookup: Lookup) -> exp.Select:
    """Rows that, when they become known, are the newest of all known by then; of equals the last by `tie_break`."""
    timing, keys = lookup.timing, [theirs for theirs, _ in lookup.keys]
    known = timing.available_time or timing.event_time
    conditions: list[exp.Expr] = []
    extra: list[exp.Expr] = []
    if timing.available_time and timing.available_time != timing.event_time:
        newest = exp.Window(
            this=exp.Max(this=column(timing.event_time)),
            partition_by=[column(k) for k in keys],
            order=exp.Order(expressions=[exp.Ordered(this=column(known), nulls_first=False)]),
        )
        extra.append(exp.alias_(newest, "__newest", quoted=True))
        conditions.append(exp.EQ(this=column("__event"), expression=column("__newest")))
    if timing.tie_break:
        last = _ranked([timing.tie_break], [*keys, timing.event_time, known])
        extra.append(exp.alias_(last, "__rank", quoted=True))
        conditions.append(exp.EQ(this=column("__rank"), expression=exp.Literal.number(1)))
    rows = _rows(lookup, extra)
    return exp.select(exp.Star()).from_(rows.subquery("__known_rows")).where(*conditions) if conditions else rows


# -- three ways --------------------------------------------------------------------------------------------------------


def _by_asof(final: exp.Select, lookup: Lookup, asked: exp.Expr, alias: str, traits: Traits) -> exp.Select:
    timing, later = lookup.timing, _later(lookup.timing)
    known = timing.available_time or timing.event_time
    ours, theirs = asked, column("__known", alias)
    if traits.wide_integers and timing.tie_break and known == timing.event_time and _countable(lookup.tie):
        inner = _rows(lookup, [exp.alias_(_one_number(lookup), "__both", quoted=True)])
        rest = 2**63 - 1 if timing.boundary is Boundary.INCLUSIVE else -(2**63)
        ours = _wide(asked, exp.Literal.number(rest))
        theirs = column("__both", alias)
    else:
        inner = _in_force(lookup)
    rows = exp.alias_(inner.subquery(), alias, table=True, quoted=True)
    on = exp.and_(*_same_keys(lookup, alias), later(this=ours, expression=theirs))
    return final.join(exp.Join(this=rows, method="ASOF", side="LEFT", on=on), copy=False)


def _countable(kind: ColumnType | None) -> bool:
    return kind is not None and (kind.name in INTEGERS or kind.name in TIMES)


def _one_number(lookup: Lookup) -> exp.Expr:
    """Event time and tie break as one number of 128 bits, so that one comparison finds the last row."""
    tie: exp.Expr = column(lookup.timing.tie_break)
    if lookup.tie and lookup.tie.name in TIMES:
        tie = microseconds(tie, zoned=lookup.tie.name == "timestamptz")
    lowest = exp.Neg(this=exp.Literal.number(2**63))
    return _wide(
        column(lookup.timing.event_time), exp.func("COALESCE", exp.cast(tie, "INT128"), exp.cast(lowest, "INT128"))
    )


def _wide(time: exp.Expr, rest: exp.Expr) -> exp.Expr:
    wide = exp.cast(exp.UnixMicros(this=time.copy()), "INT128")
    shifted = exp.Mul(this=wide, expression=exp.cast(exp.Literal.number(2**64), "INT128"))
    return exp.Add(this=shifted, expression=exp.cast(rest, "INT128"))


def _by_lateral(final: exp.Select, lookup: Lookup, asked: exp.Expr, alias: str) -> exp.Select:
    """The last of the visible rows, looked up for each row of the spine; an index on keys and times makes it fast."""
    timing = lookup.timing
    known = timing.available_time or timing.event_time
    order = [n for n in dict.fromkeys((timing.event_time, known, timing.tie_break)) if n]
    same = [exp.EQ(this=column(theirs), expression=column(ours, "__s")) for theirs, ours in lookup.keys]
    visible = _later(timing)(this=asked.copy(), expression=column(known))
    rows = _rows(lookup, []).where(*same, visible)
    rows = rows.order_by(*[exp.Ordered(this=column(n), desc=True, nulls_first=False) for n in order]).limit(1)
    lateral = exp.Lateral(this=rows.subquery(), alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    return final.join(exp.Join(this=lateral, side="LEFT", on=exp.true()), copy=False)


def _by_number(final: exp.Select, lookup: Lookup, asked: exp.Expr, alias: str) -> exp.Select:
    """Rows are numbered as they become known; a question has seen so many, and the last of them has that number."""
    timing = lookup.timing
    theirs = [t for t, _ in lookup.keys]
    inclusive = timing.boundary is Boundary.INCLUSIVE
    numbered = exp.select(
        exp.Star(), exp.alias_(_ranked(["__known"], theirs, desc=False), "__number", quoted=True)
    ).from_(_in_force(lookup).subquery("__rows"))
    seen = exp.select(*[column(k) for k in theirs], exp.alias_(column("__known"), "__at", quoted=True)).select(
        exp.alias_(exp.Literal.number(0 if inclusive else 1), "__side", quoted=True),
        exp.alias_(exp.Literal.number(1), "__one", quoted=True),
        exp.alias_(exp.false(), "__asks", quoted=True),
    )
    seen = seen.from_(_in_force(lookup).subquery("__rows"))
    name = asked.name
    known = [column(n).is_(exp.null()).not_() for n in dict.fromkeys((*[o for _, o in lookup.keys], name))]
    questions = exp.select(*[column(o) for _, o in lookup.keys], column(name)).distinct().from_("__spine").where(*known)
    asks = exp.select(
        *[column(o) for _, o in lookup.keys], column(name), exp.Literal.number(1 if inclusive else 0),
        exp.Literal.number(0), exp.true(),
    ).from_(questions.subquery("__questions"))  # fmt: skip
    order = exp.Order(expressions=[exp.Ordered(this=column(n), nulls_first=False) for n in ("__at", "__side")])
    counted = exp.Window(this=exp.Sum(this=column("__one")), partition_by=[column(k) for k in theirs], order=order)
    stream = exp.union(seen, asks, distinct=False)
    running = exp.select(
        *[column(k) for k in theirs], column("__at"), column("__asks"), exp.alias_(counted, "__number", quoted=True)
    ).from_(stream.subquery("__stream"))
    answered = exp.select(
        *[column(k, "__c") for k in theirs], exp.alias_(column("__at", "__c"), "__asked_at", quoted=True)
    ).from_(exp.alias_(running.subquery(), "__c", table=True, quoted=True))
    wanted = [
        "__event",
        "__known",
        *(["__until"] if timing.valid_to else []),
        *[f"__v{i}" for i in range(len(lookup.features))],
    ]
    answered = answered.select(*[column(n, "__n") for n in wanted], copy=False)
    same = [exp.EQ(this=column(n, "__c"), expression=column(n, "__n")) for n in (*theirs, "__number")]
    answered = answered.join(exp.alias_(numbered.subquery(), "__n", table=True, quoted=True), on=exp.and_(*same))
    answered = answered.where(column("__asks", "__c"))
    rows = exp.alias_(answered.subquery(), alias, table=True, quoted=True)
    on = exp.and_(*_same_keys(lookup, alias), exp.EQ(this=asked.copy(), expression=column("__asked_at", alias)))
    return final.join(rows, on=on, join_type="LEFT", copy=False)
