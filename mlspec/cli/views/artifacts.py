"""Rendered files: one after the other with their names, or written below a folder."""

from collections.abc import Mapping
from pathlib import Path

from mlspec.base.diag import problem
from mlspec.cli.views.terminal import Look


def as_text(artifacts: Mapping[str, str], look: Look) -> str:
    """Each with a line that names it."""
    if not artifacts:
        return "Nothing to render."
    return "\n".join(f"{look.paint(f'# --- {path}', 'bold')}\n{text.rstrip()}\n" for path, text in artifacts.items())


def write_below(folder: Path, artifacts: Mapping[str, str]) -> None:
    """Write each below the folder. Raises Problems when a path leads out of it, or a file cannot be written."""
    home = folder.resolve()
    places = {path: (home / path).resolve() for path in artifacts}
    for path, place in places.items():
        if not place.is_relative_to(home):
            raise problem("outside-folder", f"artifact `{path}` leads out of `{folder}`")
    for path, place in places.items():
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(artifacts[path], "utf-8")
        except OSError as error:
            raise problem("not-written", f"cannot write `{folder / path}`: {error.strerror}") from None
