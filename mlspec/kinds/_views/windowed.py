"""A feature view of `aggregations`: functions of the rows in windows of a source."""

from collections.abc import Iterator, Sequence
from typing import Any

from mlspec.base.diag import Diagnostic, Problems, known_names
from mlspec.base.digest import digest
from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Aggregate, Boundary, Column, Origin, Relation, Timing, Windows
from mlspec.ir.sql.aggregates import OF_NUMBERS, ORDERED, ZERO_OF_NOTHING, result_type
from mlspec.ir.sql.canon import meaning
from mlspec.ir.sql.dialect import DIALECT, column
from mlspec.kinds._views.frame import Frame, read_source
from mlspec.kinds._views.parts import Aggregation
from mlspec.language.words import Duration


def windowed(
    frame: Frame, aggregations: Sequence[Aggregation], windows: Sequence[Duration | None], hop: Duration | None
) -> Relation:
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
    shape = (relation.rows_digest, [columns[k].digest for k in sorted(keys)], columns[timing.event_time].digest,
             columns[timing.available_time].digest if timing.available_time else "", boundary)  # fmt: skip
    rows = digest("windows", shape)
    tie = columns[timing.tie_break].digest if timing.tie_break in columns else ""
    address = str(frame.scope.address(frame.source))
    aggregates: list[Aggregate] = []
    made: list[Column] = []
    problems: list[Diagnostic] = []
    for index, written in enumerate(aggregations):
        try:
            for aggregate, read, meant in aggregates_of(
                frame, written, ("aggregations", index), (windows, hop), columns, what
            ):
                aggregates.append(aggregate)
                origins = tuple(Origin(address, n) for n in sorted(read))
                order = tie if aggregate.function in ORDERED else ""
                made.append(feature_column(aggregate, meant, origins, digest(rows, order) if order else rows, written))
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
    later = timing.available_time if timing.available_time != timing.event_time else ""
    kept = Windows(address, keys, timing.event_time, tuple(aggregates), later, timing.tie_break, boundary,
                   zoned=time_kind.name == "timestamptz")  # fmt: skip
    return Relation("", (*key_columns, time, *made), rows, keys=keys, timing=Timing("event_time", boundary=boundary),
                    reads=(address,), windows=kept)  # fmt: skip


def _doubled(frame: Frame, names: list[str]) -> list[Diagnostic]:
    twice = sorted({n for n in names if names.count(n) > 1})
    return [
        frame.scope.error(
            "duplicate-column", f"two columns are called `{n}`", "aggregations", help="give one another `name`"
        )
        for n in twice
    ]


Meant = tuple[str, ...]
"""What is aggregated, which rows count and among which: by meaning, not by text."""
Defaults = tuple[Sequence[Duration | None], Duration | None]
"""The windows and the hop of the view, for aggregations that say none of their own."""


def aggregates_of(frame: Frame, written: Aggregation, at: tuple[str | int, ...], defaults: Defaults, columns: dict[str, Column], what: str
                ) -> Iterator[tuple[Aggregate, frozenset[str], Meant]]:  # fmt: skip
    """Each aggregate that an aggregation at a path means, with the columns that it reads, and what. Raises Problems."""
    node, kind, read = _value(frame, written, at, columns, what)
    value, meant = _text(node), [meaning(node, columns) if node is not None else ""]
    conditions = []
    for field in ("where", "among"):
        condition, used = _condition(frame, getattr(written, field), (*at, field), columns)
        conditions.append(_text(condition))
        meant.append(meaning(condition, columns) if condition is not None else "")
        read |= used
    if problems := _arguments(frame, written, at):
        raise Problems(problems)
    lengths = (written.window,) if written.window != "" else (written.windows or defaults[0])
    if not lengths:
        message, help_ = f"`{written.name}` has no window", "add `window:`, or `windows:` to the view"
        raise Problems([frame.scope.error("invalid-aggregation", message, *at, help=help_)])
    hop = written.hop or defaults[1]
    for window in lengths:
        name = written.name if written.window != "" else f"{written.name}_{window or 'all'}"
        length = window.microseconds if isinstance(window, Duration) else 0
        step = hop.microseconds if hop and length else 0
        if step and length % step:
            message, help_ = (
                f"the window {window} of `{name}` is not so many times the hop {hop}",
                "the hop divides every window",
            )
            raise Problems([frame.scope.error("invalid-aggregation", message, *at, help=help_)])
        offset = written.offset.microseconds if written.offset else 0
        argument = float(written.n or written.fraction or 0)
        yield (
            Aggregate(name, written.function, length, result_type(written.function, kind), offset, step, value, kind,
                      conditions[0], conditions[1], argument),
            read, tuple(meant),
        )  # fmt: skip


