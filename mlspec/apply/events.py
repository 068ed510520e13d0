"""What happens during an apply, one value an event."""

from mlspec.base.address import Address
from mlspec.base.diag import Span
from mlspec.base.value import dataclass
from mlspec.plan.change import Action


@dataclass(frozen=True, slots=True)
class Started:
    """A change has begun."""

    address: Address
    action: Action


@dataclass(frozen=True, slots=True)
class Progress:
    """One line from a change that is being made."""

    address: Address
    line: str


@dataclass(frozen=True, slots=True)
class Done:
    """A change was made and is recorded; `notes` are for people."""

    address: Address
    action: Action
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A change was not made; nothing of it is recorded. `span` is the place in the files that is meant."""

    address: Address
    message: str
    help: str = ""
    code: str = "backend-failed"
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a change is about is being made elsewhere: nothing of it is recorded, and a later apply finds it."""

    address: Address
    message: str
    help: str = ""
    code: str = "trained-elsewhere"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A change was not tried, because something that it needs failed, or is not there yet."""

    address: Address
    because: Address
    note: str = ""
    """What goes on in its place."""
    later: bool = False
    """Nothing failed: what it needs is made elsewhere."""


Event = Started | Progress | Done | Failed | Waiting | Skipped
