"""The rows of a dataset that ask: those of the labels' SQL that are wanted, each with its time, labels hidden that nobody knew."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from mlspec.base.diag import Diagnostic, Problems, known_names
from mlspec.base.digest import digest
from mlspec.base.value import dataclass
from mlspec.ir.columntype import TIMES
from mlspec.ir.relation import Column
from mlspec.ir.sql.analyse import origins_of
from mlspec.ir.sql.analysis import Analysis
from mlspec.ir.sql.canon import meaning
from mlspec.ir.sql.dialect import DIALECT, column
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.parse import parse
from mlspec.kinds._datasets.parts import HashSplit, Labels, Sample, Split, TimeRange, TimeSplit
from mlspec.language.scope import Scope

TIME = "event_time"
_OF_ONE_TEXT = frozenset({"string", "int32", "int64", "decimal", "boolean", "date"})
_PLAIN = re.compile(r"\s*[A-Za-z_]\w*\s*")


@dataclass(frozen=True)
class Asked:
    """The rows of the labels: a canonical query, its columns, and the one with the time at which each row asks."""

    query: exp.Query
    columns: tuple[Column, ...]
    rows_digest: str
    time: str
    reads: tuple[str, ...]

    @property
    def by_name(self) -> Mapping[str, Column]:
        """The columns by name."""
        return {c.name: c for c in self.columns}


def asked_rows(scope: Scope, labels: Labels, found: Analysis) -> Asked:
    """The rows that the labels' SQL, its `where` and its `event_time` mean. Raises Problems."""
    columns = {c.name: c for c in found.columns}
    tree, rows, problems = parse(found.query), found.rows_digest, list[Diagnostic]()
    select = exp.select(exp.Star())
    time = labels.event_time.strip()
    if time not in columns and _PLAIN.fullmatch(time):
        help_ = known_names(time, columns, "column")
        problems.append(
            scope.error("unknown-column", f"the labels have no column `{time}`", "labels", "event_time", help=help_)
        )
    elif time not in columns:
        node, kind, read = scope.expression(time, columns, "labels", "event_time")
        if TIME in columns:
            message = "the labels have a column `event_time` already"
            problems.append(
                scope.error("duplicate-column", message, "labels", "event_time", help="give it another name in the SQL")
            )
        made = digest(meaning(node, columns), rows)
        columns[TIME] = Column(TIME, kind, made, origins_of(columns[n] for n in read), time)
        select, time = select.select(exp.alias_(node, TIME, quoted=True)), TIME
    if labels.where is not None:
        node, kind, _ = scope.expression(labels.where, {c.name: c for c in found.columns}, "labels", "where")
        if kind.name != "boolean":
            message = f"a condition is true or false, this is `{kind}`"
            problems.append(scope.error("wrong-type", message, "labels", "where"))
        rows = digest(rows, "where", meaning(node, columns))
        select = select.where(node)
    if problems:
        raise Problems(problems)
    if len(select.selects) > 1 or select.args.get("where"):
        tree = select.from_(tree.subquery("rows"))
    return Asked(tree, tuple(columns.values()), rows, time, found.reads)


def unsound(
    scope: Scope, labels: Labels, asked: Asked, split: Split | None, sample: Sample | None
) -> Iterator[Diagnostic]:
    """What is wrong with the columns that labels, split and sample name."""
    rows = asked.by_name
    wanted: list[tuple[str, tuple[str | int, ...]]] = [(n, ("labels", "label", i)) for i, n in enumerate(labels.label)]
    if labels.available_time:
        wanted.append((labels.available_time, ("labels", "available_time")))
    hashed = split.hash if split else None
    wanted += [(n, ("split", "hash", "columns", i)) for i, n in enumerate(hashed.columns if hashed else ())]
    wanted += [(n, ("sample", "columns", i)) for i, n in enumerate(sample.columns if sample else ())]
    for name, path in wanted:
        if name not in rows:
            help_ = known_names(name, rows, "column")
            yield scope.error("unknown-column", f"the labels have no column `{name}`", *path, help=help_)
        elif "columns" in path and rows[name].type.name not in _OF_ONE_TEXT:
            message = f"`{name}` is `{rows[name].type}`, whose text is not the same on every engine, nor so its hash"
            yield scope.error(
                "wrong-type", message, *path, help="hash texts, whole numbers, decimals, booleans or dates"
            )
    time = rows[asked.time]
    if time.type.name not in TIMES - {"date"}:
        help_ = "a row asks at a moment: cast it to a timestamp"
        yield scope.error(
            "wrong-type", f"`{time.name}` is `{time.type}`, not a moment", "labels", "event_time", help=help_
        )
    known = rows.get(labels.available_time or "")
    if known is not None and known.type.name == "date":
        help_ = f"select `{known.name} + INTERVAL 1 DAY`: a day is known at its end"
        message = f"`{known.name}` is a `date`, and a label becomes known at a moment"
        yield scope.error("date-as-moment", message, "labels", "available_time", help=help_)
    if split and "split" in rows:
        yield scope.error("duplicate-column", "the labels have a column `split` already", "labels")
    if labels.available_time and not (split and split.time):
        message = "`available_time` of labels needs a split by time: that is when they must be known"
        yield scope.error("meaningless-field", message, "labels", "available_time", key=True)


