"""The ports: what the house asks of an engine, a pipeline target, a deploy target, a model registry; a state store has its own page."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mlspec.backends.answers import CheckResult as CheckResult  # noqa: PLC0414 - who knows the ports finds it here
from mlspec.backends.answers import CheckRun as CheckRun  # noqa: PLC0414 - as above
from mlspec.backends.answers import Rows as Rows  # noqa: PLC0414 - as above
from mlspec.backends.capability import Capability as Capability  # noqa: PLC0414 - as above
from mlspec.backends.error import BackendError as BackendError  # noqa: PLC0414 - who knows the ports finds it here
from mlspec.backends.found import Difference, Observed, Unused
from mlspec.backends.partition import Partition, Wanted
from mlspec.backends.runs import RunRecord
from mlspec.backends.runs import StepRun as StepRun  # noqa: PLC0414 - as above
from mlspec.backends.taking import Size as Size  # noqa: PLC0414 - as above
from mlspec.backends.taking import Taking
from mlspec.base.address import Address
from mlspec.base.value import dataclass, field
from mlspec.ir.certificate import Claims
from mlspec.ir.check import Check
from mlspec.ir.relation import Relation
from mlspec.ir.service import Service
from mlspec.ir.workflow import DatasetStep, Workflow


@dataclass(frozen=True)
class Place:
    """Where a backend works: the project's folder, its private folder in it, and the name of the environment."""

    root: Path
    private: Path
    environment: str
    project: str


@dataclass(frozen=True)
class Artifact:
    """A rendered file: a relative path and its text. The same for `render`, the plan and `apply`."""

    path: str
    text: str


