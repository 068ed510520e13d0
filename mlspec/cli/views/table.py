"""Rows as an aligned table, one row as a list of names and values, nested values as an outline."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlspec.cli.views.terminal import Look, cut, display_width, padded
from mlspec.cli.views.values import inline

_WIDEST = 48
"""Columns that one cell may take on a terminal, so that the others can be seen."""


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], look: Look) -> str:
    """An aligned table; numbers stand to the right. Cells are cut on a terminal only."""
    cells = [[cut(cell(v), _WIDEST if look.width else 0) for v in row] for row in rows]
    widths = [max(display_width(n), *(display_width(r[i]) for r in cells), 0) for i, n in enumerate(columns)]
    right = [_numeric([row[i] for row in rows]) for i in range(len(columns))]
    lines = [look.paint(_line(list(columns), widths, right), "bold")]
    lines.extend(_line(r, widths, right) for r in cells)
    return "\n".join(lines)


def _numeric(values: Sequence[Any]) -> bool:
    known = [v for v in values if v is not None]
    return bool(known) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in known)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    shown = [
        " " * (w - display_width(c)) + c if r else padded(c, w) for c, w, r in zip(cells, widths, right, strict=True)
    ]
    return "  ".join(shown).rstrip()


def vertical(pairs: Sequence[tuple[str, Any]], look: Look) -> str:
    """Names and values below each other."""
    width = max((display_width(n) for n, _ in pairs), default=0)
    return "\n".join(f"{look.paint(padded(n, width), 'bold')}  {cell(v)}".rstrip() for n, v in pairs)


def cell(value: Any) -> str:
    """A value in a table, on one line."""
    match value:
        case None:
            return "NULL"
        case str():
            return value.replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")
        case _:
            return inline(value)


def outline(value: Any, indent: int = 0) -> Iterator[str]:
    """Nested mappings and lists as indented lines; text of several lines stands as a block."""
    margin = " " * indent
    pairs: list[tuple[str, Any]]
    match value:
        case Mapping():
            pairs = [(f"{k}:", v) for k, v in value.items()]
        case list() | tuple():
            pairs = [("-", v) for v in value]
        case _:
            yield f"{margin}{inline(value)}"
            return
    for head, inner in pairs:
        if isinstance(inner, str) and "\n" in inner.strip("\n"):
            yield f"{margin}{head} |"
            yield from (f"{margin}  {line}".rstrip() for line in inner.rstrip("\n").split("\n"))
        elif _is_flat(inner):
            yield f"{margin}{head} {inline(inner)}"
        else:
            lines = list(outline(inner, indent + 2))
            if head == "-":
                yield f"{margin}- {lines.pop(0).lstrip()}"
            else:
                yield f"{margin}{head}"
            yield from lines


def _is_flat(value: Any) -> bool:
    if not isinstance(value, Mapping | list | tuple) or not value:
        return True
    inner = value.values() if isinstance(value, Mapping) else value
    return not any(isinstance(v, Mapping | list | tuple) for v in inner) and len(inline(value)) <= 80  # noqa: PLR2004
