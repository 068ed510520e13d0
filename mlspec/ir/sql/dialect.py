"""The canonical dialect, and the two-way table between logical types and its own."""

from __future__ import annotations

from mlspec.ir.columntype import ColumnType
from mlspec.ir.sql.glot import exp

DIALECT = "duckdb"

_TO_SQL = {
    "boolean": "BOOLEAN", "int32": "INTEGER", "int64": "BIGINT", "float32": "REAL", "float64": "DOUBLE",
    "string": "VARCHAR", "bytes": "BLOB", "date": "DATE", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMPTZ",
    "json": "JSON",
}  # fmt: skip

_FROM_SQL = {
    "BOOLEAN": "boolean",
    "TINYINT": "int32", "SMALLINT": "int32", "INT": "int32", "MEDIUMINT": "int32",
    "UTINYINT": "int32", "USMALLINT": "int32",
    "BIGINT": "int64", "INT128": "int64", "UINT": "int64", "UBIGINT": "int64",
    "FLOAT": "float32", "DOUBLE": "float64",
    "VARCHAR": "string", "TEXT": "string", "CHAR": "string", "NVARCHAR": "string", "UUID": "string",
    "BINARY": "bytes", "VARBINARY": "bytes", "BLOB": "bytes",
    "DATE": "date", "TIMESTAMP": "timestamp", "DATETIME": "timestamp", "TIMESTAMPNTZ": "timestamp",
    "TIMESTAMPTZ": "timestamptz", "TIMESTAMPLTZ": "timestamptz", "JSON": "json",
}  # fmt: skip
"""From the names of sqlglot's types."""


def to_sql(kind: ColumnType) -> str:
    """A logical type in the canonical dialect."""
    if kind.name == "decimal":
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if kind.name == "array":
        return f"{to_sql(kind.items[0])}[]"
    if kind.name == "struct":
        inside = ", ".join(f'"{f}" {to_sql(t)}' for f, t in zip(kind.fields, kind.items, strict=True))
        return f"STRUCT({inside})"
    return _TO_SQL[kind.name]


def data_type(kind: ColumnType) -> exp.DataType:
    """A logical type as a node of a tree."""
    return exp.DataType.build(to_sql(kind), dialect=DIALECT)


def from_sql(kind: exp.DataType | None) -> ColumnType | None:
    """The logical type of an annotated node; None where it is not known."""
    if kind is None:
        return None
    if name := _FROM_SQL.get(_name(kind)):
        return ColumnType(name)
    sizes = [int(e.this.this) for e in kind.expressions if isinstance(e, exp.DataTypeParam)]
    if _name(kind) in {"DECIMAL", "BIGDECIMAL"}:
        precision, scale = (*sizes, 18, 3)[:2] if not sizes else (sizes[0], sizes[1] if len(sizes) > 1 else 0)
        return ColumnType("decimal", precision, scale)
    if _name(kind) in {"ARRAY", "LIST"} and kind.expressions:
        item = from_sql(kind.expressions[0])
        return ColumnType("array", items=(item,)) if item else None
    if _name(kind) == "STRUCT":
        parts = [(p.name, from_sql(p.args.get("kind"))) for p in kind.expressions if isinstance(p, exp.ColumnDef)]
        known = tuple(t for _, t in parts if t)
        return (
            ColumnType("struct", items=known, fields=tuple(n for n, _ in parts))
            if parts and len(known) == len(kind.expressions)
            else None
        )
    return None


def _name(kind: exp.DataType) -> str:
    return kind.this.name if isinstance(kind.this, exp.DataType.Type) else ""


def column(name: str, table: str = "") -> exp.Column:
    """A quoted column."""
    return exp.column(name, table=table or None, quoted=True)


def table(address: str, alias: str = "") -> exp.Table:
    """A relation by its address, as canonical queries name it."""
    node = exp.Table(this=exp.to_identifier(address, quoted=True))
    if alias:
        node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    return node


def interval(microseconds: int) -> exp.Interval:
    """A span of time, exact to the microsecond, whatever the calendar does."""
    return exp.Interval(this=exp.Literal.string(str(microseconds)), unit=exp.var("MICROSECOND"))


def microseconds(node: exp.Expr, *, zoned: bool) -> exp.Expr:
    """A time as whole microseconds since 1970 in UTC: windows are exact in integers, on every engine."""
    return exp.UnixMicros(this=exp.cast(node, "TIMESTAMPTZ" if zoned else "TIMESTAMP"))


def moment(node: exp.Expr, *, zoned: bool) -> exp.Expr:
    """The time of whole microseconds since 1970 in UTC."""
    time: exp.Expr = exp.UnixToTime(this=node, scale=exp.Literal.number(6))
    return exp.AtTimeZone(this=time, zone=exp.Literal.string("UTC")) if zoned else time


def number(value: int) -> exp.Expr:
    """A whole number, of 64 bits."""
    return exp.cast(exp.Literal.number(value) if value >= 0 else exp.Neg(this=exp.Literal.number(-value)), "BIGINT")
