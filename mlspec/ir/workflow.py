"""A workflow: steps with inputs, outputs and parameters, and when they run."""

from enum import StrEnum

from mlspec.base.value import dataclass, replace
from mlspec.ir.later import beside, later


class OutputType(StrEnum):
    """What a step hands on: a directory of files (`artifact`, `model`), or one JSON object of numbers (`metrics`)."""

    ARTIFACT = "artifact"
    MODEL = "model"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class Secret:
    """A reference to a secret, never its value: `store` is `env` or `kubernetes`, `key` a name or `name/key`."""

    store: str
    key: str


@dataclass(frozen=True, slots=True)
class Resources:
    """What a container asks for, in Kubernetes quantities (`500m`, `2Gi`); limits equal requests where not given.

    `storage` is disk that goes with the container (ephemeral storage).
    """

    cpu: str = ""
    memory: str = ""
    gpu: int = 0
    cpu_limit: str = ""
    memory_limit: str = ""
    storage: str = later("")
    storage_limit: str = later("")


NO_RESOURCES = Resources()


@dataclass(frozen=True, slots=True)
class Source:
    """Where an input comes from: the output of an earlier step."""

    step: str
    output: str


class OnError(StrEnum):
    """What a step that has failed means for the rest of the run.

    `stop`: nothing further is started, what runs comes to its end, the run fails. `skip_downstream`: only what needs the
    step is not run, the run fails. `continue`: what takes its outputs or metrics is skipped, as where a condition is
    false, what only comes `after` it runs, and the run does not fail because of it.
    """

    STOP = "stop"
    SKIP_DOWNSTREAM = "skip_downstream"
    CONTINUE = "continue"


class Overlap(StrEnum):
    """What happens when a run is due while one before still goes on: left out, run after it, instead of it, or beside it."""

    SKIP = "skip"
    QUEUE = "queue"
    REPLACE = "replace"
    ALLOW = "allow"


