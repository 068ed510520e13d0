"""Warnings, shown beside a result."""

from collections.abc import Sequence
from pathlib import Path

from mlspec.base.diag import Diagnostic
from mlspec.cli.views.diagnostics import Sources, as_text
from mlspec.cli.views.terminal import progress


def show_warnings(found: Sequence[Diagnostic], root: Path | None, no_color: bool) -> None:  # noqa: FBT001 - as the option is
    """On stderr, with a blank line after them; nothing when there is none."""
    if found:
        screen = progress(no_color)
        screen.show(as_text(found, Sources(root), screen.look) + "\n")
