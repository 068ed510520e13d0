"""A dataset: labels, and to each the feature values that would have been answered when it asked."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from mlspec.base.diag import Diagnostic, Problems, Severity
from mlspec.base.digest import digest
from mlspec.base.value import replace
from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import AsOf, Column, Keep, Relation, Timing
from mlspec.ir.resource import Body
from mlspec.ir.sql.analysis import Analysis
from mlspec.ir.sql.dialect import DIALECT
from mlspec.ir.sql.glot import exp
from mlspec.kinds._datasets.forward import Forward, forward
from mlspec.kinds._datasets.history import history_check
from mlspec.kinds._datasets.joins import Joins
from mlspec.kinds._datasets.leaks import Leaks
from mlspec.kinds._datasets.parts import Labels, Sample, Split, TimeRange
from mlspec.kinds._datasets.spine import Asked, asked_rows, conditions, masked, part_of, spine, too_late, unsound
from mlspec.kinds.feature_set import Chosen, FeatureSet
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Ref, Spec
from mlspec.language.words import Float


class Dataset(Spec):
    """A training dataset: the rows of the labels, neither more nor fewer, with the features of a set.

    `incomplete_windows` is the share of the rows that may ask so early that a window begins before its source does.
    """

    feature_set: Annotated[Ref[FeatureSet], OnChange.REBUILD]
    labels: Annotated[Labels, OnChange.REBUILD]  # type: ignore[assignment]  # of training data, labels are the answers
    time_range: Annotated[TimeRange, OnChange.REBUILD] | None = None
    split: Annotated[Split, OnChange.REBUILD] | None = None
    sample: Annotated[Sample, OnChange.REBUILD] | None = None
    format: Literal["parquet", "csv"] = "parquet"
    incomplete_windows: Annotated[Float, Field(ge=0, lt=1)] = 0.0

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        scope.relation(self.address)
        yield from ()

    def relation(self, scope: Scope) -> Relation:
        found = scope.analyse(self.labels.sql, "labels", "sql")
        asked = asked_rows(scope, self.labels, found)
        if problems := list(unsound(scope, self.labels, asked, self.split, self.sample)):
            raise Problems(problems)
        chosen = scope.spec(self.feature_set).chosen(scope)
        ahead = forward(scope, self.name, asked, self.labels.forward, self.split)
        self._refuse_leaks(scope, found, asked.time, ahead, chosen)
        joins = Joins(scope, asked.by_name, asked.time)
        lookups, computed = joins.plan(chosen)
        if joins.problems:
            raise Problems(joins.problems)
        extra = {"split": part_of(self.split, asked.time)} if self.split else {}
        given = {f.lookup.given: f.given for f in ahead}
        rows = spine(
            asked, masked(self.labels, asked, self.split), given, conditions(asked.time, self.time_range, self.sample)
        )
        late = too_late(self.labels, asked, self.split)
        as_of = AsOf(
            rows.sql(DIALECT), tuple(asked.by_name), asked.time, (*(f.lookup for f in ahead), *lookups),
            tuple((n, node.sql(DIALECT)) for n, node in {**computed, **extra}.items()),
            late.sql(DIALECT) if late else "",
        )  # fmt: skip
        columns, digest_ = self._columns(asked, ahead, chosen, joins, extra)
        read = {look.windows.events if look.windows else look.address for look in as_of.lookups}
        return Relation("", columns, digest_, Keep.TABLE, keys=joins.keys, timing=Timing(asked.time),
                        reads=tuple(sorted({*asked.reads, *read})), as_of=as_of,
                        roles=self._roles(columns, joins.keys, chosen, asked.time))  # fmt: skip

    def _refuse_leaks(
        self, scope: Scope, found: Analysis, time: str, ahead: list[Forward], chosen: tuple[Chosen, ...]
    ) -> None:
        whole = replace(found, columns=(*found.columns, *(f.column for f in ahead)))
        leaks = list(Leaks(scope, whole, self.labels.names, time).of(chosen))
        scope.warnings.extend(d for d in leaks if d.severity is Severity.WARNING)
        if problems := [d for d in leaks if d.severity is Severity.ERROR]:
            raise Problems(problems)

    def _columns(self, asked_rows: Asked, ahead: list[Forward], chosen: tuple[Chosen, ...], joins: Joins, extra: "Mapping[str, exp.Expr]"
                 ) -> tuple[tuple[Column, ...], str]:  # fmt: skip
        about = (self.time_range and self.time_range.model_dump(), self.sample and self.sample.model_dump())
        rows = digest("dataset", asked_rows.rows_digest, about, [asked_rows.by_name[asked_rows.time].digest])
        split = self.split.model_dump(mode="json") if self.split else None
        made = []
        for asked in asked_rows.columns:
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
        made += [replace(f.column, digest=digest(f.column.digest, rows)) for f in ahead]
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
        self, columns: tuple[Column, ...], keys: tuple[str, ...], chosen: tuple[Chosen, ...], time: str
    ) -> tuple[tuple[str, str], ...]:
        features = {c.name for c in chosen}
        roles = []
        for one in columns:
            role = "input"
            if one.name in features:
                role = "feature"
            elif one.name in self.labels.names:
                role = "label"
            elif one.name == time:
                role = "time"
            elif one.name == "split" and self.split:
                role = "split"
            elif one.name in keys:
                role = "key"
            roles.append((one.name, role))
        ordered = {c.name: i for i, c in enumerate(chosen)}
        return tuple(sorted(roles, key=lambda r: ordered.get(r[0], -1)))

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        relation = scope.relation(self.address)
        yield "", relation
        check = history_check(scope, str(self.address), relation, self.incomplete_windows)
        if check is not None:
            yield "checks", check
