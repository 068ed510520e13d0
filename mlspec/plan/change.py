"""A plan: changes in the order in which they would be made, each with its action, its reason and what it leads to."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from mlspec.base.address import Address
from mlspec.base.value import dataclass, field
from mlspec.plan.drift import Drift
from mlspec.plan.evidence import Evidence

FORMAT_VERSION = 1


class Action(StrEnum):
    """What is done to a resource; the value is the symbol that people see."""

    NONE = "·"
    FORGET = "○"
    MOVE = "⇄"
    IMPORT = "←"
    REPOINT = "→"
    UPDATE = "~"
    REBUILD = "↻"
    CREATE = "+"
    REPLACE = "±"
    DELETE = "-"

    @property
    def word(self) -> str:
        """The action as a word, for JSON and for policies."""
        return self.name.lower()


class Consequence(StrEnum):
    """What a change leads to."""

    BACKFILL = "backfill"
    RETRAIN = "retrain"
    RUN = "run"
    REDEPLOY = "redeploy"
    RELOAD_ONLINE = "reload_online"
    RECHECK = "recheck"


class Impact(StrEnum):
    """How far a change of meaning reaches."""

    METADATA = "metadata"
    ADDITIVE = "additive"
    COLUMN = "column"
    ROW_SHAPE = "row_shape"
    CONTRACT = "contract"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of the author's words, before and after; None is absent. `cost` is what the kind says it costs."""

    path: tuple[str, ...]
    before: Any
    after: Any
    cost: str = ""


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """A column of its own, or of what it reads: `added`, `removed`, `changed`, `retyped` or `renamed`.

    `before` and `after` are the types of one that was retyped, the names of one that was renamed.
    """

    name: str
    change: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How much the version that is there now holds; in how many partitions, and how many of them would be built, if known.

    With `reads`, of what has no version yet and of what is trained: how much there is now of what it reads.
    """

    rows: int
    bytes: int
    partitions: int = 0
    due: int | None = None
    reads: bool = False


@dataclass(frozen=True)
class Change:
    """What would be done to one resource.

    `reason` is a code for machines: `new`, `removed`, `moved`, `renamed` (something that it speaks of), `forgotten`, `imported`, `changed`, `upstream_changed`, `content_changed` (of its files:
    data or code), `metadata_changed`, `missing`, `drifted`, `requested`, `target_changed` (another backend, or other options of it), `triggered` (a trigger of a pipeline has a new version). `causes` are chains from what was edited to this resource. `version` is the new
    physical version of a relation, or the new model version.
    """

    address: Address
    form: str
    action: Action
    reason: str
    direct: bool = True
    impacts: tuple[Impact, ...] = ()
    consequences: tuple[Consequence, ...] = ()
    fields: tuple[FieldChange, ...] = ()
    columns: tuple[ColumnChange, ...] = ()
    causes: tuple[tuple[str, ...], ...] = ()
    owner: str = ""
    protect: bool = False
    version: str = ""
    estimate: Estimate | None = None
    tags: tuple[str, ...] = ()
    previous: str = ""
    """The address under which it is recorded, if it was moved."""
    existing: str = ""
    """What is taken over instead of being made: a table, or a model version."""
    evidence: Evidence | None = None
    """What speaks for it, where it is promoted from another environment."""
    after: tuple[Address, ...] = ()
    """Live deployments that must have moved before what was there is taken away; what is new is built without waiting."""


@dataclass(frozen=True, slots=True)
class Breaking:
    """A column that a live deployment reads as `feature`, and that would be `removed`, `renamed` or `retyped` (to `after`).

    `version` is the one that is served. It `moves` when the same plan lets it serve another one first, or deletes it.
    """

    deployment: str
    owner: str
    feature: str
    address: str
    column: str
    change: str
    after: str
    moves: bool
    version: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that apply does when the steps in `after` are done: `key` is its name, `does` a word.

    `build`, `expand` (build beside what is there), `contract` (take away what was there), `point`, `train`, `adopt`,
    `publish`, `run` (publish, and run), `deploy`, `check`, `record`, `delete`, `forget`, `move`, `import`. `artifacts` are the paths of what was rendered for it.
    """

    key: str
    address: str
    does: str
    after: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Untouched:
    """What is left as it is, and why: `other_columns`, `same_version`, `pinned`, `not_selected`.

    `version` is what it keeps; `details` are the columns that it reads, or the fields that alone have changed.
    """

    address: str
    code: str
    version: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """Why somebody is asked about an address: the reason of its change, and the chain from what was edited, if it was not itself."""

    address: str
    reason: str
    because: tuple[str, ...] = ()


@dataclass(frozen=True)
class Review:
    """A team that must agree, its reviewers, what of it is affected, and why."""

    team: str
    role: str
    reviewers: tuple[str, ...]
    addresses: tuple[str, ...]
    why: tuple[Why, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """A policy that a change, or a resource, meets: `deny`, `approve` or `warn`."""

    policy: str
    enforce: str
    address: str
    message: str
    approvers: tuple[str, ...] = ()


class Asked:
    """A text that is made when somebody asks for it; equal to every text that is the same."""

    __slots__ = ("_made",)

    def __init__(self, make: Callable[[], str]) -> None:
        self._made: str | Callable[[], str] = make

    def __str__(self) -> str:
        if not isinstance(self._made, str):
            self._made = self._made()
        return self._made

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, str | Asked) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return repr(str(self))


@dataclass(frozen=True)
class Plan:
    """Everything that apply would do, in order, bound to the state and the specs that it was made of."""

    project: str
    environment: str
    lineage: str
    serial: int
    state_digest: "str | Asked"
    specs_digest: "str | Asked"
    changes: tuple[Change, ...] = ()
    unchanged: int = 0
    reviews: tuple[Review, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    notes: tuple[str, ...] = ()
    destroy: bool = False
    skipped: tuple[str, ...] = ()
    """Addresses that would change too, but were not selected, or were excluded."""
    excluded: tuple[str, ...] = ()
    """Those of them that were excluded, or cannot be without what is."""
    drift: tuple[Drift, ...] = ()
    """What is not as it was recorded; apart from what was edited."""
    refresh_only: bool = False
    """Whether applying it lets the state learn of the drift, and makes nothing."""
    promoted_from: str = ""
    """The environment whose applied state it repeats."""
    back_to: int = 0
    """The run of the history whose result it restores."""
    bound: Mapping[str, str] = field(default_factory=dict)
    """The digests of the records that it depends on, by address; see `mlspec/plan/bound.py`."""

    reviews_required: bool = False
    """Whether the environment lets nobody apply before every team that is asked has approved."""
    breaking: tuple[Breaking, ...] = ()
    """What live deployments read and would lose."""
    steps: tuple[Step, ...] = ()
    untouched: tuple[Untouched, ...] = ()
    against: str = ""
    """The revision of git that the files are compared with, instead of a state; nothing can be applied of it."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        learns = self.refresh_only and any(d.acknowledged is None for d in self.drift)
        return not self.changes and not learns

    @property
    def denied(self) -> tuple[Verdict, ...]:
        """The verdicts that forbid it."""
        return tuple(v for v in self.verdicts if v.enforce == "deny")

    def change(self, address: Address) -> Change | None:
        """What would be done to a resource, if anything."""
        return next((c for c in self.changes if c.address == address), None)
