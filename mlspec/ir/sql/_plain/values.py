"""The expressions of a plain query as values: their text, their type, their meaning and where they come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from mlspec.base.value import dataclass
from mlspec.ir.columntype import SCALARS, ColumnType
from mlspec.ir.relation import Origin
from mlspec.ir.sql._plain.grammar import Expression
from mlspec.ir.sql._plain.told import FAMILIES, told
from mlspec.ir.sql._plain.words import NotPlain, is_present

Origins = frozenset[Origin]
NOWHERE: Origins = frozenset()
_NAIVE = {"date", "timestamp"}
MOMENTS = frozenset({"date", "timestamp", "timestamptz"})
WHOLE = frozenset({"INT", "BIGINT"})
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(slots=True)
class Value:
    """An expression: as written (`words`) and in the canonical query, its type in the canonical dialect, its meaning.

    `node` is what it is below its parentheses; `floating`: a float for certain, where the dialect takes a decimal for one.
    """

    words: str
    query: str
    type: str
    meaning: str
    origins: Origins = NOWHERE
    node: str = ""
    floating: bool = False
    ands: tuple[str, ...] = ()
    ors: tuple[str, ...] = ()
    inside: Value | None = None
    """What stands in it, if it is only a parenthesis."""
    kind: ColumnType | None = None

    @property
    def family(self) -> str:
        """What it goes together with. Raises NotPlain for a type that is not reckoned with."""
        found = FAMILIES.get(self.type)
        if found is None:
            raise NotPlain
        return found

    @property
    def logical(self) -> ColumnType:
        """The type of a column that holds it. Raises NotPlain where it has none."""
        found = self.kind or told().kinds.get(self.type)
        if found is None:
            raise NotPlain
        return found

    @property
    def literal(self) -> bool:
        """Whether it is a number or a text as such."""
        return self.inside is None and (self.node in {"number", "text"})

    @property
    def double(self) -> bool:
        """Whether it is a float of 64 bits, and not a decimal that looks like one."""
        return self.type == "DOUBLE" and self.floating

    @property
    def decimal(self) -> bool:
        """Whether it is a decimal that looks like a float: `0.5`."""
        return self.type == "DOUBLE" and not self.floating

    def parts(self, key: str) -> tuple[str, ...]:
        """What stands between its ANDs, or its ORs."""
        return (self.ands if key == "and" else self.ors) or (self.meaning,)


def type_of(kind: ColumnType) -> tuple[str, ColumnType]:
    """A logical type in the canonical dialect, and what a column of it is told to be. Raises NotPlain where that is nothing."""
    name, told_to_be = told().scalars[kind.name] if kind.name in SCALARS else ("", _as_parts(kind))
    if told_to_be is None:
        raise NotPlain
    return name, told_to_be


def _as_parts(kind: ColumnType) -> ColumnType | None:
    """What a column of a type with parts is told to be: the same of parts that are told; None for what is not looked into here."""
    if kind.name == "decimal":
        return kind
    if kind.name not in {"array", "struct"} or not all(map(_FIELD.fullmatch, kind.fields)):
        return None
    return ColumnType(kind.name, items=tuple(type_of(k)[1] for k in kind.items), fields=kind.fields)


def together(*values: Value) -> Origins:
    """Where some values come from."""
    found = NOWHERE
    for value in values:
        if value.origins and value.origins is not found:
            found = found | value.origins if found else value.origins
    return found


def as_double(value: Value) -> str:
    """The value as a float of 64 bits, said."""
    if value.node == "cast DOUBLE" and value.inside is None:
        return value.query
    return f"CAST({value.inside.query if value.inside else value.query} AS DOUBLE)"


def one_family(*values: Value) -> str:
    """The one family of some values, NULL left out."""
    found = {v.family for v in values} - {"null"}
    if len(found) != 1:
        raise NotPlain
    return found.pop()


def go_together(value: Value, others: Iterable[Value]) -> None:
    """Refuse values that are compared and do not go together; a text is read as a time."""
    family = value.family
    for other in others:
        far = other.family
        if family == far != "null" or {family, far} == _NAIVE:
            continue
        if not (family in MOMENTS and other.literal and far == "text" and not is_present(other.words)):
            raise NotPlain


def wider(one: str, other: str) -> str:
    if one == "NULL":
        return other
    return other if other in told().wider.get(one, ()) else one


def common(values: Sequence[Value]) -> str:
    """The type of what is chosen of some values."""
    one_family(*values)
    found = {True: "", False: ""}
    for value in values:
        of_kind = found[value.literal]
        found[value.literal] = wider(of_kind or value.type, value.type)
    if found[True] and found[False]:
        return wider(found[False], found[True])
    return found[True] or found[False]


Of = Callable[[Expression], Value]
"""How the expressions in an expression are understood. Raises NotPlain."""
