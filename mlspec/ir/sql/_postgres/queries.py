"""Joins, groups, windows and types."""

from __future__ import annotations

from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Unspoken

_T = exp.DataType.Type
_TYPES = {
    _T.INT128: "DECIMAL(38, 0)", _T.UINT128: "DECIMAL(38, 0)", _T.UBIGINT: "DECIMAL(20, 0)", _T.UINT: "BIGINT",
    _T.USMALLINT: "INT", _T.UTINYINT: "SMALLINT", _T.TINYINT: "SMALLINT",
}  # fmt: skip
_KNOWN = frozenset(
    {
        _T.BOOLEAN, _T.SMALLINT, _T.INT, _T.BIGINT, _T.FLOAT, _T.DOUBLE, _T.DECIMAL, _T.VARCHAR, _T.TEXT, _T.CHAR,
        _T.DATE, _T.TIME, _T.TIMESTAMP, _T.TIMESTAMPNTZ, _T.TIMESTAMPTZ, _T.VARBINARY, _T.BLOB, _T.JSON, _T.UUID,
        _T.INTERVAL, _T.ARRAY, _T.LIST, _T.BIT,
    }
)  # fmt: skip


def joined(node: exp.Join) -> exp.Expr | None:
    method = str(node.args.get("method") or "").upper()
    if method not in {"", "NATURAL"} or str(node.args.get("kind") or "").upper() == "POSITIONAL":
        raise Unspoken(node, f"PostgreSQL has no {method or 'POSITIONAL'} JOIN", "join with a condition and ROW_NUMBER")
    return None


def grouped(node: exp.Group) -> exp.Expr | None:
    if node.args.get("all"):
        raise Unspoken(node, "PostgreSQL has no GROUP BY ALL", "name the columns")
    return None


def windowed(node: exp.Window) -> exp.Expr | None:
    inner = node.this.this if isinstance(node.this, exp.Filter) else node.this
    if isinstance(inner, exp.WithinGroup) or (isinstance(inner, exp.Count) and isinstance(inner.this, exp.Distinct)):
        raise Unspoken(node, "PostgreSQL cannot compute it over a window", "group by the key, and join")
    return None


def null_skipping(node: exp.IgnoreNulls) -> exp.Expr | None:
    if isinstance(node.this, exp.AnyValue | exp.Bracket):
        return node.this.copy()
    raise Unspoken(node, "PostgreSQL has no IGNORE NULLS")


def typed(node: exp.DataType) -> exp.Expr | None:
    if node.this in _TYPES:
        return exp.DataType.build(_TYPES[node.this])
    if node.this not in _KNOWN:
        raise Unspoken(node, "PostgreSQL has no such type", "keep its parts in columns of their own, or as `json`")
    return None


def defined(node: exp.ColumnDef) -> exp.Expr | None:
    """A column of texts is compared byte by byte."""
    if node.kind is None or node.kind.this not in {_T.TEXT, _T.VARCHAR, _T.CHAR}:
        return None
    made = node.copy()
    bytewise = exp.CollateColumnConstraint(this=exp.to_identifier("C", quoted=True))
    made.set("constraints", [exp.ColumnConstraint(kind=bytewise)])
    return made
