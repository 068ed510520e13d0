"""Labels that look forward: functions of the rows of a source with `t <= time < t + window`, once they are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, known_names
from mlspec.base.digest import digest
from mlspec.base.value import dataclass, replace
from mlspec.ir.relation import Aggregate, Boundary, Column, Lookup, Origin, Relation, Timing, Windows
from mlspec.ir.sql.aggregates import ZERO_OF_NOTHING
from mlspec.ir.sql.dialect import column, interval, table
from mlspec.ir.sql.glot import exp
from mlspec.kinds._datasets.parts import ForwardLabel, Split
from mlspec.kinds._datasets.spine import Asked, moment, training_ends
from mlspec.kinds._views.frame import Frame
from mlspec.kinds._views.windowed import aggregates_of, feature_column
from mlspec.language.scope import Scope
from mlspec.language.words import Duration

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Forward:
    """A label that looks forward: its column, how it is looked up, and when it is given, as an expression of the asker."""

    column: Column
    lookup: Lookup
    given: exp.Expr


def forward(
    scope: Scope, name: str, asked: Asked, written: tuple[ForwardLabel, ...], split: Split | None
) -> list[Forward]:
    """The labels of a dataset that look forward. Raises Problems."""
    found: list[Forward] = []
    problems: list[Diagnostic] = []
    for index, one in enumerate(written):
        try:
            found.append(_label(scope, name, asked, one, index, split))
        except Problems as error:
            problems.extend(error.diagnostics)
    taken = [*asked.by_name, *(f.name for f in written)]
    for index, one in enumerate(written):
        if taken.count(one.name) > 1:
            message = f"two columns of the labels are called `{one.name}`"
            problems.append(
                scope.error(
                    "duplicate-column", message, "labels", "forward", index, "name", help="give one another name"
                )
            )
    if problems:
        raise Problems(problems)
    return found


def _label(scope: Scope, name: str, asked: Asked, written: ForwardLabel, index: int, split: Split | None) -> Forward:
    path: Path = ("labels", "forward", index)
    relation = scope.relation(written.source)
    columns = {c.name: c for c in relation.columns}
    if problems := list(_unsound(scope, asked, written, columns, relation, path)):
        raise Problems(problems)
    frame = Frame(scope, name, {k: columns[k].type for k in written.keys}, written.source, None, 0)
    aggregate, read, meant = next(
        aggregates_of(frame, written, path, ((), None), columns, f"source `{written.source}`")
    )
    aggregate = replace(aggregate, offset=-aggregate.window)
    address = str(scope.address(written.source))
    wait = written.maturity or scope.spec(written.source).lateness
    given = _given(asked, address, relation, aggregate, wait, training_ends(split))
    keys = [(ours, asked.by_name[ours].digest, columns[theirs].digest) for theirs, ours in sorted(written.keys.items())]
    rows = digest("forward", relation.rows_digest, columns[relation.timing.event_time].digest, asked.rows_digest, asked.by_name[asked.time].digest,
                  keys, wait.microseconds if wait else 0, training_ends(split))  # fmt: skip
    made = feature_column(aggregate, meant, tuple(Origin(address, n) for n in sorted(read)), rows, written)
    if not made.origins:
        made = replace(made, origins=(Origin(address, relation.timing.event_time),))
    return Forward(made, _lookup(address, relation, aggregate, written, asked, index), given)


def _unsound(
    scope: Scope, asked: Asked, written: ForwardLabel, columns: Mapping[str, Column], relation: Relation, path: Path
) -> Iterator[Diagnostic]:
    event, time = columns.get(relation.timing.event_time), asked.by_name[asked.time]
    if event is None:
        message = f"source `{written.source}` has no event time, so nothing of it can be in a window"
        yield scope.error("missing-event-time", message, *path, "source", help="declare `event_time` on the source")
    elif {event.type.name, time.type.name} == {"timestamp", "timestamptz"}:
        message = f"`{event.name}` of source `{written.source}` is `{event.type}`, `{time.name}` of the labels is `{time.type}`"
        help_ = "one has a time zone and the other has none: declare `timezone` on the source, or cast"
        yield scope.error("naive-aware-comparison", message, *path, "source", help=help_)
    for theirs, ours in written.keys.items():
        at = (*path, "keys", theirs)
        if theirs not in columns:
            help_ = known_names(theirs, columns, "column")
            yield scope.error(
                "missing-key", f"source `{written.source}` has no column `{theirs}`", *at, key=True, help=help_
            )
        elif ours not in asked.by_name:
            help_ = known_names(ours, asked.by_name, "column")
            yield scope.error("missing-key", f"the labels have no column `{ours}`", *at, help=help_)
        elif not columns[theirs].type.joins(asked.by_name[ours].type):
            message = f"`{theirs}` is `{columns[theirs].type}` in source `{written.source}`, `{ours}` is `{asked.by_name[ours].type}` in the labels"
            yield scope.error("key-type-mismatch", message, *at, help="cast it: `1` never equals `'01'`")


def _given(
    asked: Asked, address: str, relation: Relation, aggregate: Aggregate, wait: Duration | None, training: str
) -> exp.Expr:
    """Whether the label is known: its window has passed before the data ends, and for training before that ends."""
    length = aggregate.window + (wait.microseconds if wait else 0)
    known = exp.Add(this=column(asked.time), expression=interval(length))
    newest: exp.Expr = exp.Max(this=column(relation.timing.available_time or relation.timing.event_time))
    ends = exp.select(newest).from_(table(address)).subquery()
    found: exp.Expr = exp.LTE(this=known, expression=ends)
    if training:
        asks_early = exp.LT(this=column(asked.time), expression=moment(training))
        late = exp.GTE(this=known.copy(), expression=moment(training))
        found = exp.and_(found, exp.not_(exp.paren(exp.and_(asks_early, late))))
    return found


def _lookup(
    address: str, relation: Relation, aggregate: Aggregate, written: ForwardLabel, asked: Asked, index: int
) -> Lookup:
    timing = relation.timing
    zoned = asked.by_name[asked.time].type.name == "timestamptz"
    windows = Windows(
        address,
        tuple(written.keys),
        timing.event_time,
        (aggregate,),
        "",
        timing.tie_break,
        Boundary.EXCLUSIVE,
        zoned=zoned,
    )
    zero = (aggregate.name,) if aggregate.function in ZERO_OF_NOTHING else ()
    return Lookup(address, tuple(written.keys.items()), ((aggregate.name, aggregate.name),), Timing(timing.event_time), zero, windows,
                  given=f"__given_{index}")  # fmt: skip


def reads(found: list[Forward]) -> set[str]:
    """The sources that the labels look into."""
    return {str(Address.parse(f.lookup.address)) for f in found}
