"""How one warehouse says what the others say otherwise; what follows from that is in the rules beside this file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlspec.base.value import dataclass, field
from mlspec.ir.sql.glot import exp

T: Any = exp.DataType.Type
NAIVE = frozenset({T.TIMESTAMP, T.TIMESTAMPNTZ, T.DATETIME})
AWARE = frozenset({T.TIMESTAMPTZ, T.TIMESTAMPLTZ})
FLOATS = frozenset({T.DOUBLE, T.FLOAT})
TEXTS = frozenset({T.VARCHAR, T.TEXT, T.CHAR})
INTEGERS = frozenset({T.BIGINT, T.INT, T.SMALLINT, T.TINYINT})

One = Callable[[exp.Expr], exp.Expr]
Two = Callable[[exp.Expr, exp.Expr], exp.Expr]


@dataclass(frozen=True, eq=False)
class Tongue:
    """`engine` is its name for people.

    Types: `types` are those that are called otherwise, `lacks` those that it does not have and what to write instead.
    Times: `epoch` is the microseconds of a time without a zone, `moment` the time of microseconds, `instant` a time in UTC as
    an instant and `wall` an instant as a time in UTC; `elsewhere` is a time in UTC as one in a zone, `dates_apart` how many days
    lie between two dates, `shifted` a time moved by seconds and microseconds, `utc` how a text says that it is in UTC.
    Numbers: `halved` is a whole quotient, `endless` how infinity is written, `share` a quotient of floats, `hexadecimal` the
    number of some hexadecimal digits. Lists: `quantile` of values at a share, `newest` the first value in an order, `listed` the
    first so many; both without NULL.
    """

    engine: str
    dialect: str
    epoch: One
    moment: One
    instant: One
    wall: One
    elsewhere: Callable[[exp.Expr, str], exp.Expr]
    dates_apart: Two
    shifted: Callable[[exp.Expr, int, int, int], exp.Expr | None]
    halved: Two
    hexadecimal: Callable[[exp.Expr, int], exp.Expr]
    md5: One
    parts: Mapping[str, One]
    truncated: Callable[[str, exp.Expr, Any], exp.Expr | None]
    quantile: Callable[[exp.Expr, exp.Expr], exp.Expr]
    newest: Callable[[exp.Order], exp.Expr] | None = None
    types: Mapping[Any, Callable[[exp.DataType], exp.DataType]] = field(default_factory=dict)
    lacks: Mapping[Any, str] = field(default_factory=dict)
    utc: str = "+00:00"
    endless: str = "Infinity"
    share: Two | None = None
    listed: Callable[[exp.Order, int], exp.Expr] | None = None
    filters: bool = False
    nulls_in_windows: bool = True
    frames: bool = True
    approximate: bool = True
    patterns: bool = False
    joins_texts: bool = False
    null_wins: bool = True
    backslash: bool = True
    clock: One | None = None
    longest: int = 0


def typed(kind: Any, *sizes: int) -> Callable[[exp.DataType], exp.DataType]:
    """What a type is called, whatever was said."""
    return lambda node: exp.DataType(this=kind, expressions=[exp.DataTypeParam(this=exp.convert(s)) for s in sizes])


def told(node: Any) -> Any:
    """The type of a value, where the tree says it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node.to.this if isinstance(node, exp.Cast) else None


def cast(node: exp.Expr, kind: Any) -> exp.Cast:
    """A value as one of another type."""
    return exp.Cast(this=node, to=exp.DataType(this=kind))


def number(value: int) -> exp.Expr:
    """A whole number, written out."""
    return exp.Neg(this=exp.Literal.number(-value)) if value < 0 else exp.Literal.number(value)


def literal(node: Any) -> str | None:
    """A text that is written out, or None."""
    return str(node.this) if isinstance(node, exp.Literal) and node.is_string else None


def inside(node: Any) -> Any:
    """What stands in parentheses."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def case(condition: exp.Expr, value: exp.Expr, default: exp.Expr | None = None) -> exp.Case:
    """One value under a condition, else another."""
    return exp.Case(ifs=[exp.If(this=condition, true=value)], default=default)
