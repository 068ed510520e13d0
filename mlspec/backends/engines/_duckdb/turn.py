"""Processes that need the same file take turns: DuckDB lets only one have it for writing."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

_PAUSE, _FRESH, _GIVEN = 0.1, 1.0, 0.3
"""Seconds between two tries; for how long who waits is believed to wait; for how long who works lets others in."""
_PATIENCE = 10.0


class Turn:
    """Who waits says so by touching a file beside the database; who works sees that between two pieces of work, and lets go.

    `patience` is for how many seconds to wait; `say` is told once that there is somebody to wait for.
    """

    def __init__(self, path: Path, shown: str) -> None:
        self.patience = _PATIENCE
        self.say: Callable[[str], None] = lambda _: None
        self._sign, self._shown = path.with_name(path.name + ".waiting"), shown

    def waited(self) -> Iterator[None]:
        """Once at once, and then again and again until the patience is at its end."""
        deadline, told = time.monotonic() + self.patience, False
        yield
        while time.monotonic() < deadline:
            if not told:
                told = True
                self.say(f"waiting for the warehouse `{self._shown}`, which another process has")
            with suppress(OSError):
                self._sign.touch()
            time.sleep(_PAUSE)
            yield

    def wanted(self) -> bool:
        """Whether somebody is waiting."""
        try:
            return time.time() - self._sign.stat().st_mtime < _FRESH
        except OSError:
            return False

    def give_way(self) -> None:
        """Let those who wait come first."""
        time.sleep(_GIVEN)
