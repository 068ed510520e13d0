"""The command line, run as people run it: in a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb

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


def check_life(folder: Path) -> None:
    """Apply, see that nothing is left to do, destroy, see that nothing is left."""
    mlspec(folder, "apply", "--auto-approve")
    mlspec(folder, "plan", "--detailed-exitcode")
    mlspec(folder, "destroy", "--auto-approve")
    assert nothing_is_left(folder)


def nothing_is_left(folder: Path) -> bool:
    """Whether neither state nor warehouse nor registry nor any rendered file remembers the project."""
    recorded = json.loads(mlspec(folder, "state", "list", "--format", "json").out)["records"]
    models = [p for p in (folder / ".mlspec" / "models").glob("*") if p.is_dir()]
    return not (recorded or models or _tables(folder) or (folder / "deploy").exists())


def _tables(folder: Path) -> list[str]:
    with duckdb.connect(str(folder / ".mlspec" / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
    return [name for (name,) in found if not name.startswith("_")]  # its own records of versions, pointers and checks
