"""Keeps the state in a file of the project: replaced in one step, the one before beside it, locked across processes."""

import getpass
import json
import os
import platform
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from mlspec.backends.port import BackendError, Locked, LockInfo, Place, StateStore
from mlspec.base.digest import digest

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.2
_PATIENCE = 0.1
"""Seconds to wait for whoever has just created the lock file to have written into it."""


@dataclass(frozen=True)
class _Settings:
    path: str = ".mlspec/state/{environment}.json"
    """Relative to the folder of the project, or absolute."""


class File(StateStore):
    """A state on a file system with atomic renames, beside it `.backup`, and `.lock` while somebody holds the lock."""

    Settings = _Settings

    def __init__(self, settings: _Settings, place: Place) -> None:
        super().__init__(settings, place)
        named = settings.path.replace("{environment}", place.environment)
        self.path = Path(os.path.realpath(place.root / named))  # two links to one state are one lock
        self._mine = ""

    @property
    def rescue(self) -> str:
        """A command that puts the backup in the place of the state."""
        root = self.place.root.resolve()
        names = [p.relative_to(root) if p.is_relative_to(root) else p for p in (self._backup, self.path)]
        return f"put back the one before the last change: `cp {names[0]} {names[1]}` in the project's folder"

    @property
    def _backup(self) -> Path:
        return self.path.with_name(self.path.name + ".backup")

    @property
    def _lock(self) -> Path:
        return self.path.with_name(self.path.name + ".lock")

    def read(self) -> str | None:
        """Read the state, None where there is none yet. Raises BackendError for a file that is not text."""
        try:
            with _reported("read", self.path):
                return self.path.read_bytes().decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise BackendError(
                f"`{self.path}` is not text in UTF-8", f"put back `{self._backup}`", "state-damaged"
            ) from None

    def write(self, text: str, previous: str | None) -> None:
        """Replace `previous` by `text` in one step, under the lock that this store has, or else for just this write.

        Raises BackendError `state-changed` when the state is no longer `previous`, and Locked when another holds the
        lock. When it returns, the text is on the disk and `previous` in the backup.
        """
        with self._locked():
            if self.read() != previous:
                raise BackendError(
                    f"the state in `{self.path}` has changed since it was read",
                    "nothing was written; run the command again to plan from the state as it is now",
                    "state-changed",
                )
            with _reported("write", self.path):
                if previous is not None:
                    _replace(self._backup, previous)
                _replace(self.path, text)

    def lock(self, why: str, wait: float = 0.0) -> LockInfo:
        """Take the lock, trying for at most `wait` seconds. Raises Locked, which says who holds it and what to do."""
        mine = LockInfo(
            id=str(uuid.uuid4()),
            who=_user(),
            host=platform.node(),
            pid=os.getpid(),
            when=_utc(time.time()),
            why=why,
        )
        deadline = time.monotonic() + wait
        pause = _FIRST_PAUSE
        while not self._create(mine):
            left = deadline - time.monotonic()
            if left > 0:
                time.sleep(min(pause, left))
                pause = min(pause * 1.5, _LONGEST_PAUSE)
            elif holder := self.holder():
                raise Locked(holder, _what_to_do(holder))
        self._mine = mine.id
        return mine

    def unlock(self, lock_id: str) -> None:
        """Give back, or break, the lock with that id. Raises BackendError when there is none or it has another id."""
        found = self._look()
        if found is None:
            raise BackendError("the state is not locked", "there is nothing to unlock", "state-not-locked")
        holder, raw = found
        if holder.id != lock_id:
            raise _other_lock(holder, lock_id)
        with _reported("unlock", self._lock):
            self._take_away(holder, raw)
        if lock_id == self._mine:
            self._mine = ""

    def holder(self) -> LockInfo | None:
        """Who holds the lock now. A lock file that is not whole is held by `unknown`, with an id to unlock it by."""
        found = self._look()
        return found[0] if found else None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        holder = self.holder()
        if holder and holder.id == self._mine:
            yield
            return
        own = self.lock("write the state")
        try:
            yield
        finally:
            self.unlock(own.id)

    def _create(self, info: LockInfo) -> bool:
        with _reported("lock", self._lock):
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            try:
                descriptor = os.open(self._lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
            except FileExistsError:
                return False
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(json.dumps(asdict(info), indent=2).encode() + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
            except BaseException:
                self._lock.unlink(missing_ok=True)
                raise
            return True

    def _look(self) -> tuple[LockInfo, bytes] | None:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                with _reported("read", self._lock):
                    raw = self._lock.read_bytes()
                    about = self._lock.stat()
            except FileNotFoundError:
                return None
            if info := _lock_info(raw):
                return info, raw
            if time.monotonic() > deadline:
                name = f"unreadable-{digest(about.st_ino, about.st_mtime_ns, raw.hex())[:12]}"
                return LockInfo(name, "unknown", "unknown", 0, _utc(about.st_mtime), "unknown"), raw
            time.sleep(_FIRST_PAUSE)

    def _take_away(self, holder: LockInfo, raw: bytes) -> None:
        """Move the lock aside before looking once more: of two who break the same lock, only one may."""
        aside = self._lock.with_name(f"{self._lock.name}.{uuid.uuid4().hex}")
        try:
            self._lock.rename(aside)
        except FileNotFoundError:
            raise BackendError("the state is not locked any more", "", "state-not-locked") from None
        try:
            taken = aside.read_bytes()
            if taken != raw:
                os.link(aside, self._lock)
                raise _other_lock(_lock_info(taken), holder.id)
        finally:
            aside.unlink()


def _lock_info(raw: bytes) -> LockInfo | None:
    try:
        found: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    expected = {f.name: f.type for f in fields(LockInfo)}
    if not isinstance(found, dict) or {name: type(value) for name, value in found.items()} != expected:
        return None
    return LockInfo(**found)


def _other_lock(holder: LockInfo | None, lock_id: str) -> BackendError:
    held = f"by `{holder.id}` ({holder.who}@{holder.host}, process {holder.pid})" if holder else "by another"
    return BackendError(
        f"the state is not locked by `{lock_id}` but {held}",
        "unlock with the id of the lock that is there, and only if its process is certainly not running any more",
        "state-other-lock",
    )


def _what_to_do(holder: LockInfo) -> str:
    unlock = f"`mlspec state unlock {holder.id}`"
    if not holder.pid:
        return f"the lock file is not whole, its process was probably stopped while writing it: {unlock}"
    if _is_gone(holder):
        return f"process {holder.pid} on this host is gone, so nobody will give the lock back: {unlock}"
    return f"wait for it with `--lock-timeout 5m`, or, if it is certainly not running any more, {unlock}"


def _is_gone(holder: LockInfo) -> bool:
    if holder.host != platform.node():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid-{os.getuid()}"


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _replace(path: Path, text: str) -> None:
    """Let the file hold the text: all of it or, whatever happens, what it held before. Called under the lock."""
    new = path.with_name(path.name + ".new")
    try:
        with new.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            new.chmod(path.stat().st_mode & 0o7777)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


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
