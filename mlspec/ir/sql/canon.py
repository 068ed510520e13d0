"""Equal meaning, equal text: what an expression means, whatever its layout, its aliases and the order of its operands.

Only what changes no answer of any engine is made equal: not the order of sums (of floats it matters), nothing about which
NULL, NaN or overflow could tell. `tests/unit/test_battery.py` has DuckDB answer both ways of writing each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from mlspec.base.value import dataclass
from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Column
from mlspec.ir.sql.dialect import from_sql
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.wording import all_of, named

Leaf = Callable[["exp.Column"], str]
Inner = Callable[["exp.Query"], str]

_SKIPPED_ARGS = frozenset({"comments", "pretty", "quoted"})
_WHOLE = frozenset({"int32", "int64"})
_NUMBERS = _WHOLE | {"float32", "float64", "decimal"}
_ORDERED = _WHOLE | {"decimal", "string", "date", "timestamp", "timestamptz", "boolean"}
"""Types of which any two values are less, equal or greater, on every engine; of floats NaN is none of it on some."""
_ADDED = _NUMBERS | {"date", "timestamp", "timestamptz", "interval"}
"""Types whose sum is the same both ways; `+` of lists puts them behind each other."""


class Opaque(Exception):
    """A query whose columns cannot be told apart; it is digested whole."""


def _opaque(_: exp.Query) -> str:
    raise Opaque


@dataclass(frozen=True)
class Reading:
    """What an expression is read with: how columns and the queries inside it are told, and what some nodes stand for."""

    leaf: Leaf
    inner: Inner = _opaque
    instead: Callable[[exp.Expr], exp.Expr] = lambda node: node


def meaning(node: exp.Expr, columns: Mapping[str, Column]) -> str:
    """The meaning of an expression over columns, by their digests."""
    return canonical(node, Reading(lambda column: columns[column.name].digest))


def canonical(node: Any, reading: Reading) -> str:
    """A text that is equal for trees of equal meaning. Raises Opaque for what is not understood."""
    return _Words(reading).of(node)


def conjuncts(node: exp.Expr | None, reading: Reading) -> list[str]:
    """The conditions that must all hold, each once, in an order of their own."""
    if node is None:
        return []
    return sorted({canonical(p, reading) for p in operands(node, exp.And)})


def operands(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """What stands between the ANDs, or the ORs, however it is nested."""
    bare = node.unnest()
    if isinstance(bare, kind):
        return [*operands(bare.this, kind), *operands(bare.expression, kind)]
    if kind is exp.And and isinstance(bare, exp.Between) and _bounds_alone(bare):
        return bounds(bare, exp.GTE, exp.LTE)
    return [bare]


def bounds(node: exp.Between, low: type[exp.Expr], high: type[exp.Expr]) -> list[exp.Expr]:
    """BETWEEN as two comparisons."""
    below, above = _ends(node)
    return [low(this=node.this.copy(), expression=below.copy()), high(this=node.this.copy(), expression=above.copy())]


@dataclass(frozen=True)
class _Kinds:
    """Comparisons and sums that are the same both ways, the comparison that says the same from the other side, and the opposite one."""

    symmetric: tuple[type[exp.Expr], ...]
    of_numbers: tuple[type[exp.Expr], ...]
    mirrored: Mapping[type[exp.Expr], str]
    opposite: Mapping[type[exp.Expr], type[exp.Expr]]


@cache
def _kinds() -> _Kinds:
    opposite: dict[type[exp.Expr], type[exp.Expr]] = {
        exp.EQ: exp.NEQ, exp.NEQ: exp.EQ, exp.NullSafeEQ: exp.NullSafeNEQ, exp.NullSafeNEQ: exp.NullSafeEQ,
        exp.LT: exp.GTE, exp.GTE: exp.LT, exp.GT: exp.LTE, exp.LTE: exp.GT,
    }  # fmt: skip
    return _Kinds(
        (exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ), (exp.Add, exp.Mul, exp.BitwiseAnd, exp.BitwiseOr),
        {exp.GT: "lt", exp.GTE: "lte"}, opposite,
    )  # fmt: skip


class _Words:
    def __init__(self, reading: Reading) -> None:
        self.reading, self.kinds = reading, _kinds()

    def of(self, node: Any) -> str:
        if isinstance(node, exp.Coalesce | exp.Window):
            node = self.reading.instead(node)
        match node:
            case exp.Column():
                return self.reading.leaf(node)
            case exp.Paren():
                return self.of(node.this)
            case exp.And() | exp.Or():
                return all_of(node.key, [self.of(p) for p in operands(node, type(node))])
            case exp.Not():
                return self.negated(node.this.unnest())
            case exp.Between() if _bounds_alone(node):
                return all_of("and", [self.of(n) for n in bounds(node, exp.GTE, exp.LTE)])
            case exp.In() if node.expressions and not node.args.get("query") and not node.args.get("unnest"):
                return named(
                    "in", {"this": self.of(node.this), "of": str(sorted({self.of(n) for n in node.expressions}))}
                )
            case exp.Query():
                return self.reading.inner(node)
            case exp.Expr():
                return self.plain(node)
            case list():
                return "[" + ",".join(self.of(n) for n in node) + "]"
        return repr(node)

    def plain(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Count) and _counts_rows(node):
            return "count(*)"
        args = {k: v for k, v in node.args.items() if k not in _SKIPPED_ARGS and v not in (None, False, [])}
        if isinstance(node, exp.Case) and isinstance(node.args.get("default"), exp.Null):
            del args["default"]
        pairs = {k: self.of(v) for k, v in args.items()}
        if isinstance(node, exp.Anonymous):
            pairs["this"] = pairs["this"].lower()
        if type(node) in self.kinds.mirrored:
            return named(self.kinds.mirrored[type(node)], {"this": pairs["expression"], "expression": pairs["this"]})
        if isinstance(node, self.kinds.symmetric) or (isinstance(node, self.kinds.of_numbers) and _commutes(node)):
            pairs["this"], pairs["expression"] = sorted((pairs["this"], pairs["expression"]))
        return named(node.key, pairs)

    def negated(self, node: exp.Expr) -> str:
        """NOT of something, without the NOT where that is the same for NULL too."""
        if isinstance(node, exp.And | exp.Or):
            parts = [self.negated(p) for p in operands(node, type(node))]
            return all_of("or" if isinstance(node, exp.And) else "and", parts)
        if isinstance(node, exp.Not) and _kind(node.this) == "boolean":
            return self.of(node.this)
        if isinstance(node, exp.Between) and _bounds_alone(node) and _all_ordered(node.this, *_ends(node)):
            return all_of("or", [self.of(n) for n in bounds(node, exp.LT, exp.GT)])
        opposite = self.kinds.opposite.get(type(node))
        if opposite is not None and (
            isinstance(node, self.kinds.symmetric) or _all_ordered(node.this, node.expression)
        ):
            return self.plain(opposite(this=node.this.copy(), expression=node.expression.copy()))
        return named("not", {"this": self.of(node)})


def _type(node: exp.Expr) -> ColumnType | None:
    return from_sql(node.unnest().type)


def _kind(node: exp.Expr) -> str:
    """The name of its logical type; empty where it is not known."""
    found = _type(node)
    if found is not None:
        return found.name
    kind = node.unnest().type
    return "interval" if kind is not None and kind.this is exp.DataType.Type.INTERVAL else ""


def _ends(node: exp.Between) -> tuple[exp.Expr, exp.Expr]:
    return node.args["low"], node.args["high"]


def _all_ordered(*nodes: exp.Expr) -> bool:
    return all(_kind(n) in _ORDERED for n in nodes)


def _bounds_alone(node: exp.Between) -> bool:
    """Whether the three are compared in one type, so that two comparisons do the same."""
    if node.args.get("symmetric"):
        return False
    three = (node.this, *_ends(node))
    first, *others = [_kind(n) for n in three]
    one = len({_type(n) for n in three}) == 1 and first in _ORDERED | _NUMBERS
    wide = first == "float64" and all(k in _NUMBERS for k in others)
    return one or wide or all(k in _WHOLE for k in (first, *others))


def _commutes(node: exp.Expr) -> bool:
    return _kind(node.this) in _ADDED and _kind(node.expression) in _ADDED


def _counts_rows(node: exp.Count) -> bool:
    """`COUNT(*)`, and `COUNT(1)`: of what is never NULL."""
    return isinstance(node.this, exp.Star | exp.Literal | exp.Boolean) and not node.expressions
