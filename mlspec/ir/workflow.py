"""A workflow: steps with inputs, outputs and parameters, and when they run."""

from dataclasses import dataclass
from enum import StrEnum

from mlspec.ir.later import later


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
    """What a container asks for, in Kubernetes quantities (`500m`, `2Gi`); limits equal requests where not given."""

    cpu: str = ""
    memory: str = ""
    gpu: int = 0
    cpu_limit: str = ""
    memory_limit: str = ""


NO_RESOURCES = Resources()


@dataclass(frozen=True, slots=True)
class Source:
    """Where an input comes from: the output of an earlier step."""

    step: str
    output: str


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
    `metrics.<step>.<name>` and `parameters.<name>`.
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


@dataclass(frozen=True, slots=True)
class Relative:
    """A bound that follows from the same metric of the version that an alias means: `factor` times it, plus `shift`.

    `bound` is `min` or `max`, `words` what its author wrote.
    """

    bound: str
    alias: str
    factor: float = 1.0
    shift: float = 0.0
    words: str = ""


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
    """When a workflow starts by itself: a cron expression in a named time zone."""

    cron: str
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Workflow:
    """Steps, parents first. `run_on_apply`: it is run when its digest has changed; else it is a definition to publish.

    `parameters` pairs names with values as JSON writes them. `version` is the digest of everything that decides
    the result (data, code, parameters, environment of the steps): the digest of the model version it makes.
    """

    name: str
    steps: tuple[Step, ...]
    parameters: tuple[tuple[str, str], ...] = ()
    schedule: Schedule | None = None
    run_on_apply: bool = False
    version: str = ""

    def step(self, name: str) -> Step | None:
        """The step of that name, if there is one."""
        return next((s for s in self.steps if s.name == name), None)

    @property
    def register(self) -> RegisterStep | None:
        """The step that registers the model, if there is one."""
        return next((s for s in self.steps if isinstance(s, RegisterStep)), None)
