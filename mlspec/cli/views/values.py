"""Single values as text: counts, sizes, seconds, and a value of YAML on one line."""

import json
from collections.abc import Mapping
from typing import Any

from mlspec.cli.views.terminal import cut
from mlspec.documents.scalars import plain

_PLURALS = {"entity": "entities", "policy": "policies", "moved": "moved", "removed": "removed"}


def plural(noun: str) -> str:
    """The noun for several of it."""
    return _PLURALS.get(noun, f"{noun}s")


def count(number: int, noun: str) -> str:
    """`1 error`, `1,200 errors`."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def size(number: float) -> str:
    """Bytes in the unit that people use, to two digits that mean something."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:  # noqa: PLR2004 - SI units
            return f"{number:.0f} {unit}" if number >= 10 or unit == "B" else f"{number:.1f} {unit}"  # noqa: PLR2004
        number /= 1000
    return f"{number:,.1f} TB"


def took(seconds: float) -> str:
    """`0.3 s`, `12 s`, `3 min 5 s`."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 - tenths mean little from here
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def some(names: list[str], most: int, separator: str = ", ") -> str:
    """The first names, and how many more there are; `most` 0 means all."""
    if not most or len(names) <= most:
        return separator.join(names)
    return f"{separator.join(names[:most])} and {len(names) - most} more"


def inline(value: Any, width: int = 0) -> str:
    """A value of YAML on one line, in flow style; strings that would read as something else are quoted."""
    return cut(_flow(value, inside=False), width)


def _flow(value: Any, *, inside: bool) -> str:
    match value:
        case Mapping():
            return "{" + ", ".join(f"{_flow(k, inside=True)}: {_flow(v, inside=True)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(_flow(v, inside=True) for v in value) + "]"
        case str():
            odd = value != value.strip() or not isinstance(plain(value), str) or "\n" in value
            odd = odd or (inside and any(c in value for c in ",[]{}\"'#")) or (inside and ": " in value)
            return json.dumps(value, ensure_ascii=False) if odd else value
        case None | bool() | int() | float():
            return json.dumps(value)
        case _:
            return str(value)
