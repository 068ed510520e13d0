"""Warnings, shown beside a result: one in full, several in short, for they are told before every plan until somebody acts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlspec.base.diag import Diagnostic
from mlspec.cli.views.diagnostics import Sources, as_text, total
from mlspec.cli.views.terminal import Look, progress

_OF_A_KIND = 3
"""How many warnings of one code are shown in short; the others are counted."""


def show_warnings(found: Sequence[Diagnostic], root: Path | None, no_color: bool) -> None:  # noqa: FBT001 - as the option is
    """On stderr, with a blank line after them; nothing when there is none."""
    if found:
        screen, sources = progress(no_color), Sources(root)
        text = as_text(found, sources, screen.look) if len(found) == 1 else in_short(found, sources, screen.look)
        screen.show(text + "\n")


def in_short(found: Sequence[Diagnostic], sources: Sources, look: Look) -> str:
    """What is wrong, where, and what to do, without the lines of the files; how many there are, and what shows them whole.

    What has no place in the files is shown always: nothing else tells it.
    """
    shown: Counter[str] = Counter()
    lines: list[str] = []
    for one in found:
        shown[one.code] += one.span is not None
        if one.span is None or shown[one.code] <= _OF_A_KIND:
            lines += _lines(one, sources, look)
    more = [f"{n - _OF_A_KIND} more of `{code}`" for code, n in shown.items() if n > _OF_A_KIND]
    lines += [f"and {', '.join(more)}"] * bool(more)
    return "\n".join([*lines, f"{total(found)}; `mlspec validate` shows them at their places"])


def _lines(one: Diagnostic, sources: Sources, look: Look) -> Iterator[str]:
    where = f" ({sources.shown(one.span.file)}:{one.span.line})" if one.span else ""
    yield look.paint(f"{one.severity}[{one.code}]", "bold", "yellow") + f": {one.message}{where}"
    if one.help:
        yield look.paint("  help", "bold", "green") + f": {one.help}"
