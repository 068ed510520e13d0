"""What a step costs on the local runner beside the same program started by hand: `python tests/bench/steps.py [STEPS]`.

CPU seconds of the runner and of all that it starts, for steps that can all run side by side; three times in turn, the least counts.
"""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE.parent), str(HERE / "unit")]

from local_project import ARTIFACT, CommandStep, Project  # noqa: E402 - found by the line above

from mlspec.ir.workflow import Allowed, FanOut, StepParameter, Written  # noqa: E402 - as above

TRUE = ("/bin/true",)
WRITES = ("/bin/sh", "-c", 'echo "$MLSPEC_PARAM_P" > "$MLSPEC_OUTPUT_O/f"')
TURNS = 3


def by_hand(count: int, _: Path) -> None:
    for _number in range(count):
        subprocess.run(TRUE, check=True)


def plain(count: int, root: Path) -> None:
    Project(root).run(*(CommandStep(f"s{n}", TRUE) for n in range(count)))


def writing(count: int, root: Path) -> None:
    steps = []
    for n in range(count):
        number = StepParameter("p", Written(str(n)), Allowed("int64"))
        steps.append(CommandStep(f"s{n}", WRITES, outputs=(("o", ARTIFACT),), parameters=(number,)))
    Project(root).run(*steps)


def fanned_out(count: int, root: Path) -> None:
    items = tuple((("p", str(n)),) for n in range(count))
    Project(root).run(CommandStep("s", TRUE, each=FanOut(items)))


CONTENDERS: dict[str, Callable[[int, Path], None]] = {
    "the program by hand": by_hand,
    "steps that write nothing": plain,
    "items of one fan-out": fanned_out,
    "steps with a parameter and an output that is kept": writing,
    "the same, all of it from the cache": writing,
}


def measured(count: int, turns: int) -> dict[str, float]:
    """Milliseconds of the processor for each step, by contender."""
    found: dict[str, float] = {}
    for _ in range(turns):
        with tempfile.TemporaryDirectory() as folder:
            for name, work in CONTENDERS.items():
                root = Path(folder) / work.__name__
                before = spent()
                work(count, root)
                took = (spent() - before) / count * 1000
                found[name] = min(took, found.get(name, took))
    return found


def spent() -> float:
    whose = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in whose)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    found = measured(count, TURNS)
    bare = found["the program by hand"]
    for name, took in found.items():
        print(f"{name:52} {took:6.2f} ms CPU, {took / bare:5.1f} x, {took - bare:6.2f} ms more")


if __name__ == "__main__":
    main()
