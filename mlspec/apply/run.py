"""A plan carried out: parents first, in parallel where nothing forbids it, the state written after every change."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from mlspec.apply.events import Done, Event, Failed, Progress, Skipped, Started
from mlspec.apply.order import Doing, doings
from mlspec.apply.taking_over import move, prepare, retire, take_over
from mlspec.apply.work import Bench, adopt, expand, make, unmake
from mlspec.backends.port import BackendError
from mlspec.base.address import Address
from mlspec.ir.desired import DesiredState
from mlspec.plan.change import Action, Plan
from mlspec.state.model import State

_GONE = frozenset({Action.DELETE, Action.FORGET})
Write = Callable[[State], None]
Notify = Callable[[Event], None]


@dataclass(frozen=True)
class Applied:
    """What became of each change, and the state after it."""

    state: State
    done: tuple[Done, ...] = ()
    failed: tuple[Failed, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything was done."""
        return not self.failed and not self.skipped


@dataclass
class _Walk:
    plan: Plan
    desired: DesiredState
    bench: Bench
    state: State
    write: Write
    notify: Notify
    lock: threading.RLock = field(default_factory=threading.RLock)
    ended: dict[Address, Event] = field(default_factory=dict)

    def one(self, doing: Doing) -> Event:
        """Make one change, record it, say so."""
        change = doing.change
        self.tell(Started(change.address, change.action))
        begin = time.monotonic()
        try:
            notes = self._make(doing)
        except BackendError as error:
            span = self.bench.place(doing.resource, error.at)
            return Failed(change.address, str(error), error.help, error.code, span)
        except OSError as error:
            return Failed(change.address, f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
        return Done(change.address, change.action, time.monotonic() - begin, notes)

    def _make(self, doing: Doing) -> tuple[str, ...]:
        change, address = doing.change, doing.resource
        say = lambda line: self.tell(Progress(change.address, line))  # noqa: E731
        if change.action in {Action.DELETE, Action.FORGET}:
            if change.action is Action.DELETE:
                unmake(self.state.records[address], self.bench)
            with self.lock:
                self.put(self.state.drop(address))
            return ()
        resource = self.desired.resources[address]
        if doing.beside:
            expand(resource, self.bench, say)
            return ("beside what is there, which stays until those who read it have moved",)
        before = self.state.get(doing.recorded)
        moved = bool(change.previous) and before is not None
        notes: tuple[str, ...] = ()
        if change.action is Action.MOVE and before is not None:
            record = move(resource, before, self.bench)
        elif change.action is Action.IMPORT:
            record, notes = take_over(resource, change.existing, self.bench)
        elif change.reason in {"metadata_changed", "renamed"} and before is not None:
            record = adopt(resource, before)
        else:
            if moved and before is not None:
                prepare(change, resource, before, self.bench)
            anew = change.reason == "requested"
            record, notes = make(resource, self.bench, say, anew=anew, before=before)
            if moved and before is not None:
                retire(resource, before, self.bench)
        with self.lock:
            state = self.state.move(doing.recorded, address) if moved else self.state
            self.put(state.put(record))
        return notes

    def put(self, state: State) -> None:
        self.write(state)
        self.state = state

    def tell(self, event: Event) -> None:
        with self.lock:
            self.notify(event)


def apply(
    plan: Plan, desired: DesiredState, state: State, bench: Bench, *, parallelism: int, write: Write, notify: Notify
) -> Applied:
    """Carry out a plan. What fails stops what depends on it and nothing else; what was done is recorded in any case."""
    walk = _Walk(plan, desired, bench, state, write, notify)
    todo = doings(plan)
    waiting = {name: set(doing.after) for name, doing in todo.items()}
    running: dict[Future[Event], Address] = {}
    with ThreadPoolExecutor(max_workers=parallelism) as pool:
        try:
            while waiting or running:
                for address in _ready(waiting, walk.ended, len(running), parallelism):
                    because = _broken(waiting.pop(address), walk.ended)
                    if because is not None:
                        _end(walk, address, Skipped(address, because))
                    else:
                        running[pool.submit(walk.one, todo[address])] = address
                if running:
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        _end(walk, running.pop(future), future.result())
        except BaseException:
            bench.pipelines().close()
            raise
    _sync_parents(walk)
    return _applied(walk)


def _ready(
    waiting: Mapping[Address, set[Address]], ended: Mapping[Address, Event], busy: int, most: int
) -> list[Address]:
    found = [a for a, needed in waiting.items() if needed <= ended.keys()]
    return found[: max(most - busy, 0)] if busy or found else []


def _broken(needed: set[Address], ended: Mapping[Address, Event]) -> Address | None:
    for address in sorted(needed):
        event = ended[address]
        if isinstance(event, Failed):
            return address
        if isinstance(event, Skipped):
            return event.because
    return None


def _end(walk: _Walk, address: Address, event: Event) -> None:
    walk.ended[address] = event
    walk.tell(event)


def _sync_parents(walk: _Walk) -> None:
    """Resources that did not change may have other parents now; the order of destroying depends on it."""
    touched = {c.address for c in walk.plan.changes}
    state = walk.state
    for address, resource in walk.desired.resources.items():
        record = state.get(address)
        if (
            record is not None
            and address not in touched
            and record.parents != resource.parents
            and record.digest == resource.digest
        ):
            state = state.put(adopt(resource, record))
    if state is not walk.state and not walk.plan.destroy:
        walk.put(state)


def _applied(walk: _Walk) -> Applied:
    ended = tuple(walk.ended.values())
    return Applied(
        walk.state,
        tuple(e for e in ended if isinstance(e, Done)),
        tuple(e for e in ended if isinstance(e, Failed)),
        tuple(e for e in ended if isinstance(e, Skipped)),
    )
