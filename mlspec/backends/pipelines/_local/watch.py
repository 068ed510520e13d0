"""Ends the process groups it was told of when the process that told it is gone; run as a script by `guard`."""

import contextlib
import os
import signal
import sys
import time

GRACE = 2.0


def main() -> None:
    """Read `+<group>` and `-<group>` until the other side closes, however it died; then end what is left."""
    groups: set[int] = set()
    for line in sys.stdin:
        change = groups.add if line.startswith("+") else groups.discard
        change(int(line[1:]))
    for number in (signal.SIGTERM, signal.SIGKILL) if groups else ():
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        time.sleep(GRACE if number == signal.SIGTERM else 0)


if __name__ == "__main__":
    main()
