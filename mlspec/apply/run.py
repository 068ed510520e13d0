"""A plan carried out: parents first, in parallel where nothing forbids it, each change recorded as soon as it is made."""

import heapq
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from mlspec.apply.events import Done, Event, Failed, Progress, Skipped, Started, Waiting
from mlspec.apply.order import Doing, doings
from mlspec.apply.taking_over import move, prepare, retire, take_over
from mlspec.apply.work import Bench, adopt, expand, make, unmake
from mlspec.backends.error import Awaited
from mlspec.backends.port import BackendError
from mlspec.base.address import Address
from mlspec.base.value import dataclass, field, replace
from mlspec.ir.codec import encode_resource
from mlspec.ir.desired import DesiredState
from mlspec.ir.resource import Resource
from mlspec.ledger.history import REPARENTED
from mlspec.ledger.run import NotRecorded
from mlspec.plan.change import Action, Change, Consequence, Plan
from mlspec.plan.moves import GONE
from mlspec.state.codec import StateError
from mlspec.state.journal import Drop, Put, Step
from mlspec.state.model import Record, State

Write = Callable[[Sequence[Step]], None]
"""Records steps, all of them or none. Raises NotRecorded."""
Notify = Callable[[Event], None]

_TOGETHER = 200
"""As many changes that are no work are recorded in one go."""


