"""The expressions of a plain query as values: their text, their type, their meaning and where they come from."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from sqlglot import exp
from sqlglot.optimizer.annotate_types import TypeAnnotator

from mlspec.base.value import dataclass
from mlspec.ir.columntype import SCALARS, ColumnType
from mlspec.ir.relation import Origin
from mlspec.ir.sql._plain.grammar import Expression
from mlspec.ir.sql._plain.words import NotPlain, is_present
from mlspec.ir.sql.dialect import data_type, from_sql

Origins = frozenset[Origin]
NOWHERE: Origins = frozenset()
FAMILIES = {
    "INT": "number", "BIGINT": "number", "DOUBLE": "number", "BOOLEAN": "boolean", "TEXT": "text", "VARCHAR": "text",
    "DATE": "date", "TIMESTAMPNTZ": "timestamp", "TIMESTAMP": "timestamp", "TIMESTAMPTZ": "timestamptz", "NULL": "null",
}  # fmt: skip
"""The types that are reckoned with; values of one family go together."""
_NAIVE = {"date", "timestamp"}
MOMENTS = frozenset({"date", "timestamp", "timestamptz"})
WHOLE = frozenset({"INT", "BIGINT"})
_WIDER = {
    kind.value: frozenset(t.value for t in wider if t.value in FAMILIES)
    for kind, wider in TypeAnnotator.COERCES_TO.items()
    if kind.value in FAMILIES
}
_KINDS = {name: from_sql(exp.DataType(this=exp.DataType.Type(name))) for name in FAMILIES}


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
    inside: "Value | None" = None
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
        found = self.kind or _KINDS.get(self.type)
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
    return _SCALARS.get(kind.name) or _type_of(kind)


@cache
def _type_of(kind: ColumnType) -> tuple[str, ColumnType]:
    built = data_type(kind)
    told = from_sql(built)
    if told is None:
        raise NotPlain
    return ("" if built.expressions else built.this.value), told


_SCALARS = {name: _type_of(ColumnType(name)) for name in SCALARS}
"""Those without parts, found by their names."""


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
    return other if other in _WIDER.get(one, ()) else one


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
