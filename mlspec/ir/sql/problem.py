"""What is wrong with a query, and at what place in its text."""

from __future__ import annotations

import re

from mlspec.base.value import dataclass
from mlspec.ir.sql.glot import exp


@dataclass(frozen=True)
class SqlProblem:
    """What is wrong with a query; `start` is the offset of the place in its text, `length` how much of it is meant."""

    code: str
    message: str
    start: int = 0
    length: int = 1
    label: str = ""
    help: str = ""


class SqlProblems(Exception):
    """Everything found wrong with one query."""

    def __init__(self, *problems: SqlProblem) -> None:
        self.problems = problems
        super().__init__("; ".join(p.message for p in problems))


def refuse(*problems: SqlProblem) -> None:
    """Raise them, if there are any."""
    if problems:
        raise SqlProblems(*problems)


def place(node: exp.Expr) -> tuple[int, int]:
    """The offset and length of the first identifier in a node, in the text that it was parsed from."""
    for found in node.find_all(exp.Identifier, exp.Column, exp.Table, bfs=False):
        meta = found.meta
        if "start" in meta:
            return int(meta["start"]), int(meta["end"]) - int(meta["start"]) + 1
    meta = node.meta
    return (int(meta["start"]), int(meta["end"]) - int(meta["start"]) + 1) if "start" in meta else (0, 1)


def named(node: exp.Func, name: str, text: str) -> tuple[int, int]:
    """The offset and length of a function; where it was parsed without one, by its name or by another that means the same."""
    if "start" in node.meta:
        return int(node.meta["start"]), int(node.meta["end"]) - int(node.meta["start"]) + 1
    words = [
        name,
        *(n.lower() for n in type(node).sql_names()),
        *(("today",) if isinstance(node, exp.CurrentDate) else ()),
    ]
    at = re.search(rf"\b({'|'.join(map(re.escape, words))})\b", text, re.IGNORECASE)
    return (at.start(), at.end() - at.start()) if at else (0, len(text.split("\n", 1)[0]))
