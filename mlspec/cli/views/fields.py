"""A changed field of a spec: before and after on one line, texts of several lines as a difference."""

from collections.abc import Iterator

from mlspec.cli.views.reasons import Json
from mlspec.cli.views.terminal import Look
from mlspec.cli.views.values import inline

_VALUE = 72
"""Columns that a value may take before it is cut."""
_LINES = 24
"""Lines of a difference that are shown before the rest is counted."""


def field_lines(field: Json, look: Look, *, full: bool = False) -> Iterator[str]:
    """`windows.1: 7d -> 14d`; a field that was added or removed has one value."""
    path = ".".join(str(p) for p in field["path"]) or "value"
    before, after = field["before"], field["after"]
    forced = look.paint("  # forces replacement", "red") if field["cost"] == "replace" else ""
    if _is_block(before) or _is_block(after):
        yield f"{path}:{forced}"
        yield from (f"  {line}" for line in text_difference(str(before or ""), str(after or ""), look, full=full))
        return
    width = 0 if full else _VALUE
    if before is None:
        yield look.paint("+", "green") + f" {path}: {inline(after, width)}{forced}"
    elif after is None:
        yield look.paint("-", "red") + f" {path}: {inline(before, width)}{forced}"
    else:
        yield f"{path}: {inline(before, width)} -> {inline(after, width)}{forced}"


def _is_block(value: object) -> bool:
    return isinstance(value, str) and "\n" in value.strip()


def text_difference(before: str, after: str, look: Look, *, full: bool = False) -> Iterator[str]:
    """Lines with `+` and `-` and two lines around them; `…` stands for those left out between."""
    from difflib import unified_diff  # noqa: PLC0415 - start-up time

    old, new = before.rstrip("\n").split("\n"), after.rstrip("\n").split("\n")
    found = list(unified_diff(old if before else [], new if after else [], n=2, lineterm=""))[2:]
    lines = ["…" if line.startswith("@@") else line for line in found]
    if lines and lines[0] == "…":
        del lines[0]
    shown = lines if full else lines[:_LINES]
    for line in shown:
        style = {"+": "green", "-": "red", "…": "dim"}.get(line[:1])
        yield (look.paint(line, style) if style else line).rstrip()
    if len(shown) < len(lines):
        yield look.paint(f"… {len(lines) - len(shown)} more lines, shown with --full", "dim")