def spine(
    asked: Asked, masked: Mapping[str, exp.Expr], added: Mapping[str, exp.Expr], conditions: Sequence[exp.Expr]
) -> exp.Query:
    """The rows under some conditions, with some labels masked, and columns added that only the join sees."""
    if not (conditions or masked or added):
        return asked.query
    chosen = [exp.alias_(masked.get(c.name, column(c.name)), c.name, quoted=True) for c in asked.columns]
    chosen += [exp.alias_(node, name, quoted=True) for name, node in added.items()]
    return exp.select(*chosen).from_(asked.query.subquery("rows")).where(*conditions)


def conditions(time: str, time_range: TimeRange | None, sample: Sample | None) -> list[exp.Expr]:
    """What a row must be to ask at all."""
    found: list[exp.Expr] = []
    if time_range and time_range.start:
        found.append(exp.GTE(this=column(time), expression=moment(time_range.start)))
    if time_range and time_range.end:
        found.append(exp.LT(this=column(time), expression=moment(time_range.end)))
    if sample:
        found.append(exp.LT(this=share(sample.columns, "sample"), expression=exp.convert(sample.fraction)))
    return found


def training_ends(split: Split | None) -> str:
    """The moment at which training begins to know nothing more; empty without a split by time."""
    by_time = split.time if split else None
    return (by_time.validation_from or by_time.test_from) if by_time else ""


def masked(labels: Labels, asked: Asked, split: Split | None) -> dict[str, exp.Expr]:
    """A label that is not known when training ends is no label of the training part."""
    early = too_late(labels, asked, split)
    if early is None:
        return {}
    return {n: exp.Case(ifs=[exp.If(this=early.copy(), true=exp.null())], default=column(n)) for n in labels.label}


def too_late(labels: Labels, asked: Asked, split: Split | None) -> exp.Expr | None:
    """The condition that a row asks in training, and its answer was known only after that; None if none can be."""
    if not (labels.available_time and training_ends(split)):
        return None
    return exp.and_(
        exp.LT(this=column(asked.time), expression=moment(training_ends(split))),
        exp.GTE(this=column(labels.available_time), expression=moment(training_ends(split))),
    )


def part_of(split: Split, time: str) -> exp.Expr:
    """`train`, `validation` or `test`."""
    bounds, unknown = _by_time(split.time, time) if split.time else (_by_hash(split.hash) if split.hash else ([], []))
    ifs = [exp.If(this=b, true=exp.Literal.string(n)) for n, b in bounds]
    return exp.Case(ifs=[*unknown, *ifs], default=exp.Literal.string("test"))


Bounds = tuple[list[tuple[str, "exp.Expr"]], list["exp.If"]]


def _by_time(split: TimeSplit, time: str) -> Bounds:
    parts = [("train", split.validation_from or split.test_from)]
    parts += [("validation", split.test_from)] if split.validation_from else []
    bounds: list[tuple[str, exp.Expr]] = [(n, exp.LT(this=column(time), expression=moment(b))) for n, b in parts]
    return bounds, [exp.If(this=column(time).is_(exp.null()), true=exp.null())]


def _by_hash(split: HashSplit) -> Bounds:
    value = share(split.columns, "split")
    train, validation = 1 - split.test - split.validation, split.validation
    limits = [("train", train)] + ([("validation", train + validation)] if validation else [])
    return [(n, exp.LT(this=value.copy(), expression=exp.convert(round(b, 9)))) for n, b in limits], []


def moment(text: str) -> exp.Expr:
    """An instant, as an expression."""
    return exp.cast(exp.Literal.string(text), "TIMESTAMPTZ")


def share(names: tuple[str, ...], salt: str) -> exp.Expr:
    """A number in [0, 1) by the MD5 of some values: the same on every engine."""
    parts: list[exp.Expr] = [exp.Literal.string(salt)]
    parts += [exp.func("COALESCE", exp.cast(column(n), "VARCHAR"), exp.Literal.string("")) for n in names]
    joined = exp.func("CONCAT_WS", exp.Literal.string("|"), *parts, dialect=DIALECT)
    hexadecimal = exp.func("LEFT", exp.func("MD5", joined), exp.Literal.number(8), dialect=DIALECT)
    number = exp.cast(exp.func("CONCAT", exp.Literal.string("0x"), hexadecimal), "BIGINT")
    return exp.Div(this=number, expression=exp.Literal.number("4294967296.0"))
