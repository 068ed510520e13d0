"""The nodes of a tree, walked once and asked for by kind: a query is asked many questions, and a walk is what each of them costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from mlspec.ir.sql.glot import exp

N = TypeVar("N", bound="exp.Expr")


class Nodes:
    """All nodes of a tree, from the root down. It is of the tree as it was: nodes that are put into it later are not there."""

    def __init__(self, tree: exp.Expr) -> None:
        self.every: tuple[exp.Expr, ...] = tuple(tree.walk())
        self._by_class: dict[type[exp.Expr], list[int]] = {}
        for place, node in enumerate(self.every):
            self._by_class.setdefault(type(node), []).append(place)

    def of(self, *kinds: type[N]) -> list[N]:
        """The nodes of some kinds, in the order of the walk."""
        places = [p for kind, own in self._by_class.items() if issubclass(kind, kinds) for p in own]
        found: Any = [self.every[p] for p in sorted(places)]
        return found  # type: ignore[no-any-return]

    def holding(self, *kinds: type[exp.Expr]) -> frozenset[int]:
        """The identities (`id`) of nodes of some kinds, and of all nodes that they stand in."""
        found: set[int] = set()
        for node in self.of(*kinds):
            above: exp.Expr | None = node
            while above is not None and id(above) not in found:
                found.add(id(above))
                above = above.parent
        return frozenset(found)


def inside(tree: exp.Expr) -> Iterator[exp.Expr]:
    """All nodes of a part of a tree, in no order that means anything."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for value in node.args.values():
            if isinstance(value, exp.Expr):
                waiting.append(value)
            elif isinstance(value, list):
                waiting.extend(v for v in value if isinstance(v, exp.Expr))
