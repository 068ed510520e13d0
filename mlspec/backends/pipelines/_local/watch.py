"""Ends the processes of a run when the one that told of them is gone; run as a script by `guard`."""

import contextlib
import os
import signal
import sys
import time

GRACE = 2.0
_TICK = 0.05


def main() -> None:
    """Read `+<group>` and `-<group>` until the other side closes, however it died; then end what is left of the run."""
    mark = f"MLSPEC_GUARD={sys.argv[1]}".encode()
    groups: set[int] = set()
    for line in sys.stdin:
        change = groups.add if line.startswith("+") else groups.discard
        change(int(line[1:]))
    end = time.monotonic() + GRACE
    number = signal.SIGTERM
    while _signal(groups, mark, number) and number != signal.SIGKILL:
        while time.monotonic() < end and _signal(groups, mark, 0):
            time.sleep(_TICK)
        number = signal.SIGKILL
    for _ in range(20):  # one that was just being started is not seen the first time
        if not _signal(set(), mark, signal.SIGKILL):
            return
        time.sleep(_TICK)


def _signal(groups: set[int], mark: bytes, number: int) -> bool:
    """Signal the groups, and whatever has the mark in its environment though it left its group; whether there was any."""
    found = False
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
            found = True
    for process in _marked(mark):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)
            found = True
    return found


def _marked(mark: bytes) -> list[int]:
    """The processes of the run, where the system tells (Linux)."""
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):  # noqa: PTH208 - starts faster
            if name.isdigit() and int(name) != os.getpid():
                with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123 - starts faster
                    if mark in file.read().split(b"\0"):
                        found.append(int(name))
    return found


if __name__ == "__main__":
    main()
