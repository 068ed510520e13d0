"""A run under its claim: what it finishes is recorded at once, or, when the store is lost, kept on this machine."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlspec.backends.port import BackendError
from mlspec.backends.state_store import StateStore, Unreachable
from mlspec.base.value import dataclass, field
from mlspec.ledger.claim import Claim, ClaimLost, claims, utc
from mlspec.ledger.patience import append
from mlspec.ledger.rescue import Rescue, fingerprint
from mlspec.state.codec import StateError
from mlspec.state.journal import Entry, Step, carry_out, encode_entry
from mlspec.state.model import Record, State

Say = Callable[[str], None]


class NotRecorded(BackendError):
    """Something was done and could not be recorded: nothing more may be started."""

    def __init__(self, error: BackendError, where: str) -> None:
        kept = f"it is kept in `{where}` and recorded by the next command that changes something here" if where else ""
        message = f"it was done, but could not be recorded: {error}"
        super().__init__(message, kept or "plan again: what was done is found out then", error.code)


@dataclass
class _Waiting:
    steps: Sequence[Step]
    ready: bool = False
    error: NotRecorded | StateError | None = None


@dataclass
class Run:
    """`state` is what was recorded when the claim was taken; `about` is what the history says of the run."""

    store: StateStore
    rescue: Rescue
    claim: Claim
    state: State
    about: Mapping[str, Any]
    clock: Callable[[], float]
    serial: int = 0
    begun: bool = False
    lineage: str = ""
    lost: NotRecorded | None = None
    _records: dict[Any, Record] = field(default_factory=dict)
    _queue: list[_Waiting] = field(default_factory=list)
    _queueing: threading.Lock = field(default_factory=threading.Lock)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.serial, self._records = self.state.serial, dict(self.state.records)
        self.lineage = self.state.lineage or _new_lineage()

    def record(self, steps: Sequence[Step]) -> None:
        """Record steps, together or not at all; those of several threads in one go. Raises NotRecorded, StateError."""
        mine = _Waiting(steps)
        with self._queueing:
            self._queue.append(mine)
        with self._writing:
            if not mine.ready:
                with self._queueing:
                    batch, self._queue = self._queue, []
                self._written(batch)
        if mine.error:
            raise mine.error

    def _written(self, batch: Sequence[_Waiting]) -> None:
        error: NotRecorded | StateError | None = None
        try:
            self._append(tuple(s for one in batch for s in one.steps))
        except (NotRecorded, StateError) as found:
            error = found
        for one in batch:
            one.ready, one.error = True, error

    def end(self, result: str, steps: Sequence[Step] = (), *, adopts: str = "", **more: Any) -> None:
        """Say how it ended, with the last steps. Raises NotRecorded."""
        with self._writing:
            if self.lost is None:
                self._append(steps, {"result": result, **{n: v for n, v in more.items() if v}}, adopts)

    def _append(self, steps: Sequence[Step], end: Mapping[str, Any] | None = None, adopts: str = "") -> None:
        begins = not self.begun
        entry = Entry(
            os.urandom(16).hex(), self.claim.id, utc(self.clock()), tuple(steps), self.lineage if begins and not self.state.lineage else "",
            adopts, dict(self.about) if begins else None, end,
        )  # fmt: skip
        line = encode_entry(entry)
        try:
            self._send(line)
        except (Unreachable, ClaimLost, NotRecorded) as error:
            self.lost = self._saved(entry, error)
            raise self.lost from None
        finally:
            for step in steps:
                carry_out(self._records, step)
        self.begun = True

    def _send(self, line: str) -> None:
        if self.lost is not None:
            raise self.lost  # the order of what was done is kept: nothing goes to the store after the first that could not
        if self.claim not in claims(self.store):
            raise ClaimLost(self.claim)
        self.serial = append(self.store, self.serial, line)

    def _saved(self, entry: Entry, error: BackendError) -> NotRecorded:
        if isinstance(error, NotRecorded) and not entry.steps:
            return error
        before = {str(s.address): fingerprint(self._records.get(s.address)) for s in entry.steps}
        try:
            where = str(self.rescue.keep(entry, before)) if entry.steps else ""
        except OSError:
            where = ""
        self.begun = True
        return error if isinstance(error, NotRecorded) else NotRecorded(error, where)

    def now(self) -> State:
        """The state with what this run has done; what others recorded meanwhile is not in it."""
        return State(self.lineage, self.state.project, self.state.environment, self.serial, dict(self._records))


def _new_lineage() -> str:
    import uuid  # noqa: PLC0415 - start-up time

    return str(uuid.uuid4())
