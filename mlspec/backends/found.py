"""What was found of the things that a backend made, without changing anything."""

from collections.abc import Mapping

from mlspec.base.value import dataclass, field


@dataclass(frozen=True)
class Size:
    """How much a kept relation holds; bytes are the engine's estimate. `partitions` is how many it has, if it is kept in any."""

    rows: int
    bytes: int
    partitions: int = 0


@dataclass(frozen=True)
class Altered:
    """Something of ours that somebody has altered by hand: its definition or columns as they were made, and as they are."""

    made: str
    found: str


@dataclass(frozen=True)
class Observed:
    """What is really in an engine: kept versions with their size, and which one each public name points to.

    A version that was `altered`, or that is `unnoted` (in partitions, and nothing says any more what they are made of), is
    not among the `versions`. `names` are public names that mean something else than they were made to mean, by address;
    such a name points to another version, or to nothing of ours (empty).
    """

    versions: Mapping[str, Size] = field(default_factory=dict)
    pointers: Mapping[str, str] = field(default_factory=dict)
    altered: Mapping[str, Altered] = field(default_factory=dict)
    names: Mapping[str, Altered] = field(default_factory=dict)
    unnoted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Difference:
    """Something that a target made and that is not as it was left.

    `what` is `missing`, `edited` or `stopped`; `subject` is a file or a process, for people; `made` and `found` are what
    tells them apart, as far as there is something to tell.
    """

    what: str
    subject: str
    made: str = ""
    found: str = ""


@dataclass(frozen=True)
class Unused:
    """Something that a backend keeps and nobody needs any more: a `table`, a `model` or a `cache`.

    `bytes` and `rows` are estimates, `age` the seconds since it was last made or used; `kept` says why it stays all the same,
    if it does.
    """

    what: str
    name: str
    address: str
    bytes: int
    age: float
    rows: int = 0
    kept: str = ""
