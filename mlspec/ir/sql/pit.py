"""The point-in-time join: to every row of a spine, the feature values that would have been answered at its time.

Rows of the spine are never lost or doubled. docs/semantics.md says what is visible when, with pictures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from mlspec.ir.relation import Boundary, Column, Relation
from mlspec.ir.sql.dialect import DIALECT, column, interval, table

ROW = "__row"


@dataclass(frozen=True)
class Lookup:
    """What is looked up in one view: pairs of feature and output name; `keys` pairs key columns with the spine's."""

    address: str
    relation: Relation
    features: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Spine:
    """The rows that ask: a canonical query, its columns in order, the column of the time at which each asks."""

    query: exp.Query
    columns: tuple[str, ...]
    time: str


def point_in_time(
    spine: Spine, lookups: Sequence[Lookup], computed: Mapping[str, exp.Expr], extra: Mapping[str, exp.Expr]
) -> exp.Select:
    """The columns of the spine, then the features in the order of the look-ups and `computed`, then `extra`.

    `computed` and `extra` are expressions over the spine's columns, unqualified.
    """
    numbered = exp.select(exp.alias_(exp.Window(this=exp.RowNumber()), ROW, quoted=True), exp.Star()).from_(
        exp.alias_(spine.query.subquery(), "__asked", table=True)
    )
    final = exp.select(*[column(c, "__s") for c in spine.columns]).from_(
        exp.alias_(exp.to_table("__spine"), "__s", table=True)
    )
    for index, lookup in enumerate(lookups):
        alias = f"__f{index}"
        final = _joined(final, lookup, alias, spine.time)
        final = final.select(
            *[exp.alias_(_feature(lookup, f, alias, spine.time), name, quoted=True) for f, name in lookup.features],
            copy=False,
        )
    for name, node in {**computed, **extra}.items():
        final = final.select(exp.alias_(_over_spine(node), name, quoted=True), copy=False)
    return final.with_("__spine", as_=numbered, copy=False).order_by(column(ROW, "__s"))


def _over_spine(node: exp.Expr) -> exp.Expr:
    copy = node.copy()
    found = [copy] if isinstance(copy, exp.Column) else list(copy.find_all(exp.Column))
    for part in found:
        part.set("table", exp.to_identifier("__s", quoted=True))
    return copy


def _joined(select: exp.Select, lookup: Lookup, alias: str, time: str) -> exp.Select:
    on: list[exp.Expr] = [
        exp.EQ(this=column(ours, "__s"), expression=column(theirs, alias)) for theirs, ours in lookup.keys
    ]
    rows = exp.alias_(_rows(lookup).subquery(), alias, table=True, quoted=True)
    if not lookup.relation.timing.event_time:
        return select.join(rows, on=exp.and_(*on), join_type="LEFT")
    later = exp.GTE if lookup.relation.timing.boundary is Boundary.INCLUSIVE else exp.GT
    on.append(later(this=column(time, "__s"), expression=column("__known", alias)))
    return select.join(exp.Join(this=rows, method="ASOF", side="LEFT", on=exp.and_(*on)))


def _rows(lookup: Lookup) -> exp.Select:
    """The rows of a view that can be the answer, each with the moment from which on it is."""
    relation, timing = lookup.relation, lookup.relation.timing
    keys = [theirs for theirs, _ in lookup.keys]
    wanted = [exp.alias_(column(f), f"__v{i}", quoted=True) for i, (f, _) in enumerate(lookup.features)]
    select = exp.select(*[column(k) for k in keys], exp.alias_(exp.true(), "__found", quoted=True), *wanted)
    select = select.from_(table(lookup.address), copy=False)
    if not timing.event_time:
        return select
    known = column(timing.available_time or timing.event_time)
    select = select.select(
        exp.alias_(column(timing.event_time), "__event", quoted=True),
        exp.alias_(known, "__known", quoted=True),
        copy=False,
    )
    needed = dict.fromkeys((timing.event_time, timing.available_time or timing.event_time))
    select = select.where(*[column(n).is_(exp.null()).not_() for n in needed], copy=False)
    if timing.available_time or timing.tie_break:
        select.set("qualify", exp.Qualify(this=_newest(keys, relation)))
    return select


def _newest(keys: Sequence[str], relation: Relation) -> exp.Expr:
    """Keep a row that, when it becomes known, is the newest of all known by then; of equals the last by `tie_break`."""
    timing = relation.timing
    conditions: list[exp.Expr] = []
    event, known = column(timing.event_time), column(timing.available_time or timing.event_time)
    if timing.available_time:
        newest = exp.Window(
            this=exp.Max(this=event.copy()),
            partition_by=[column(k) for k in keys],
            order=exp.Order(expressions=[exp.Ordered(this=known.copy(), nulls_first=False)]),
        )
        conditions.append(exp.EQ(this=event.copy(), expression=newest))
    if timing.tie_break:
        last = exp.Window(
            this=exp.RowNumber(),
            partition_by=[*[column(k) for k in keys], event.copy(), known.copy()],
            order=exp.Order(expressions=[exp.Ordered(this=column(timing.tie_break), desc=True, nulls_first=False)]),
        )
        conditions.append(exp.EQ(this=last, expression=exp.Literal.number(1)))
    return exp.and_(*conditions)


def _feature(lookup: Lookup, feature: str, alias: str, time: str) -> exp.Expr:
    index = [f for f, _ in lookup.features].index(feature)
    value: exp.Expr = column(f"__v{index}", alias)
    timing = lookup.relation.timing
    if timing.ttl:
        oldest = exp.Sub(this=column(time, "__s"), expression=interval(timing.ttl))
        fresh = exp.GTE(this=column("__event", alias), expression=oldest)
        value = exp.Case(ifs=[exp.If(this=fresh, true=value)])
    if _defined(lookup, feature).empty:
        value = exp.func("COALESCE", value, exp.Literal.number(0))
    return value


def _defined(lookup: Lookup, feature: str) -> Column:
    found = lookup.relation.column(feature)
    if found is None:
        raise KeyError(feature)
    return found


def sql(query: exp.Query) -> str:
    """The canonical text of a query."""
    return query.sql(DIALECT)
