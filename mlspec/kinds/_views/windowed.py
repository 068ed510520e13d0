"""A feature view of `aggregations`: functions of the rows in windows of a source."""

from collections.abc import Iterator, Sequence
from typing import Any

from mlspec.base.diag import Diagnostic, Problems, known_names
from mlspec.base.digest import digest
from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Boundary, Column, Origin, Relation, Timing
from mlspec.ir.sql.dialect import DIALECT, column
from mlspec.ir.sql.windows import Aggregate, Events, change_points
from mlspec.kinds._views.frame import Frame, read_source
from mlspec.kinds._views.parts import Aggregation
from mlspec.language.words import Duration

_OF_NUMBERS = frozenset({"sum", "avg", "stddev", "variance", "median"})


def windowed(frame: Frame, aggregations: Sequence[Aggregation], windows: Sequence[Duration | None]) -> Relation:
    """The relation of a view of `aggregations`: its values from each moment on at which one changes. Raises Problems."""
    relation, columns, what = read_source(frame)
    timing = relation.timing
    if not timing.event_time:
        message = f"{what} has no event time, so nothing can be in a window"
        raise Problems(
            [frame.scope.error("missing-event-time", message, "source", help="declare `event_time` on the source")]
        )
    keys = tuple(frame.keys)
    boundary = frame.boundary or Boundary.EXCLUSIVE
    meaning = (relation.rows_digest, [columns[k].digest for k in sorted(keys)], columns[timing.event_time].digest,
               columns[timing.available_time].digest if timing.available_time else "", boundary)  # fmt: skip
    rows = digest("windows", meaning)
    address = str(frame.scope.address(frame.source))
    aggregates: list[Aggregate] = []
    made: list[Column] = []
    problems: list[Diagnostic] = []
    for index, written in enumerate(aggregations):
        try:
            for aggregate, read in _aggregates(frame, written, index, windows, columns, what):
                aggregates.append(aggregate)
                origins = tuple(Origin(address, n) for n in sorted(read))
                made.append(_feature_column(aggregate, read, origins, columns, rows, written))
        except Problems as error:
            problems.extend(error.diagnostics)
    names = [c.name for c in made]
    problems.extend(_doubled(frame, [*keys, "event_time", *names]))
    if problems:
        raise Problems(problems)
    available = timing.available_time or timing.event_time
    time_kind = ColumnType("timestamptz") if columns[available].type.name == "timestamptz" else ColumnType("timestamp")
    key_columns = [Column(k, columns[k].type, digest(columns[k].digest, rows), (Origin(address, k),), k) for k in keys]
    time = Column(
        "event_time",
        time_kind,
        rows,
        (Origin(address, timing.event_time),),
        "the moment from which on the values hold",
    )
    query = change_points(Events(address, keys, timing.event_time, timing.available_time), aggregates)
    return Relation(query, (*key_columns, time, *made), rows, keys=keys, timing=Timing("event_time", boundary=boundary),
                    reads=(address,), unique=(*keys, "event_time"))  # fmt: skip


def _doubled(frame: Frame, names: list[str]) -> list[Diagnostic]:
    twice = sorted({n for n in names if names.count(n) > 1})
    return [
        frame.scope.error(
            "duplicate-column", f"two columns are called `{n}`", "aggregations", help="give one another `name`"
        )
        for n in twice
    ]


def _aggregates(frame: Frame, written: Aggregation, index: int, windows: Sequence[Duration | None], columns: dict[str, Column], what: str
                ) -> Iterator[tuple[Aggregate, frozenset[str]]]:  # fmt: skip
    at = ("aggregations", index)
    value, kind, read = _value(frame, written, at, columns, what)
    where = None
    if written.where is not None:
        where, condition, used = frame.scope.expression(written.where, columns, *at, "where")
        if condition.name != "boolean":
            raise Problems(
                [frame.scope.error("wrong-type", f"a condition is true or false, this is `{condition}`", *at, "where")]
            )
        read |= used
    lengths = (written.window,) if written.window != "" else (written.windows or windows)
    if not lengths:
        raise Problems(
            [
                frame.scope.error(
                    "invalid-aggregation",
                    f"`{written.name}` has no window",
                    *at,
                    help="add `window:`, or `windows:` to the view",
                )
            ]
        )
    for window in lengths:
        name = written.name if written.window != "" else f"{written.name}_{window or 'all'}"
        length = window.microseconds if isinstance(window, Duration) else 0
        offset = written.offset.microseconds if written.offset else 0
        yield Aggregate(name, written.function, length, offset, value, kind, where), read


def _value(frame: Frame, written: Aggregation, at: tuple[str | int, ...], columns: dict[str, Column], what: str
           ) -> tuple[Any, ColumnType | None, frozenset[str]]:  # fmt: skip
    if written.column is not None:
        if written.column not in columns:
            message = f"feature view `{frame.name}` reads column `{written.column}`, which {what} does not have"
            help_ = known_names(written.column, columns, "column")
            raise Problems(
                [
                    frame.scope.error(
                        "unknown-column",
                        message,
                        *at,
                        "column",
                        label=f"not a column of `{frame.source}`",
                        help=help_,
                    )
                ]
            )
        value, kind, read = column(written.column), columns[written.column].type, frozenset({written.column})
    elif written.expression is not None:
        value, kind, read = frame.scope.expression(written.expression, columns, *at, "expression")
    elif written.function == "count":
        return None, None, frozenset()
    else:
        raise Problems(
            [frame.scope.error("invalid-aggregation", f"`{written.function}` needs a `column` or an `expression`", *at)]
        )
    if written.function in _OF_NUMBERS and not (kind.numeric or kind.name == "boolean"):
        field = "column" if written.column else "expression"
        message = f"`{written.function}` needs a number, `{written.column or written.expression}` is `{kind}`"
        raise Problems([frame.scope.error("wrong-type", message, *at, field)])
    return value, kind, read


def _feature_column(
    aggregate: Aggregate,
    read: frozenset[str],
    origins: tuple[Origin, ...],
    columns: dict[str, Column],
    rows: str,
    written: Aggregation,
) -> Column:
    value = aggregate.value.sql(DIALECT) if aggregate.value is not None else ""
    where = aggregate.where.sql(DIALECT) if aggregate.where is not None else ""
    meaning = digest(
        aggregate.function,
        value,
        where,
        aggregate.window,
        aggregate.offset,
        [columns[n].digest for n in sorted(read)],
        rows,
    )
    window = "all" if not aggregate.window else f"{aggregate.window // 1_000_000} s"
    words = f"{written.function}({written.column or written.expression or '*'}) over {window}"
    words += f" where {written.where}" if written.where else ""
    empty = aggregate.function in {"count", "count_distinct"}
    return Column(aggregate.name, aggregate.type, meaning, origins, words, written.description, empty=empty)
