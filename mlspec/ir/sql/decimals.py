"""The types of arithmetic with decimals, as the canonical dialect has them: no digit is lost before a cast that is written.

DuckDB: sums and choices keep the greatest scale, products add the scales, `/` is of floats, `SUM` has all 38 digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from sqlglot.dialects.dialect import Dialect

from mlspec.ir.columntype import DIGITS
from mlspec.ir.sql.dialect import DIALECT
from mlspec.ir.sql.glot import exp

_T = exp.DataType.Type
_WIDTHS = {_T.TINYINT: 3, _T.SMALLINT: 5, _T.INT: 10, _T.BIGINT: 19, _T.INT128: 38, _T.UINT: 10, _T.UBIGINT: 20}
_FLOATS = frozenset({_T.FLOAT, _T.DOUBLE})

Digits = tuple[int, int]
"""Precision and scale."""


def _of_type(node: exp.Expr) -> Digits | None:
    kind = node.type
    if kind is None:
        return None
    if kind.this in {_T.DECIMAL, _T.BIGDECIMAL}:
        sizes = [int(e.name) for e in kind.expressions if isinstance(e, exp.DataTypeParam)]
        precision, scale = (*sizes, 0)[:2] if sizes else (18, 3)
        return precision, scale
    return (_WIDTHS[kind.this], 0) if kind.this in _WIDTHS else None


def _digits(node: exp.Expr) -> Digits | None:
    """The digits of a number that is exact; None for every other value."""
    while isinstance(node, exp.Paren | exp.Neg):
        node = node.this
    if isinstance(node, exp.Literal) and not node.is_string:
        whole, _, part = node.name.partition(".")
        return (len(whole) + len(part), len(part)) if (whole + part).isdigit() else None
    return _of_type(node)


def _decimal(precision: int, scale: int) -> exp.DataType:
    return exp.DataType.build(f"DECIMAL({min(precision, DIGITS)}, {min(scale, DIGITS)})", dialect=DIALECT)


def _is_decimal(node: exp.Expr) -> bool:
    return node.type is not None and node.type.this in {_T.DECIMAL, _T.BIGDECIMAL}


def _widest(found: Iterable[Digits]) -> exp.DataType:
    pairs = list(found)
    scale = max(s for _, s in pairs)
    return _decimal(max(p - s for p, s in pairs) + scale + 1, scale)


def _product(found: Iterable[Digits]) -> exp.DataType:
    pairs = list(found)
    return _decimal(sum(p for p, _ in pairs), sum(s for _, s in pairs))


def _quotient(_: Iterable[Digits]) -> exp.DataType:
    return exp.DataType.build("DOUBLE", dialect=DIALECT)


def _total(found: Iterable[Digits]) -> exp.DataType:
    return _decimal(DIGITS, next(iter(found))[1])


def _case(node: exp.Expr) -> list[exp.Expr]:
    found = [i.args["true"] for i in node.args["ifs"]]
    return [*found, node.args["default"]] if node.args.get("default") else found


_OPERANDS: dict[type[exp.Expr], tuple[Callable[[Any], list[exp.Expr]], Callable[[Iterable[Digits]], exp.DataType]]] = {
    exp.Add: (lambda e: [e.left, e.right], _widest),
    exp.Sub: (lambda e: [e.left, e.right], _widest),
    exp.Mod: (lambda e: [e.left, e.right], _widest),
    exp.Mul: (lambda e: [e.left, e.right], _product),
    exp.Div: (lambda e: [e.left, e.right], _quotient),
    exp.Coalesce: (lambda e: [e.this, *e.expressions], _widest),
    exp.Greatest: (lambda e: [e.this, *e.expressions], _widest),
    exp.Least: (lambda e: [e.this, *e.expressions], _widest),
    exp.Case: (_case, _widest),
    exp.If: (lambda e: [e.args["true"], *([e.args["false"]] if e.args.get("false") else [])], _widest),
    exp.Sum: (lambda e: [e.this], _total),
}


def _annotator(kind: type[exp.Expr], known: dict[str, Any]) -> Callable[[Any, exp.Expr], exp.Expr]:
    operands, combined = _OPERANDS[kind]

    def annotate(annotator: Any, node: exp.Expr) -> exp.Expr:
        if "annotator" in known:
            known["annotator"](annotator, node)
        elif "returns" in known:
            annotator._set_type(node, known["returns"])  # noqa: SLF001 - how sqlglot's own annotators do it
        values = [v for v in operands(node) if not isinstance(v, exp.Null)]
        if not any(_is_decimal(v) for v in values):
            return node
        if any(v.type is not None and v.type.this in _FLOATS and _digits(v) is None for v in values):
            annotator._set_type(node, _quotient(()))  # noqa: SLF001
            return node
        found = [_digits(v) for v in values]
        if all(d is not None for d in found):
            annotator._set_type(node, combined(d for d in found if d is not None))  # noqa: SLF001
        return node

    return annotate


@cache
def metadata() -> dict[type[exp.Expr], dict[str, Any]]:
    """What each expression gives, as sqlglot has it, with these in the place of its own."""
    known: dict[type[exp.Expr], dict[str, Any]] = dict(Dialect.get_or_raise(DIALECT).EXPRESSION_METADATA)
    return known | {kind: {"annotator": _annotator(kind, known.get(kind, {}))} for kind in _OPERANDS}
