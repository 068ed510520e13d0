"""The port of state stores: texts by name, each replaced by who knows what was there, and a journal."""

from abc import abstractmethod

from mlspec.backends.port import Backend, BackendError
from mlspec.base.value import dataclass


@dataclass(frozen=True)
class Kept:
    """A text that a store keeps; `tag` tells this version of it from every other."""

    text: str
    tag: str


class Taken(BackendError):
    """Somebody else was first: a text is no longer what it was, or a number of the journal is given away."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} has changed since it was read", "run the command again", "state-changed")


class Unreachable(BackendError):
    """The store does not answer; it may do so when it is asked again."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "look at the network and the server of the state, and run the command again",
                         "state-unreachable")  # fmt: skip


class StateStore(Backend):
    """Keeps texts by name, and a journal of numbered lines. What the texts mean is the business of `mlspec.ledger`.

    Names are words with `/` between them (`state`, `history/000012`). When a call that writes returns, what it wrote is
    there after a loss of power. Where the answer may be lost on its way, it raises `Unreachable` and leaves it to the
    caller to look whether it was written.
    """

    @property
    def patience(self) -> float:
        """For how many seconds it is worth asking again a store that does not answer."""
        return 0.0

    @property
    @abstractmethod
    def rescue(self) -> str:
        """How to put back the state before the last, for people."""

    @abstractmethod
    def read(self, name: str) -> Kept | None:
        """The text of that name, or None where there is none yet."""

    @abstractmethod
    def write(self, name: str, text: str, tag: str | None) -> str:
        """Replace the version with this tag, or none, in one step; the new tag. Raises Taken when another is there."""

    @abstractmethod
    def names(self, folder: str) -> tuple[str, ...]:
        """The names that begin with `<folder>/`, in order."""

    @abstractmethod
    def append(self, number: int, line: str) -> None:
        """Write a line under a number that has none. Raises Taken when it has one."""

    @abstractmethod
    def lines(self, after: int) -> tuple[tuple[int, str], ...]:
        """The lines with higher numbers, in order."""

    @abstractmethod
    def trim(self, upto: int) -> None:
        """Forget the lines up to this number."""
