"""What is shown when a verb could not be done."""

import traceback
from collections.abc import Sequence
from pathlib import Path

from mlspec.base.diag import Diagnostic
from mlspec.cli.views.diagnostics import Sources, as_text
from mlspec.cli.views.terminal import progress


def problems(found: Sequence[Diagnostic], root: Path | None, no_color: bool) -> None:  # noqa: FBT001 - as the option is
    """The problems, on stderr."""
    screen = progress(no_color)
    screen.show(as_text(found, Sources(root), screen.look))


def interrupted(error: BaseException, no_color: bool) -> None:  # noqa: FBT001 - as the option is
    """Somebody pressed Ctrl-C; notes of the error say how to go on."""
    said = ["interrupted; what was finished is recorded", *getattr(error, "__notes__", ())]
    progress(no_color).show("\n" + "\n".join(said))


def internal(error: BaseException, *, verbose: bool, no_color: bool) -> None:
    """A mistake of the house itself: one line, or everything with `-v`."""
    screen = progress(no_color)
    if verbose:
        screen.show("".join(traceback.format_exception(error)).rstrip())
    first = (str(error).splitlines() or [""])[0]
    said = f"{type(error).__name__}: {first}" if first else type(error).__name__
    screen.show(f"internal error: {said}" + ("" if verbose else "; run again with -v"))
