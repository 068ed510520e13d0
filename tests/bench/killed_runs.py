"""Kills the runner, or one of its steps, at random moments, and goes on: `python tests/bench/killed_runs.py [TIMES] [SEED]`.

After each kill the run goes on, or a new one begins, until one comes to its end. Then the outputs must be the same as ever, and nothing that was
finished may have been run twice.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE.parent), str(HERE / "unit")]

from local_project import Project  # noqa: E402 - found by the line above
from test_local_runs import CHAIN, STEPS, WANTED, finished  # noqa: E402 - as above

from mlspec.backends.port import BackendError  # noqa: E402 - as above
from mlspec.ir.workflow import Workflow  # noqa: E402 - as above

WORKFLOW = Workflow("w", STEPS, version="ab" * 16)
TOTAL = Counter("abcdddde")
LONGEST = 0.3


def of_a_step(root: Path) -> list[int]:
    """The processes of steps that run in a folder."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - faster
        with suppress(OSError):
            if name.isdigit() and Path(f"/proc/{name}/cwd").resolve() == root.resolve():
                found.append(int(name))
    return found


def break_off(root: Path, dice: random.Random) -> str:
    """Run it in a process of its own, and kill that, or a step of it."""
    script = CHAIN.format(here=str(HERE / "unit"))
    runner = subprocess.Popen([sys.executable, "-c", script, str(root)], stderr=subprocess.DEVNULL, cwd="/")
    while not any(root.glob(".mlspec/runs/dev/*/run.json")) and runner.poll() is None:
        time.sleep(0.01)
    by_step = dice.random() < 0.6  # some are over before they are hit
    time.sleep(dice.random() * LONGEST)
    while by_step and not (steps := of_a_step(root)) and runner.poll() is None:
        time.sleep(0.002)
    if by_step and steps:
        with suppress(ProcessLookupError):
            os.kill(dice.choice(steps), signal.SIGKILL)
        runner.wait()
        return "a step"
    runner.kill()
    runner.wait()
    return "the runner"


def settle(project: Project, dice: random.Random) -> None:
    """Go on with the run, or begin another one; what was killed in the middle may have to be ended first."""
    runs = project.local.runs()
    try:
        if runs and runs[0].status != "done" and dice.random() < 0.5:
            project.local.resume(runs[0].id, WORKFLOW, project.tools)
        else:
            project.run(*STEPS)
    except BackendError as error:
        raise AssertionError(f"{error}\n{error.help}") from error


def tried(root: Path, dice: random.Random) -> str:
    root.mkdir()
    (root / "ready").touch()  # its last step waits for this
    what = break_off(root, dice)
    project = Project(root, parallelism=3)
    while any(run.status == "running" for run in project.local.runs()):
        time.sleep(0.05)
    over = Counter(finished(root))
    counted = root / "count"
    before = counted.read_text().split() if counted.exists() else []
    settle(project, dice)
    again = Counter(counted.read_text().split()[len(before) :])
    assert project.file("e/out/f") == WANTED
    assert again + over <= TOTAL, (again, over)
    return what


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    dice = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    found: Counter[str] = Counter()
    for number in range(times):
        with tempfile.TemporaryDirectory() as folder:
            found[tried(Path(folder) / f"p{number}", dice)] += 1
    print(
        ", ".join(f"{what} killed {n} times" for what, n in sorted(found.items())),
        "- every run came to the same, nothing finished was run twice",
    )


if __name__ == "__main__":
    main()