def _condition(
    frame: Frame, text: str | None, at: tuple[str | int, ...], columns: dict[str, Column]
) -> tuple[Any, frozenset[str]]:
    if text is None:
        return None, frozenset()
    node, kind, used = frame.scope.expression(text, columns, *at)
    if kind.name != "boolean":
        raise Problems([frame.scope.error("wrong-type", f"a condition is true or false, this is `{kind}`", *at)])
    return node, used


def _text(node: Any) -> str:
    return node.sql(DIALECT) if node is not None else ""


_ARGUMENTS = {"percentile": "fraction", "last_n": "n", "distinct_n": "n"}


def _arguments(frame: Frame, written: Aggregation, at: tuple[str | int, ...]) -> list[Diagnostic]:
    """A function has the arguments that it needs, and no others."""
    found = []
    wanted = _ARGUMENTS.get(written.function, "")
    if wanted and getattr(written, wanted) is None:
        found.append(frame.scope.error("invalid-aggregation", f"`{written.function}` needs `{wanted}`", *at))
    for field, functions in (("fraction", "percentile"), ("n", "last_n, distinct_n"), ("among", "ratio")):
        if getattr(written, field) is not None and field != wanted and written.function not in functions.split(", "):
            message = f"`{field}` means nothing to `{written.function}`"
            found.append(
                frame.scope.error("meaningless-field", message, *at, field, key=True, help=f"it is for {functions}")
            )
    if written.function == "ratio" and written.where is None:
        help_ = "say which rows are above the line in `where`, and in `among` which are below, if not all"
        found.append(frame.scope.error("invalid-aggregation", "`ratio` needs `where`", *at, help=help_))
    return found


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
        node: Any = column(written.column)
        kind, read = columns[written.column].type, frozenset({written.column})
    elif written.expression is not None:
        node, kind, read = frame.scope.expression(written.expression, columns, *at, "expression")
    elif written.function in {"count", "ratio"}:
        return None, None, frozenset()
    else:
        raise Problems(
            [frame.scope.error("invalid-aggregation", f"`{written.function}` needs a `column` or an `expression`", *at)]
        )
    if written.function in OF_NUMBERS and not (kind.numeric or kind.name == "boolean"):
        field = "column" if written.column else "expression"
        message = f"`{written.function}` needs a number, `{written.column or written.expression}` is `{kind}`"
        raise Problems([frame.scope.error("wrong-type", message, *at, field)])
    return node, kind, read


def feature_column(
    aggregate: Aggregate, meant: Meant, origins: tuple[Origin, ...], rows: str, written: Aggregation
) -> Column:
    """The column of an aggregate over rows of a meaning."""
    made = digest(
        (aggregate.function, aggregate.argument, *meant), (aggregate.window, aggregate.offset, aggregate.hop), rows
    )
    window = "all" if not aggregate.window else f"{aggregate.window // 1_000_000} s"
    words = f"{written.function}({written.column or written.expression or '*'}) over {window}"
    words += f" where {written.where}" if written.where else ""
    empty = aggregate.function in ZERO_OF_NOTHING
    return Column(aggregate.name, aggregate.type, made, origins, words, written.description, empty=empty)
