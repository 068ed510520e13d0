"""Whoever works about the same thing waits, also in another process: a file is locked meanwhile, one of a few."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from mlspec.base.digest import digest


def file_locks(folder: Path) -> Callable[[str], AbstractContextManager[None]]:
    """Locks in a folder; the system gives them back when a process ends, however it ends."""

    @contextmanager
    def lock(about: str) -> Iterator[None]:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / (digest(about)[:1] if about != "catalog" else about)).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    return lock


@contextmanager
def unlocked(_about: str) -> Iterator[None]:
    """On a server nobody can be kept waiting: a version made twice is the same, and the one noted last counts."""
    yield
