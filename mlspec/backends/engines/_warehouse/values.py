"""Values that come out of an engine as plain ones, and what a value of a type takes."""

from mlspec.backends.plain import plain
from mlspec.ir.columntype import ColumnType

__all__ = ["plain", "width"]

_WIDTHS = {
    "boolean": 1,
    "int32": 4,
    "int64": 8,
    "float32": 4,
    "float64": 8,
    "date": 4,
    "timestamp": 8,
    "timestamptz": 8,
    "decimal": 16,
}


def width(kind: ColumnType) -> int:
    """An estimate of the bytes that a value takes, before compression."""
    return _WIDTHS.get(kind.name, 16)
