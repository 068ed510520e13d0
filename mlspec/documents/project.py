"""The files of a project: where it begins, its YAML documents, its texts and data, never a step outside it."""

import io
import os
import stat
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlspec.base.diag import Report, problem
from mlspec.base.digest import digest
from mlspec.base.folder import digest_file
from mlspec.base.value import dataclass, field, replace
from mlspec.documents.watch import Watch

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
    for shown in yaml_files(root, ignored_by(found[0].data) if found else ()):
        found.extend(read_file(root / shown, shown, report))
    return tuple(found)


def ignored_by(head: Mapping[str, Any]) -> tuple[str, ...]:
    """The patterns under `ignore` of the data of `mlspec.yaml`."""
    patterns = head.get("ignore")
    return tuple(str(p) for p in patterns) if isinstance(patterns, list) else ()


def yaml_files(root: Path, ignored: tuple[str, ...]) -> tuple[str, ...]:
    """The names of all YAML files but `mlspec.yaml` that are not ignored, in the order of their paths."""
    return tuple(n for n in _yaml_files(str(root)) if n != PROJECT_FILE and not (ignored and _ignored(n, ignored)))


def _ignored(shown: str, patterns: tuple[str, ...]) -> bool:
    parts = shown.split("/")
    above = ["/".join(parts[: i + 1]) for i in range(len(parts))]
    return any(fnmatch(path, pattern.rstrip("/")) for path in above for pattern in patterns)


_FOREIGN = frozenset({"valohai.yaml", "valohai.yml"})
"""What is read by `mlspec import` only."""


def _yaml_files(root: str) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        here = folder[len(root) :].replace(os.sep, "/").strip("/")
        nested = {f for f in folders if os.path.isfile(f"{folder}/{f}/{PROJECT_FILE}")}  # noqa: PTH113 - strings are enough
        folders[:] = sorted(f for f in folders if f not in _SKIPPED and not f.startswith(".") and f not in nested)
        rendered = any(name == "kustomization.yaml" for name in files)
        for name in sorted(set(files) - _FOREIGN):
            if name.endswith((".yaml", ".yml")) and not rendered and not name.startswith("."):
                yield f"{here}/{name}" if here else name


@dataclass
class Asked:
    """What somebody asked of the files of a project: contents by name, and what names and patterns meant."""

    held: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    globs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    folders: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Files:
    """The project's own files, by paths relative to its root; with a `watch`, contents need not be read again."""

    root: Path
    watch: Watch | None = None
    asked: Asked | None = None
    real: dict[str, str] = field(default_factory=dict, compare=False)
    """Where folders lead, each looked at once."""

    def noting(self, asked: Asked) -> "Files":
        """The same files; what is asked of them is noted."""
        return replace(self, asked=asked)

    def path(self, relative: str) -> Path:
        """The real path. Raises OutsideProject if it leads, also by a link, out of the project."""
        return Path(self._inside(relative))

    def name(self, relative: str) -> str:
        """The real path, relative to the root. Raises OutsideProject."""
        return self._inside(relative)[len(self._folder(str(self.root))) :].lstrip("/") or "."

    def place(self, relative: str) -> str:
        """What a name means: the path that it leads to, relative to the root, and whether that is a file or a folder."""
        return self._placed(self._led(relative))

    def _placed(self, path: str) -> str:
        try:
            mode = os.stat(path).st_mode  # noqa: PTH116 - thousands of them
        except (OSError, ValueError):
            mode = 0
        kind = "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "nothing"
        root = self._folder(str(self.root))
        below = path.startswith(f"{root}/")
        return f"{kind} {path[len(root) + 1 :] if below else os.path.relpath(path, root)}"

    def _inside(self, relative: str) -> str:
        if "\0" in relative:
            raise OutsideProject(relative)
        path, root = self._led(relative), self._folder(str(self.root))
        if path != root and not path.startswith(root.rstrip("/") + "/"):
            raise OutsideProject(relative)
        if self.asked is not None:
            self.asked.paths[relative] = self._placed(path)
        return path

    def _led(self, relative: str) -> str:
        """Where a name leads."""
        path = os.path.join(self.root, relative)  # noqa: PTH118 - thousands of them
        folder, last = os.path.split(path)
        if last in {"", ".", ".."}:
            return str(Path(path).resolve())
        led = os.path.join(self._folder(folder), last)  # noqa: PTH118
        return str(Path(led).resolve()) if os.path.islink(led) else led  # noqa: PTH114

    def _folder(self, path: str) -> str:
        if path not in self.real:
            self.real[path] = str(Path(path).resolve())
        return self.real[path]

    def text(self, relative: str) -> str:
        """A file's text. Raises OutsideProject, OSError, UnicodeDecodeError."""
        path = self._inside(relative)
        raw = self.watch.read(relative) if self.watch else Path(path).read_bytes()
        if self.asked is not None and self.watch:
            self.asked.held[relative] = self.watch.now(relative)
        return io.TextIOWrapper(io.BytesIO(raw), "utf-8-sig").read()

    def glob(self, pattern: str) -> tuple[str, ...]:
        """The files that a pattern means, sorted, relative to the root. Raises OutsideProject."""
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise OutsideProject(pattern)
        if not any(c in pattern for c in "*?["):
            return (pattern,) if self.path(pattern).is_file() else ()
        found = self.matching(pattern)
        if self.asked is not None:
            self.asked.globs[pattern] = found
        return tuple(p for p in found if self.path(p))

    def matching(self, pattern: str) -> tuple[str, ...]:
        """The files that match a pattern, sorted, wherever links lead."""
        try:
            return tuple(sorted(p.relative_to(self.root).as_posix() for p in self.root.glob(pattern) if p.is_file()))
        except ValueError:  # `**.csv` is no pattern
            return ()

    def content(self, relative: str) -> str:
        """The digest of what a file, or every file in a folder, holds."""
        path = self.path(relative)
        if path.is_dir():
            names = self.inside(relative)
            if self.asked is not None:
                self.asked.folders[relative] = names
            return digest([(n, self._held(f"{relative}/{n}")) for n in names])
        return self._held(relative)

    def inside(self, relative: str) -> tuple[str, ...]:
        """The files in a folder, at any depth, relative to it."""
        path = self.root / relative
        inside = sorted(p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        return tuple(p.relative_to(path).as_posix() for p in inside)

    def _held(self, relative: str) -> str:
        held = self.watch.now(relative) if self.watch else ""
        if self.asked is not None:
            self.asked.held[relative] = held
        return held or digest_file(self.root / relative)
