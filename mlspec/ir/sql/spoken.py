"""Canonical trees in another engine's words: by a table from nodes to what means the same there; what is in no table is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlspec.ir.sql.dialect import DIALECT
from mlspec.ir.sql.glot import exp

Rule = Callable[[Any], "exp.Expr | None"]
"""What a node becomes; None leaves it. Its parts have been translated already."""

_SHOWN = 80


class Unspoken(Exception):
    """An expression that an engine cannot be asked without risk of another answer; `help` says what to write."""

    def __init__(self, node: exp.Expr, why: str, help: str = "write it in simpler terms") -> None:  # noqa: A002
        text = node.sql(DIALECT, comments=False).replace('"', "")
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        self.help = help
        super().__init__(f"`{shown}`: {why}")


def translated(
    tree: exp.Expr, same: frozenset[type[exp.Expr]], rules: Mapping[type[exp.Expr], Rule], engine: str
) -> exp.Expr:
    """The same tree in the engine's words, from the leaves up; a copy. Raises Unspoken."""
    root = tree.copy()
    for node in list(root.walk(bfs=False))[::-1]:
        if type(node) in same:
            continue
        rule = rules.get(type(node))
        if rule is None:
            raise Unspoken(node, f"it is not known to mean the same in {engine}")
        made = rule(node)
        if made is None or made is node:
            continue
        if node is root:
            root = made
        else:
            node.replace(made)
    return root


def call(name: str, *arguments: exp.Expr | str | int) -> exp.Anonymous:
    """A function of the engine."""
    return exp.Anonymous(this=name, expressions=[a if isinstance(a, exp.Expr) else exp.convert(a) for a in arguments])


def held(node: exp.Expr) -> exp.Expr:
    """A copy that stays whole beside any operator."""
    if isinstance(node, exp.Binary | exp.Unary | exp.Between | exp.In | exp.AtTimeZone):
        return exp.paren(node.copy(), copy=False)
    return node.copy()


def whole(node: Any) -> int | None:
    """The whole number that is written there, if one is."""
    if isinstance(node, exp.Neg):
        inner = whole(node.this)
        return None if inner is None else -inner
    if isinstance(node, exp.Literal) and not node.is_string and node.this.isdigit():
        return int(node.this)
    return None
