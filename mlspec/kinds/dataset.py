"""A dataset: labels, and to each the feature values that would have been answered when it asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from sqlglot import exp

from mlspec.base.diag import Diagnostic, Problems, Severity, known_names
from mlspec.base.digest import digest
from mlspec.ir.columntype import TIMES, ColumnType
from mlspec.ir.relation import AsOf, Column, Keep, Lookup, Origin, Relation, Timing
from mlspec.ir.resource import Body
from mlspec.ir.sql.analyse import Analysis, origins_of
from mlspec.ir.sql.dialect import DIALECT, column
from mlspec.ir.sql.lookups import look_up
from mlspec.ir.sql.parse import parse, parse_expression
from mlspec.kinds._datasets.leaks import Leaks
from mlspec.kinds.feature_set import Chosen, FeatureSet
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Part, Ref, Spec
from mlspec.language.sql import Sql
from mlspec.language.words import ColumnName, Float, Instant, wrong


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Labels(Part):
    """The rows that ask, by SQL: entity keys, the time at which each asks, and the answer to learn.

    With `available_time`, a label that is not yet known at the end of the training part is NULL there.
    """

    sql: Sql
    label: Annotated[
        tuple[ColumnName, ...], BeforeValidator(_list, json_schema_input_type=str | list[str]), Field(min_length=1)
    ]
    event_time: ColumnName = "event_time"
    available_time: ColumnName | None = None


class TimeSplit(Part):
    """`train` before `test_from`, `test` from it on; `validation` between, if its beginning is given."""

    test_from: Instant
    validation_from: Instant | None = None


class HashSplit(Part):
    """Shares of the rows by a hash of some columns: rows that agree in them fall on the same side, for ever."""

    columns: tuple[ColumnName, ...] = Field(min_length=1)
    test: Float = Field(gt=0, lt=1)
    validation: Float = Field(default=0.0, ge=0, lt=1)


class Split(Part):
    """By time or by hash; the column `split` says `train`, `validation` or `test`."""

    time: TimeSplit | None = None
    hash: HashSplit | None = None

    @model_validator(mode="after")
    def _one(self) -> "Split":
        if (self.time is None) == (self.hash is None):
            raise wrong("invalid-split", "a split is by `time` or by `hash`")
        if self.hash and self.hash.test + self.hash.validation >= 1:
            raise wrong("invalid-split", "nothing is left to train on")
        if self.time and self.time.validation_from and self.time.validation_from >= self.time.test_from:
            raise wrong("invalid-split", "`validation_from` must be before `test_from`")
        return self


class TimeRange(Part):
    """Only rows that ask from `start` on and before `end`."""

    start: Instant | None = None
    end: Instant | None = None


class Sample(Part):
    """A share of the rows, always the same ones, by a hash of some columns."""

    fraction: Float = Field(gt=0, lt=1)
    columns: tuple[ColumnName, ...] = Field(min_length=1)


class Dataset(Spec):
    """A training dataset: the rows of the labels, neither more nor fewer, with the features of a set."""

    feature_set: Annotated[Ref[FeatureSet], OnChange.REBUILD]
    labels: Annotated[Labels, OnChange.REBUILD]  # type: ignore[assignment]  # of training data, labels are the answers
    time_range: Annotated[TimeRange, OnChange.REBUILD] | None = None
    split: Annotated[Split, OnChange.REBUILD] | None = None
    sample: Annotated[Sample, OnChange.REBUILD] | None = None
    format: Literal["parquet", "csv"] = "parquet"

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        scope.relation(self.address)
        yield from ()

    def relation(self, scope: Scope) -> Relation:
        labels = scope.analyse(self.labels.sql, "labels", "sql")
        rows = {c.name: c for c in labels.columns}
        problems = [*self._unknown(scope, rows)]
        if problems:
            raise Problems(problems)
        chosen = scope.spec(self.feature_set).chosen(scope)
        leaks = list(Leaks(scope, labels, self.labels.label).of(chosen))
        scope.warnings.extend(d for d in leaks if d.severity is Severity.WARNING)
        if problems := [d for d in leaks if d.severity is Severity.ERROR]:
            raise Problems(problems)
        joins = _Joins(self, scope, rows)
        lookups, computed = joins.plan(chosen)
        if joins.problems:
            raise Problems(joins.problems)
        extra = self._extra(rows)
        as_of = AsOf(
            self._spine(labels).sql(DIALECT), labels_names(labels), self.labels.event_time, tuple(lookups),
            tuple((n, node.sql(DIALECT)) for n, node in {**computed, **extra}.items()),
        )  # fmt: skip
        columns, digest_ = self._columns(labels, chosen, joins, extra)
        read = (look.windows.events if look.windows else look.address for look in lookups)
        return Relation("", columns, digest_, Keep.TABLE, keys=joins.keys, timing=Timing(self.labels.event_time),
                        reads=tuple(sorted({*labels.reads, *read})), as_of=as_of,
                        roles=self._roles(columns, joins.keys, chosen))  # fmt: skip

    def _unknown(self, scope: Scope, rows: Mapping[str, Column]) -> Iterator[Diagnostic]:
        wanted: list[tuple[str, tuple[str | int, ...]]] = [
            (n, ("labels", "label", i)) for i, n in enumerate(self.labels.label)
        ]
        wanted.append((self.labels.event_time, ("labels", "event_time")))
        if self.labels.available_time:
            wanted.append((self.labels.available_time, ("labels", "available_time")))
        hashed = self.split.hash if self.split else None
        wanted += [(n, ("split", "hash", "columns", i)) for i, n in enumerate(hashed.columns if hashed else ())]
        wanted += [(n, ("sample", "columns", i)) for i, n in enumerate(self.sample.columns if self.sample else ())]
        for name, path in wanted:
            if name not in rows:
                yield scope.error(
                    "unknown-column",
                    f"the labels have no column `{name}`",
                    *path,
                    help=known_names(name, rows, "column"),
                )
        time = rows.get(self.labels.event_time)
        if time is not None and time.type.name not in TIMES - {"date"}:
            help_ = "a row asks at a moment: cast it to a timestamp"
            yield scope.error(
                "wrong-type", f"`{time.name}` is `{time.type}`, not a moment", "labels", "event_time", help=help_
            )
        if self.split and "split" in rows:
            yield scope.error("duplicate-column", "the labels have a column `split` already", "labels")
        if self.labels.available_time and not (self.split and self.split.time):
            message = "`available_time` of labels needs a split by time: that is when they must be known"
            yield scope.error("meaningless-field", message, "labels", "available_time", key=True)

    def _spine(self, labels: Analysis) -> exp.Query:
        tree = parse(labels.query)
        time = column(self.labels.event_time)
        conditions: list[exp.Expr] = []
        if self.time_range and self.time_range.start:
            conditions.append(exp.GTE(this=time, expression=_moment(self.time_range.start)))
        if self.time_range and self.time_range.end:
            conditions.append(exp.LT(this=time.copy(), expression=_moment(self.time_range.end)))
        if self.sample:
            share = _share(self.sample.columns, "sample")
            conditions.append(exp.LT(this=share, expression=exp.convert(self.sample.fraction)))
        masked = self._masked(labels)
        if not conditions and not masked:
            return tree
        chosen = [exp.alias_(masked.get(n, column(n)), n, quoted=True) for n in labels_names(labels)]
        return exp.select(*chosen).from_(tree.subquery("rows")).where(*conditions)

    def _extra(self, rows: Mapping[str, Column]) -> dict[str, exp.Expr]:
        if self.split is None:
            return {}
        if self.split.time:
            value: exp.Expr = column(self.labels.event_time)
            parts = [("train", self.split.time.validation_from or self.split.time.test_from)]
            parts += [("validation", self.split.time.test_from)] if self.split.time.validation_from else []
            bounds: list[tuple[str, exp.Expr]] = [
                (n, exp.LT(this=value.copy(), expression=_moment(b))) for n, b in parts
            ]
        else:
            assert self.split.hash is not None  # noqa: S101 - one of the two
            value = _share(self.split.hash.columns, "split")
            train, validation = 1 - self.split.hash.test - self.split.hash.validation, self.split.hash.validation
            limits = [("train", train)] + ([("validation", train + validation)] if validation else [])
            bounds = [(n, exp.LT(this=value.copy(), expression=exp.convert(round(b, 9)))) for n, b in limits]
        ifs = [exp.If(this=b, true=exp.Literal.string(n)) for n, b in bounds]
        known = exp.If(this=column(self.labels.event_time).is_(exp.null()), true=exp.null())
        return {
            "split": exp.Case(ifs=[*([known] if self.split.time else []), *ifs], default=exp.Literal.string("test"))
        }

    def _masked(self, labels: Analysis) -> dict[str, exp.Expr]:
        """A label that is not known when training begins is no label."""
        if not (self.labels.available_time and self.split and self.split.time):
            return {}
        first = self.split.time.validation_from or self.split.time.test_from
        time, known = column(self.labels.event_time), column(self.labels.available_time)
        early = exp.and_(exp.LT(this=time, expression=_moment(first)), exp.GTE(this=known, expression=_moment(first)))
        return {
            n: exp.Case(ifs=[exp.If(this=early.copy(), true=exp.null())], default=column(n)) for n in self.labels.label
        }

    def _columns(self, labels: Analysis, chosen: tuple[Chosen, ...], joins: "_Joins", extra: Mapping[str, exp.Expr]
                 ) -> tuple[tuple[Column, ...], str]:  # fmt: skip
        about = (self.time_range and self.time_range.model_dump(), self.sample and self.sample.model_dump())
        rows = digest(
            "dataset", labels.rows_digest, about, [c.digest for c in labels.columns if c.name == self.labels.event_time]
        )
        split = self.split.model_dump(mode="json") if self.split else None
        made = []
        for asked in labels.columns:
            mask = (
                (split, self.labels.available_time)
                if asked.name in self.labels.label and self.labels.available_time
                else ""
            )
            made.append(
                Column(
                    asked.name,
                    asked.type,
                    digest(asked.digest, rows, mask),
                    asked.origins,
                    asked.words,
                    asked.description,
                    asked.tags,
                )
            )
        features = []
        for one in chosen:
            origins = joins.origins(one)
            features.append(Column(one.name, one.column.type, digest(joins.meaning(one), rows), origins, one.column.words,
                                   one.column.description, one.column.tags))  # fmt: skip
        order = {n: i for i, n in enumerate(joins.order)}
        made += sorted(features, key=lambda c: order[c.name])
        made += [Column(n, ColumnType("string"), digest(split, rows), (), "split") for n in extra]
        return tuple(made), rows

    def _roles(
        self, columns: tuple[Column, ...], keys: tuple[str, ...], chosen: tuple[Chosen, ...]
    ) -> tuple[tuple[str, str], ...]:
        features = {c.name for c in chosen}
        roles = []
        for one in columns:
            role = "input"
            if one.name in features:
                role = "feature"
            elif one.name in self.labels.label:
                role = "label"
            elif one.name == self.labels.event_time:
                role = "time"
            elif one.name == "split" and self.split:
                role = "split"
            elif one.name in keys:
                role = "key"
            roles.append((one.name, role))
        ordered = {c.name: i for i, c in enumerate(chosen)}
        return tuple(sorted(roles, key=lambda r: ordered.get(r[0], -1)))

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        yield "", scope.relation(self.address)


def labels_names(labels: Analysis) -> tuple[str, ...]:
    """The columns of the labels, in order."""
    return tuple(c.name for c in labels.columns)


def _moment(text: str) -> exp.Expr:
    return exp.cast(exp.Literal.string(text), "TIMESTAMPTZ")


def _share(names: tuple[str, ...], salt: str) -> exp.Expr:
    """A number in [0, 1) by the MD5 of some values: the same on every engine."""
    parts: list[exp.Expr] = [exp.Literal.string(salt)]
    parts += [exp.func("COALESCE", exp.cast(column(n), "VARCHAR"), exp.Literal.string("")) for n in names]
    joined = exp.func("CONCAT_WS", exp.Literal.string("|"), *parts, dialect=DIALECT)
    hexadecimal = exp.func("LEFT", exp.func("MD5", joined), exp.Literal.number(8), dialect=DIALECT)
    number = exp.cast(exp.func("CONCAT", exp.Literal.string("0x"), hexadecimal), "BIGINT")
    return exp.Div(this=number, expression=exp.Literal.number("4294967296.0"))


@dataclass
class _Joins:
    """Which view is joined by which keys, found while the features are walked."""

    dataset: Dataset
    scope: Scope
    rows: Mapping[str, Column]

    def __post_init__(self) -> None:
        self.problems: list[Diagnostic] = []
        self.keys: tuple[str, ...] = ()
        self.order: list[str] = []

    def plan(self, chosen: tuple[Chosen, ...]) -> tuple[list[Lookup], dict[str, exp.Expr]]:
        """A look-up for each view, and an expression for each feature computed from the row itself."""
        views: dict[str, list[Chosen]] = {}
        computed: dict[str, exp.Expr] = {}
        for one in chosen:
            views.setdefault(str(self.scope.address(one.view)), []).append(one)
        lookups = []
        for address, features in views.items():
            spec = self.scope.spec(features[0].view)
            if spec.on_request is not None:
                self._inputs(spec)
                computed.update({f.name: parse_expression(f.column.words) for f in features})
                continue
            keys = self._keys(spec)
            relation = self.scope.relation(features[0].view)
            self._time(spec, relation)
            pairs = tuple((f.column.name, f.name) for f in features)
            lookups.append(look_up(address, relation, pairs, tuple((k, k) for k in keys)))
            self.keys = tuple(dict.fromkeys((*self.keys, *keys)))
        self.order = [name for lookup in lookups for _, name in lookup.features] + list(computed)
        return lookups, computed

    def _keys(self, spec: Any) -> list[str]:
        keys: dict[str, ColumnType] = spec.keys(self.scope)
        for name, kind in keys.items():
            have = self.rows.get(name)
            if have is None:
                message = f"feature view `{spec.name}` needs `{name}`, which the labels do not have"
                help_ = f"select it; the labels have {', '.join(f'`{n}`' for n in self.rows)}"
                self.problems.append(self.scope.error("missing-key", message, "labels", "sql", help=help_))
            elif not have.type.joins(kind):
                message = f"key `{name}` is `{have.type}` in the labels, `{kind}` in feature view `{spec.name}`"
                self.problems.append(
                    self.scope.error(
                        "key-type-mismatch", message, "labels", "sql", help="cast it: `1` never equals `'01'`"
                    )
                )
        return list(keys)

    def _time(self, spec: Any, relation: Relation) -> None:
        asked = self.rows[self.dataset.labels.event_time]
        for name in {relation.timing.event_time, relation.timing.available_time} - {""}:
            have = relation.column(name)
            if have is not None and {have.type.name, asked.type.name} == {"timestamp", "timestamptz"}:
                theirs, ours = f"`{have.name}` of feature view `{spec.name}`", f"`{asked.name}` of the labels"
                naive, aware = (theirs, ours) if have.type.name == "timestamp" else (ours, theirs)
                message = f"{naive} has no time zone, {aware} has"
                self.problems.append(self.scope.error("naive-aware-comparison", message, "labels", "event_time",
                                                      help="declare `timezone` on the source, or cast"))  # fmt: skip

    def _inputs(self, spec: Any) -> None:
        for name, kind in spec.on_request.inputs.items():
            have = self.rows.get(name)
            if have is None:
                message = f"feature view `{spec.name}` needs the request's `{name}`, which the labels do not have"
                self.problems.append(
                    self.scope.error("missing-key", message, "labels", "sql", help="select it in the labels' SQL")
                )
            elif not have.type.joins(kind):
                message = f"`{name}` is `{have.type}` in the labels, `{kind}` in feature view `{spec.name}`"
                self.problems.append(self.scope.error("key-type-mismatch", message, "labels", "sql", help="cast it"))

    def origins(self, one: Chosen) -> tuple[Origin, ...]:
        """Where a feature of the dataset comes from."""
        address = str(self.scope.address(one.view))
        spec = self.scope.spec(one.view)
        if spec.on_request is None:
            return (Origin(address, one.column.name),)
        read = [self.rows[n] for n in spec.on_request.inputs if n in _columns_in(one.column.words) and n in self.rows]
        return tuple(dict.fromkeys((Origin(address, one.column.name), *origins_of(read))))

    def meaning(self, one: Chosen) -> str:
        """The digest of a feature as the dataset holds it: its own, how it is looked up, and with what keys."""
        spec = self.scope.spec(one.view)
        if spec.on_request is not None:
            used = sorted(n for n in spec.on_request.inputs if n in _columns_in(one.column.words))
            return digest(one.column.digest, [self.rows[n].digest for n in used])
        relation = self.scope.relation(one.view)
        timing = relation.timing
        times = [
            c.digest
            for n in (timing.event_time, timing.available_time, timing.tie_break)
            if n and (c := relation.column(n))
        ]
        keys = [(k, self.rows[k].digest, c.digest) for k in sorted(spec.keys(self.scope)) if (c := relation.column(k))]
        return digest(one.column.digest, times, timing.boundary, timing.ttl, keys, one.column.empty)


def _columns_in(text: str) -> set[str]:
    return {c.name for c in parse_expression(text).find_all(exp.Column)}
