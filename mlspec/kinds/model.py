"""A model: what it takes and answers, the gates that a version must pass, and the pipeline that makes it."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from mlspec.base.diag import Diagnostic, known_names
from mlspec.base.digest import digest
from mlspec.base.value import replace
from mlspec.ir.alias import Alias
from mlspec.ir.later import described
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Body, body_digest, column_digest
from mlspec.ir.workflow import CommandStep, DatasetStep, Gate, RegisterStep, Step, Used, Workflow
from mlspec.kinds._stage_checks import not_measured
from mlspec.kinds.feature_set import FeatureSet
from mlspec.kinds.pipeline import Pipeline
from mlspec.language.bounds import Bound, numbers, relatives
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Part, Ref, Spec
from mlspec.language.words import VERSION, ColumnName, Name, Type, wrong


class GateSpec(Part):
    """Bounds that a metric must keep, both included: numbers, or what another version has, as in `champion - 0.005`."""

    min: Bound | None = None
    max: Bound | None = None

    @model_validator(mode="after")
    def _some(self) -> "GateSpec":
        if self.min is None and self.max is None:
            raise wrong("invalid-gate", "a gate needs `min` or `max`")
        low, high = numbers(self.min), numbers(self.max)
        if low and high and max(low) > min(high):
            raise wrong("invalid-gate", "`min` is more than `max`: nothing passes this gate")
        return self

    def lower(self, metric: str) -> Gate:
        """As backends see it."""
        low, high = numbers(self.min), numbers(self.max)
        relative = (*relatives("min", self.min), *relatives("max", self.max))
        return Gate(metric, max(low) if low else None, min(high) if high else None, relative)


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


CURRENT = "current"
AliasTarget = Annotated[str, VERSION]
"""`current` is the version that the files describe; otherwise the digest of one, or how it begins."""


class Model(Spec):
    """A version is known by the digest of its dataset, its code, its parameters and the environment of its steps."""

    feature_set: Annotated[Ref[FeatureSet], OnChange.REBUILD]
    label: Annotated[
        tuple[ColumnName, ...], BeforeValidator(_list, json_schema_input_type=str | list[str]), Field(min_length=1)
    ]
    framework: Literal["sklearn", "xgboost", "lightgbm", "pytorch", "onnx", "custom"]
    output: dict[ColumnName, Type] = {}
    pipeline: Annotated[Ref[Pipeline], OnChange.REBUILD]
    parameters: Annotated[dict[Name, Any], OnChange.REBUILD] = {}
    gates: Annotated[dict[Name, GateSpec], OnChange.UPDATE] = {}
    aliases: Annotated[dict[Name, AliasTarget], OnChange.UPDATE] = {}

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        pipeline: Pipeline = scope.spec(self.pipeline)
        if not any(s.register_model for s in pipeline.steps.values()):
            message = f"pipeline `{pipeline.name}` registers no model"
            yield scope.error("missing-register", message, "pipeline", help="add a step with `register:`")
        for name, value in self.parameters.items():
            parameter = pipeline.parameters.get(name)
            if parameter is None:
                help_ = known_names(name, pipeline.parameters, "parameter")
                yield scope.error(
                    "unknown-parameter",
                    f"pipeline `{pipeline.name}` has no parameter `{name}`",
                    "parameters",
                    name,
                    key=True,
                    help=help_,
                )
            elif problem := parameter.problem(value):
                yield scope.error("invalid-parameter", f"`{name}`: {problem}", "parameters", name)
        yield from self._check_datasets(scope, pipeline)
        if "current" in self.aliases:
            message = "`current` is no name for an alias: it is the version that the files describe"
            yield scope.error("invalid-name", message, "aliases", "current", key=True, help="give it another name")
        yield from self._check_measured(scope, pipeline)
        for name, gate in self.gates.items():
            for one in gate.lower(name).relative:
                if one.alias not in self.aliases:
                    message = f"gate `{name}` compares with `{one.alias}`, which is no alias of model `{self.name}`"
                    help_ = known_names(one.alias, self.aliases, "alias") or f"add `aliases: {{{one.alias}: current}}`"
                    yield scope.error("unknown-alias", message, "gates", name, one.bound, help=help_)
        if not self.gates:
            yield scope.warning(
                "no-gates",
                f"model `{self.name}` has no gates: every version passes",
                "name",
                help="add `gates:`, as in `auc: {min: 0.7}`",
            )

    def _check_measured(self, scope: Scope, pipeline: Pipeline) -> Iterator[Diagnostic]:
        """A gate whose metric the pipeline never gives, where its step says what it measures."""
        stages = pipeline.stages(scope) if self.gates else {}
        registers = (s.register_model for s in pipeline.steps.values() if s.register_model)
        measured = next((r.metrics.partition(".")[0] for r in registers), "")
        for name in self.gates if measured in stages else ():
            if problem := not_measured(stages[measured], name):
                yield scope.error("unknown-output", problem[0], "gates", name, key=True, help=problem[1])

    def _check_datasets(self, scope: Scope, pipeline: Pipeline) -> Iterator[Diagnostic]:
        datasets = [s.dataset for s in pipeline.steps.values() if s.dataset is not None]
        wanted = scope.address(self.feature_set)
        for ref in datasets:
            dataset = scope.spec(ref)
            if scope.address(dataset.feature_set) != wanted:
                message = f"dataset `{dataset.name}` holds feature set `{dataset.feature_set}`, the model takes `{self.feature_set}`"
                yield scope.error("contract-mismatch", message, "feature_set", help="use one feature set in both")
            for index, name in enumerate(self.label):
                if name not in dataset.labels.names:
                    help_ = known_names(name, dataset.labels.names, "label")
                    yield scope.error(
                        "unknown-column", f"dataset `{dataset.name}` has no label `{name}`", "label", index, help=help_
                    )

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        pipeline: Pipeline = scope.spec(self.pipeline)
        bodies = {
            str(scope.address(s.dataset)): scope.body(scope.address(s.dataset))
            for s in pipeline.steps.values()
            if s.dataset
        }
        steps = pipeline.lowered(scope, {a: body_digest(b) for a, b in bodies.items()}, final=True)
        contract = self.contract(scope)
        gates = tuple(self._gate(n, g) for n, g in sorted(self.gates.items()))
        output = tuple((n, str(t)) for n, t in sorted(self.output.items()))
        used = self._used(scope, next((b for b in bodies.values() if isinstance(b, Relation)), None))
        finished = tuple(
            replace(s, model=self.name, gates=gates, format=self.framework, contract=contract, output=output, used=used)
            if isinstance(s, RegisterStep) else s
            for s in steps
        )  # fmt: skip
        values = pipeline.values(self.parameters)
        version = digest("model", contract, self.framework, output, values, [_decides(s) for s in steps])
        yield "", Workflow(
            self.name, finished, values, run_on_apply=True, version=version,
            allowed=pipeline.allowed(self.parameters), on_error=pipeline.on_error,
        )  # fmt: skip
        for alias, target in sorted(self.aliases.items()):
            pinned = target != CURRENT
            yield alias, Alias(self.name, alias, target if pinned else version, pinned)

    def _gate(self, metric: str, gate: GateSpec) -> Gate:
        """A gate that compares with what its aliases are pinned to, if they are."""
        made = gate.lower(metric)
        pins = {alias: target for alias, target in self.aliases.items() if target != CURRENT}
        return replace(made, relative=tuple(replace(r, pinned=pins.get(r.alias, "")) for r in made.relative))

    def _used(self, scope: Scope, rows: Relation | None) -> tuple[Used, ...]:
        """The features in order, then the labels, as the dataset holds them."""
        found = []
        for one in scope.spec(self.feature_set).chosen(scope) if rows else ():
            held = rows.column(one.name) if rows else None
            stored = not scope.spec(one.view).on_request
            view = (str(scope.address(one.view)), one.column.name) if stored else ("", "")
            found.append(Used(one.name, str(one.column.type), column_digest(held) if held else "", *view))
        labels = [c for n in self.label if rows and (c := rows.column(n))]
        return (*found, *(Used(c.name, str(c.type), column_digest(c)) for c in labels))

    def contract(self, scope: Scope) -> tuple[tuple[str, str], ...]:
        """The features that it is asked with, in order, with their types."""
        chosen = scope.spec(self.feature_set).chosen(scope)
        return tuple((c.name, str(c.column.type)) for c in chosen)


def _decides(step: Step) -> Any:
    """What of a step has a part in the result: neither what things are called, nor how long it may take or how often it is tried."""
    match step:
        case DatasetStep():
            return ("dataset", step.name, step.digest, step.format)
        case RegisterStep():
            return described(replace(step, model=""))
        case CommandStep():
            return described(step.deciding)
