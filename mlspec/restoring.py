"""Rolling back: an environment gets what it had after an earlier run of its history, by pointing to what is still there."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence

from mlspec.apply.work import outdated
from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, problem
from mlspec.base.value import dataclass, replace
from mlspec.choosing import selection
from mlspec.compile.project import Compiled
from mlspec.environments import Environments
from mlspec.ir.desired import DesiredState
from mlspec.ir.relation import Keep, Relation
from mlspec.ir.resource import Resource
from mlspec.ir.service import Service
from mlspec.ir.workflow import Workflow
from mlspec.ledger.history import Past
from mlspec.plan.change import Action, Change
from mlspec.plan.diff import Wish
from mlspec.plan.moves import GONE, Refactoring
from mlspec.planned import Planned
from mlspec.state.model import State
from mlspec.world import refuse_unsupported

_MAKES = frozenset({Action.CREATE, Action.REBUILD, Action.REPLACE})
_MADE_THEN = frozenset({"new", "imported"})
"""The reasons of a change whose resource was not recorded before it."""


class Restoring(Environments):
    """The part of a session that goes back to what it has applied before."""

    @abstractmethod
    def plan_of(self, compiled: Compiled, state: State, wish: Wish, *, allow_breaking: bool = False) -> Planned:
        """The plan that leads to what was compiled, or to what stands in its place."""

    def rollback(
        self, number: int | None = None, *, select: Sequence[str] = (), exclude: Sequence[str] = (),
        build: bool = False, allow_breaking: bool = False,
    ) -> Planned:  # fmt: skip
        """The plan that makes here what there was after the run `number` of the history; without it, before the last run.

        Writes nothing. Policies, protection and reviews are those of the files as they are now. Raises Problems for a number
        that is not there, for what the history cannot tell, and for what would have to be built; with `build`, that is built,
        if everything that it is made of is still as it was.
        """
        runs = self.history()
        target = _target(runs, number)
        state, _ = self.recorded()
        then = replace(self.compiled, desired=self.applied_after(target), ids={}, ignored=())
        refuse_unsupported(then, self.backends)
        asked = selection(then, state, select, exclude)
        wish = Wish(asked.select, asked.exclude, refactoring=Refactoring(_moves_back(runs, target, then.desired)))
        planned = self.plan_of(then, state, wish, allow_breaking=allow_breaking)
        way = _Way(self, planned.desired, build=build)
        untold = _made_since(runs, target)
        wrong = [d for c in planned.plan.changes for d in way.refused(c, untold)]
        if wrong:
            raise Problems(wrong)
        notes = (*planned.plan.notes, *_untellable(runs, target, then.desired))
        changes = tuple(replace(c, reason="not_then") if c.action is Action.DELETE else c for c in planned.plan.changes)
        return replace(planned, plan=replace(planned.plan, back_to=target, notes=notes, changes=changes))


@dataclass(frozen=True)
class _Way:
    """Whether a change that leads back can be made."""

    session: Environments
    desired: DesiredState
    build: bool

    def refused(self, change: Change, made_since: frozenset[Address]) -> Iterator[Diagnostic]:
        """Why a change cannot be made."""
        address = change.address
        if change.action in GONE:
            if address not in made_since:
                yield _wrong(address, "is recorded, but the history does not say what it was then",
                             f"`--exclude {address.whole}` leaves it as it is")  # fmt: skip
            return
        resource = self.desired.resources[address]
        if self._made(change, resource):
            if not self.build:
                yield _wrong(address, "would be built: what it was then is not kept any more",
                             "`--build` builds it again, if all that it is made of is as it was")  # fmt: skip
                return
            if lost := self._outdated(resource):
                yield _wrong(address, f"cannot be built as it was: `{lost}` is something else now",
                             "bring the files back to what they were then, such as by `git checkout`")  # fmt: skip
        elif change.action is not Action.NONE and (lost := self._looked_through(resource)):
            yield _wrong(address, f"shows what is in `{lost}`, which is something else now",
                         "bring the file back to what it was then, such as by `git checkout`")  # fmt: skip
        if isinstance(resource.body, Service):
            yield from self._served(address, resource.body)

    @staticmethod
    def _made(change: Change, resource: Resource) -> bool:
        """Whether it takes more than pointing to it."""
        body = resource.body
        kept = isinstance(body, Relation) and body.keep is not Keep.VIEW
        trained = isinstance(body, Workflow) and body.run_on_apply
        return change.action in _MAKES and (kept or trained)

    def _outdated(self, resource: Resource) -> str:
        """What it is made of and holds something else now, as far as it stands outside of mlspec."""
        body, now = resource.body, self.session.compiled.desired.get(resource.address)
        scan = body.scan if isinstance(body, Relation) else None
        if scan is None or (scan.files and not scan.store):
            return outdated(body, self.session.compiled.gathered.files.content)
        same = (
            now is not None
            and isinstance(now.body, Relation)
            and now.body.scan is not None
            and now.body.scan.snapshot == scan.snapshot
        )
        return "" if same else scan.table or ", ".join(scan.files)

    def _looked_through(self, resource: Resource) -> str:
        """The file that a view shows, if it holds something else now than when the view was made."""
        body = resource.body
        if not isinstance(body, Relation) or body.keep is not Keep.VIEW:
            return ""
        return self._outdated(resource)

    def _served(self, address: Address, body: Service) -> Iterator[Diagnostic]:
        """Whether the model version that was served then can be."""
        trained = (r.body for r in self.desired if isinstance(r.body, Workflow) and r.body.run_on_apply)
        coming = {w.version for w in trained if w.register and w.register.model == body.model}
        there = {v.version for v in self.session.backends.registry.versions(body.model)} | coming
        if not any(v.startswith(body.version) for v in there):
            yield _wrong(address, f"served version {body.version[:8]} of model `{body.model}`, which is not in the registry any more",
                         f"`--exclude {address}` leaves it as it is")  # fmt: skip


def _target(runs: Sequence[Past], number: int | None) -> int:
    """The number of the run to go back to. Raises Problems."""
    if not runs:
        raise problem("no-such-run", "nothing has been applied yet", help="there is nothing to go back to")
    if number is None:
        number = runs[-1].number - 1
        if number < runs[0].number:
            raise problem(
                "no-such-run", "there was nothing before the last run", help="`mlspec destroy` takes all away"
            )
    return number  # one that is not there is said by the history


def _since(runs: Iterable[Past], number: int) -> Iterator[dict[str, str]]:
    for one in runs:
        if one.number > number:
            yield from (dict(c) for c in one.changes)


def _made_since(runs: Iterable[Past], number: int) -> frozenset[Address]:
    """What was not recorded at that time, and came to be since then."""
    first: dict[Address, bool] = {}
    for change in _since(runs, number):
        address = Address.parse(change["address"])
        if moved := change.get("moved"):
            old = Address.parse(moved)
            first[address] = first.pop(old, False)
        elif change.get("digest"):
            first.setdefault(address, change.get("reason", "") in _MADE_THEN)
    return frozenset(a for a, new in first.items() if new)


def _moves_back(runs: Sequence[Past], number: int, then: DesiredState) -> dict[Address, Address]:
    """From the names that things have now to those that they had then."""
    back: dict[Address, Address] = {}
    for change in reversed(list(_since(runs, number))):
        if moved := change.get("moved"):
            new, old = Address.parse(change["address"]).whole, Address.parse(moved).whole
            now = next((a for a, b in back.items() if b == new), new)
            back[now] = old
    return {now: old for now, old in back.items() if now != old and old in then.resources}


def _untellable(runs: Iterable[Past], number: int, then: DesiredState) -> Iterator[str]:
    """What there was then and cannot be brought back, since nobody said what it was."""
    there: set[Address] = set()
    for one in runs:
        for change in one.changes if one.number <= number else ():
            address = Address.parse(change["address"])
            if moved := change.get("moved"):
                there.discard(Address.parse(moved))
            if change.get("digest"):
                there.add(address)
            else:
                there.discard(address)
    for address in sorted(there - then.resources.keys()):
        yield f"`{address}` was recorded then, but not what it was: it stays as it is now"


def _wrong(address: Address, why: str, help_: str) -> Diagnostic:
    return Diagnostic("cannot-roll-back", f"`{address}` {why}", help=help_)
