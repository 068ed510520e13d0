"""The files of a project: where it begins, its YAML documents, its texts and data, never a step outside it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from mlspec.base.diag import Report, problem
from mlspec.base.digest import digest, digest_bytes

if TYPE_CHECKING:  # start-up time: at run time whoever reads documents has a YAML parser
    from mlspec.documents.document import Document

PROJECT_FILE = "mlspec.yaml"
PRIVATE = ".mlspec"
_SKIPPED = frozenset({PRIVATE, ".git", "node_modules", "__pycache__", ".venv", "venv"})


class OutsideProject(Exception):
    """A path leads out of the project."""


def find_root(start: Path) -> Path:
    """The folder of `mlspec.yaml`: `start`, its parents, or `specs` below it. Raises Problems."""
    if not start.is_dir():
        raise problem("no-project", f"there is no folder `{start}`")
    start = start.resolve()
    for folder in (start, *start.parents, start / "specs"):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise problem("no-project", f"no `{PROJECT_FILE}` in `{start.name}`, in a folder above it or in `specs`",
                  help="`mlspec init` starts a project, `-C DIR` names one")  # fmt: skip


def read_tree(root: Path, report: Report) -> "tuple[Document, ...]":
    """The documents of all YAML files below the root, `mlspec.yaml` first, then in the order of their paths.

    Hidden folders are left out, and what the patterns under `ignore` of `mlspec.yaml` mean: files and whole folders.
    """
    from mlspec.documents.reader import read_file  # noqa: PLC0415 - start-up time: it brings a YAML parser

    head = root / PROJECT_FILE
    found = list(read_file(head, PROJECT_FILE, report)) if head.is_file() else []
    patterns = found[0].data.get("ignore") if found else None
    ignored = tuple(str(p) for p in patterns) if isinstance(patterns, list) else ()
    for path in _yaml_files(root):
        shown = path.relative_to(root).as_posix()
        if path != head and not _ignored(shown, ignored):
            found.extend(read_file(path, shown, report))
    return tuple(found)


def _ignored(shown: str, patterns: tuple[str, ...]) -> bool:
    parts = shown.split("/")
    above = ["/".join(parts[: i + 1]) for i in range(len(parts))]
    return any(fnmatch(path, pattern.rstrip("/")) for path in above for pattern in patterns)


def _yaml_files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        nested = {f for f in folders if (here / f / PROJECT_FILE).is_file()}
        folders[:] = sorted(f for f in folders if f not in _SKIPPED and not f.startswith(".") and f not in nested)
        rendered = any(name == "kustomization.yaml" for name in files)
        for name in sorted(files):
            if name.endswith((".yaml", ".yml")) and not rendered and not name.startswith("."):
                yield here / name


@dataclass(frozen=True)
class Files:
    """The project's own files, by paths relative to its root."""

    root: Path

    def path(self, relative: str) -> Path:
        """The real path. Raises OutsideProject if it leads, also by a link, out of the project."""
        if "\0" in relative:
            raise OutsideProject(relative)
        path = (self.root / relative).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise OutsideProject(relative)
        return path

    def text(self, relative: str) -> str:
        """A file's text. Raises OutsideProject, OSError, UnicodeDecodeError."""
        return self.path(relative).read_text("utf-8-sig")

    def glob(self, pattern: str) -> tuple[str, ...]:
        """The files that a pattern means, sorted, relative to the root. Raises OutsideProject."""
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise OutsideProject(pattern)
        if not any(c in pattern for c in "*?["):
            return (pattern,) if self.path(pattern).is_file() else ()
        try:
            found = [p.relative_to(self.root).as_posix() for p in self.root.glob(pattern) if p.is_file()]
        except ValueError:  # `**.csv` is no pattern
            return ()
        return tuple(sorted(p for p in found if self.path(p)))

    def content(self, relative: str) -> str:
        """The digest of what a file, or every file in a folder, holds."""
        path = self.path(relative)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
            return digest([(p.relative_to(path).as_posix(), _file_digest(p)) for p in inside])
        return _file_digest(path)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return digest_bytes(iter(lambda: file.read(1 << 20), b""))
