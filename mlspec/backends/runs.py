"""What a pipeline target remembers of its runs."""

from collections.abc import Mapping
from typing import Any

from mlspec.base.value import dataclass, field


@dataclass(frozen=True)
class StepRun:
    """What became of a step; seconds; its log.

    `done`, `cached`, `skipped` (its condition was false, or what it needs was skipped), or `failed`, where the run may go on without it.
    """

    name: str
    status: str
    seconds: float
    log: str = ""


@dataclass(frozen=True)
class Kept:
    """What a fan-out keeps: the item whose metric `best` is the highest or lowest (`mode`); None where none was kept yet."""

    best: str
    mode: str
    item: int | None = None


@dataclass(frozen=True)
class StepRecord:
    """What became of a step, or of one `item` of a fan-out: `running`, or as `StepRun` says, or `not run`.

    `own` is the set of parameters of an item, which is in `parameters` too. `kept` says of a fan-out which item was kept, by which metric and `mode`.
    `inputs` and `outputs` are digests by name. `why` says why nothing was taken from the cache, where that was asked.
    """

    name: str
    status: str
    item: int | None = None
    started_at: str = ""
    seconds: float = 0.0
    attempts: int = 0
    key: str = ""
    why: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    log: str = ""
    own: Mapping[str, Any] = field(default_factory=dict)
    kept: Kept | None = None

    @property
    def label(self) -> str:
        """`step`, or `step[item]`."""
        return self.name if self.item is None else f"{self.name}[{self.item}]"


@dataclass(frozen=True)
class RunRecord:
    """A run: `running`, `done`, `failed`, `interrupted`, or `lost` when its runner is gone without a word.

    `digest` is that of the workflow as it ran, `version` what it would make. `made_with` says which code revision, Python,
    platform and packages.
    """

    id: str
    workflow: str
    status: str
    started_at: str
    finished_at: str = ""
    seconds: float = 0.0
    digest: str = ""
    version: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    made_with: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[StepRecord, ...] = ()
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    folder: str = ""
