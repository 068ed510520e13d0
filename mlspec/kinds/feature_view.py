"""A feature view: columns about entities, each true at a point in time."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from mlspec.base.diag import Diagnostic, Problems, known_names
from mlspec.base.value import replace
from mlspec.ir.columntype import ColumnType
from mlspec.ir.fact import Fact
from mlspec.ir.relation import Boundary, Column, Keep, Relation
from mlspec.ir.resource import Body, told_columns
from mlspec.kinds._views.frame import Frame
from mlspec.kinds._views.kept import InPartitions, Materialize, keep, problems
from mlspec.kinds._views.parts import Aggregation, FeatureDoc, OnRequest, Window
from mlspec.kinds._views.rows import latest, requested, selected
from mlspec.kinds._views.windowed import windowed
from mlspec.kinds.entity import Entity
from mlspec.kinds.source import Source
from mlspec.language.expectations import Quality, check_qualities, lower_qualities
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Ref, Spec
from mlspec.language.sql import Sql
from mlspec.language.words import Bool, ColumnName, Duration


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
    hop: Annotated[Duration, OnChange.REBUILD] | None = None
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
    valid_to: Annotated[ColumnName, OnChange.REBUILD] | None = None
    boundary: Annotated[Boundary, OnChange.REBUILD] | None = None
    ttl: Annotated[Duration, OnChange.REBUILD] | None = None
    known_in_advance: Annotated[Bool, OnChange.UPDATE] = False
    materialize: Annotated[Materialize, OnChange.REBUILD] | None = None
    """A view of `aggregations` is computed where it is asked, unless it is to be kept; others are tables.

    With `incremental`, it is a table in partitions of time, of which those are built whose input is new or has changed.
    """
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
        if isinstance(self.materialize, InPartitions):
            yield from problems(scope, relation, self.materialize, self.shape)
        if self.shape != "on_request":
            yield from check_qualities(scope, self.checks, relation, self.address)

    _MEANINGLESS: ClassVar[dict[str, tuple[str, ...]]] = {
        "aggregations": ("event_time", "available_time", "tie_break", "valid_to", "ttl"),
        "latest": ("event_time", "available_time", "tie_break", "valid_to", "windows", "hop"),
        "sql": ("source", "windows", "hop"),
        "on_request": (
            "source",
            "windows",
            "hop",
            "event_time",
            "available_time",
            "tie_break",
            "valid_to",
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
        made = self._made(scope)
        documented = tuple(self._documented(c) for c in made.columns)
        made = replace(made, columns=documented)
        if isinstance(self.materialize, InPartitions):
            return keep(scope, made, self.materialize, self.ttl.microseconds if self.ttl else 0)
        return replace(made, keep=Keep(self.materialize or ("view" if self.shape == "aggregations" else "table")))

    def _made(self, scope: Scope) -> Relation:
        ttl = self.ttl.microseconds if self.ttl else 0
        frame = Frame(scope, self.name, self.keys(scope), self.source, self.boundary, ttl, self.known_in_advance)
        if self.aggregations:
            return windowed(frame, self.aggregations, self.windows, self.hop)
        if self.latest:
            return latest(frame, self.latest)
        if self.sql is not None:
            times = {n: getattr(self, n) or "" for n in ("event_time", "available_time", "tie_break", "valid_to")}
            return selected(frame, self.sql, times)
        if self.on_request is None:
            raise Problems([])  # reported by `check`
        return requested(frame, self.on_request)

    def feature_names(self, scope: Scope, relation: Relation) -> tuple[str, ...]:
        """The columns that are features: neither keys nor times."""
        keys = {} if self.shape == "on_request" else self.keys(scope)
        times = {
            relation.timing.event_time,
            relation.timing.available_time,
            relation.timing.tie_break,
            relation.timing.valid_to,
        }
        return tuple(n for n in relation.names if n not in keys and n not in times)

    def _documented(self, made: Column) -> Column:
        doc = self.features.get(made.name)
        return (
            replace(made, description=doc.description or made.description, tags=(*made.tags, *doc.tags))
            if doc
            else made
        )

    # -- what should exist? --------------------------------------------------------------------------------------------

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        relation = scope.relation(self.address)
        if self.shape == "on_request":
            inputs = tuple(sorted((c.name, f"{c.type} {c.words}") for c in relation.columns))
            yield "", Fact(inputs, tuple(told_columns(relation).items()))
            return
        yield "", relation
        if self.checks:
            yield "checks", lower_qualities(scope, self.checks, str(self.address), relation)
