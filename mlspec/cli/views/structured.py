"""Results for programs: JSON that every reader accepts, and CSV."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlspec.base.value import fields, is_dataclass


def as_json(value: Any) -> str:
    """The value as JSON; values become mappings, and what JSON has no word for becomes text, NaN becomes null."""
    return json.dumps(as_data(value), indent=2, ensure_ascii=False, allow_nan=False)


def as_data(value: Any) -> Any:
    """The value made of nothing but mappings, lists, text, numbers, booleans and None."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return str(value)
        case Mapping():
            return {str(k): as_data(v) for k, v in value.items()}
        case list() | tuple() | set() | frozenset():
            return [as_data(v) for v in value]
        case _ if is_dataclass(value) and not isinstance(value, type) and type(value).__str__ is object.__str__:
            return {f.name: as_data(getattr(value, f.name)) for f in fields(value)}
        case _:
            return str(value)


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows as RFC 4180 with a header; NULL is nothing, nested values are JSON."""
    import csv  # noqa: PLC0415 - start-up time
    import io  # noqa: PLC0415 - start-up time

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_field(v) for v in row])
    return text.getvalue()


def _field(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | Mapping):
        return json.dumps(as_data(value), ensure_ascii=False)
    return "" if value is None else value
