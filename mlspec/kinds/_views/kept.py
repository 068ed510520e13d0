"""How a feature view is kept: as a view, as a table, or in partitions of time that are brought up to date one by one."""

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Discriminator, Tag

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic
from mlspec.base.value import replace
from mlspec.ir.relation import Input, Keep, Partitions, Relation
from mlspec.ir.sql.formulate import parsed_query
from mlspec.ir.sql.glot import exp
from mlspec.language.scope import Scope
from mlspec.language.spec import Part
from mlspec.language.words import Duration, Instant

SMALLEST = 60_000_000
"""A minute, in microseconds."""
MOST = 5_000
"""Partitions that one row may be a part of."""


class Incremental(Part):
    """Partitions of so long a time, the first of which begins at `start`; from then on the view answers exactly.

    `lookback` is how far before a partition `sql` looks for the rows that it is made of. What `aggregations` and `latest`
    look at follows from their windows.
    """

    partition: Duration
    start: Instant
    lookback: Duration | None = None


class InPartitions(Part):
    """`incremental: {partition, start}`."""

    incremental: Incremental


Materialize = Annotated[
    Annotated[Literal["view", "table"], Tag("word")] | Annotated[InPartitions, Tag("parts")],
    Discriminator(lambda value: "parts" if isinstance(value, dict | InPartitions) else "word"),
]


def keep(scope: Scope, made: Relation, asked: InPartitions, ttl: int) -> Relation:
    """The relation, kept in partitions. What is wrong with that, `problems` says."""
    kind = made.column(made.timing.event_time)
    if kind is None:
        return replace(made, keep=Keep.INCREMENTAL)
    wanted = asked.incremental
    size, start = wanted.partition.microseconds, _microseconds(wanted.start)
    if made.windows is not None:
        lookback = max(a.offset + a.window + a.hop for a in made.windows.aggregates)
        before = lookback  # what was in a window at `start` has entered it by then
    else:
        lookback = wanted.lookback.microseconds if wanted.lookback else 0
        before = ttl
    first = start - -(-before // size) * size
    inputs = tuple(_input(scope, made, address) for address in made.reads)
    parts = Partitions(kind.name, size, first, lookback, inputs, kind.type.name == "timestamptz")
    return replace(made, keep=Keep.INCREMENTAL, partitions=parts)


def _microseconds(text: str) -> int:
    since = dt.datetime.fromisoformat(text) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return since // dt.timedelta(microseconds=1)


def _input(scope: Scope, made: Relation, address: str) -> Input:
    """The columns of a relation that is read which have any part in the rows of the view."""
    read = scope.relation(Address.parse(address))
    time = read.column(read.timing.event_time)
    windows = made.windows
    if windows is not None:
        used = {o.column for c in made.columns for o in c.origins}
        used |= {windows.time, windows.available, windows.order, *windows.keys}
    else:
        used = {i.name for i in parsed_query(made.query).find_all(exp.Identifier)}
    columns = {n for n in read.names if n in used} | ({time.name} if time else set())
    return Input(
        address,
        tuple(sorted(columns)),
        time.name if time else "",
        windows.available if windows else "",
        time is not None and time.type.name == "timestamptz",
    )


def problems(scope: Scope, made: Relation, asked: InPartitions, shape: str) -> Iterator[Diagnostic]:
    """Why a view of this shape cannot be kept in partitions."""
    wanted, at = asked.incremental, ("materialize", "incremental")
    if wanted.lookback and shape != "sql":
        message, help_ = (
            f"what `{shape}` look back at follows from what is written",
            "remove `lookback`: it is for `sql`",
        )
        yield scope.error("meaningless-field", message, *at, "lookback", key=True, help=help_)
    if made.windows is not None and any(not a.window for a in made.windows.aggregates):
        message = "a window of `all` looks at all rows, and a partition is made of some of them"
        yield scope.error(
            "invalid-partitions", message, *at, help="keep it as a `table`, or put `all` into a view of its own"
        )
    if made.partitions is None:
        message, help_ = (
            "rows without `event_time` belong to no partition",
            "add `event_time:`, or keep it as a `table`",
        )
        yield scope.error("invalid-partitions", message, *at, help=help_)
        return
    if not any(i.time for i in made.partitions.inputs):
        message = "nothing that it reads has an event time, so nothing says which partitions there are"
        yield scope.error("invalid-partitions", message, *at, help="declare `event_time` on a source that it reads")
    reached = made.partitions.lookback // made.partitions.size
    if wanted.partition.microseconds < SMALLEST or reached > MOST:
        message = f"partitions of {wanted.partition} are too small"
        more = f": each row would be a part of {reached:,}" if reached > MOST else ""
        yield scope.error(
            "invalid-partitions", message + more, *at, "partition", help="`1d` is usual, `1m` the smallest"
        )
