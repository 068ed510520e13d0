"""The verbs about tables in partitions: which of them are due, and building them on what was applied."""

import datetime as dt
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlspec.apply.events import Done, Event, Progress, Started
from mlspec.backends.partition import Partition, Wanted
from mlspec.backends.port import CheckResult, StepRun
from mlspec.base.address import Address
from mlspec.base.dag import downstream, upstream
from mlspec.base.diag import known_names, problem
from mlspec.base.value import dataclass, field
from mlspec.bookkeeping import Bookkeeping
from mlspec.compile.project import Compiled
from mlspec.ir.check import Check
from mlspec.ir.relation import Relation
from mlspec.ir.resource import physical_name
from mlspec.plan.change import Action
from mlspec.plan.select import Selection
from mlspec.state.model import State

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class Brought:
    """A table in partitions: those that were due, or would be; and what it holds afterwards."""

    address: str
    version: str
    due: tuple[Partition, ...]
    built: int = 0
    rows: int = 0
    partitions: int = 0


@dataclass(frozen=True)
class Ran:
    """What a run by hand did: a model was trained, a pipeline was run, or checks were made."""

    address: str
    kind: str
    steps: tuple[StepRun, ...] = ()
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    checks: tuple[CheckResult, ...] = ()
    version: str = ""
    brought: Brought | None = None
    run: str = ""
    """The id of the run, where the target keeps one."""


