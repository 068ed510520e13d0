"""Tables in partitions: the query of the rows between two times, and the query that tells whether what they are made of changed.

What partitions are made of is looked at in slices, one for each size of a partition, so that one pass over the rows says
it for all of them: a partition is made of its own slice and of those that its lookback reaches.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from mlspec.ir.relation import Input, Partitions
from mlspec.ir.sql.changes import Between
from mlspec.ir.sql.dialect import column, microseconds, number, table
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spans import floored

EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock times in UTC
SLICE = "__slice"


def in_partitions(tree: exp.Query, partitions: Partitions, between: Between) -> exp.Select:
    """The rows of a query whose time is between two moments, made of the inputs that these may depend on."""
    found = {i.address: i for i in partitions.inputs if i.time}
    for node in list(tree.find_all(exp.Table)):
        wanted = found.get(node.name)
        if wanted is not None and not node.db:
            rows = exp.select(exp.Star()).from_(table(wanted.address)).where(reached(wanted, partitions, between))
            node.replace(rows.subquery(exp.to_identifier(node.alias_or_name, quoted=True)))
    inside = within(column(partitions.column), between, zoned=partitions.zoned)
    return exp.select(exp.Star()).from_(tree.subquery("__parts")).where(inside)


def within(time: exp.Expr, between: Between, *, zoned: bool) -> exp.Expr:
    """Whether a time is between two moments; as a comparison of times, for which engines keep statistics."""
    first, end = (instant(m, zoned=zoned) for m in between)
    moment = exp.cast(time, "TIMESTAMPTZ" if zoned else "TIMESTAMP")
    return exp.and_(exp.GTE(this=moment, expression=first), exp.LT(this=moment.copy(), expression=end))


def instant(at: int, *, zoned: bool) -> exp.Expr:
    """A moment in microseconds as a value of SQL."""
    text = (EPOCH + dt.timedelta(microseconds=at)).isoformat(sep=" ")
    return exp.cast(exp.Literal.string(f"{text}+00:00" if zoned else text), "TIMESTAMPTZ" if zoned else "TIMESTAMP")


def reached(read: Input, partitions: Partitions, between: Between) -> exp.Expr:
    """Whether a row can be of any weight for the partitions between two moments."""
    first, end = between
    happened = within(column(read.time), (_back(partitions, first), end), zoned=read.zoned)
    if not read.known:
        return happened
    before = exp.LT(
        this=exp.cast(column(read.time), "TIMESTAMPTZ" if read.zoned else "TIMESTAMP"),
        expression=instant(end, zoned=read.zoned),
    )
    late = exp.and_(before, within(column(read.known), between, zoned=read.zoned))
    return exp.or_(exp.paren(happened), exp.paren(late))


def _back(partitions: Partitions, moment: int) -> int:
    """The beginning of the oldest slice that is reached from a moment at which a partition begins."""
    steps = -(-partitions.lookback // partitions.size)
    return max(moment - steps * partitions.size, FIRST)


FIRST = -62_135_596_800_000_000
"""The year 1, before which no engine can write a time."""


def slices(
    read: Input, partitions: Partitions, between: Between | None, sums: Sequence[str], *, by_known: bool
) -> exp.Select:
    """For each slice its beginning, its number of rows and `sums` over them, in the engine's own words; of one input.

    With `by_known`, slices are by when rows became known. Without a time of the input, everything is one slice.
    """
    rows = exp.select(*[column(n) for n in read.columns]).from_(table(read.address))
    totals: list[exp.Expr] = [exp.Count(this=exp.Star()), *[exp.var(s) for s in sums]]
    if not read.time:
        return exp.select(number(0), *totals).from_(rows.subquery("__rows"))
    at = read.known if by_known else read.time
    rows = rows.where(*[column(n).is_(exp.null()).not_() for n in dict.fromkeys((read.time, at))], copy=False)
    if between is not None:
        span = between if by_known else (_back(partitions, between[0]), between[1])
        rows = rows.where(within(column(at), span, zoned=read.zoned), copy=False)
    since = exp.Sub(this=microseconds(column(at), zoned=read.zoned), expression=number(partitions.start))
    begins = exp.alias_(floored(exp.paren(since), partitions.size), SLICE, quoted=True)
    return exp.select(begins, *totals).from_(rows.subquery("__rows")).group_by(exp.Literal.number(1))
