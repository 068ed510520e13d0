"""A monitor: a metric of something alive, compared on a schedule with a reference or a bound."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, model_validator

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, known_names
from mlspec.ir.check import Check, Drift
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Body, column_digest
from mlspec.kinds._work import ScheduleSpec, as_schedule
from mlspec.kinds.dataset import Dataset
from mlspec.kinds.deployment import Deployment
from mlspec.kinds.feature_view import FeatureView
from mlspec.kinds.source import Source
from mlspec.language.checked import Read, of_columns, of_query, of_rows
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Part, Ref, Spec
from mlspec.language.sql import Sql
from mlspec.language.words import ColumnName, Duration, Float, wrong

Metric = Literal["psi", "js", "ks", "missing_rate", "freshness", "volume", "auc", "latency", "error_rate", "custom"]
_OF_COLUMNS = frozenset({"psi", "js", "ks", "missing_rate"})
_OF_NUMBERS = frozenset({"ks"})
_OF_DEPLOYMENTS = frozenset({"auc", "latency", "error_rate"})


class Threshold(Part):
    """Crossing a bound is an alert."""

    min: Float | None = None
    max: Float | None = None

    @model_validator(mode="after")
    def _some(self) -> "Threshold":
        if self.min is None and self.max is None:
            raise wrong("invalid-threshold", "a threshold needs `min` or `max`")
        return self


class Monitor(Spec):
    """Measures `metric` of `subject` over the newest `window`, on a `schedule`; alerts go to `route`."""

    subject: Ref[Source | FeatureView | Deployment]
    metric: Metric
    columns: tuple[ColumnName, ...] = ()
    sql: Sql | None = None
    reference: Literal["training"] | Ref[Dataset] | None = None
    window: Duration | None = None
    threshold: Threshold
    schedule: Annotated[ScheduleSpec, BeforeValidator(as_schedule, json_schema_input_type=str | ScheduleSpec)]
    severity: Literal["info", "warn", "error"] = "error"
    route: Annotated[tuple[str, ...], OnChange.UPDATE] = ()
    outcomes: Ref[Source] | None = None

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        deployed = scope.address(self.subject).kind == Deployment.kind_name()
        if self.metric in _OF_DEPLOYMENTS and not deployed:
            yield scope.error(
                "wrong-subject", f"`{self.metric}` is a metric of a deployment, `{self.subject}` is none", "subject"
            )
        if (self.metric == "custom") != (self.sql is not None):
            yield scope.error("invalid-monitor", "`metric: custom` and `sql` belong together", "metric")
        if self.metric in {"psi", "js", "ks"} and self.reference is None:
            yield scope.error(
                "missing-field",
                f"`{self.metric}` compares with a `reference`",
                "metric",
                help="add `reference: training`, or a dataset",
            )
        if self.metric == "auc" and self.outcomes is None:
            yield scope.error("missing-field", "`auc` needs `outcomes`: the source of what really happened", "metric")
        if self.reference == "training" and not deployed:
            yield scope.error("wrong-subject", "`reference: training` is of a deployment; name a dataset", "reference")
        yield from self._columns(scope)
        if self.sql is not None:
            found = scope.analyse(self.sql, "sql")
            if len(found.columns) != 1 or not found.columns[0].type.numeric:
                yield scope.error("wrong-type", "the SQL of a monitor answers one number", "sql")

    def _columns(self, scope: Scope) -> Iterator[Diagnostic]:
        if self.columns and self.metric not in _OF_COLUMNS:
            yield scope.error("meaningless-field", f"`columns` means nothing for `{self.metric}`", "columns", key=True)
        if not self.columns and self.metric in _OF_COLUMNS:
            yield scope.error("missing-field", f"`{self.metric}` is of `columns`", "metric", help="add `columns:`")
        known = self._known(scope)
        for index, name in enumerate(self.columns):
            if name not in known:
                yield scope.error(
                    "unknown-column",
                    f"`{self.subject}` has no column `{name}`",
                    "columns",
                    index,
                    help=known_names(name, known, "column"),
                )
            elif self.metric in _OF_NUMBERS and known[name][1] not in {"int32", "int64", "float32", "float64"}:
                yield scope.error(
                    "wrong-type", f"`{self.metric}` needs a number, `{name}` is `{known[name][1]}`", "columns", index
                )

    def _known(self, scope: Scope) -> dict[str, tuple[str, str]]:
        """The columns that can be measured, with digest (and type in it) and type."""
        address = scope.address(self.subject)
        if address.kind == Deployment.kind_name():
            model = scope.spec(scope.spec(self.subject).model)
            chosen = scope.spec(model.feature_set).chosen(scope)
            found = {c.name: (column_digest(c.column), str(c.column.type)) for c in chosen}
            return found | {n: ("", str(t)) for n, t in model.output.items()}
        relation: Relation | None = scope.relation(self.subject)
        if relation is None:
            raise Problems([scope.error("wrong-subject", f"`{self.subject}` has no rows to measure", "subject")])
        return {c.name: (column_digest(c), str(c.type)) for c in relation.columns}

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        known = self._known(scope)
        reference = str(self.reference or "")
        if isinstance(self.reference, Ref):
            reference = str(scope.address(self.reference))
        drift = Drift(
            self.metric, self.columns, reference, self.window.microseconds if self.window else 0, self.threshold.min,
            self.threshold.max, scope.analyse(self.sql, "sql").query if self.sql else "",
            str(scope.address(self.outcomes)) if self.outcomes else "",
        )  # fmt: skip
        columns = tuple(sorted({*((n, known[n][0]) for n in self.columns), *self._read(scope)}))
        subject = str(scope.address(self.subject))
        yield "", Check(subject, (), (drift,), self.schedule.lower(), self.severity, self.route, columns)

    def _read(self, scope: Scope) -> Iterator[Read]:
        """What it reads besides the columns that it names: those of the reference, rows that are counted, times, a query."""
        subject = scope.address(self.subject)
        if isinstance(self.reference, Ref):
            yield from self._reference(scope, scope.relation(self.reference), subject)
        if self.sql is not None:
            asked = scope.analyse(self.sql, "sql")
            yield of_query("query", asked.rows_digest, asked.columns)
        if subject.kind != Deployment.kind_name():
            relation = scope.relation(self.subject)
            if self.metric == "volume":
                yield of_rows(relation)
            if self.metric == "freshness" or self.window is not None:
                yield from of_columns(relation, [relation.timing.event_time])

    def _reference(self, scope: Scope, reference: Relation, subject: Address) -> Iterator[Read]:
        """The columns of the reference by their own names, or by those that a dataset gives to features of the subject."""
        names = [n for c in self.columns for n in (c, f"{subject.name}__{c}") if reference.column(n)]
        yield from of_columns(reference, names, str(scope.address(self.reference)))
