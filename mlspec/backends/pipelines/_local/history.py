"""The folders of runs: their names, what `run.json` says, and which of them are kept."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlspec.backends.pipelines._local.journal import latest
from mlspec.base.digest import digest
from mlspec.base.folder import write_text
from mlspec.base.value import dataclass

FORMAT = 2
RUNNING, LOST = "running", "lost"
_LOCK = ".lock"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; its name, which is the run's id, begins with the time at which it began (UTC)."""

    path: Path
    workflow: str
    started: float

    @property
    def id(self) -> str:
        """The id of the run."""
        return self.path.name

    def step(self, name: str, item: int | None = None) -> Path:
        """Say where the outputs of a step lie, or those of one item of its fan-out."""
        return self.path / name if item is None else self.path / f"{name}.items" / str(item)

    def log(self, name: str, item: int | None = None) -> Path:
        """Say where the log of a step lies."""
        return self.path / f"{name}.log" if item is None else self.path / f"{name}.items" / f"{item}.log"

    def write(self, status: str, facts: Mapping[str, Any]) -> None:
        """Replace `run.json`."""
        now = time.time()
        record = {
            "format_version": FORMAT,
            "id": self.id,
            "workflow": self.workflow,
            "status": status,
            "started_at": when(self.started),
            "finished_at": None if status == RUNNING else when(now),
            "seconds": round(now - self.started, 3),
            "pid": os.getpid(),
            **facts,
        }
        write_text(self.path / "run.json", json.dumps(record, indent=2, allow_nan=False) + "\n")

    def hold(self, patience: float = 0.0) -> int | None:
        """Take the lock of the run, which tells the living from the dead; None if somebody has it. The system gives it back."""
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        end = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    os.close(descriptor)
                    return None
                time.sleep(0.05)
            else:
                return descriptor


def is_alive(path: Path) -> bool:
    """Whether somebody works on the run in a folder; nobody does where it was taken away meanwhile."""
    folder = RunFolder(path, "", 0.0)
    if not (path / _LOCK).exists():
        return False
    try:
        held = folder.hold()
    except FileNotFoundError:
        return False
    if held is not None:
        os.close(held)
    return held is None


def has_runner(path: Path) -> bool:
    """Whether the process that began a run is there; when it was killed, its run is held until nothing of it is left."""
    try:
        os.kill(int(json.loads((path / "run.json").read_text(encoding="utf-8"))["pid"]), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, KeyError):
        return False
    return True


def new_run(runs: Path, workflow: str, version: str) -> RunFolder:
    """Make the folder of a new run; two that begin in the same moment get two names."""
    while True:
        now = time.time()
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f"{int(now % 1 * 1000):03d}Z"
        path = runs / f"{stamp}-{workflow}-{digest(version, time.time_ns(), os.getpid())[:8]}"
        with suppress(FileExistsError):
            path.mkdir(parents=True)
            return RunFolder(path, workflow, now)


def prune_runs(runs: Path, workflow: str, keep: int) -> set[str]:
    """Keep the newest runs of a workflow, and all that still run; give the cache keys that kept runs of all used."""
    own = [path for path, record in records(runs) if record.get("workflow") == workflow]
    for path in sorted(own)[: -max(keep, 1)]:
        with suppress(FileNotFoundError):  # another process has taken it away
            held = RunFolder(path, workflow, 0.0).hold()
            if held is not None:  # nobody works on it, and as long as we hold it nobody can begin to
                shutil.rmtree(path, ignore_errors=True)
                os.close(held)
    return used_keys(runs)


def used_keys(runs: Path) -> set[str]:
    """The cache keys that the kept runs of all workflows used."""
    return {key for path, record in records(runs) for key in _keys(path, record)} if runs.is_dir() else set()


def records(runs: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """What `run.json` says of each run, the oldest first."""
    for path in sorted(runs.iterdir()) if runs.is_dir() else ():
        with suppress(OSError, ValueError):
            record = json.loads((path / "run.json").read_text(encoding="utf-8"))
            if isinstance(record, dict):
                yield path, record


def _keys(path: Path, record: Mapping[str, Any]) -> set[str]:
    noted = latest(path).values() if record.get("status") == RUNNING else ()
    return {str(step["key"]) for step in (*record.get("steps", ()), *noted) if step.get("key")}


def when(seconds: float) -> str:
    """A time as people and programs read it (ISO 8601, UTC)."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
