"""Keeps the state in files of the project: texts replaced in one step, a journal that lines are added to."""

import fcntl
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlspec.backends.port import BackendError, Place
from mlspec.backends.state_store import Kept, StateStore, Taken
from mlspec.base.digest import digest_bytes
from mlspec.base.value import dataclass

_LINE = re.compile(rb"(\d+) ([0-9a-f]{8}) (.*)")
_BESIDE = {"state": "", "previous": ".backup"}


@dataclass(frozen=True)
class _Settings:
    path: str = ".mlspec/state/{environment}.json"
    """Relative to the folder of the project, or absolute."""


class File(StateStore):
    """A state on a file system with atomic renames and locks (`flock`), beside it its journal, claims and history.

    A line of the journal is its number, a check sum and the text. What a loss of power left of the last one is no line.
    """

    Settings = _Settings

    def __init__(self, settings: _Settings, place: Place) -> None:
        super().__init__(settings, place)
        named = settings.path.replace("{environment}", place.environment)
        self.path = Path(os.path.realpath(place.root / named))  # two links to one state are one lock
        self._end = (-1, -1, 0)
        """What the journal was after our own last line (its inode and size), and the number of that line."""

    @property
    def rescue(self) -> str:
        """A command that puts the backup in the place of the state."""
        root = self.place.root.resolve()
        paths = (self._path("previous"), self.path)
        names = [p.relative_to(root) if p.is_relative_to(root) else p for p in paths]
        return f"put back the one before the last change: `cp {names[0]} {names[1]}` in the project's folder"

    def read(self, name: str) -> Kept | None:
        path = self._path(name)
        try:
            with _reported("read", path):
                text = path.read_bytes().decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise BackendError(f"`{path}` is not text in UTF-8", self.rescue, "state-damaged") from None
        return Kept(text, _tag(text))

    def write(self, name: str, text: str, tag: str | None) -> str:
        path = self._path(name)
        with self._alone():
            kept = self.read(name)
            if (kept.tag if kept else None) != tag:
                raise Taken(f"`{path}`")
            with _reported("write", path):
                path.parent.mkdir(parents=True, exist_ok=True)
                _replace(path, text.encode())
        return _tag(text)

    def names(self, folder: str) -> tuple[str, ...]:
        return tuple(sorted(f"{folder}/{p.stem}" for p in self._path(f"{folder}/x").parent.glob("*.json")))

    def append(self, number: int, line: str) -> None:
        with self._alone(), _reported("write", self._journal):
            with self._journal.open("ab") as file:
                about = os.fstat(file.fileno())
                if (about.st_ino, about.st_size) != self._end[:2]:
                    self._end = (about.st_ino, *self._mended(file.fileno()))
                if number <= self._end[2]:
                    raise Taken(f"`{self._journal}`")
                raw = line.encode()
                file.write(b"%d %08x %b\n" % (number, zlib.crc32(raw), raw))
                file.flush()
                os.fsync(file.fileno())
                self._end = (about.st_ino, os.fstat(file.fileno()).st_size, number)
            if not about.st_size:
                _sync(self._journal.parent)

    def lines(self, after: int) -> tuple[tuple[int, str], ...]:
        found, _ = self._whole()
        return tuple((number, raw.decode()) for number, raw in found if number > after)

    def trim(self, upto: int) -> None:
        with self._alone(), _reported("write", self._journal):
            found, _ = self._whole()
            kept = [(n, raw) for n, raw in found if n > upto]
            if len(kept) < len(found):
                _replace(self._journal, b"".join(b"%d %08x %b\n" % (n, zlib.crc32(raw), raw) for n, raw in kept))

    # -- pieces --------------------------------------------------------------------------------------------------------

    @property
    def _journal(self) -> Path:
        return self.path.with_name(self.path.name + ".journal")

    def _path(self, name: str) -> Path:
        folder, _, inner = name.partition("/")
        beside = _BESIDE.get(name, f".{folder}")
        path = self.path.with_name(self.path.name + beside)
        return path / f"{inner}.json" if inner else path

    def _whole(self) -> tuple[list[tuple[int, bytes]], int]:
        """The whole lines and where they end. Raises BackendError for one that is damaged before others."""
        try:
            with _reported("read", self._journal):
                raw = self._journal.read_bytes()
        except FileNotFoundError:
            return [], 0
        found: list[tuple[int, bytes]] = []
        end = 0
        for line in raw.splitlines(keepends=True):
            match = _LINE.fullmatch(line[:-1]) if line.endswith(b"\n") else None
            if match is None or zlib.crc32(match[3]) != int(match[2], 16):
                break
            found.append((int(match[1]), match[3]))
            end += len(line)
        if any(_is_line(later) for later in raw[end:].splitlines()[1:]):
            help_ = "what comes after the damage cannot be trusted: keep a copy of the file, and remove it from that line on"
            raise BackendError(f"`{self._journal}` is damaged in line {len(found) + 1}", help_, "state-damaged")
        return found, end

    def _mended(self, descriptor: int) -> tuple[int, int]:
        """Cut off what a loss of power left of a last line; the size, and the last number."""
        found, end = self._whole()
        os.ftruncate(descriptor, end)
        return end, found[-1][0] if found else 0

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time, and one thread; the system lets go when a process ends, however it ends."""
        path = self.path.with_name(self.path.name + ".mutex")
        with _reported("lock", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _is_line(raw: bytes) -> bool:
    match = _LINE.fullmatch(raw)
    return match is not None and zlib.crc32(match[3]) == int(match[2], 16)


def _replace(path: Path, raw: bytes) -> None:
    """Let the file hold this: all of it or, whatever happens, what it held before."""
    new = path.with_name(path.name + ".new")
    try:
        with new.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            new.chmod(path.stat().st_mode & 0o7777)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _reported(verb: str, path: Path) -> Iterator[None]:
    """Say what the system refused in the user's words; that there is no such file is the caller's to judge."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BackendError(
            f"cannot {verb} `{path}`: {error.strerror}",
            "the state store needs a folder that it may write to",
            "state-store",
        ) from None


def _tag(text: str) -> str:
    return digest_bytes((text.encode(),))
