"""The ledger of an environment: the state read and kept short, runs under claims, and what the dead left put in order."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlspec.backends.port import BackendError
from mlspec.backends.state_store import Kept, StateStore, Taken
from mlspec.base.diag import problem
from mlspec.base.value import replace
from mlspec.ir.desired import DesiredState
from mlspec.ledger import history
from mlspec.ledger.claim import Claim, Claimed, claims, clear, new_claim, release, take, take_over
from mlspec.ledger.patience import append, patiently, read, write
from mlspec.ledger.rescue import Rescue, done, still_true
from mlspec.ledger.run import Run, Say
from mlspec.state.codec import StateError, decode, encode
from mlspec.state.journal import Gap, Numbered, decode_entry, encode_entry, fold
from mlspec.state.model import State

_READS = 5
"""How often a reading is begun again because others cleared the journal away under it."""
_ABANDONED: set[tuple[str, str]] = set()
"""Claims of this process that could not be given back: nobody works under them any more."""


class Ledger:
    """What is recorded of one environment of one project; `private` is the project's folder for what is its own."""

    def __init__(self, store: StateStore, project: str, environment: str, private: Path) -> None:
        self.store, self.project, self.environment = store, project, environment
        self.rescue = Rescue(private, environment)
        self._mended = False
        self._known: tuple[str, int, State] | None = None
        """The tag and the serial of the last whole state that was read, and the state that the journal led to."""

    # -- reading -------------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """What is recorded now. Raises Problems where it is damaged, too new, or that of another environment."""
        for attempt in range(_READS):
            kept = read(self.store, "state")
            try:
                state = self._read(kept)
            except Gap as gap:
                if attempt == _READS - 1:
                    raise problem(gap.code, str(gap), help=self.store.rescue) from None
                self._known = None
                continue
            except StateError as error:
                help_ = self.store.rescue if error.code == "state-damaged" else error.help
                raise problem(error.code, str(error), help=help_) from None
            return self._mine(state)
        raise AssertionError  # the last attempt has answered or raised

    def _read(self, kept: Kept | None) -> State:
        """The last whole state, and what the journal tells since."""
        known = self._known
        if known is None or known[0] != (kept.tag if kept else ""):
            base = self._decoded(kept) if kept else State("", self.project, self.environment)
            known = (kept.tag if kept else "", base.serial, base)
        state = fold(known[2], self.entries(known[2].serial))
        self._known = (*known[:2], state)
        return state

    def _decoded(self, kept: Kept) -> State:
        self._mended = False
        try:
            return decode(kept.text)
        except StateError as error:
            before = read(self.store, "previous") if error.code == "state-damaged" else None
            if before is None:
                raise
            try:  # the journal is kept from the one before on, so that it leads to the same
                found = decode(before.text)
                fold(found, self.entries(found.serial))
            except StateError:
                raise error from None
            self._mended = True
            return found

    def entries(self, after: int) -> list[Numbered]:
        """The entries of the journal after a serial. Raises StateError."""
        lines = patiently(self.store, lambda: self.store.lines(after))
        return [Numbered(number, decode_entry(line)) for number, line in lines]

    def _mine(self, state: State) -> State:
        if (state.project, state.environment) != (self.project, self.environment):
            message = f"the state is of project `{state.project}`, environment `{state.environment}`"
            raise problem("other-state", message, help="give each environment a state store of its own")
        return state

    def claims(self) -> tuple[Claim, ...]:
        """Who is changing what now."""
        return claims(self.store)

    @property
    def begun(self) -> bool:
        """Whether there is a history."""
        return bool(patiently(self.store, lambda: self.store.names("history")))

    def past(self) -> tuple[history.Past, ...]:
        """Every run that changed something, the first first."""
        return history.past(self.store)

    def applied_after(self, number: int) -> DesiredState:
        """What there was after the run of that number. Raises Problems."""
        return history.applied_after(self.store, self.project, self.environment, number)

    # -- writing -------------------------------------------------------------------------------------------------------

    @contextmanager
    def run(self, why: str, writes: Iterable[str], reads: Iterable[str] = (), *, wait: float = 0.0,
            about: Mapping[str, Any], say: Say = lambda _: None) -> Iterator[Run]:  # fmt: skip
        """Work under a claim on these addresses, waiting for others at most so many seconds. Raises Claimed."""
        claim = self._claimed(new_claim(why, writes, reads, 0), wait, say)
        try:
            run = Run(self.store, self.rescue, claim, self.state(), about, time.time)
        except BaseException:
            self._let_go(claim)
            raise
        try:
            yield run
        finally:
            self._ended(run, say)

    def _claimed(self, claim: Claim, wait: float, say: Say) -> Claim:
        deadline = time.monotonic() + wait
        while True:
            self.settle(say)
            wanted = replace(claim, since=self.state().serial)
            try:
                take(self.store, wanted, max(deadline - time.monotonic(), 0.0), say)
            except Claimed as refused:
                if not _dead(refused.holder):
                    raise
            else:
                return wanted

    def _ended(self, run: Run, say: Say) -> None:
        """Write down the run, make the journal short, and give the claim back."""
        if run.lost is not None and run.lost.code != "claim-lost":
            _ABANDONED.add(_key(run.claim))
            return
        try:
            if run.lost is None:
                self._written_down(run.claim)
            self._let_go(run.claim)
        except BackendError as error:
            _ABANDONED.add(_key(run.claim))
            say(
                f"what was done is recorded, but the state could not be put in order: {error}; the next command does that"
            )

    def _written_down(self, claim: Claim) -> history.Past | None:
        told = history.tell(self.store, claim, self.entries(claim.since))
        if told is not None:
            self.compact(claim)
        return told

    def _let_go(self, claim: Claim) -> None:
        try:
            release(self.store, claim)
        except BackendError:
            _ABANDONED.add(_key(claim))
            raise

    def compact(self, mine: Claim | None = None) -> None:
        """Write the state as a whole, keep the one before, and forget what of the journal nobody needs any more."""
        state = self.state()
        kept, before = read(self.store, "state"), read(self.store, "previous")
        tag, old, _ = self._known or ("", 0, state)
        if old >= state.serial or tag != (kept.tag if kept else ""):
            return
        try:
            if kept is not None and not self._mended:
                write(self.store, "previous", kept.text, before.tag if before else None)
            tag = write(self.store, "state", encode(state), kept.tag if kept else None)
        except Taken:
            return  # somebody else does it
        self._known = (tag, state.serial, state)
        needed = [c.since for c in self.claims() if mine is None or c.id != mine.id]
        patiently(self.store, lambda: self.store.trim(min([old, *needed])))

    # -- order ---------------------------------------------------------------------------------------------------------

    def settle(self, say: Say = lambda _: None) -> None:
        """Write down the runs of processes that are gone, and give their claims back; record what was kept on this machine."""
        for claim in self.claims():
            if _dead(claim) and (mine := take_over(self.store, claim)) is not None:
                _ABANDONED.discard(_key(claim))
                try:
                    self._rescued(mine, mine.id, say)
                    told = self._written_down(mine)
                    self._let_go(mine)
                except BaseException:
                    _ABANDONED.add(_key(mine))
                    raise
                if told is not None:
                    say(
                        f"run {told.number} (`{mine.why}` of {mine.who}@{mine.host}, {mine.when}) had not ended: it is settled"
                    )
        held = {c.id for c in self.claims()}
        for run in self.rescue.runs():
            if run not in held:
                self._rescued_late(run, say)

    def _rescued(self, claim: Claim, run: str, say: Say) -> None:
        """Record what a run could not, under a claim on what it did."""
        if run not in self.rescue.runs():
            return
        count, left = 0, []
        for entry, before in self.rescue.entries(run):
            state = self.state()
            new = [s for s in entry.steps if not done(s, state)]
            steps = tuple(s for s in new if still_true(s, before, state))
            left += [str(s.address) for s in new if s not in steps]
            if steps:
                append(self.store, state.serial, encode_entry(replace(entry, run=claim.id, steps=steps)))
            count += len(steps)
        self.rescue.forget(run)
        say(f"{count} steps that could not be recorded before are recorded now")
        if left:
            say(f"left out, because they have changed since: {', '.join(left)}; the next plan looks at them")

    def _rescued_late(self, run: str, say: Say) -> None:
        """As above, when its claim was broken in the meantime."""
        addresses = {str(s.address) for entry, _ in self.rescue.entries(run) for s in entry.steps}
        claim = new_claim("rescue", addresses, (), self.state().serial)
        try:
            take(self.store, claim, 0.0, say)
        except Claimed:
            return
        try:
            self._rescued(claim, run, say)
            self._written_down(claim)
        finally:
            self._let_go(claim)

    def unlock(self, given: str) -> Claim | None:
        """Break the claim with that id, or the only one whose id begins so, and write its run down. Raises BackendError."""
        if given == "all":
            clear(self.store)
            return None
        held = self.claims()
        found = [c for c in held if c.id.startswith(given)] if given else []
        if len(found) != 1:
            raise _not_held(given, held)
        if (mine := take_over(self.store, found[0])) is None:
            raise _not_held(given, self.claims())
        self._rescued(mine, mine.id, lambda _: None)
        self._written_down(mine)
        self._let_go(mine)
        return found[0]


def _dead(claim: Claim) -> bool:
    return claim.gone or _key(claim) in _ABANDONED


def _key(claim: Claim) -> tuple[str, str]:
    return claim.id, claim.heir


def _not_held(given: str, held: tuple[Claim, ...]) -> BackendError:
    if not held:
        return BackendError("the state is not locked", "there is nothing to unlock", "state-not-locked")
    who = "; ".join(f"`{c.id}` ({c.who}@{c.host}, process {c.pid}, `{c.why}`)" for c in held)
    return BackendError(
        f"the state is not locked by `{given}` but by {who}",
        "unlock with the id of the lock that is there, and only if its process is certainly not running any more",
        "state-other-lock",
    )
