"""The steps of a pipeline as they are written, what each is with the step that it uses, and what backends see of it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from mlspec.base.value import dataclass, field, replace
from mlspec.ir.condition import measured_by, metrics_in
from mlspec.ir.workflow import (
    Allowed,
    CommandStep,
    OfMetric,
    OfParameter,
    OutputType,
    Source,
    StepParameter,
    Written,
)
from mlspec.kinds._fan_out import EachSpec
from mlspec.kinds._work import Kind, Parameter, ResourcesSpec, Scalar, StepParameterSpec, ValueSpec, Work
from mlspec.kinds.dataset import Dataset
from mlspec.kinds.step import Step
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Part, Ref
from mlspec.language.words import Name, Shaped

OUTPUT = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)")
_OF_PARAMETER = re.compile(r"\$\{\s*parameters\.([a-z][a-z0-9_]*)\s*\}")
_OF_METRIC = re.compile(r"\$\{\s*metrics\.([a-z][a-z0-9_]*)\.([^\s}]+)\s*\}")
_WRITTEN = "data"

Taken = Annotated[
    str, Shaped(OUTPUT.pattern, "`{text}` is not the output of a step; write `step.output`, as in `train.model`")
]


class Register(Part):
    """Gates and registers a model: the output that is the model, and the output that holds its metrics."""

    model: Taken
    metrics: Taken


class StepSpec(Work):
    """A dataset to write, a command to run, a step to use, or a model to register."""

    dataset: Ref[Dataset] | None = None
    use: Ref[Step] | None = None
    register_model: Register | None = Field(default=None, alias="register")
    description: Annotated[str, OnChange.METADATA] = ""
    inputs: dict[Name, Taken] = {}
    parameters: dict[Name, Scalar | ValueSpec] = {}
    each: EachSpec | None = None
    when: str = ""
    after: tuple[Name, ...] = ()

    @property
    def what(self) -> str:
        """Which of these it is; empty if it is none or several. A step that is used may get another command."""
        found = [w for w in ("dataset", "use", "command", "register_model") if getattr(self, w) is not None]
        return "use" if found == ["use", "command"] else found[0] if len(found) == 1 else ""

    def taken(self) -> dict[str, str]:
        """The outputs of other steps that it takes, by the name of the field or input."""
        register = self.register_model
        return {"model": register.model, "metrics": register.metrics} if register else dict(self.inputs)


@dataclass(frozen=True)
class Stage:
    """A step with what it has of the step that it uses: `declared` are its parameters, `wanted` its inputs with their types.

    `said` are the fields that stand in the pipeline itself.
    """

    name: str
    spec: StepSpec
    said: frozenset[str]
    used: Step | None = None
    declared: Mapping[str, StepParameterSpec] = field(default_factory=dict)
    wanted: Mapping[str, OutputType] = field(default_factory=dict)

    @property
    def scattered(self) -> bool:
        """Whether its outputs are those of several items."""
        return self.spec.each is not None and self.spec.each.keep is None

    @property
    def has_metrics(self) -> bool:
        """Whether later steps may ask for its metrics."""
        return OutputType.METRICS in self.spec.outputs.values() and not self.scattered

    def offered(self) -> Mapping[str, OutputType]:
        """The outputs that later steps can take; those of several items are folders."""
        if self.spec.dataset is not None:
            return {_WRITTEN: OutputType.ARTIFACT}
        return {n: OutputType.ARTIFACT if self.scattered else kind for n, kind in self.spec.outputs.items()}

    def measured(self) -> Iterator[tuple[str, str, tuple[str | int, ...]]]:
        """The steps whose metrics it asks for, each with the metric, where it is named, and the place of the field."""
        named = metrics_in(self.spec.when)
        for name in measured_by(self.spec.when):
            for metric in [m for step, m in named if step == name] or [""]:
                yield name, metric, ("when",)
        for name, value in self.spec.parameters.items():
            written = value.value if isinstance(value, ValueSpec) else value
            if isinstance(read := reference(written), OfMetric):
                yield (
                    read.step,
                    read.metric,
                    ("parameters", name, *(("value",) if isinstance(value, ValueSpec) else ())),
                )

    def parents(self) -> set[str]:
        """The steps that must be through before it."""
        taken = {output.partition(".")[0] for output in self.spec.taken().values()}
        return taken | {name for name, _, _ in self.measured()} | set(self.spec.after)

    def value(self, name: str, parameters: Mapping[str, Parameter]) -> StepParameter:
        """A parameter of its own, as backends see it."""
        given = self.spec.parameters.get(name)
        if given is None:
            given = self.declared[name].default
        assert given is not None  # noqa: S101 - the checks have asked for it
        written = given.value if isinstance(given, ValueSpec) else given
        source = reference(written)
        if name in self.declared:
            allowed = self.declared[name].allowed
        elif isinstance(given, ValueSpec):
            allowed = given.allowed
        else:
            allowed = _allowed(source, written, parameters)
        return StepParameter(name, source or Written(json.dumps(written)), allowed)

    def names(self) -> tuple[str, ...]:
        """The names of its own parameters; one that only the items of a fan-out have a value for is no other."""
        defaults = {n for n, p in self.declared.items() if p.default is not None}
        return tuple(sorted({*self.spec.parameters, *defaults}))

    def lower(self, parameters: Mapping[str, Parameter], code: tuple[tuple[str, str], ...]) -> CommandStep:
        """The command as backends see it."""
        spec = self.spec
        return replace(
            spec.work(self.name, code),
            inputs=tuple((n, source(o)) for n, o in sorted(spec.inputs.items())),
            when=spec.when,
            parameters=tuple(self.value(n, parameters) for n in self.names()),
            after=tuple(sorted(spec.after)),
            each=spec.each.lower() if spec.each else None,
        )


def stage(name: str, spec: StepSpec, scope: Scope) -> Stage:
    """A step of a pipeline together with what it uses."""
    if spec.use is None:
        return Stage(name, spec, frozenset(spec.model_fields_set))
    used: Step = scope.spec(spec.use)
    return Stage(name, _merged(spec, used), frozenset(spec.model_fields_set), used, used.parameters, used.inputs)


def _merged(spec: StepSpec, used: Step) -> StepSpec:
    """What is said where a step is used wins; variables, secrets and resources one by one."""
    values: dict[str, Any] = {name: getattr(used, name) for name in Work.model_fields}
    for name in Work.model_fields.keys() & spec.model_fields_set:
        own = getattr(spec, name)
        if name in {"env", "secrets"}:
            own = {**values[name], **own}
        elif name == "resources":
            said = {n: getattr(own, n) for n in own.model_fields_set}
            own = ResourcesSpec.model_validate({**values[name].model_dump(exclude_unset=True), **said})
        values[name] = own
    return spec.model_copy(update=values)


def reference(written: Any) -> OfParameter | OfMetric | None:
    """What a value refers to, if it does."""
    if not isinstance(written, str):
        return None
    if match := _OF_PARAMETER.fullmatch(written):
        return OfParameter(match[1])
    match = _OF_METRIC.fullmatch(written)
    return OfMetric(match[1], match[2]) if match else None


def kind_of(value: Any) -> Kind:
    """The type of a written value."""
    match value:
        case bool():
            return "boolean"
        case int():
            return "int64"
        case float():
            return "float64"
        case _:
            return "string"


def source(output: str) -> Source:
    """`step.output` as backends see it."""
    step, _, name = output.partition(".")
    return Source(step, name)


def _allowed(source: OfParameter | OfMetric | None, written: Any, parameters: Mapping[str, Parameter]) -> Allowed:
    match source:
        case OfParameter(name=name):
            return parameters[name].allowed
        case OfMetric():
            return Allowed("float64")
        case _:
            return Allowed(kind_of(written))
