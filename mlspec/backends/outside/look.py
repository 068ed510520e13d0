"""A look from outside, while a plan is made: what is there and which columns it has, without reading its rows."""

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from mlspec.backends.outside.heads import Group, groups
from mlspec.backends.outside.local import located
from mlspec.backends.outside.objects import kept, listed_objects
from mlspec.backends.outside.reader import mismatches, reading
from mlspec.backends.outside.tables import looked_at
from mlspec.backends.port import BackendError, Place
from mlspec.base.value import replace
from mlspec.ir.outside import Mismatch, Scan, Seen


class _WhenNeeded:
    """A connection that is opened by the first question: headers of CSV files need none."""

    def __init__(self, place: Place) -> None:
        self._place, self._stack = place, ExitStack()
        self._connection: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def execute(self, *words: Any) -> Any:
        """Ask DuckDB."""
        self._connection = self._connection or self._stack.enter_context(reading(self._place))
        return self._connection.execute(*words)


def look(address: str, scan: Scan, place: Place) -> Seen:
    """What is there, and what does not fit the declaration; what cannot be reached is a problem among the others."""
    try:
        if scan.database is not None:
            return _table(address, scan, place)
        return _objects(address, scan, place) if scan.store is not None else _files(address, scan, place)
    except BackendError as error:
        column = str(error.at[1]) if len(error.at) > 1 else ""
        return Seen(problems=(Mismatch(error.code, str(error), error.help, column),))


def _table(address: str, scan: Scan, place: Place) -> Seen:
    group, content = looked_at(scan, place)
    return replace(_compared(address, scan, [group]), snapshot=content)


def _objects(address: str, scan: Scan, place: Place) -> Seen:
    """The heads of objects are looked at when they have been fetched: a plan fetches nothing."""
    seen = listed_objects(scan)
    there = replace(scan, files=seen.files, tags=seen.tags)
    if kept(there, place) is None:
        return seen
    return replace(_files(address, there, place), tags=seen.tags, snapshot=seen.snapshot)


def _files(address: str, scan: Scan, place: Place) -> Seen:
    if scan.format == "json":  # without a head: looked at when its rows are read
        return Seen(scan.files, (), scan.snapshot)
    local, files = located(scan, place)
    with _WhenNeeded(place) as connection:
        found = groups(connection, local, files)
    return replace(_compared(address, local, found), files=scan.files, snapshot=scan.snapshot)


def _compared(address: str, scan: Scan, found: list[Group]) -> Seen:
    declared = {n for n, _ in scan.declared}
    undeclared = tuple(dict.fromkeys(n for g in found for n in g.names if n not in declared))
    there = {n: str(g.kind(n) or g.types.get(n) or "string") for g in reversed(found) for n in g.names}
    return Seen(undeclared=undeclared, there=tuple(there.items()), problems=tuple(mismatches(address, scan, found)))
