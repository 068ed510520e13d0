"""The verbs about what is recorded: look at it, correct it, break a claim, read what was done."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from mlspec import __version__, show
from mlspec.backends.chosen import Backends
from mlspec.base.address import Address
from mlspec.base.diag import known_names, problem
from mlspec.base.value import replace
from mlspec.ir.codec import encode_resource
from mlspec.ir.desired import DesiredState
from mlspec.ledger.claim import ALL, Claim
from mlspec.ledger.history import Past
from mlspec.ledger.ledger import Ledger
from mlspec.state.codec import StateError, decode, encode
from mlspec.state.journal import Drop, Put, Step
from mlspec.state.model import Record, State

_GIT_PATIENCE = 10.0


class Bookkeeping(ABC):
    """The part of a session that is about its state. `command` is what the history says was typed."""

    root: Path
    command: str = ""

    @property
    @abstractmethod
    def backends(self) -> Backends:
        """The backends of the environment."""

    @cached_property
    def ledger(self) -> Ledger:
        """What is recorded of the environment."""
        place = self.backends.place
        return Ledger(self.backends.store, place.project, place.environment, place.private)

    def recorded(self) -> tuple[State, str | None]:
        """The recorded state and its lineage; a new one, and None, where there is none yet."""
        state = self.ledger.state()
        return state, state.lineage or None

    def settle(self, say: Callable[[str], None]) -> None:
        """Put in order what runs have left that are certainly over, so that a plan sees all that they have done."""
        self.ledger.settle(say)

    @property
    def about(self) -> dict[str, Any]:
        """What the history says of a run of this session."""
        said = {"command": self.command, "revision": revision(self.root), "mlspec": __version__}
        return {name: value for name, value in said.items() if value}

    def base(self, desired: DesiredState, state: State) -> dict[str, Any]:
        """What the first run of a history says of what was there before it, so that one can go back to it."""
        if not state.records or self.ledger.begun:
            return {}
        known = [r for r in desired if (record := state.get(r.address)) and record.digest == r.digest]
        return {"base": [encode_resource(r) for r in known]}

    # -- history -------------------------------------------------------------------------------------------------------

    def history(self) -> tuple[Past, ...]:
        """Every run that changed what is recorded, the first first."""
        return self.ledger.past()

    def history_of(self, number: int) -> Past:
        """One of them. Raises Problems."""
        found = self.ledger.past()
        one = next((p for p in found if p.number == number), None)
        if one is None:
            known = f"the last is {found[-1].number}" if found else "nothing has been applied yet"
            raise problem(
                "no-such-run", f"the history has no number {number}", help=f"`mlspec history` lists it; {known}"
            )
        return one

    def applied_after(self, number: int) -> DesiredState:
        """Everything that was made, and not yet taken away, after the run of that number in the history.

        Applying a plan that leads to it brings the environment back there. Resources that were recorded without their
        definition (by `state push`, or before there was a history) are not in it. Raises Problems for a number that is not there.
        """
        return self.ledger.applied_after(number)

    # -- state ---------------------------------------------------------------------------------------------------------

    def state_list(self) -> list[dict[str, Any]]:
        """The records in short."""
        state, _ = self.recorded()
        return [
            {"address": str(a), "form": r.form, "owner": r.owner, "digest": r.digest[:12], **_short(r.outputs)}
            for a, r in sorted(state.records.items())
        ]

    def state_show(self, address: str) -> dict[str, Any]:
        """A record in full."""
        return show.record(self._known(address)[1])

    def state_pull(self) -> str:
        """The state as one text."""
        return encode(self.recorded()[0])

    def state_remove(self, address: str, *, lock_timeout: float = 0.0) -> None:
        """Forget a record; what it describes stays."""
        with self.ledger.run("state rm", (ALL,), wait=lock_timeout, about=self.about) as run:
            _, record = self._known(address)
            run.end("applied", (Drop(record.address, "forget"),))

    def state_move(self, old: str, new: str, *, lock_timeout: float = 0.0) -> tuple[str, ...]:
        """Record something, and its parts, under another address, also as a parent of others; the new addresses."""
        with self.ledger.run("state mv", (ALL,), wait=lock_timeout, about=self.about) as run:
            state, record = self._known(old)
            moves = _moves(state, record, new)
            run.end("applied", moved(state, moves))
        return tuple(str(a) for a in moves.values())

    def state_push(self, text: str, *, force: bool = False, lock_timeout: float = 0.0) -> int:
        """Let the state be what a text says; how many records have changed. A stale one, or a strange one, needs `force`."""
        try:
            pushed = decode(text)
        except StateError as error:
            raise problem(error.code, str(error), help="push what `mlspec state pull` has printed") from None
        place = self.backends.place
        if (pushed.project, pushed.environment) != (place.project, place.environment):
            message = f"the state is of project `{pushed.project}`, environment `{pushed.environment}`"
            raise problem(
                "other-state", message, help=f"this is project `{place.project}`, environment `{place.environment}`"
            )
        with self.ledger.run("state push", (ALL,), wait=lock_timeout, about=self.about) as run:
            steps = _pushed(run.state, pushed, force=force)
            adopts = pushed.lineage if pushed.lineage != run.state.lineage else ""
            if steps or adopts:
                run.end("applied", steps, adopts=adopts)
        return len(steps)

    def state_unlock(self, lock_id: str) -> None:
        """Break the claim with that id."""
        self.ledger.unlock(lock_id)

    def state_claims(self) -> tuple[Claim, ...]:
        """Who is changing what now."""
        return self.ledger.claims()

    def _known(self, address: str) -> tuple[State, Record]:
        state, _ = self.recorded()
        found = {str(a): r for a, r in state.records.items()}
        if address not in found:
            raise problem(
                "unknown-address", f"the state has no `{address}`", help=known_names(address, found, "address")
            )
        return state, found[address]


def _moves(state: State, record: Record, new: str) -> dict[Address, Address]:
    """From old to new address, of a record and the parts of it. Raises Problems for what cannot be."""
    try:
        target = Address.parse(new)
    except ValueError as error:
        raise problem("cannot-move", str(error), help="write `kind.name`, or `kind.name/part`") from None
    old = record.address
    if target == old:
        raise problem("cannot-move", f"`{old}` has that address already")
    if target.kind != old.kind or target.part != old.part:
        what = "of another kind" if target.kind != old.kind else "another part"
        raise problem("cannot-move", f"`{old}` cannot become `{target}`, which is {what}",
                      help="a record can get another name; what is something else is made anew")  # fmt: skip
    parts = (a for a in state.records if a.whole == old) if not old.part else (old,)
    moves = {a: replace(target, part=a.part) for a in parts}
    for one in moves.values():
        if one in state.records:
            help_ = f"`mlspec state rm {one}` forgets it first, if it is not needed"
            raise problem("cannot-move", f"the state has a `{one}` already", help=help_)
    return moves


def moved(state: State, moves: Mapping[Address, Address]) -> tuple[Step, ...]:
    """The steps that record things under other addresses; records that have them as parents follow by themselves."""
    steps: list[Step] = []
    for old, new in sorted(moves.items()):
        renamed = replace(state.records[old], address=new)
        steps += [Put(renamed, "move", moved=str(old)), Drop(old, "move")]
    return tuple(steps)


def _pushed(state: State, pushed: State, *, force: bool) -> tuple[Step, ...]:
    if not force and state.lineage and pushed.lineage != state.lineage:
        raise problem("other-lineage", "the state that is pushed is not an earlier or later one of the state that is there",
                      help="`--force` replaces it all the same")  # fmt: skip
    if not force and pushed.serial < state.serial:
        message = (
            f"the state that is pushed is older (serial {pushed.serial}) than the one that is there ({state.serial})"
        )
        raise problem("older-state", message, help="pull again and repeat the correction, or `--force`")
    return steps_between(state, pushed, "record")


def steps_between(before: State, after: State, action: str) -> tuple[Step, ...]:
    """The steps that lead from one state to another."""
    gone = [Drop(a, "forget") for a in sorted(before.records) if a not in after.records]
    new = [Put(r, action) for a, r in sorted(after.records.items()) if before.get(a) != r]
    return (*gone, *new)


def revision(root: Path) -> str:
    """The commit of the files in a folder, `+` after it when some were not committed; empty where nobody keeps them."""
    head = _git(root, "log", "-1", "--format=%H")
    return f"{head}{'+' if _git(root, 'status', '--porcelain', '--', '.') else ''}" if head else ""


def _git(root: Path, *words: str) -> str:
    """What git says in a folder; nothing where there is no git, or nothing that it keeps."""
    import subprocess  # noqa: PLC0415 - start-up time

    command = ["git", "-C", str(root), "--no-optional-locks", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_PATIENCE, check=False)  # noqa: S603 - no shell
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if not done.returncode else ""


def addresses(found: Sequence[Address] | frozenset[Address]) -> tuple[str, ...]:
    """Addresses as text, in order."""
    return tuple(str(a) for a in sorted(found))


def _short(outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": outputs["version"]} if "version" in outputs else {}
