"""Keeps rendered files in the project: written whole, known again by their first line, removed when they are ours."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlspec.backends.found import Difference
from mlspec.backends.port import Artifact, BackendError
from mlspec.base.digest import digest_bytes


class RenderedFiles:
    """The files of one renderer below the project's folder; `mark` is the first line of each of them."""

    def __init__(self, root: Path, mark: str) -> None:
        self._root, self._mark = root, mark

    def write(self, artifacts: Iterable[Artifact]) -> dict[str, str]:
        """Write them and remove ours beside them that are no longer rendered; gives the digest of each path.

        Raises BackendError, before anything is written, where a file stands that was not rendered from the same spec.
        """
        texts = {artifact.path: artifact.text for artifact in artifacts}
        foreign = [path for path in texts if self._inside(path).exists() and not self._ours(path)]
        if foreign:
            message = f"`{foreign[0]}` is in the way: it was not rendered from this spec"
            raise BackendError(message, "move it away, or render into another directory", "file-in-the-way")
        for path, text in texts.items():
            _replace(self._inside(path), text.encode())
        for path in self._beside(texts):
            if path not in texts and self._ours(path):
                self._inside(path).unlink()
        return {path: digest_bytes([text.encode()]) for path, text in sorted(texts.items())}

    def differences(self, digests: Mapping[str, Any]) -> tuple[Difference, ...]:
        """The files that are gone, or do not have the digest that was recorded for them."""
        there = {path: self._digest(path) for path in sorted(digests)}
        return tuple(
            Difference("edited" if found else "missing", path, str(digests[path]), found)
            for path, found in there.items()
            if found != digests[path]
        )

    def remove(self, paths: Iterable[str]) -> None:
        """Remove those that are still ours, and the folders that this leaves empty."""
        for path in paths:
            if self._ours(path):
                self._inside(path).unlink()
            _prune(self._inside(path).parent, self._root.resolve())

    def _inside(self, path: str) -> Path:
        """Find the place of a path, which no link may lead out of the project."""
        place = self._root / path
        if not place.parent.resolve().is_relative_to(self._root.resolve()):
            raise BackendError(f"`{path}` is outside the project", "choose a directory in the project", "path-outside")
        return place.parent.resolve() / place.name

    def _beside(self, paths: Iterable[str]) -> list[str]:
        folders = sorted({path.rpartition("/")[0] for path in paths})
        return [
            f"{folder}/{file.name}"
            for folder in folders
            for file in sorted(self._inside(f"{folder}/-").parent.iterdir())
        ]

    def _ours(self, path: str) -> bool:
        place = self._inside(path)
        if place.is_symlink() or not place.is_file():
            return False
        with place.open("rb") as file:
            return file.readline().rstrip() == self._mark.encode()

    def _digest(self, path: str) -> str:
        place = self._inside(path)
        return digest_bytes([place.read_bytes()]) if place.is_file() else ""


def clear(root: Path, address: str, paths: Iterable[str]) -> None:
    """Remove files that were rendered from a spec, whoever rendered them; what others have put there stays."""
    begins = f"Rendered by mlspec from {address};"
    for path in paths:
        place = root / path
        with suppress(OSError):
            with place.open("rb") as file:
                found = file.readline().decode(errors="replace")
            RenderedFiles(root, found.rstrip("\r\n")).remove([path] if begins in found else [])


def _replace(place: Path, content: bytes) -> None:
    if place.is_file() and place.read_bytes() == content:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)


def _prune(folder: Path, root: Path) -> None:
    while folder != root and folder.is_relative_to(root):
        try:
            folder.rmdir()
        except FileNotFoundError:
            pass
        except OSError:
            return
        folder = folder.parent