class Keeping(Bookkeeping):
    """The part of a session that keeps tables up to date."""

    @property
    @abstractmethod
    def compiled(self) -> Compiled:
        """The project, compiled once."""

    @abstractmethod
    def selection(self, select: Sequence[str], exclude: Sequence[str]) -> Selection:
        """What selectors ask for."""

    def refresh(self, address: str | None = None, *, select: Sequence[str] = (), exclude: Sequence[str] = (),
                on_event: Callable[[Event], None]) -> tuple[Ran, ...]:  # fmt: skip
        """Build the partitions that are due, of one table or of all selected, on what was applied; then run its checks."""
        addresses = (self.partitioned(address),) if address else self._selected(select, exclude)
        if not addresses and (select or exclude):
            help_ = "`mlspec run --checks` runs the checks of what is selected; a model is run by its name"
            raise problem("nothing-to-run", "nothing of what was selected is kept in partitions", help=help_)
        if not addresses:
            help_ = "name a model, or run all checks with `--checks`"
            raise problem("nothing-to-run", "nothing is named, and nothing is kept in partitions", help=help_)
        brought = self.bring(addresses, Wanted(), "run", lock_timeout=0, on_event=on_event)
        found = []
        for one, done in zip(addresses, brought, strict=True):
            part = self.compiled.desired.get(Address(one.kind, one.name, "checks"))
            checks = part.body if part else None
            results = self.backends.engine.check(checks, self._as_applied()) if isinstance(checks, Check) else ()
            found.append(Ran(str(one), "partitions", checks=results, version=done.version, brought=done))
        return tuple(found)

    def backfill(self, address: str, *, first: str = "", end: str = "", at_once: int = 30, dry_run: bool = False,
                 lock_timeout: float = 0.0, on_event: Callable[[Event], None]) -> Brought:  # fmt: skip
        """Build the partitions of a table anew, those between two times if any are given."""
        if first and end and (moment(first) or 0) >= (moment(end) or 0):
            message = f"there is nothing between `{first}` and `{end}`"
            raise problem("invalid-instant", message, help="the first time comes before the last")
        wanted = Wanted(moment(first), moment(end), anew=True, at_once=at_once)
        chosen = (self.partitioned(address),)
        if dry_run:
            return self.due(chosen, wanted)[0]
        return self.bring(chosen, wanted, "backfill", lock_timeout=lock_timeout, on_event=on_event)[0]

    def parts_of(self, address: Address) -> dict[str, Any]:
        """What `show` says of the partitions of an address, if it has any and they were applied."""
        live = self._as_applied()
        resource = self.compiled.desired.get(address)
        body = resource.body if resource else None
        if not isinstance(body, Relation) or not body.partitions:
            return {}
        if live.get(str(address)) != physical_name(str(address), body):
            return {}
        return {"partitions": summary(self.backends.engine.partitions(address, body, live))}

    def in_partitions(self) -> tuple[Address, ...]:
        """The addresses of all tables in partitions, each after those that it reads."""
        return tuple(r.address for r in self.compiled.desired if isinstance(r.body, Relation) and r.body.partitions)

    def _selected(self, select: Sequence[str], exclude: Sequence[str]) -> tuple[Address, ...]:
        """The tables in partitions that are selected; what is excluded takes with it what is built of it."""
        asked = self.selection(select, exclude)
        parents = {r.address: r.parents for r in self.compiled.desired}
        left = downstream(parents, asked.exclude)
        return tuple(a for a in self.in_partitions() if asked.holds(a) and a not in left)

    def due(self, addresses: Sequence[Address], wanted: Wanted) -> tuple[Brought, ...]:
        """The partitions that would be built. Writes nothing."""
        live = self._as_applied()
        found = []
        for address in addresses:
            body = self._applied(address, live)
            parts = self.backends.engine.partitions(address, body, live)
            rows = sum(p.rows for p in parts)
            there = sum(p.due != "missing" for p in parts)
            found.append(Brought(str(address), live[str(address)], wanted.among(parts), 0, rows, there))
        return tuple(found)

    def bring(
        self,
        addresses: Sequence[Address],
        wanted: Wanted,
        verb: str,
        *,
        lock_timeout: float,
        on_event: Callable[[Event], None],
    ) -> tuple[Brought, ...]:
        """Build partitions, of one table after the other, under a claim on them."""
        parents = {r.address: r.parents for r in self.compiled.desired}
        above = {str(a) for a in upstream(parents, addresses)}

        def say(line: str) -> None:
            on_event(Progress(addresses[0], line))

        with self.ledger.run(verb, map(str, addresses), above, wait=lock_timeout, about=self.about, say=say):
            live = self._as_applied()
            return tuple(self._brought(a, self._applied(a, live), live, wanted, on_event) for a in addresses)

    def _brought(
        self, address: Address, body: Relation, live: dict[str, str], wanted: Wanted, on_event: Callable[[Event], None]
    ) -> Brought:
        engine, begin = self.backends.engine, time.monotonic()
        on_event(Started(address, Action.UPDATE))
        due = wanted.among(engine.partitions(address, body, live))
        done = engine.refresh(address, body, live, wanted, lambda line: on_event(Progress(address, line)))
        notes = f"{done.partitions:,} built" if done.partitions else "nothing was due"
        on_event(Done(address, Action.UPDATE, time.monotonic() - begin, (notes,)))
        return Brought(str(address), live[str(address)], due, done.partitions, done.size.rows, done.size.partitions)

    def _as_applied(self) -> dict[str, str]:
        """From address to the version that was applied."""
        state: State = self.recorded()[0]
        return {str(r.address): str(r.outputs["version"]) for r in state if r.form == "relation"}

    def _applied(self, address: Address, live: dict[str, str]) -> Relation:
        """The relation at an address, which must be in partitions, and applied as the files define it."""
        body: Any = self.compiled.desired.resources[address].body
        if live.get(str(address)) != physical_name(str(address), body):
            message = f"`{address}` as the files describe it has not been applied"
            raise problem("not-applied", message, help="run `mlspec apply`")
        return body  # type: ignore[no-any-return]

    def partitioned(self, text: str) -> Address:
        """The address of a table in partitions. Raises Problems."""
        known = {str(a): a for a in self.in_partitions()}
        if text in known:
            return known[text]
        if any(str(r.address) == text for r in self.compiled.desired):
            help_ = (
                "`materialize: {incremental: {partition: 1d, start: 2024-01-01}}` keeps a feature view in partitions"
            )
            raise problem("not-in-partitions", f"`{text}` is not kept in partitions", help=help_)
        raise problem("unknown-address", f"there is no `{text}`", help=known_names(text, known, "table in partitions"))


def moment(text: str) -> int | None:
    """A time in ISO 8601, UTC without a zone, as microseconds since 1970; nothing of no text. Raises Problems."""
    if not text:
        return None
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise problem(
            "invalid-instant", f"`{text}` is not a time", help="write `2013-06-01` or `2013-06-01T12:00:00Z`"
        ) from None
    return ((at if at.tzinfo else at.replace(tzinfo=dt.UTC)) - _EPOCH) // _MICROSECOND


def summary(parts: Sequence[Partition]) -> dict[str, Any]:
    """What there is of a table in partitions, in a few numbers."""
    built = [p for p in parts if p.due != "missing"]
    due = {why: n for why in ("missing", "changed", "unfinished", "gone") if (n := sum(p.due == why for p in parts))}
    return {
        "built": len(built),
        "rows": sum(p.rows for p in parts),
        "due": due,
        "first": shown(min(p.begins for p in built)) if built else "",
        "last": shown(max(p.ends for p in built)) if built else "",
        "built_at": shown(max(p.built_at for p in built)) if built else "",
    }


def shown(at: int) -> str:
    """A moment in ISO 8601."""
    return (_EPOCH + dt.timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")
