"""Directed graphs: parents before children, always in the same order, cycles shown whole."""

from collections.abc import Hashable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeVar

N = TypeVar("N", bound=Hashable)


class Cycle(Exception):
    """Things that need each other in a circle; `path` names them, the first again at the end."""

    def __init__(self, path: tuple[Any, ...]) -> None:
        self.path = path
        super().__init__(" -> ".join(str(p) for p in path))


def in_order(parents: Mapping[N, Iterable[N]]) -> tuple[N, ...]:
    """Every node after its parents; ties by the nodes' own order. Raises Cycle."""
    sorter = TopologicalSorter({node: sorted(set(above), key=str) for node, above in parents.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        raise Cycle(tuple(reversed(error.args[1]))) from None
    found: list[N] = []
    while ready := sorted(sorter.get_ready(), key=str):
        found.extend(ready)
        sorter.done(*ready)
    return tuple(found)


def downstream(parents: Mapping[N, Iterable[N]], start: Iterable[N]) -> set[N]:
    """Everything that needs one of `start`, directly or not, and `start` itself."""
    children: dict[N, list[N]] = {}
    for node, above in parents.items():
        for parent in above:
            children.setdefault(parent, []).append(node)
    return _reach(children, start)


def upstream(parents: Mapping[N, Iterable[N]], start: Iterable[N]) -> set[N]:
    """Everything that one of `start` needs, directly or not, and `start` itself."""
    return _reach(parents, start)


def _reach(edges: Mapping[N, Iterable[N]], start: Iterable[N]) -> set[N]:
    seen: set[N] = set()
    todo = list(start)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo.extend(edges.get(node, ()))
    return seen