@dataclass(frozen=True)
class Outcome:
    """What an operation left behind: `outputs` go into the state (JSON), `notes` to the user."""

    outputs: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Backend(ABC):
    """`Settings` is a frozen dataclass: its fields are the options of this backend in `mlspec.yaml`."""

    Settings: ClassVar[type]
    capabilities: ClassVar[frozenset[Capability]] = frozenset()

    def __init__(self, settings: Any, place: Place) -> None:
        self.settings, self.place = settings, place

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of connections and processes."""

    def unable(self, what: str) -> BackendError:
        """What a backend says that is asked for a capability that it does not have."""
        name = type(self).__module__.rpartition(".")[2]
        return BackendError(f"`{name}` cannot {what}", "see docs/capabilities.md", "unsupported-by-backend")


@dataclass(frozen=True)
class Refreshed:
    """What was done to a table in partitions: how many were built, with how many rows, and how much it holds now."""

    partitions: int
    rows: int
    size: Size


Physical = Mapping[str, str]
"""From an address to the name under which the engine keeps the version that is meant."""


class SqlEngine(Backend, Taking):
    """Keeps relations under names that carry their digest; an environment's public name points to one of them."""

    def refused(self, body: Relation | Check) -> tuple[tuple[str, str], ...]:
        """What this engine cannot be asked of a body, each with what to do about it; found without touching it."""
        return ()

    def await_turn(self, seconds: float, say: Callable[[str], None]) -> None:
        """Wait so long for a warehouse that only one process can have, and tell that there is somebody to wait for."""

    def rest(self) -> None:
        """Let others have the warehouse until the next question."""

    def rendered_at(self, address: Address) -> str:
        """The path of what `render` gives, where all that it could refuse is refused by `refused` already: then it is asked late.

        Empty, as it is for an engine that says nothing of it: `render` is asked while a plan is made.
        """
        return ""

    @abstractmethod
    def render(self, address: Address, relation: Relation, physical: Physical) -> Artifact:
        """The statement that makes this version; pure."""

    @abstractmethod
    def observe(self) -> Observed:
        """What is there, without changing anything; nothing there is no error."""

    def columns(self, tables: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """The columns and types of tables that somebody else keeps, by table, in one question; nothing of what is not there."""
        return {}

    @abstractmethod
    def content(self, table: str) -> str:
        """The digest of what a table holds that somebody else keeps, in any order of rows; empty if it is not there."""

    @abstractmethod
    def build(self, address: Address, relation: Relation, physical: Physical, *, anew: bool = False,
              claims: Claims | None = None) -> Size:  # fmt: skip
        """Make this version, in one transaction, asserting what the relation promises; done already is done.

        With `anew` it is made again though it is there. With `claims` its certificate is kept beside it.
        """

    @abstractmethod
    def partitions(self, address: Address, relation: Relation, physical: Physical) -> tuple[Partition, ...]:
        """The partitions of a relation that is kept in some, in order, compared with what they would be made of now."""

    @abstractmethod
    def refresh(
        self, address: Address, relation: Relation, physical: Physical, wanted: Wanted, say: Callable[[str], None]
    ) -> Refreshed:
        """Build partitions, rows and bookkeeping in one transaction each time; done already is done.

        `say` is told what was built. The version is whole when none is due any more.
        """

    @abstractmethod
    def release(self) -> str:
        """The version of the engine, in its own words."""

    @abstractmethod
    def certificate(self, version: str) -> Mapping[str, Any] | None:
        """The certificate that a version was built with, if it has one."""

    @abstractmethod
    def point(self, address: Address, version: str) -> None:
        """Let the public name of the environment mean this version, in one step."""

    @abstractmethod
    def remove(self, address: Address) -> None:
        """Take the public name away, and the versions that no environment needs any more."""

    def collect(self, needed: Collection[str], grace: float, *, dry_run: bool) -> tuple[Unused, ...]:
        """Remove the versions that no public name reaches, nor `needed`, and that nobody made or used for `grace` seconds.

        A capability; `dry_run` only says what would go. May be called while others build, and be cut short anywhere.
        """
        raise self.unable("collect what nobody needs any more")

    @abstractmethod
    def check(self, check: Check, physical: Physical) -> tuple[CheckResult, ...]:
        """Run the expectations and keep their results beside the data."""

    @abstractmethod
    def results(self, subject: str, last: int = 1) -> tuple[CheckRun, ...]:
        """What the last runs of the checks of a subject found, the newest first."""

    @abstractmethod
    def rows(self, asked: Relation, physical: Physical, limit: int = 0) -> Rows:
        """The rows of a relation that is not kept, over addresses; read only."""

    @abstractmethod
    def retrieve(self, asked: Relation, physical: Physical, spine: Any = None) -> Any:
        """The rows of a point-in-time join that is not kept, as an Arrow table, as many as ask and in their order; read only.

        With `spine`, an Arrow table, those are the rows of the address `SPINE` for the time of this question; they have
        a column `NUMBER` there, from 0, which stands first in what is asked and is not in the answer.
        """

    @abstractmethod
    def export(self, version: str, path: Path, format: str) -> int:  # noqa: A002
        """Write a kept version to a file (`parquet` or `csv`), in the order of its rows; returns their number."""


@dataclass(frozen=True)
class ModelVersion:
    """A registered model version; `version` is the digest of everything that decided it.

    `metrics`, `contract` (feature, type), `lineage` (address, digest) are as registered; `path` is where it lies;
    `parameters` are those of its pipeline, as JSON; `created` is when it was registered (ISO 8601, UTC).
    """

    model: str
    version: str
    format: str
    metrics: Mapping[str, float]
    contract: tuple[tuple[str, str], ...]
    output: tuple[tuple[str, str], ...]
    lineage: Mapping[str, str]
    files_digest: str
    path: str = ""
    certificates: Mapping[str, Any] = field(default_factory=dict)
    """Those of the datasets that it was trained on, by address."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    created: str = ""


class ModelRegistry(Backend):
    """Model versions by name and digest; a version never changes."""

    @abstractmethod
    def get(self, model: str, version: str) -> ModelVersion | None:
        """The version of that digest, if it was registered and its files are whole."""

    @abstractmethod
    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """All versions of a model, the newest last."""

    @abstractmethod
    def register(self, version: ModelVersion, files: Path) -> ModelVersion:
        """Copy the files of a directory in and keep the version, in one step; registered already is done."""

    @abstractmethod
    def adopt(self, model: str) -> None:
        """Note that this environment uses the model; several environments may share a registry."""

    @abstractmethod
    def remove(self, model: str) -> None:
        """Note that it uses the model no more: forget it and all its versions, unless another one does."""

    def aliases(self, model: str) -> Mapping[str, str]:
        """From alias to the version that it means in this environment; a capability, and nothing without it."""
        return {}

    def point(self, model: str, alias: str, version: str) -> None:
        """Let an alias mean a version that is registered, in one step; it does already is done."""
        raise self.unable("let names of versions mean something")

    def unpoint(self, model: str, alias: str) -> None:
        """Take an alias away; gone already is done."""
        raise self.unable("let names of versions mean something")

    def collect(
        self, needed: Collection[str], environments: Collection[str], grace: float, *, dry_run: bool
    ) -> tuple[Unused, ...]:
        """As `SqlEngine.collect`, of models that only these environments use; `needed` are versions, or how they begin."""
        raise self.unable("collect what nobody needs any more")


@dataclass(frozen=True)
class Tools:
    """What a pipeline target gets to run a workflow with.

    `export` writes the dataset of a step into a directory; `say` tells the user one line of progress;
    `lineage` is what goes into the registry as the origin of the version, with the `certificates` of its datasets. With `explain` it is told
    why a step is not taken from the cache.
    """

    export: Callable[[DatasetStep, Path], None]
    registry: ModelRegistry
    say: Callable[[str], None]
    lineage: Mapping[str, str] = field(default_factory=dict)
    certificates: Mapping[str, Any] = field(default_factory=dict)
    explain: bool = False


@dataclass(frozen=True)
class Run:
    """A finished run of a workflow: its id, its steps, the metrics by step, and the model version it registered.

    `outputs` is what the target has left behind for it, as `publish` tells it.
    """

    id: str
    steps: tuple[StepRun, ...]
    metrics: Mapping[str, Mapping[str, float]]
    version: ModelVersion | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)


class PipelineTarget(Backend):
    """Publishes workflows, and runs those that an apply needs. `note` is said with every plan that changes one."""

    note: ClassVar[str] = ""

    def refused(self, workflow: Workflow) -> Iterable[BackendError]:
        """What it cannot honour of a definition although it has the capabilities, each with the field; found without touching anything."""
        return ()

    @abstractmethod
    def render(self, workflow: Workflow) -> tuple[Artifact, ...]:
        """The files that define it for this target; pure."""

    @abstractmethod
    def publish(self, workflow: Workflow) -> Outcome:
        """Let the definition be known to the target."""

    @abstractmethod
    def withdraw(self, outputs: Mapping[str, Any]) -> None:
        """Take a published definition away."""

    def differences(self, outputs: Mapping[str, Any]) -> tuple[Difference, ...]:
        """What of a published definition is not as it was left; changes nothing. A target may have nothing to look at."""
        return ()

    @abstractmethod
    def run(self, workflow: Workflow, tools: Tools) -> Run:
        """Run it to its end. Raises BackendError naming the step that failed and its log."""

    def resume(self, run: str, workflow: Workflow, tools: Tools) -> Run:
        """Go on with a run that was broken off; a capability, as `runs`, `told` and `log`."""
        raise self.unable("go on with a run")

    def runs(self, workflow: str = "") -> tuple[RunRecord, ...]:
        """What is kept of the runs of one workflow or of all, the newest first, without their steps."""
        raise self.unable("tell of runs")

    def told(self, run: str) -> RunRecord:
        """All of one run; a name may be its beginning, or `latest`. Raises BackendError."""
        raise self.unable("tell of runs")

    def log(self, run: str, step: str, item: int | None = None) -> Path:
        """The file to which a step of a run writes, or has written. Raises BackendError."""
        raise self.unable("tell of runs")

    def collect(self, grace: float, *, dry_run: bool) -> tuple[Unused, ...]:
        """As `SqlEngine.collect`, of what it keeps of earlier runs so as not to do it again; a capability."""
        raise self.unable("collect what nobody needs any more")


class DeployTarget(Backend):
    """Makes services out of model versions. `note` is said with every plan that deploys, if the user must know it."""

    note: str = ""
    exclusive: ClassVar[bool] = False
    """Whether a service must go before another one can take its place, as on one port of one machine."""

    def refused(self, service: Service) -> tuple[BackendError, ...]:
        """What this target cannot be asked of a service, each with the field that is meant; found without touching it."""
        return ()

    @abstractmethod
    def render(self, service: Service, version: ModelVersion | None) -> tuple[Artifact, ...]:
        """The files that define it for this target; pure. No version: the model is yet to be trained."""

    @abstractmethod
    def apply(self, service: Service, version: ModelVersion) -> Outcome:
        """Bring it about; done already is done."""

    def apply_beside(self, service: Service, version: ModelVersion, others: Mapping[str, ModelVersion]) -> Outcome:
        """As `apply`, with the other versions that the rollout names, by what it calls them: of a shadow, of a canary."""
        return self.apply(service, version)

    @abstractmethod
    def observe(self, outputs: Mapping[str, Any]) -> bool:
        """Whether what the outputs of an earlier apply describe is still there, unchanged."""

    def differences(self, outputs: Mapping[str, Any]) -> tuple[Difference, ...]:
        """What of it is not as it was left; nothing exactly when `observe` says that it is."""
        return () if self.observe(outputs) else (Difference("edited", str(outputs.get("path", ""))),)

    def out_of_reach(self, outputs: Mapping[str, Any]) -> str:
        """What of an earlier apply goes on where this target, with its options of now, would not look for it; empty for nothing."""
        return ""

    @abstractmethod
    def destroy(self, outputs: Mapping[str, Any]) -> None:
        """Take it away; gone already is done."""