@dataclass(frozen=True)
class Applied:
    """What became of each change, and the state after it."""

    state: State
    done: tuple[Done, ...] = ()
    failed: tuple[Failed, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    waiting: tuple[Waiting, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything was done that can be: what is made elsewhere, and what needs it, comes later."""
        return not self.failed and all(s.later for s in self.skipped)


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
    lost: Address | None = None
    """The change that could not be recorded: nothing is begun after it."""

    def several(self, batch: Sequence[Doing]) -> list[Event]:
        """Make changes, record them in one go, and say so."""
        found: list[Event] = []
        made: list[tuple[tuple[Step, ...], Done]] = []
        for doing in batch:
            if len(batch) == 1:
                self.tell(Started(doing.change.address, doing.change.action))
            event = self._one(doing, made)
            if event is not None:
                found.append(event)
        if made:
            try:
                if steps := [step for some, _ in made for step in some]:
                    self.write(steps)
            except StateError as error:
                found += [Failed(d.address, str(error), error.help, error.code) for _, d in made]
            except NotRecorded as error:
                self.lost = made[0][1].address
                found += [Failed(d.address, str(error), error.help, error.code) for _, d in made]
            else:
                found += [d for _, d in made]
        return found

    def _one(self, doing: Doing, made: list[tuple[tuple[Step, ...], Done]]) -> Event | None:
        change, begin = doing.change, time.monotonic()
        try:
            steps, notes = self._made(doing)
        except Awaited as error:
            return Waiting(change.address, str(error), error.help, error.code)
        except BackendError as error:
            span = self.bench.place(doing.resource, error.at)
            return Failed(change.address, str(error), error.help, error.code, span)
        except OSError as error:
            return Failed(change.address, f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
        made.append((steps, Done(change.address, change.action, time.monotonic() - begin, notes)))
        return None

    def _made(self, doing: Doing) -> tuple[tuple[Step, ...], tuple[str, ...]]:
        change, address = doing.change, doing.resource
        say = lambda line: self.tell(Progress(change.address, line))  # noqa: E731
        if change.action in GONE:
            if change.action is Action.DELETE:
                unmake(self.state.records[address], self.bench)
            return (Drop(address, change.action.word, change.reason),), ()
        resource = self.desired.resources[address]
        if doing.beside:
            expand(resource, self.bench, say)
            return (), ("beside what is there, which stays until those who read it have moved",)
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
            run = Consequence.RUN in change.consequences
            record, notes = make(resource, self.bench, say, anew=anew, run=run, before=before)
            if moved and before is not None:
                retire(resource, before, self.bench)
        put = _put(record, resource, change)
        if not moved:
            return (put,), notes
        old = doing.recorded
        return (replace(put, moved=str(old)), Drop(old, change.action.word, change.reason)), notes

    def tell(self, event: Event) -> None:
        with self.lock:
            self.notify(event)


def _put(record: Record, resource: Resource, change: Change | None) -> Put:
    action, reason = (change.action.word, change.reason) if change else ("update", REPARENTED)
    return Put(record, action, reason, encode_resource(resource))


def apply(
    plan: Plan, desired: DesiredState, state: State, bench: Bench, *, parallelism: int, write: Write, notify: Notify
) -> Applied:
    """Carry out a plan. What fails stops what depends on it and nothing else; what was done is recorded in any case."""
    walk = _Walk(plan, desired, bench, state, write, notify)
    todo = doings(plan)
    queue = _Queue({a: d.after for a, d in todo.items()}, frozenset(a for a, d in todo.items() if d.light))
    running: dict[Future[list[Event]], tuple[Address, ...]] = {}
    with ThreadPoolExecutor(max_workers=parallelism) as pool:
        try:
            while queue.waiting or running:
                for batch in _batches(queue, walk, parallelism - len(running)):
                    running[pool.submit(walk.several, [todo[a] for a in batch])] = batch
                if running:
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        together = len(running.pop(future)) > 1
                        for event in future.result():
                            if together:
                                walk.tell(Started(event.address, todo[event.address].change.action))
                            _end(walk, queue, event)
        except BaseException:
            bench.pipelines().close()
            raise
    if walk.lost is None:
        _sync_parents(walk)
    return _applied(walk)


class _Queue:
    """What waits for others, and what is ready, in the order of the plan; each end of a change is looked at once. `light` is what is no work."""

    def __init__(self, needs: dict[Address, frozenset[Address]], light: frozenset[Address]) -> None:
        self.needs, self.light = needs, light
        self.waiting = {a: len(needed) for a, needed in needs.items()}
        self._followers: dict[Address, list[Address]] = {}
        for address, needed in needs.items():
            for one in needed:
                self._followers.setdefault(one, []).append(address)
        self._place = {a: i for i, a in enumerate(needs)}
        self._ready: tuple[list[tuple[int, Address]], list[tuple[int, Address]]] = [], []
        for address in [a for a, count in self.waiting.items() if not count]:
            self._is_ready(address)

    def _is_ready(self, address: Address) -> None:
        heapq.heappush(self._ready[address not in self.light], (self._place[address], address))

    def take(self) -> tuple[Address, ...]:
        """What is begun next: what is only to be recorded, together; work by itself; nothing when nothing is ready."""
        light, heavy = self._ready
        count = min(len(light), _TOGETHER) or min(len(heavy), 1)
        found = tuple(heapq.heappop(light or heavy)[1] for _ in range(count))
        for address in found:
            del self.waiting[address]
        return found

    def ended(self, address: Address) -> None:
        """It has ended, well or not."""
        for one in self._followers.get(address, ()):
            self.waiting[one] -= 1
            if not self.waiting[one]:
                self._is_ready(one)


def _batches(queue: _Queue, walk: _Walk, free: int) -> list[tuple[Address, ...]]:
    """What is begun now, as much as there is room for; what cannot be done any more is skipped."""
    found: list[tuple[Address, ...]] = []
    while len(found) < free and (taken := queue.take()):
        because = {a: walk.lost or _broken(queue.needs[a], walk.ended) for a in taken}
        for address, reason in because.items():
            if reason is not None:
                _end(
                    walk,
                    queue,
                    Skipped(
                        address,
                        reason,
                        _goes_on(walk.state.get(address)),
                        later=isinstance(walk.ended.get(reason), Waiting),
                    ),
                )
        if batch := tuple(a for a in taken if because[a] is None):
            found.append(batch)
    return found


def _goes_on(record: Record | None) -> str:
    """What of something that is skipped stays as it is."""
    version = str(record.outputs.get("version", ""))[:8] if record else ""
    if record is None or not version:
        return ""
    words = {"service": f"it goes on serving version {version}", "alias": f"it goes on meaning version {version}"}
    return words.get(record.form, "")


def _broken(needed: frozenset[Address], ended: dict[Address, Event]) -> Address | None:
    for address in sorted(needed):
        event = ended[address]
        if isinstance(event, Failed | Waiting):
            return address
        if isinstance(event, Skipped):
            return event.because
    return None


def _end(walk: _Walk, queue: _Queue, event: Event) -> None:
    walk.ended[event.address] = event
    walk.tell(event)
    queue.ended(event.address)


def _sync_parents(walk: _Walk) -> None:
    """Resources that did not change may have other parents now; the order of destroying depends on it."""
    if walk.plan.destroy:
        return
    touched = {c.address for c in walk.plan.changes}
    steps = []
    for address, resource in walk.desired.resources.items():
        record = walk.state.get(address)
        if (
            record is not None
            and address not in touched
            and record.parents != resource.parents
            and record.digest == resource.digest
        ):
            steps.append(_put(adopt(resource, record), resource, None))
    if steps:
        walk.write(steps)


def _applied(walk: _Walk) -> Applied:
    ended = tuple(walk.ended.values())
    return Applied(
        walk.state,
        tuple(e for e in ended if isinstance(e, Done)),
        tuple(e for e in ended if isinstance(e, Failed)),
        tuple(e for e in ended if isinstance(e, Skipped)),
        tuple(e for e in ended if isinstance(e, Waiting)),
    )