class Mode(StrEnum):
    """Which value of a metric is the best."""

    MAX = "max"
    MIN = "min"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a parameter may be: `type` is `string`, `int64`, `float64` or `boolean`; bounds are included; `choices` are JSON."""

    type: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """A value that stands in the files, as JSON."""

    json: str


@dataclass(frozen=True, slots=True)
class OfParameter:
    """The value that a parameter of the workflow has in a run."""

    name: str


@dataclass(frozen=True, slots=True)
class OfMetric:
    """The value of a metric that an earlier step has measured in the same run."""

    step: str
    metric: str


@dataclass(frozen=True, slots=True)
class StepParameter:
    """A parameter of one step: it hides one of the workflow with the same name. `given.py` says what its value is."""

    name: str
    value: Written | OfParameter | OfMetric
    allowed: Allowed


@dataclass(frozen=True, slots=True)
class Sees:
    """Which parameters of the workflow a step is given, and none else: another value of one that it does not see changes nothing for it."""

    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FanOut:
    """The step runs once for each item: a set of parameters, pairs of name and JSON, which hide those of the step.

    At most `parallel` items run at a time; 0 leaves that to the target. With `best`, the outputs and metrics of the item
    whose metric of that name is the best by `mode` (the first of equals) are those of the step. Without, an output is a folder
    of one folder for each item that has it, `0`, `1` and so on (metrics are `<name>.json` there), and of `items.json`: a list
    of `{item, parameters, metrics}`; the step itself has no metrics then.
    """

    items: tuple[tuple[tuple[str, str], ...], ...]
    parallel: int = 0
    best: str = ""
    mode: Mode = Mode.MAX


@dataclass(frozen=True, slots=True)
class DatasetStep:
    """Writes a training dataset; its one output is called `data`: a directory of `data.<format>` and `dataset.json`."""

    name: str
    relation: str
    digest: str
    format: str = "parquet"


@dataclass(frozen=True, slots=True)
class CommandStep:
    """Runs a command with the step contract: `MLSPEC_INPUT_<NAME>`, `MLSPEC_OUTPUT_<NAME>`, `MLSPEC_PARAM_<NAME>`.

    `command` is one shell line (a single item) or a program and its arguments; `code` pairs each declared file with
    the digest of what it holds. Times are in seconds, 0 is no limit. `when` is a CEL condition over
    `metrics.<step>.<name>` and `parameters.<name>`, those of the workflow. `after` are steps that must be through, whatever they give.

    Before attempt n + 1 it waits `retry_delay * retry_factor ** (n - 1)`, at most `retry_max_delay`. `idle_timeout` ends an attempt
    that has written nothing to its log for so long. `on_error`: None is what the workflow says. `cache_ttl` is how old what
    is taken from the cache may be, 0 is any age. `sees`: None is all parameters of the workflow. `measures` are
    metrics that an attempt has to write; it may write others too.
    """

    name: str
    command: tuple[str, ...]
    inputs: tuple[tuple[str, Source], ...] = ()
    outputs: tuple[tuple[str, OutputType], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, Secret], ...] = ()
    code: tuple[tuple[str, str], ...] = ()
    image: str = ""
    resources: Resources = Resources()
    retries: int = 0
    retry_delay: float = 0.0
    timeout: float = 0.0
    when: str = ""
    cache: bool = True
    parameters: tuple[StepParameter, ...] = later(())
    after: tuple[str, ...] = later(())
    each: FanOut | None = later(None)
    retry_factor: float = later(1.0)
    retry_max_delay: float = later(0.0)
    idle_timeout: float = later(0.0)
    on_error: OnError | None = later(None)
    cache_ttl: float = later(0.0)
    sees: Sees | None = later(None)
    measures: tuple[str, ...] = later(())

    @property
    def deciding(self) -> "CommandStep":
        """The step with nothing in it but what has a part in the result: not how long it may take or how often it is tried."""
        return CommandStep(
            self.name, self.command, self.inputs, self.outputs, self.env, self.secrets, self.code, self.image,
            when=self.when, parameters=self.parameters, each=replace(self.each, parallel=0) if self.each else None, sees=self.sees,
        )  # fmt: skip

    def wait_before(self, attempt: int) -> float:
        """Seconds to wait before an attempt; the second is the first that waits."""
        delay = self.retry_delay * self.retry_factor ** min(attempt - 2, 1000)
        return min(delay, self.retry_max_delay) if self.retry_max_delay else delay


@dataclass(frozen=True, slots=True)
class Relative:
    """A bound that follows from the same metric of the version that an alias means: `factor` times it, plus `shift`.

    `bound` is `min` or `max`, `words` what its author wrote. `pinned` is the version that the files give the alias, or how
    its digest begins: it counts even before the alias has been moved there.
    """

    bound: str
    alias: str
    factor: float = 1.0
    shift: float = 0.0
    words: str = ""
    pinned: str = beside("")


@dataclass(frozen=True, slots=True)
class Gate:
    """Bounds that a metric must keep before a model version is registered."""

    metric: str
    minimum: float | None = None
    maximum: float | None = None
    relative: tuple[Relative, ...] = later(())


@dataclass(frozen=True, slots=True)
class Used:
    """A column of training data that decides a model: a feature or a label, with its type and its digest there.

    A feature that is stored says which column of which view it is; one that is computed from the request does not.
    """

    name: str
    type: str
    digest: str
    address: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class RegisterStep:
    """Checks the gates, then registers a model version under its digest; refuses when a gate is not met.

    `contract` is the ordered input of the model: pairs of feature and type; `output` the pairs of what it answers.
    """

    name: str
    model: str
    source: Source
    metrics: Source
    gates: tuple[Gate, ...] = ()
    format: str = ""
    contract: tuple[tuple[str, str], ...] = ()
    output: tuple[tuple[str, str], ...] = ()
    used: tuple[Used, ...] = ()
    """What it is trained on, column by column; the digest of its dataset covers it."""


Step = DatasetStep | CommandStep | RegisterStep


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a workflow starts by itself: a cron expression in a named time zone.

    `catchup`: times that went by while nothing could start are made up for, each; else at most the last one.
    """

    cron: str
    timezone: str = "UTC"
    overlap: Overlap = later(Overlap.SKIP)
    catchup: bool = later(False)  # noqa: FBT003 - the default of a field


@dataclass(frozen=True, slots=True)
class Workflow:
    """Steps, parents first. `run_on_apply`: it is run when its digest has changed; else it is a definition to publish.

    `parameters` pairs names with values as JSON writes them; `allowed` says more of those that are more than their values
    tell. `triggers` are addresses of relations: it starts when one of them has a new version. `version` is the digest of everything that decides
    the result (data, code, parameters, environment of the steps): the digest of the model version it makes.
    """

    name: str
    steps: tuple[Step, ...]
    parameters: tuple[tuple[str, str], ...] = ()
    schedule: Schedule | None = None
    run_on_apply: bool = False
    version: str = ""
    allowed: tuple[tuple[str, Allowed], ...] = beside(())
    triggers: tuple[str, ...] = later(())
    on_error: OnError = later(OnError.SKIP_DOWNSTREAM)

    def step(self, name: str) -> Step | None:
        """The step of that name, if there is one."""
        return next((s for s in self.steps if s.name == name), None)

    def fate(self, step: Step) -> OnError:
        """What a failure of the step means for the rest of the run."""
        own = step.on_error if isinstance(step, CommandStep) else None
        return own or self.on_error

    @property
    def register(self) -> RegisterStep | None:
        """The step that registers the model, if there is one."""
        return next((s for s in self.steps if isinstance(s, RegisterStep)), None)
