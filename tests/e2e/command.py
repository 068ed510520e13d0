"""The command line, run as people run it: in a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Said:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str


def mlspec(folder: Path, *arguments: str, code: int | None = 0, **variables: str) -> Said:
    """Run `mlspec` in a folder; with `code` it must end so."""
    known = {k: v for k, v in os.environ.items() if not k.startswith("MLSPEC_")}
    env = {**known, "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1", "COLUMNS": "120", **variables}
    done = subprocess.run(
        [sys.executable, "-m", "mlspec", *arguments],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def lives_and_dies(folder: Path) -> None:
    """Apply, see that nothing is left to do, destroy, see that nothing is left."""
    mlspec(folder, "apply", "--auto-approve")
    mlspec(folder, "plan", "--detailed-exitcode")
    mlspec(folder, "destroy", "--auto-approve")
    assert mlspec(folder, "state", "list", "--format", "json").out.strip() in {"[]", ""}
    assert not list((folder / "deploy").rglob("*.yaml"))
