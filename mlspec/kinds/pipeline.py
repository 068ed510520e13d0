"""A pipeline: steps from a dataset to a model, with parameters; models say which pipeline makes them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from mlspec.base.dag import Cycle, in_order
from mlspec.base.diag import Diagnostic, known_names
from mlspec.documents.project import OutsideProject
from mlspec.ir.condition import ConditionProblem, compile_condition
from mlspec.ir.resource import Body
from mlspec.ir.workflow import (
    CommandStep,
    DatasetStep,
    OutputType,
    RegisterStep,
    Resources,
    Schedule,
    Source,
    Step,
    Workflow,
)  # fmt: skip
from mlspec.kinds.dataset import Dataset
from mlspec.language.scope import Scope
from mlspec.language.secret import SecretRef
from mlspec.language.spec import OnChange, Part, Ref, Spec
from mlspec.language.words import Bool, Cron, Duration, Float, Int, Name, Quantity, TimeZone

_OUTPUT = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)")
_REGISTERED = "data"


class ScheduleSpec(Part):
    """When a pipeline or a monitor starts by itself."""

    cron: Cron
    timezone: TimeZone = "UTC"

    def lower(self) -> Schedule:
        """As backends see it."""
        return Schedule(self.cron, self.timezone)


def as_schedule(value: Any) -> Any:
    """`"0 3 * * *"` for `{cron: "0 3 * * *"}`."""
    return {"cron": value} if isinstance(value, str) else value


class Parameter(Part):
    """A value that a run can be given; `default` is its value otherwise."""

    type: Literal["string", "int64", "float64", "boolean"]
    default: str | Int | Float | Bool
    min: Float | None = None
    max: Float | None = None
    choices: tuple[str | Int | Float, ...] = ()
    description: Annotated[str, OnChange.METADATA] = ""

    def problem(self, value: Any) -> str:
        """Why a value does not fit; empty if it does."""
        kinds: dict[str, tuple[type, ...]] = {
            "string": (str,),
            "int64": (int,),
            "float64": (int, float),
            "boolean": (bool,),
        }
        if not isinstance(value, kinds[self.type]) or (isinstance(value, bool) and self.type != "boolean"):
            return f"`{value}` is not a `{self.type}`"
        if self.choices and value not in self.choices:
            return f"`{value}` is not one of {', '.join(f'`{c}`' for c in self.choices)}"
        if isinstance(value, int | float) and (
            (self.min is not None and value < self.min) or (self.max is not None and value > self.max)
        ):
            return f"`{value}` is not between {self.min} and {self.max}"
        return ""


class ResourcesSpec(Part):
    """What a container asks for, as Kubernetes writes it; a limit is the request where it is not given."""

    cpu: Quantity = ""
    memory: Quantity = ""
    gpu: Int = Field(default=0, ge=0)
    cpu_limit: Quantity = ""
    memory_limit: Quantity = ""

    def lower(self) -> Resources:
        """As backends see it."""
        return Resources(self.cpu, self.memory, self.gpu, self.cpu_limit, self.memory_limit)


class Register(Part):
    """Gates and registers a model: the output that is the model, and the output that holds its metrics."""

    model: Annotated[str, Field(pattern=_OUTPUT.pattern)]
    metrics: Annotated[str, Field(pattern=_OUTPUT.pattern)]


class StepSpec(Part):
    """A dataset to write, a command to run, or a model to register."""

    dataset: Ref[Dataset] | None = None
    command: str | tuple[str, ...] | None = None
    register_model: Register | None = Field(default=None, alias="register")
    description: Annotated[str, OnChange.METADATA] = ""
    inputs: dict[Name, Annotated[str, Field(pattern=_OUTPUT.pattern)]] = {}
    outputs: dict[Name, OutputType] = {}
    code: tuple[str, ...] = ()
    env: dict[str, str] = {}
    secrets: dict[str, SecretRef] = {}
    image: str = ""
    resources: ResourcesSpec = ResourcesSpec()
    retries: Int = Field(default=0, ge=0, le=100)
    retry_delay: Duration | None = None
    timeout: Duration | None = None
    when: str = ""
    cache: Bool = True

    @property
    def what(self) -> str:
        """Which of the three it is; empty if it is none or several."""
        found = [w for w in ("dataset", "command", "register_model") if getattr(self, w) is not None]
        return found[0] if len(found) == 1 else ""

    def offered(self) -> tuple[str, ...]:
        """The outputs that later steps can take."""
        return (_REGISTERED,) if self.dataset is not None else tuple(self.outputs)

    def taken(self) -> dict[str, str]:
        """The outputs of other steps that it takes, by the name of the field or input."""
        register = self.register_model
        return {"model": register.model, "metrics": register.metrics} if register else dict(self.inputs)


class Pipeline(Spec):
    """Steps by name; edges follow from `inputs`. The step contract is in docs/pipelines.md."""

    parameters: dict[Name, Parameter] = {}
    steps: Annotated[dict[Name, StepSpec], Field(min_length=1)]
    schedule: (
        Annotated[ScheduleSpec, BeforeValidator(as_schedule, json_schema_input_type=str | ScheduleSpec)] | None
    ) = None

    # -- are you sound? ------------------------------------------------------------------------------------------------

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        for name, parameter in self.parameters.items():
            if problem := parameter.problem(parameter.default):
                yield scope.error(
                    "invalid-parameter", f"the default of `{name}`: {problem}", "parameters", name, "default"
                )
        sound = True
        for name, step in self.steps.items():
            for found in self._check_step(scope, name, step):
                sound = False
                yield found
        if sound:
            yield from self._check_order(scope)
        registers = [n for n, s in self.steps.items() if s.register_model]
        for name in registers[1:]:
            yield scope.error("invalid-step", "a pipeline registers one model", "steps", name, key=True)

    def _check_step(self, scope: Scope, name: str, step: StepSpec) -> Iterator[Diagnostic]:
        at = ("steps", name)
        if not step.what:
            yield scope.error(
                "invalid-step", f"step `{name}` needs exactly one of `dataset`, `command`, `register`", *at
            )
            return
        if step.what != "command":
            for field in sorted(step.model_fields_set - {step.what, "description"}):
                shown = "register" if step.what == "register_model" else step.what
                yield scope.error(
                    "meaningless-field", f"`{field}` means nothing in a step with `{shown}`", *at, field, key=True
                )
        for where, output in step.taken().items():
            field = "register" if step.register_model else "inputs"
            yield from self._check_input(scope, output, (*at, field, where), name)
        for path in step.code:
            if not self._code(scope, path):
                yield scope.error("missing-file", f"no file matches `{path}`", *at, "code")
        if step.when:
            try:
                compile_condition(step.when)
            except ConditionProblem as problem:
                yield scope.error("invalid-condition", f"the condition cannot be read: {problem}", *at, "when")

    def _check_input(self, scope: Scope, output: str, path: tuple[str | int, ...], name: str) -> Iterator[Diagnostic]:
        step, _, wanted = output.partition(".")
        if step not in self.steps or step == name:
            others = [s for s in self.steps if s != name]
            yield scope.error(
                "unknown-step", f"there is no other step `{step}`", *path, help=known_names(step, others, "step")
            )
        elif wanted not in self.steps[step].offered():
            help_ = known_names(wanted, self.steps[step].offered(), "output")
            yield scope.error("unknown-output", f"step `{step}` has no output `{wanted}`", *path, help=help_)
        else:
            kind = OutputType.ARTIFACT if self.steps[step].dataset else self.steps[step].outputs[wanted]
            expected = {("register", "model"): OutputType.MODEL, ("register", "metrics"): OutputType.METRICS}.get(
                (str(path[-2]), str(path[-1]))
            )
            if expected and kind is not expected:
                yield scope.error("wrong-type", f"`{output}` is of type `{kind}`, not `{expected}`", *path)

    def _check_order(self, scope: Scope) -> Iterator[Diagnostic]:
        try:
            self._order()
        except Cycle as cycle:
            shown = " -> ".join(cycle.path)
            yield scope.error(
                "cycle", f"the steps need each other in a circle: {shown}", "steps", cycle.path[0], key=True
            )

    def _order(self) -> tuple[str, ...]:
        parents = {n: [o.partition(".")[0] for o in s.taken().values()] for n, s in self.steps.items()}
        for name, step in self.steps.items():
            mentioned = re.findall(r"metrics\.([a-z][a-z0-9_]*)", step.when)
            parents[name] += [m for m in mentioned if m in self.steps]
        return in_order(parents)

    @staticmethod
    def _code(scope: Scope, pattern: str) -> tuple[str, ...]:
        try:
            found = scope.files.glob(pattern)
            return found or ((pattern,) if scope.files.path(pattern).is_dir() else ())
        except OutsideProject:
            return ()

    # -- what should exist? --------------------------------------------------------------------------------------------

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        plan = self.schedule.lower() if self.schedule else None
        yield "", Workflow(self.name, self.lowered(scope, {}, final=False), self.values({}), plan)

    def values(self, given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """The parameters with their values in JSON."""
        return tuple((n, json.dumps(given.get(n, p.default))) for n, p in sorted(self.parameters.items()))

    def lowered(self, scope: Scope, datasets: Mapping[str, str], *, final: bool) -> tuple[Step, ...]:
        """The steps, parents first; `final` steps carry the digests of their code, others are a definition only."""
        steps: list[Step] = []
        for name in self._order():
            step = self.steps[name]
            if step.dataset is not None:
                address = str(scope.address(step.dataset))
                steps.append(DatasetStep(name, address, datasets.get(address, ""), scope.spec(step.dataset).format))
            elif step.register_model is not None:
                register = step.register_model
                steps.append(RegisterStep(name, "", _taken(register.model), _taken(register.metrics)))
            else:
                steps.append(self._command(scope, name, step, final=final))
        return tuple(steps)

    def _command(self, scope: Scope, name: str, step: StepSpec, *, final: bool) -> CommandStep:
        files = sorted({f for pattern in step.code for f in self._code(scope, pattern)})
        code = tuple((PurePosixPath(f).as_posix(), scope.files.content(f) if final else "") for f in files)
        command = (step.command,) if isinstance(step.command, str) else tuple(step.command or ())
        return CommandStep(
            name, command, tuple((n, _taken(o)) for n, o in sorted(step.inputs.items())), tuple(sorted(step.outputs.items())),
            tuple(sorted(step.env.items())), tuple((n, s.lower()) for n, s in sorted(step.secrets.items())), code, step.image,
            step.resources.lower(), step.retries, step.retry_delay.seconds if step.retry_delay else 0.0,
            step.timeout.seconds if step.timeout else 0.0, step.when, step.cache,
        )  # fmt: skip


def _taken(output: str) -> Source:
    step, _, name = output.partition(".")
    return Source(step, name)
