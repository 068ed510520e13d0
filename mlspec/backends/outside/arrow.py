"""Arrow tables: their types in logical words and back, and values as plain ones."""

from typing import Any

from mlspec.backends.plain import plain
from mlspec.backends.port import BackendError, Rows
from mlspec.ir.columntype import ColumnType

_SAME = {
    "bool": "boolean", "int8": "int32", "int16": "int32", "int32": "int32", "uint8": "int32", "uint16": "int32",
    "int64": "int64", "uint32": "int64", "uint64": "int64", "float": "float32", "halffloat": "float32",
    "double": "float64", "string": "string", "large_string": "string", "string_view": "string", "binary": "bytes",
    "large_binary": "bytes", "date32[day]": "date", "date64[ms]": "date",
}  # fmt: skip


def library() -> Any:
    """Pyarrow. Raises BackendError where it is not installed."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - heavy, and only those who ask for many rows need it
    except ImportError:
        message = "features for many rows are Arrow tables, which need a library that is not installed"
        raise BackendError(message, "pip install 'mlspec[arrow]'", "missing-library") from None
    return pa


def logical(kind: Any) -> ColumnType | None:
    """The logical type of an Arrow type; None where there is none."""
    pa = library()
    if pa.types.is_dictionary(kind):
        return logical(kind.value_type)
    if pa.types.is_timestamp(kind):
        return ColumnType("timestamptz" if kind.tz else "timestamp")
    if pa.types.is_decimal(kind):
        fits = 0 <= kind.scale <= kind.precision <= 38  # noqa: PLR2004 - the most that a decimal can have
        return ColumnType("decimal", kind.precision, kind.scale) if fits else None
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        item = logical(kind.value_type)
        return ColumnType("array", items=(item,)) if item else None
    if pa.types.is_struct(kind):
        parts = [(f.name, logical(f.type)) for f in kind]
        known = tuple(t for _, t in parts if t)
        return (
            ColumnType("struct", items=known, fields=tuple(n for n, _ in parts)) if len(known) == len(parts) else None
        )
    name = _SAME.get(str(kind))
    return ColumnType(name) if name else None


def physical(kind: ColumnType) -> Any:
    """The Arrow type that values of a logical type have on their way into an engine."""
    pa = library()
    match kind.name:
        case "decimal":
            return pa.decimal128(kind.precision, kind.scale)
        case "array":
            return pa.list_(physical(kind.items[0]))
        case "struct":
            return pa.struct([(f, physical(t)) for f, t in zip(kind.fields, kind.items, strict=True)])
    known = {
        "boolean": pa.bool_(), "int32": pa.int32(), "int64": pa.int64(), "float32": pa.float32(), "float64": pa.float64(),
        "bytes": pa.binary(), "date": pa.date32(), "timestamp": pa.timestamp("us"), "timestamptz": pa.timestamp("us", "UTC"),
    }  # fmt: skip
    return known.get(kind.name, pa.string())


def shown(table: Any) -> Rows:
    """The rows of an Arrow table as plain values."""
    types = tuple(str(logical(f.type) or f.type) for f in table.schema)
    columns = [[plain(v) for v in c.to_pylist()] for c in table.columns]
    rows = tuple(zip(*columns, strict=True)) if columns else ()
    return Rows(tuple(table.column_names), types, rows)
