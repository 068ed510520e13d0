"""What the rules for Spark have in common: types, casts, and what is written out."""

from __future__ import annotations

from typing import Any

from mlspec.ir.sql.glot import exp

T: Any = exp.DataType.Type
NAIVE, AWARE = frozenset({T.TIMESTAMP, T.TIMESTAMPNTZ, T.DATETIME}), frozenset({T.TIMESTAMPTZ, T.TIMESTAMPLTZ})
FLOATS = frozenset({T.DOUBLE, T.FLOAT})


def cast(node: exp.Expr, kind: Any) -> exp.Cast:
    """A value as one of another type."""
    return exp.Cast(this=node, to=exp.DataType(this=kind))


def instant(node: exp.Expr) -> exp.Expr:
    """A time as an instant; one without a zone is in UTC."""
    return cast(node, T.TIMESTAMPTZ)


def literal(node: exp.Expr | None) -> str | None:
    """A text that is written out, or None."""
    return str(node.this) if isinstance(node, exp.Literal) and node.is_string else None


def told(node: exp.Expr) -> Any:
    """The type of a value, where the tree says it."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Add | exp.Sub) and isinstance(node.expression, exp.Interval):
        return told(node.this)
    return node.to.this if isinstance(node, exp.Cast) else None
