"""Breaks applies off, hundreds of times, over every state store, and counts: `python tests/bench/crashes.py [SEED]`.

Four ways: at every call of the store and of the engine, in this process; at such a place by `os._exit` in a process of its
own; by SIGKILL at a random moment; by a line to PostgreSQL or S3 that is cut or hangs after a random number of bytes. After
each, the next apply must converge: nothing lost, nothing there twice, nothing left to do, the history whole
(`tests/state/crashes.py` says what is looked at).
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE.parent), str(HERE), str(HERE / "state")]

from crashes import Trial  # noqa: E402 - found by the line above

KILLS, EXITS, CUTS = 12, 8, 16


def settled(trial: Trial) -> None:
    trial.converge()
    trial.check()
    trial.next()


def places(trial: Trial) -> int:
    """At every third place of an apply, until it comes to its end."""
    place = 1
    while trial.crash(place):
        settled(trial)
        place += 3
    settled(trial)
    return place // 3


def several(trial: Trial, times: int, break_off: Callable[[], bool]) -> int:
    met = 0
    for _ in range(times):
        met += break_off()
        settled(trial)
    return met


def tried(trial: Trial, dice: random.Random) -> dict[str, int]:
    """How often an apply was broken off in each way; every one has converged when this returns."""
    trial.converge()
    trial.next()
    found = {
        "calls": places(trial),
        "exits": several(trial, EXITS, lambda: trial.exit(dice.randrange(1, 60))),
        "kills": several(trial, KILLS, lambda: trial.kill(dice)),
    }
    if trial.proxy:
        found["cut lines"] = several(trial, CUTS, lambda: trial.cut("cut", dice.randrange(200, 30_000)))
        found["hanging lines"] = several(trial, CUTS, lambda: trial.cut("hang", dice.randrange(200, 30_000)))
        trial.proxy.close()
    return found


def main() -> None:
    dice = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    total = 0
    for store in ("file", "postgres", "s3"):
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = tried(Trial(store, Path(folder) / "p"), dice)
        total += sum(found.values())
        said = ", ".join(f"{n} {what}" for what, n in found.items())
        print(f"{store}: {said}: every one converged ({time.monotonic() - begin:.0f} s)", flush=True)
    print(f"{total} in all")


if __name__ == "__main__":
    main()
