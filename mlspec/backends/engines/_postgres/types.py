"""PostgreSQL's types by their numbers, and how a value is said in its CSV."""

from __future__ import annotations

from mlspec.ir.columntype import ColumnType
from mlspec.ir.sql.dialect import DIALECT, column
from mlspec.ir.sql.glot import exp

_NAMES = {
    16: "boolean", 21: "int32", 23: "int32", 20: "int64", 700: "float32", 701: "float64", 25: "string", 1042: "string",
    1043: "string", 18: "string", 19: "string", 2950: "string", 17: "bytes", 1082: "date", 1114: "timestamp", 1184: "timestamptz",
    114: "json", 3802: "json",
}  # fmt: skip
_ITEMS = {
    1000: 16, 1005: 21, 1007: 23, 1016: 20, 1021: 700, 1022: 701, 1009: 25, 1015: 25, 1001: 17, 1182: 1082, 1115: 1114,
    1185: 1184, 199: 114, 3807: 3802,
}  # fmt: skip
_NUMERIC, _NUMERICS = 1700, 1231
_OTHERS = {1186: "interval", 1083: "time", _NUMERIC: "numeric", 2278: "void", 705: "string"}


def logical(number: int, precision: int | None = None, scale: int | None = None) -> ColumnType | None:
    """The logical type; None where there is none."""
    if number == _NUMERIC and precision:
        return ColumnType("decimal", precision, scale or 0)
    if number in _NAMES:
        return ColumnType(_NAMES[number])
    if number == _NUMERICS and precision:
        return ColumnType("array", items=(ColumnType("decimal", precision, scale or 0),))
    return ColumnType("array", items=(ColumnType(_NAMES[_ITEMS[number]]),)) if number in _ITEMS else None


def sizes(modifier: int) -> tuple[int | None, int | None]:
    """The precision and scale in PostgreSQL's modifier of a type, as they are kept in it for decimals."""
    return ((modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF) if modifier >= 4 else (None, None)  # noqa: PLR2004 - a header


def shown(number: int) -> str:
    """What a type is called that is no logical one."""
    return _OTHERS.get(number, "unknown")


def said(name: str, kind: ColumnType) -> exp.Expr:
    """A value as PostgreSQL reads it: bytes in hexadecimal digits, a list in braces."""
    value = column(name)
    if kind.name == "bytes":
        digits = exp.Anonymous(this="hex", expressions=[value])
        return exp.DPipe(this=exp.Literal.string("\\x"), expression=digits)
    if kind.name == "array":
        return _list(name, kind.items[0])
    return value


def _list(name: str, item: ColumnType) -> exp.Expr:
    """A list in braces, each of its values in quotes."""
    value = column(name).sql(DIALECT)
    one = "'\\x' || hex(v)" if item.name == "bytes" else "CAST(v AS VARCHAR)"
    quoted = f"""'"' || replace(replace({one}, '\\', '\\\\'), '"', '\\"') || '"'"""
    items = f"list_transform({value}, lambda v: CASE WHEN v IS NULL THEN 'NULL' ELSE {quoted} END)"
    written = f"CASE WHEN NOT {value} IS NULL THEN '{{' || array_to_string({items}, ',') || '}}' END"
    tree: exp.Expr = exp.maybe_parse(written, dialect=DIALECT)
    return tree
