"""A feature view: columns about entities, each true at a point in time."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from sqlglot import exp

from mlspec.base.diag import Diagnostic, Problems, known_names
from mlspec.base.digest import digest
from mlspec.ir.columntype import TIMES, ColumnType
from mlspec.ir.fact import Fact
from mlspec.ir.relation import Boundary, Column, Keep, Origin, Relation, Timing
from mlspec.ir.resource import Body
from mlspec.ir.sql.dialect import DIALECT, column, table
from mlspec.ir.sql.pit import sql as canonical_sql
from mlspec.ir.sql.windows import Aggregate, Events, change_points
from mlspec.kinds.entity import Entity
from mlspec.kinds.source import Source
from mlspec.language.expectations import Quality, check_qualities, lower_qualities
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Part, Ref, Spec
from mlspec.language.sql import Sql
from mlspec.language.words import ColumnName, Duration, Type, wrong

Function = Literal["count", "sum", "avg", "min", "max", "stddev", "variance", "median", "count_distinct"]
_OF_NUMBERS = frozenset({"sum", "avg", "stddev", "variance", "median"})


def _window(value: Any) -> Any:
    return None if value == "all" else Duration.parse(value)


Window = Annotated[Duration | None, BeforeValidator(_window, json_schema_input_type=Literal["all"] | Duration)]
"""A duration, or `all`: everything so far."""


class FeatureDoc(Part):
    """What a feature means, and its tags."""

    description: Annotated[str, OnChange.METADATA] = ""
    tags: Annotated[tuple[str, ...], OnChange.METADATA] = ()


class Aggregation(Part):
    """A function of the rows in each window: one feature `name`, or `name_7d` for each of several windows."""

    function: Function
    name: ColumnName
    column: ColumnName | None = None
    expression: str | None = None
    where: str | None = None
    window: Window | Literal[""] = ""
    windows: tuple[Window, ...] = ()
    offset: Duration | None = None
    description: Annotated[str, OnChange.METADATA] = ""

    @model_validator(mode="after")
    def _one_each(self) -> "Aggregation":
        if self.window != "" and self.windows:
            raise wrong("invalid-aggregation", "`{name}` has both `window` and `windows`", name=self.name)
        if self.column and self.expression:
            raise wrong("invalid-aggregation", "`{name}` has both `column` and `expression`", name=self.name)
        return self


class OnRequest(Part):
    """Features computed from the request alone: its fields with their types, and an expression for each feature."""

    inputs: dict[ColumnName, Type] = Field(min_length=1)
    features: dict[ColumnName, str] = Field(min_length=1)


def _named(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return {v: v for v in value}
    return dict(sorted(value.items())) if isinstance(value, dict) else value


class FeatureView(Spec):
    """One of: `aggregations` over windows of a source, `latest` values of a source, `sql`, or `on_request`."""

    entities: Annotated[tuple[Ref[Entity], ...], OnChange.REPLACE, Field(min_length=1)]
    source: Annotated[Ref[Source], OnChange.REBUILD] | None = None
    aggregations: Annotated[tuple[Aggregation, ...], OnChange.REBUILD] = ()
    windows: Annotated[tuple[Window, ...], OnChange.REBUILD] = ()
    latest: Annotated[
        dict[ColumnName, str],
        BeforeValidator(_named, json_schema_input_type=list[str] | dict[str, str]),
        OnChange.REBUILD,
    ] = {}
    sql: Annotated[Sql, OnChange.REBUILD] | None = None
    on_request: Annotated[OnRequest, OnChange.REBUILD] | None = None
    event_time: Annotated[ColumnName, OnChange.REBUILD] | None = None
    available_time: Annotated[ColumnName, OnChange.REBUILD] | None = None
    tie_break: Annotated[ColumnName, OnChange.REBUILD] | None = None
    boundary: Annotated[Boundary, OnChange.REBUILD] | None = None
    ttl: Annotated[Duration, OnChange.REBUILD] | None = None
    materialize: Annotated[Literal["table", "view"], OnChange.REBUILD] = "table"
    features: dict[ColumnName, FeatureDoc] = {}
    checks: tuple[Quality, ...] = ()

    @property
    def shape(self) -> str:
        """Which of the four it is; empty if it is none or several."""
        found = [s for s in ("aggregations", "latest", "sql", "on_request") if getattr(self, s)]
        return found[0] if len(found) == 1 else ""

    def keys(self, scope: Scope) -> dict[str, ColumnType]:
        """The join keys of its entities, with their types."""
        return {name: kind for e in self.entities for name, kind in sorted(scope.spec(e).keys.items())}

    # -- are you sound? ------------------------------------------------------------------------------------------------

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        if not self.shape:
            yield scope.error(
                "invalid-feature-view",
                f"`{self.name}` needs exactly one of `aggregations`, `latest`, `sql`, `on_request`",
                "name",
            )
            return
        yield from self._fields(scope)
        relation = scope.relation(self.address)
        for name in self.features:
            if name not in self.feature_names(scope, relation):
                help_ = known_names(name, self.feature_names(scope, relation), "feature")
                yield scope.error(
                    "unknown-feature", f"`{self.name}` has no feature `{name}`", "features", name, key=True, help=help_
                )
        if self.shape != "on_request":
            yield from check_qualities(scope, self.checks, relation, f"feature view `{self.name}`")

    _MEANINGLESS = {
        "aggregations": ("event_time", "available_time", "tie_break", "ttl"),
        "latest": ("event_time", "available_time", "tie_break", "windows"),
        "sql": ("source", "windows"),
        "on_request": (
            "source",
            "windows",
            "event_time",
            "available_time",
            "tie_break",
            "boundary",
            "ttl",
            "checks",
            "materialize",
        ),
    }

    def _fields(self, scope: Scope) -> Iterator[Diagnostic]:
        for field in self._MEANINGLESS[self.shape]:
            if field in self.model_fields_set:
                message = f"`{field}` means nothing in a feature view of `{self.shape}`"
                yield scope.error("meaningless-field", message, field, key=True, help="remove it")
        if self.shape in {"aggregations", "latest"} and self.source is None:
            yield scope.error(
                "missing-field", f"feature view `{self.name}` has no `source`", "name", help="add `source:`"
            )

    # -- what rows do you offer? ---------------------------------------------------------------------------------------

    def relation(self, scope: Scope) -> Relation:
        if self.shape in {"aggregations", "latest"} and self.source is None:
            raise Problems(list(self._fields(scope)))
        makers = {
            "aggregations": self._windowed,
            "latest": self._latest,
            "sql": self._query,
            "on_request": self._requested,
        }
        made = makers[self.shape](scope)
        documented = tuple(self._documented(c) for c in made.columns)
        return replace(made, columns=documented, keep=Keep(self.materialize))

    def feature_names(self, scope: Scope, relation: Relation) -> tuple[str, ...]:
        """The columns that are features: neither keys nor times."""
        keys = {} if self.shape == "on_request" else self.keys(scope)
        times = {relation.timing.event_time, relation.timing.available_time, relation.timing.tie_break}
        return tuple(n for n in relation.names if n not in keys and n not in times)

    def _documented(self, made: Column) -> Column:
        doc = self.features.get(made.name)
        return (
            replace(made, description=doc.description or made.description, tags=(*made.tags, *doc.tags))
            if doc
            else made
        )

    def _check_keys(self, scope: Scope, columns: dict[str, Column], what: str) -> list[Diagnostic]:
        found = []
        for name, kind in self.keys(scope).items():
            have = columns.get(name)
            if have is None:
                help_ = known_names(name, columns, "column")
                found.append(
                    scope.error(
                        "missing-key",
                        f"{what} has no column `{name}`, the key of `{self.name}`",
                        "entities",
                        help=help_,
                    )
                )
            elif not have.type.joins(kind):
                message = f"key `{name}` is `{have.type}` in {what}, `{kind}` in its entity"
                found.append(
                    scope.error("key-type-mismatch", message, "entities", help="declare one type, or cast the column")
                )
        return found

    def _source(self, scope: Scope) -> tuple[Relation, dict[str, Column], str]:
        relation = scope.relation(self.source)
        columns = {c.name: c for c in relation.columns}
        what = f"source `{self.source}`"
        if problems := self._check_keys(scope, columns, what):
            raise Problems(problems)
        return relation, columns, what

    def _windowed(self, scope: Scope) -> Relation:
        relation, columns, what = self._source(scope)
        timing = relation.timing
        if not timing.event_time:
            message = f"{what} has no event time, so nothing can be in a window"
            raise Problems(
                [scope.error("missing-event-time", message, "source", help="declare `event_time` on the source")]
            )
        keys = tuple(self.keys(scope))
        boundary = self.boundary or Boundary.EXCLUSIVE
        meaning = (relation.rows_digest, [columns[k].digest for k in sorted(keys)], columns[timing.event_time].digest,
                   columns[timing.available_time].digest if timing.available_time else "", boundary)  # fmt: skip
        rows = digest("windows", meaning)
        address = str(scope.address(self.source))
        aggregates: list[Aggregate] = []
        made: list[Column] = []
        problems: list[Diagnostic] = []
        for index, written in enumerate(self.aggregations):
            try:
                for aggregate, read in self._aggregates(scope, written, index, columns, what):
                    aggregates.append(aggregate)
                    origins = tuple(Origin(address, n) for n in sorted(read))
                    made.append(_feature_column(aggregate, read, origins, columns, rows, written))
            except Problems as error:
                problems.extend(error.diagnostics)
        names = [c.name for c in made]
        problems.extend(self._doubled(scope, [*keys, "event_time", *names]))
        if problems:
            raise Problems(problems)
        available = timing.available_time or timing.event_time
        time_kind = (
            ColumnType("timestamptz") if columns[available].type.name == "timestamptz" else ColumnType("timestamp")
        )
        key_columns = [
            Column(k, columns[k].type, digest(columns[k].digest, rows), (Origin(address, k),), k) for k in keys
        ]
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

    def _doubled(self, scope: Scope, names: list[str]) -> list[Diagnostic]:
        twice = sorted({n for n in names if names.count(n) > 1})
        return [
            scope.error(
                "duplicate-column", f"two columns are called `{n}`", "aggregations", help="give one another `name`"
            )
            for n in twice
        ]

    def _aggregates(self, scope: Scope, written: Aggregation, index: int, columns: dict[str, Column], what: str
                    ) -> Iterator[tuple[Aggregate, frozenset[str]]]:  # fmt: skip
        at = ("aggregations", index)
        value, kind, read = self._value(scope, written, at, columns, what)
        where = None
        if written.where is not None:
            where, condition, used = scope.expression(written.where, columns, *at, "where")
            if condition.name != "boolean":
                raise Problems(
                    [scope.error("wrong-type", f"a condition is true or false, this is `{condition}`", *at, "where")]
                )
            read |= used
        windows = (written.window,) if written.window != "" else (written.windows or self.windows)
        if not windows:
            raise Problems(
                [
                    scope.error(
                        "invalid-aggregation",
                        f"`{written.name}` has no window",
                        *at,
                        help="add `window:`, or `windows:` to the view",
                    )
                ]
            )
        for window in windows:
            name = written.name if written.window != "" else f"{written.name}_{window or 'all'}"
            length = window.microseconds if isinstance(window, Duration) else 0
            offset = written.offset.microseconds if written.offset else 0
            yield Aggregate(name, written.function, length, offset, value, kind, where), read

    def _value(self, scope: Scope, written: Aggregation, at: tuple[str | int, ...], columns: dict[str, Column], what: str
               ) -> tuple[Any, ColumnType | None, frozenset[str]]:  # fmt: skip
        if written.column is not None:
            if written.column not in columns:
                message = f"feature view `{self.name}` reads column `{written.column}`, which {what} does not have"
                help_ = known_names(written.column, columns, "column")
                raise Problems(
                    [
                        scope.error(
                            "unknown-column",
                            message,
                            *at,
                            "column",
                            label=f"not a column of `{self.source}`",
                            help=help_,
                        )
                    ]
                )
            value, kind, read = column(written.column), columns[written.column].type, frozenset({written.column})
        elif written.expression is not None:
            value, kind, read = scope.expression(written.expression, columns, *at, "expression")
        elif written.function == "count":
            return None, None, frozenset()
        else:
            raise Problems(
                [scope.error("invalid-aggregation", f"`{written.function}` needs a `column` or an `expression`", *at)]
            )
        if written.function in _OF_NUMBERS and not (kind.numeric or kind.name == "boolean"):
            field = "column" if written.column else "expression"
            message = f"`{written.function}` needs a number, `{written.column or written.expression}` is `{kind}`"
            raise Problems([scope.error("wrong-type", message, *at, field)])
        return value, kind, read

    def _latest(self, scope: Scope) -> Relation:
        relation, columns, _ = self._source(scope)
        timing = relation.timing
        keys = tuple(self.keys(scope))
        times = [n for n in (timing.event_time, timing.available_time, timing.tie_break) if n]
        rows = digest("latest", relation.rows_digest, sorted(keys))
        address = str(scope.address(self.source))
        made = [
            replace(columns[n], digest=digest(columns[n].digest, rows), origins=(Origin(address, n),), words=n)
            for n in keys
        ]
        made += [
            replace(columns[n], digest=digest(columns[n].digest, rows), origins=(Origin(address, n),))
            for n in times
            if n not in keys
        ]
        nodes: dict[str, Any] = {c.name: column(c.name) for c in made}
        problems: list[Diagnostic] = []
        for name, text in self.latest.items():
            try:
                node, kind, read = scope.expression(text, columns, "latest", name)
            except Problems as error:
                problems.extend(error.diagnostics)
                continue
            if name in nodes:
                problems.append(scope.error("duplicate-column", f"`{name}` is a key or a time already", "latest"))
            nodes[name] = node
            origins = tuple(Origin(address, n) for n in sorted(read))
            words = columns[text].description if text in columns else ""
            made.append(
                Column(
                    name,
                    kind,
                    digest(node.sql(DIALECT), [columns[n].digest for n in sorted(read)], rows),
                    origins,
                    text,
                    words,
                )
            )
        if problems:
            raise Problems(problems)
        query = exp.select(*[exp.alias_(n, name, quoted=True) for name, n in nodes.items()]).from_(table(address))
        unique = tuple(dict.fromkeys((*keys, *times))) if timing.event_time else keys
        kept = Timing(
            timing.event_time, timing.available_time, timing.tie_break, self.boundary or Boundary.INCLUSIVE, self._ttl()
        )
        return Relation(
            canonical_sql(query), tuple(made), rows, keys=keys, timing=kept, reads=(address,), unique=unique
        )

    def _ttl(self) -> int:
        return self.ttl.microseconds if self.ttl else 0

    def _query(self, scope: Scope) -> Relation:
        assert self.sql is not None  # noqa: S101 - said by the caller
        found = scope.analyse(self.sql, "sql")
        columns = {c.name: c for c in found.columns}
        problems = self._check_keys(scope, columns, "the SQL")
        for field in ("event_time", "available_time", "tie_break"):
            name = getattr(self, field)
            if name and name not in columns:
                problems.append(
                    scope.error(
                        "unknown-column",
                        f"the SQL has no column `{name}`",
                        field,
                        help=known_names(name, columns, "column"),
                    )
                )
            elif name and field != "tie_break" and columns[name].type.name not in TIMES:
                problems.append(scope.error("wrong-type", f"`{name}` is `{columns[name].type}`, not a time", field))
        if self.event_time is None and (self.ttl or self.boundary or self.available_time):
            problems.append(scope.error("missing-event-time", f"`{self.name}` has no `event_time`, so its rows are constant", "name",
                                        help="add `event_time`, or remove `ttl`, `boundary`, `available_time`"))  # fmt: skip
        problems.extend(self._leaks(scope, found.reads))
        if problems:
            raise Problems(problems)
        keys = tuple(self.keys(scope))
        timing = Timing(
            self.event_time or "",
            self.available_time or "",
            self.tie_break or "",
            self.boundary or Boundary.INCLUSIVE,
            self._ttl(),
        )
        times = [t for t in (self.event_time, self.available_time, self.tie_break) if t]
        unique = tuple(dict.fromkeys((*keys, *times)))
        return Relation(found.query, found.columns, found.rows_digest, keys=keys, timing=timing, reads=found.reads, unique=unique,
                        unknown=found.unknown)  # fmt: skip

    def _leaks(self, scope: Scope, reads: tuple[str, ...]) -> list[Diagnostic]:
        """A source that says when its rows became known must not lose that on the way through SQL."""
        if self.available_time is not None:
            return []
        late = [a for a in reads if isinstance(r := scope.lookup(a), tuple) and r[1].timing.available_time]
        return [
            scope.error("missing-available-time", f"`{self.name}` reads `{a}`, whose rows become known later than they happen", "sql",
                        help="select when each row is known, and name that column in `available_time:`")
            for a in late
        ]  # fmt: skip

    def _requested(self, scope: Scope) -> Relation:
        assert self.on_request is not None  # noqa: S101 - said by the caller
        inputs = {n: Column(n, k, digest("request", n, str(k))) for n, k in self.on_request.inputs.items()}
        made: list[Column] = []
        problems: list[Diagnostic] = []
        for name, text in sorted(self.on_request.features.items()):
            try:
                node, kind, read = scope.expression(text, inputs, "on_request", "features", name)
            except Problems as error:
                problems.extend(error.diagnostics)
                continue
            meaning = digest(node.sql(DIALECT), [inputs[n].digest for n in sorted(read)])
            made.append(Column(name, kind, meaning, (), node.sql(DIALECT)))
        if problems:
            raise Problems(problems)
        return Relation("", tuple(made), "", Keep.VIEW)

    # -- what should exist? --------------------------------------------------------------------------------------------

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        relation = scope.relation(self.address)
        if self.shape == "on_request":
            yield "", Fact(tuple(sorted((c.name, f"{c.type} {c.words}") for c in relation.columns)))
            return
        yield "", relation
        if self.checks:
            yield "checks", lower_qualities(scope, self.checks, str(self.address), relation)


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
