"""Keeps detached processes: a file with the number of each, locked for as long as the process lives (POSIX).

The lock is inherited by the process, so it tells the living from the dead whatever became of the one who started it,
and no number that the system has given to somebody else is ever signalled.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlspec.backends.port import BackendError

_SHELL = '"$@" </dev/null >>"$MLSPEC_LOG" 2>&1 & echo $! >"$MLSPEC_PID"'


def start(command: Sequence[str], pid_file: Path, log: Path, folder: Path, env: Mapping[str, str]) -> None:
    """Start a process in a session of its own, working in `folder`. Raises BackendError if it runs already."""
    shell = shutil.which("sh") or "/bin/sh"
    with pid_file.open("a") as lock:
        if not _take(lock.fileno()):
            raise BackendError(f"the process of `{pid_file}` runs already")
        places = {"MLSPEC_LOG": str(log.resolve()), "MLSPEC_PID": str(pid_file.resolve())}
        subprocess.run(  # noqa: S603 - a list of arguments that we made, and no text of anybody in the shell's line
            [shell, "-c", _SHELL, "sh", *command],
            env={**env, **places},
            cwd=folder,
            pass_fds=(lock.fileno(),),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            check=True,
        )


def alive(pid_file: Path) -> bool:
    """Whether the process that was started with this file still runs."""
    try:
        with pid_file.open("rb") as lock:
            return not _take(lock.fileno())
    except FileNotFoundError:
        return False


def stop(pid_file: Path, patience: float = 10.0) -> None:
    """Ask the process to end, and end it after so many seconds; one that is gone is no error."""
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, patience)):
        if not alive(pid_file):
            return
        os.kill(_number(pid_file), number)
        deadline = time.monotonic() + seconds
        while alive(pid_file) and time.monotonic() < deadline:
            time.sleep(0.02)
    if alive(pid_file):
        raise BackendError(f"the process of `{pid_file}` does not end", f"its number is {_number(pid_file)}")


def _number(pid_file: Path) -> int:
    text = pid_file.read_text().strip()
    if not text.isdigit():
        raise BackendError(f"`{pid_file}` does not say which process holds it", "end that process by hand")
    return int(text)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
