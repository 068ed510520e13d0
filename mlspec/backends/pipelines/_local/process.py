"""Runs one command as a process group of its own: streams its log, keeps its time, leaves nothing of it behind."""

import os
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mlspec.backends.pipelines._local.guard import Guard
from mlspec.backends.pipelines._local.mask import Mask
from mlspec.base.value import dataclass

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""
_TICK = 0.1
_PIECE = 1 << 16


class Stopped(Exception):
    """The run was told to end while the command ran."""


class TimedOut(Exception):
    """The command took longer than it may; `idle`: it wrote nothing for longer than it may."""

    def __init__(self, *, idle: bool = False) -> None:
        self.idle = idle
        super().__init__("idle" if idle else "slow")


@dataclass(frozen=True)
class Command:
    """A program with its arguments, where it runs, what it sees, how many seconds it may take, and be silent (0: no limit)."""

    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    timeout: float = 0.0
    idle_timeout: float = 0.0


def run_command(command: Command, log: Path, mask: Mask, guard: Guard) -> int:
    """Run to the end and return the exit code. Raises Stopped, TimedOut, and OSError or ValueError if it cannot start.

    When the command has ended, what it left running in its process group is ended too.
    """
    process = subprocess.Popen(  # noqa: S603 - running what the project says is the purpose
        command.argv,
        cwd=command.folder,
        env=command.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    guard.started(process.pid)
    try:
        with log.open("ab", buffering=0) as file:
            try:
                _follow(process, command, guard, lambda piece: file.write(mask.feed(piece)))
            finally:
                _end_group(process)
                file.write(mask.flush())
    finally:
        guard.ended(process.pid)
        if process.stdout is not None:
            process.stdout.close()
    return process.wait()


def tail(log: Path, lines: int = 15) -> tuple[str, ...]:
    """Give the last lines of a log."""
    if not log.exists():
        return ()
    with log.open(encoding="utf-8", errors="replace") as file:
        return tuple(line.rstrip() for line in deque(file, lines))


def _follow(process: subprocess.Popen[bytes], command: Command, guard: Guard, write: Callable[[bytes], object]) -> None:
    """Hand on what the process writes until it has ended; a child that keeps the pipe open does not hold it up."""
    end = time.monotonic() + (command.timeout or float("inf"))
    silent = time.monotonic() + (command.idle_timeout or float("inf"))
    pipe = process.stdout.fileno() if process.stdout is not None else -1
    is_open = True
    while True:
        if guard.stop.is_set():
            raise Stopped
        now = time.monotonic()
        if now >= min(end, silent):
            raise TimedOut(idle=silent < end)
        wait = min(_TICK, end - now, silent - now)
        if is_open and select.select([pipe], [], [], wait)[0]:
            piece = os.read(pipe, _PIECE)
            is_open = bool(piece)
            silent = time.monotonic() + (command.idle_timeout or float("inf"))
            write(piece)
            continue
        if not is_open:
            with suppress(subprocess.TimeoutExpired):
                process.wait(wait)
        if process.poll() is not None:
            while is_open and select.select([pipe], [], [], 0)[0] and (piece := os.read(pipe, _PIECE)):
                write(piece)  # written between the last look and the end
            return


def _end_group(process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + GRACE
    _signal(process.pid, signal.SIGTERM)
    while time.monotonic() < end:
        process.poll()
        if not _signal(process.pid, 0):
            return
        time.sleep(0.02)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
