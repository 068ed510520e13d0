"""Sees to it that no process of a step outlives mlspec, even when mlspec is killed."""

import subprocess
import sys
from contextlib import suppress
from threading import Event, Lock
from types import TracebackType
from typing import Self

from mlspec.backends.pipelines._local import watch


class Guard:
    """Knows the process groups that run. `stop` is set when all of them are to end.

    A second process holds the other end of a pipe and ends the groups when mlspec dies without a word (SIGKILL, or
    SIGTERM with no handler), and those that left their group, by the name of the run in their environment. It holds the
    lock of the run until then, so that nobody goes on with the run before.
    """

    def __init__(self, run: str, lock: int = -1) -> None:
        self.stop = Event()
        self._lock = Lock()
        self._watch = subprocess.Popen(  # noqa: S603 - our interpreter, our script
            [sys.executable, "-I", "-S", watch.__file__, run],
            pass_fds=[lock] if lock >= 0 else [],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    def started(self, group: int) -> None:
        """Watch over this group."""
        self._tell(f"+{group}\n")

    def ended(self, group: int) -> None:
        """Forget this group."""
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        with self._lock, suppress(OSError):
            if self._watch.stdin is not None:
                self._watch.stdin.write(line)
                self._watch.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop.set()
        with suppress(OSError):
            self._watch.communicate()
