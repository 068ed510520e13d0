"""What the expression of a policy may speak of, with types; a name that is not there is found before anything is planned."""

import re
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from mlspec.base.diag import known_names
from mlspec.base.value import dataclass

Type = Any
"""`text`, `number`, `flag`, `any`; a list of one type; a mapping from field to type."""

_ORIGIN = {"address": "text", "column": "text", "tags": ["text"]}
_COLUMN = {"name": "text", "type": "text", "tags": ["text"], "origins": [_ORIGIN]}
_BOTH = {
    "address": "text", "kind": "text", "name": "text", "form": "text", "owner": "text", "role": "text", "protect": "flag",
    "tags": ["text"], "labels": "any", "upstream": ["text"], "downstream": ["text"], "gates": ["text"], "checks": ["text"],
}  # fmt: skip
CHANGE: Mapping[str, Type] = _BOTH | {
    "action": "text", "reason": "text", "direct": "flag", "impacts": ["text"], "consequences": ["text"],
    "columns": [{**_COLUMN, "change": "text"}], "fields": [{"path": "text", "before": "any", "after": "any"}], "causes": [["text"]],
    "rows": "number", "bytes": "number", "partitions": "number", "version": "text", "previous": "text", "existing": "text",
}  # fmt: skip
RESOURCE: Mapping[str, Type] = _BOTH | {"words": "any", "columns": [_COLUMN]}
ROOTS: Mapping[str, Mapping[str, Type]] = {
    "changes": {"change": CHANGE, "environment": "text"},
    "resources": {"resource": RESOURCE, "environment": "text"},
}
"""For each value of `over`, what an expression sees."""

_TOKEN = re.compile(r"""[rRbB]{0,2}("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|[A-Za-z_]\w*|\d[\w.]*|\s+|.""", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]\w*")
_KEYWORDS = frozenset({"true", "false", "null", "in"})
_TYPES = frozenset({"int", "uint", "double", "string", "bytes", "bool", "list", "map", "type", "timestamp", "duration"})
_EACH = frozenset({"exists", "all", "exists_one", "filter", "map"})
"""Macros that name the items of a list."""


@dataclass(frozen=True)
class Unknown:
    """A name that an expression cannot mean: where it stands, what is wrong, what may have been meant."""

    offset: int
    message: str
    help: str


def unknown_names(text: str, over: str) -> tuple[Unknown, ...]:
    """The names in an expression that it does not see."""
    tokens = [(m.group(), m.start()) for m in _TOKEN.finditer(text) if not m.group().isspace()]
    return tuple(_Reading(tokens).walk(0, len(tokens), ROOTS[over]))


@dataclass(frozen=True)
class _Reading:
    tokens: list[tuple[str, int]]

    def _at(self, index: int) -> str:
        return self.tokens[index][0] if index < len(self.tokens) else ""

    def _closing(self, index: int) -> int:
        """Where the bracket that opens at `index` is closed."""
        depth = 0
        for at in range(index, len(self.tokens)):
            depth += (self._at(at) in {"(", "[", "{"}) - (self._at(at) in {")", "]", "}"})
            if depth == 0:
                return at
        return len(self.tokens)

    def walk(self, start: int, end: int, scope: Mapping[str, Type]) -> Iterator[Unknown]:
        index = start
        while index < end:
            token, offset = self.tokens[index]
            index += 1
            if not _WORD.fullmatch(token) or token in _KEYWORDS or (self._at(index) == "(" and token not in scope):
                continue
            if token not in scope:
                if token not in _TYPES:
                    yield Unknown(offset, f"there is no `{token}` here", known_names(token, scope, "name"))
                index = yield from self._chain(index, "any", token, scope)
                continue
            index = yield from self._chain(index, scope[token], token, scope)

    def _chain(self, index: int, kind: Type, named: str, scope: Mapping[str, Type]) -> Generator[Unknown, None, int]:
        """What follows a name: fields, items, calls; returns the index of the first token after them."""
        while (sign := self._at(index)) in {".", "["}:
            if sign == "[":
                closing = self._closing(index)
                yield from self.walk(index + 1, closing, scope)
                kind, named, index = kind[0] if isinstance(kind, list) else "any", f"{named}[…]", closing + 1
                continue
            name, offset = self.tokens[index + 1] if index + 1 < len(self.tokens) else ("", 0)
            index += 2
            if self._at(index) == "(":
                kind = yield from self._call(index, name, kind, scope)
                index = self._closing(index) + 1
                continue
            if isinstance(kind, Mapping) and name in kind:
                kind = kind[name]
            elif kind != "any":
                yield Unknown(offset, *_missing(named, name, kind))
                kind = "any"
            named = f"{named}.{name}"
        return index

    def _call(self, index: int, name: str, kind: Type, scope: Mapping[str, Type]) -> Generator[Unknown, None, Type]:
        closing = self._closing(index)
        if name in _EACH and self._at(index + 2) == ",":
            item = kind[0] if isinstance(kind, list) else "any"
            yield from self.walk(index + 3, closing, {**scope, self._at(index + 1): item})
            return kind if name == "filter" else "any"
        named = self._at(index + 1)
        if self._at(index + 2) == "," and _WORD.fullmatch(named) and named not in {*scope, *_KEYWORDS, *_TYPES}:
            message = f"`{name}` is nothing that names the items of a list (`{named}`)"
            yield Unknown(self.tokens[index - 1][1], message, known_names(name, _EACH, "macro"))
            scope = {**scope, named: kind[0] if isinstance(kind, list) else "any"}
        yield from self.walk(index + 1, closing, scope)
        return "any"


def _missing(named: str, name: str, kind: Type) -> tuple[str, str]:
    if isinstance(kind, Mapping):
        return f"`{named}` has no `{name}`", known_names(name, kind, "field")
    if isinstance(kind, list):
        return f"`{named}` is a list, and has no `{name}`", f"ask its items: `{named}.exists(c, c…)`"
    return f"`{named}` is a {kind}, and has no `{name}`", "docs/policies.md says what an expression sees"
