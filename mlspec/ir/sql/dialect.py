"""The canonical dialect, and the two-way table between logical types and its own."""

import logging

from sqlglot import exp

from mlspec.ir.columntype import ColumnType

DIALECT = "duckdb"

# sqlglot says on stderr what it is not sure to translate between dialects; what is refused here is refused with a place
logging.getLogger("sqlglot").setLevel(logging.ERROR)

_TO_SQL = {
    "boolean": "BOOLEAN", "int32": "INTEGER", "int64": "BIGINT", "float32": "REAL", "float64": "DOUBLE",
    "string": "VARCHAR", "bytes": "BLOB", "date": "DATE", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMPTZ",
    "json": "JSON",
}  # fmt: skip

_T = exp.DataType.Type
_FROM_SQL = {
    _T.BOOLEAN: "boolean",
    _T.TINYINT: "int32", _T.SMALLINT: "int32", _T.INT: "int32", _T.MEDIUMINT: "int32",
    _T.UTINYINT: "int32", _T.USMALLINT: "int32",
    _T.BIGINT: "int64", _T.INT128: "int64", _T.UINT: "int64", _T.UBIGINT: "int64",
    _T.FLOAT: "float32", _T.DOUBLE: "float64",
    _T.VARCHAR: "string", _T.TEXT: "string", _T.CHAR: "string", _T.NVARCHAR: "string", _T.UUID: "string",
    _T.BINARY: "bytes", _T.VARBINARY: "bytes", _T.BLOB: "bytes",
    _T.DATE: "date", _T.TIMESTAMP: "timestamp", _T.DATETIME: "timestamp", _T.TIMESTAMPNTZ: "timestamp",
    _T.TIMESTAMPTZ: "timestamptz", _T.TIMESTAMPLTZ: "timestamptz", _T.JSON: "json",
}  # fmt: skip


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
    if name := _FROM_SQL.get(kind.this):
        return ColumnType(name)
    sizes = [int(e.this.this) for e in kind.expressions if isinstance(e, exp.DataTypeParam)]
    if kind.this in {_T.DECIMAL, _T.BIGDECIMAL}:
        precision, scale = (*sizes, 18, 3)[:2] if not sizes else (sizes[0], sizes[1] if len(sizes) > 1 else 0)
        return ColumnType("decimal", precision, scale)
    if kind.this in {_T.ARRAY, _T.LIST} and kind.expressions:
        item = from_sql(kind.expressions[0])
        return ColumnType("array", items=(item,)) if item else None
    if kind.this is _T.STRUCT:
        parts = [(p.name, from_sql(p.args.get("kind"))) for p in kind.expressions if isinstance(p, exp.ColumnDef)]
        known = tuple(t for _, t in parts if t)
        return (
            ColumnType("struct", items=known, fields=tuple(n for n, _ in parts))
            if parts and len(known) == len(kind.expressions)
            else None
        )
    return None


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
