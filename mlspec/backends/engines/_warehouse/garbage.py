"""Which versions nobody needs any more: nothing reaches them from a public name, from what was asked to be kept, or from what is fresh."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.found import Unused
from mlspec.base.value import replace

Known = Mapping[str, tuple[str, list[str]]]
"""From a version to its address and the versions that it reads."""


def reachable(reads: Mapping[str, list[str]], start: Iterable[str]) -> set[str]:
    """These versions, and all that they read."""
    seen: set[str] = set()
    todo = list(start)
    while todo:
        version = todo.pop()
        if version not in seen:
            seen.add(version)
            todo.extend(reads.get(version, []))
    return seen


def unneeded(
    known: Known, pointed: Collection[str], needed: Collection[str], ages: Mapping[str, float], grace: float
) -> list[str]:
    """The versions that can go, each before what it reads; `ages` are the seconds since each was last made or pointed to."""
    reads = {version: below for version, (_, below) in known.items()}
    fresh = {v for v in known if ages.get(v, 0.0) < grace}
    kept = reachable(reads, [*pointed, *needed, *fresh])
    gone = known.keys() - kept
    return sorted(gone, key=lambda v: (-len(reachable(reads, [v])), v))


class Bookkept(Protocol):
    """What is asked of a catalog."""

    def known(self) -> Known: ...
    def pointed(self) -> set[str]: ...
    def ages(self) -> dict[str, float]: ...
    def sizes(self) -> dict[str, tuple[int, int]]: ...
    def touch(self, *versions: str) -> None: ...
    def discard(self, version: str) -> None: ...


def found(catalog: Bookkept, needed: Collection[str], grace: float) -> tuple[Unused, ...]:
    """The versions that can go now, each before what it reads. Changes nothing."""
    known, ages, sizes = catalog.known(), catalog.ages(), catalog.sizes()
    names = unneeded(known, catalog.pointed(), needed, ages, grace)
    return tuple(
        Unused("table", v, known[v][0], sizes.get(v, (0, 0))[1], ages.get(v, 0.0), sizes.get(v, (0, 0))[0])
        for v in names
    )


def collected(
    line: Line,
    catalog: Bookkept,
    needed: Collection[str],
    grace: float,
    errors: tuple[type[Exception], ...],
    explain: Callable[[Exception], Exception],
) -> tuple[Unused, ...]:
    """Remove them, each in a transaction of its own that looks once more; whoever builds the same version waits meanwhile.

    A version of which nobody knows how old it is (of an older mlspec) becomes fresh now.
    """
    strangers = catalog.known().keys() - catalog.ages().keys()
    if strangers and grace:
        with line.transaction("catalog"):
            catalog.touch(*sorted(strangers))
    gone = []
    for one in found(catalog, needed, grace):
        try:
            with line.transaction(one.name):
                if all(one.name != again.name for again in found(catalog, needed, grace)):
                    continue
                catalog.discard(one.name)
        except errors as error:
            gone.append(replace(one, kept=str(explain(error))))
        else:
            gone.append(one)
    return tuple(gone)
