"""What the project defines: lists, and one thing in full."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlspec.cli.views.table import outline, table, vertical
from mlspec.cli.views.terminal import Look

_TABLES = frozenset({"columns", "checks", "history", "versions"})
_LONG = "sample"
"""Rows inside a row: `mlspec run` shows them, and JSON has them."""
_OF_RECORD = ("digest", "backend", "outputs")
"""What of a record is shown beside the spec; the rest repeats it (`mlspec state show` has all)."""


def listing(things: Sequence[Mapping[str, Any]], look: Look, empty: str) -> str:
    """A table with a column for each key, in the order in which they first come."""
    if not things:
        return empty
    columns = list(dict.fromkeys(key for thing in things for key in thing))
    return table(columns, [[_short(t.get(c)) for c in columns] for t in things], look)


def one(thing: Mapping[str, Any], look: Look) -> str:
    """A thing in full: facts first, then columns, checks and neighbours, then what its author wrote."""
    facts = [(k, v) for k, v in thing.items() if not isinstance(v, Mapping | list | tuple) and v not in ("", None)]
    parts = [vertical(facts, look)] if facts else []
    parts.extend(
        part for k, v in thing.items() if isinstance(v, Mapping | list | tuple) and v for part in _section(k, v, look)
    )
    return "\n\n".join(parts)


def _section(name: str, value: Any, look: Look) -> Iterator[str]:
    head = look.paint(name, "bold")
    if name == "record" and isinstance(value, Mapping):
        value = {k: v for k, v in value.items() if k in _OF_RECORD and v}
    rows = isinstance(value, list | tuple) and all(isinstance(v, Mapping) for v in value)
    if rows and name in _TABLES:
        keys = [
            k
            for k in dict.fromkeys(k for v in value for k in v)
            if k != _LONG and any(v.get(k) not in ("", None, [], (), {}) for v in value)
        ]
        lines = table(keys, [[_short(v.get(k)) for k in keys] for v in value], look).split("\n")
    else:
        lines = list(outline(value))
    yield "\n".join([head, *(f"  {line}".rstrip() for line in lines)])


def _short(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return ", ".join(value)
    return value
