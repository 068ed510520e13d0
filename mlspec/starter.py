"""Writes a project to begin with: the files of a folder of `templates/`, copied as they are."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from mlspec.base.diag import known_names, problem

_TEMPLATES = files("mlspec") / "templates"


def write_starter(folder: Path, template: str = "starter") -> tuple[str, ...]:
    """Write the files into a new or empty folder; their paths. Raises Problems."""
    known = sorted(t.name for t in _TEMPLATES.iterdir() if t.is_dir() and not t.name.startswith("_"))
    if template not in known:
        raise problem(
            "unknown-template", f"there is no template `{template}`", help=known_names(template, known, "template")
        )
    if folder.exists() and not folder.is_dir():
        raise problem("folder-not-empty", f"`{folder}` is a file", help="name a new or an empty folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise problem("folder-not-empty", f"`{folder}` is not empty", help="name a new or an empty folder")
    written = []
    for path, source in _walk(_TEMPLATES / template, ()):
        target = folder.joinpath(*path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        written.append("/".join(path))
    return tuple(written)


def _walk(folder: Traversable, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        path = (*above, entry.name)
        if entry.is_file():
            yield path, entry
        elif entry.name != "__pycache__":
            yield from _walk(entry, path)
