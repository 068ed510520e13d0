"""Rows of Python values as Arrow record batches, for drivers that know no Arrow."""

from collections.abc import Sequence
from typing import Any

from mlspec.ir.columntype import ColumnType


def schema(names: Sequence[str], types: Sequence[ColumnType]) -> Any:
    """The Arrow schema of columns."""
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only who exports needs it

    return pa.schema([(n, _kind(pa, t)) for n, t in zip(names, types, strict=True)])


def batch(rows: Sequence[Sequence[Any]], columns: Any) -> Any:
    """Rows as one batch of that schema."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [pa.array(list(v), type=f.type) for v, f in zip(values, columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=columns)


def table(batches: Sequence[Any]) -> Any:
    """Batches of one schema as a table; there is one at least."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    return pa.Table.from_batches(batches)


def kinds(columns: Any) -> dict[str, ColumnType]:
    """The logical types of the columns of an Arrow schema."""
    return {field.name: _logical(field.type) for field in columns}


def _logical(kind: Any) -> ColumnType:
    import pyarrow.types as pt  # noqa: PLC0415 - as above

    if pt.is_decimal(kind):
        return ColumnType("decimal", kind.precision, kind.scale)
    if pt.is_timestamp(kind):
        return ColumnType("timestamptz" if kind.tz else "timestamp")
    if pt.is_list(kind) or pt.is_large_list(kind):
        return ColumnType("array", items=(_logical(kind.value_type),))
    for fits, name in (
        (pt.is_boolean, "boolean"), (pt.is_int64, "int64"), (pt.is_uint32, "int64"), (pt.is_integer, "int32"),
        (pt.is_float64, "float64"), (pt.is_floating, "float32"), (pt.is_date, "date"), (pt.is_binary, "bytes"),
        (pt.is_large_binary, "bytes"),
    ):  # fmt: skip
        if fits(kind):
            return ColumnType(name)
    return ColumnType("string")


def _kind(pa: Any, kind: ColumnType) -> Any:
    match kind.name:
        case "decimal":
            return pa.decimal128(kind.precision, kind.scale)
        case "array":
            return pa.list_(_kind(pa, kind.items[0]))
        case "struct":
            return pa.struct([(n, _kind(pa, t)) for n, t in zip(kind.fields, kind.items, strict=True)])
        case name:
            return {
                "boolean": pa.bool_(), "int32": pa.int32(), "int64": pa.int64(), "float32": pa.float32(),
                "float64": pa.float64(), "string": pa.string(), "json": pa.string(), "bytes": pa.binary(),
                "date": pa.date32(), "timestamp": pa.timestamp("us"), "timestamptz": pa.timestamp("us", tz="UTC"),
            }[name]  # fmt: skip
