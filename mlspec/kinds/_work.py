"""What the steps of pipelines are made of: parameters, resources, schedules, and the work of a command."""

import json
import shlex
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from mlspec.base.diag import Diagnostic
from mlspec.base.value import dataclass
from mlspec.documents.project import OutsideProject
from mlspec.ir.given import CARRIES_NO_NUL, NUL, unfit
from mlspec.ir.workflow import Allowed, CommandStep, OnError, OutputType, Overlap, Resources, Schedule, Sees
from mlspec.language.scope import Scope
from mlspec.language.secret import SecretRef
from mlspec.language.spec import OnChange, Part
from mlspec.language.words import Bool, Cron, Duration, Float, Int, Name, Quantity, TimeZone

Scalar = str | Int | Float | Bool
Kind = Literal["string", "int64", "float64", "boolean"]


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a part by itself, and where in it; `other` is a second field that has to do with it."""

    code: str
    message: str
    path: tuple[str | int, ...]
    help: str = ""
    other: str = ""
    key: bool = False

    def found(self, scope: Scope, *at: str | int, path: tuple[str | int, ...] = ()) -> Diagnostic:
        """As a problem of the document in which the part stands `at` a place; `path` where it is told elsewhere in it."""
        return scope.error(self.code, self.message, *at, *(path or self.path), help=self.help, key=self.key)


class ScheduleSpec(Part):
    """When a pipeline or a monitor starts by itself."""

    cron: Cron
    timezone: TimeZone = "UTC"

    def lower(self) -> Schedule:
        """As backends see it."""
        return Schedule(self.cron, self.timezone)


class PipelineSchedule(ScheduleSpec):
    """And what happens when a run is still going on, or when nothing could start at a time."""

    overlap: Overlap = Overlap.SKIP
    catchup: Bool = False

    def lower(self) -> Schedule:
        return Schedule(self.cron, self.timezone, self.overlap, self.catchup)


def as_schedule(value: Any) -> Any:
    """`"0 3 * * *"` for `{cron: "0 3 * * *"}`."""
    return {"cron": value} if isinstance(value, str) else value


class Bounds(Part):
    """What a parameter may be."""

    type: Kind
    min: Float | None = None
    max: Float | None = None
    choices: tuple[str | Int | Float, ...] = ()
    description: Annotated[str, OnChange.METADATA] = ""

    @property
    def allowed(self) -> Allowed:
        """As backends see it."""
        return Allowed(self.type, self.min, self.max, tuple(json.dumps(c) for c in self.choices))

    def unsound(self) -> Iterator[Wrong]:
        """What of the bounds no value can be judged by."""
        bounds = [n for n in ("min", "max") if getattr(self, n) is not None]
        if self.type in {"string", "boolean"}:
            for name in bounds:
                message = f"`{name}` means nothing for a parameter of type `{self.type}`"
                yield Wrong("meaningless-field", message, (name,), "remove it", key=True)
        elif self.min is not None and self.max is not None and self.min > self.max:
            yield Wrong("invalid-parameter", f"`min` is more than `max` ({self.min:g} > {self.max:g})", ("min",))
        elif not any(unfit(c, Allowed(self.type)) for c in self.choices):
            for index, choice in enumerate(self.choices):
                if problem := unfit(choice, Allowed(self.type, self.min, self.max)):
                    yield Wrong("invalid-parameter", f"a choice that nobody has: {problem}", ("choices", index))
        if "choices" in self.model_fields_set and not self.choices:
            yield Wrong("invalid-parameter", "no value is one of no `choices`", ("choices",), "remove it, or add one")
        for index, choice in enumerate(self.choices):
            if problem := unfit(choice, Allowed(self.type)):
                yield Wrong(
                    "invalid-parameter", f"a choice is of the type of its parameter: {problem}", ("choices", index)
                )

    def problem(self, value: Any) -> str:
        """Why a value does not fit; empty if it does."""
        return unfit(value, self.allowed)


class Parameter(Bounds):
    """A value that a run can be given; `default` is its value otherwise."""

    default: Scalar


class StepParameterSpec(Bounds):
    """A parameter of a reusable step; without `default`, who uses the step gives its value."""

    default: Scalar | None = None


class ValueSpec(Bounds):
    """A parameter of a step with its value: one that is written, `${parameters.x}`, or `${metrics.step.name}`."""

    value: Scalar


class ResourcesSpec(Part):
    """What a container asks for, as Kubernetes writes it; a limit is the request where it is not given."""

    cpu: Quantity = ""
    memory: Quantity = ""
    gpu: Int = Field(default=0, ge=0)
    cpu_limit: Quantity = ""
    memory_limit: Quantity = ""
    ephemeral_storage: Quantity = ""
    ephemeral_storage_limit: Quantity = ""

    def lower(self) -> Resources:
        """As backends see it."""
        return Resources(
            self.cpu, self.memory, self.gpu, self.cpu_limit, self.memory_limit, self.ephemeral_storage, self.ephemeral_storage_limit
        )  # fmt: skip


class CacheSpec(Part):
    """What is taken from the cache is younger than `ttl`."""

    ttl: Duration


class Work(Part):
    """A command with all that it needs, but for where its inputs come from."""

    command: str | Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    outputs: dict[Name, OutputType] = {}
    code: tuple[str, ...] = ()
    env: dict[str, str] = {}
    secrets: dict[str, SecretRef] = {}
    image: str = ""
    resources: ResourcesSpec = ResourcesSpec()
    retries: Int = Field(default=0, ge=0, le=100)
    retry_delay: Duration | None = None
    retry_factor: Float = Field(default=1.0, ge=1, le=100)
    retry_max_delay: Duration | None = None
    timeout: Duration | None = None
    idle_timeout: Duration | None = None
    on_error: OnError | None = None
    cache: Bool | CacheSpec = True
    sees: tuple[Name, ...] | None = None
    measures: tuple[Annotated[str, Field(min_length=1)], ...] = ()

    def unsound(self) -> Iterator[Wrong]:
        """What no step can be run with."""
        command = (self.command,) if isinstance(self.command, str) else self.command
        if command and not command[0].strip():
            yield Wrong("empty-value", "`command` is empty; expected something to run", ("command",))
        for field in ("env", "secrets"):
            for name in (n for n in getattr(self, field) if n.startswith("MLSPEC_")):
                message = f"`{name}` is not a name for an environment variable of yours"
                help_ = "names that begin with `MLSPEC_` are those of the step contract"
                yield Wrong("invalid-name", message, (field, name), help_, key=True)
        yield from self._not_carried(command or ())
        if self.measures and OutputType.METRICS not in self.outputs.values():
            message = "`measures` means nothing without an output of type `metrics`"
            help_ = "add one, as in `outputs: {metrics: metrics}`"
            yield Wrong("meaningless-field", message, ("measures",), help_, "outputs", key=True)
        for small, large in (("retry_delay", "retry_max_delay"), ("idle_timeout", "timeout")):
            low, high = getattr(self, small), getattr(self, large)
            if low and high and low.seconds > high.seconds:
                message = f"`{small}` ({low}) is longer than `{large}` ({high}), and would never count"
                yield Wrong("invalid-step", message, (small,), other=large)

    def _not_carried(self, command: tuple[str, ...]) -> Iterator[Wrong]:
        """What no process can be started with."""
        if any(NUL in part for part in command):
            yield Wrong("invalid-value", "`command` holds a NUL character, and nothing can be started so", ("command",))
        for name, value in self.env.items():
            if NUL in value:
                yield Wrong("invalid-value", f"`{name}`: {CARRIES_NO_NUL}", ("env", name))
        for field in ("env", "secrets"):
            for name in (n for n in getattr(self, field) if not n or "=" in n or NUL in n):
                message = f"`{name}` is not a name for an environment variable"
                yield Wrong("invalid-name", message, (field, name), "it is not empty, and has no `=` in it", key=True)

    def work(self, name: str, code: tuple[tuple[str, str], ...]) -> CommandStep:
        """The step as backends see it, with the digests of its code, but without inputs and parameters."""
        command = (self.command,) if isinstance(self.command, str) else tuple(self.command or ())
        if len(command) == 1 and not isinstance(self.command, str):  # a program: a line of one item is for a shell
            command = (shlex.quote(command[0]),)
        secrets = tuple((n, s.lower()) for n, s in sorted(self.secrets.items()))
        return CommandStep(
            name, command, (), tuple(sorted(self.outputs.items())), tuple(sorted(self.env.items())), secrets, code, self.image,
            self.resources.lower(), self.retries, _seconds(self.retry_delay), _seconds(self.timeout),
            cache=self.cache is not False, retry_factor=float(self.retry_factor), retry_max_delay=_seconds(self.retry_max_delay),
            idle_timeout=_seconds(self.idle_timeout), on_error=self.on_error,
            cache_ttl=self.cache.ttl.seconds if isinstance(self.cache, CacheSpec) else 0.0,
            measures=tuple(sorted(set(self.measures))),
            sees=Sees(tuple(sorted(set(self.sees)))) if self.sees is not None else None,
        )  # fmt: skip


def code_of(scope: Scope, pattern: str) -> tuple[str, ...]:
    """The files, or the folder, that a pattern means; none where it leads out of the project."""
    try:
        found = scope.files.glob(pattern)
        return found or ((pattern,) if scope.files.path(pattern).is_dir() else ())
    except OutsideProject:
        return ()


def _seconds(duration: Duration | None) -> float:
    return duration.seconds if duration else 0.0


Scheduled = Annotated[PipelineSchedule, BeforeValidator(as_schedule, json_schema_input_type=str | PipelineSchedule)]
