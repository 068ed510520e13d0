"""The folders of runs: their names, what `run.json` says, and which of them are kept."""

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlspec.base.digest import digest
from mlspec.base.folder import write_text

FORMAT = 1
RUNNING = "running"


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

    def step(self, name: str) -> Path:
        """Say where the outputs of a step lie."""
        return self.path / name

    def log(self, name: str) -> Path:
        """Say where the log of a step lies."""
        return self.path / f"{name}.log"

    def write(self, status: str, facts: Mapping[str, Any]) -> None:
        """Replace `run.json`."""
        now = time.time()
        record = {
            "format_version": FORMAT,
            "id": self.id,
            "workflow": self.workflow,
            "status": status,
            "started_at": _when(self.started),
            "finished_at": None if status == RUNNING else _when(now),
            "seconds": round(now - self.started, 3),
            "pid": os.getpid(),
            **facts,
        }
        write_text(self.path / "run.json", json.dumps(record, indent=2, allow_nan=False) + "\n")


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
    own = [path for path, record in _records(runs) if record.get("workflow") == workflow]
    gone = [path for path in sorted(own)[: -max(keep, 1)] if not _is_running(path)]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    kept = (record for path, record in _records(runs) if path not in gone)
    return {step["key"] for record in kept for step in record.get("steps", ()) if step.get("key")}


def used_keys(runs: Path) -> set[str]:
    """The cache keys that the kept runs of all workflows used."""
    records = [record for _, record in _records(runs)] if runs.is_dir() else []
    return {step["key"] for record in records for step in record.get("steps", ()) if step.get("key")}


def _records(runs: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(runs.iterdir()):
        with suppress(OSError, ValueError):
            record = json.loads((path / "run.json").read_text(encoding="utf-8"))
            if isinstance(record, dict):
                yield path, record


def _is_running(path: Path) -> bool:
    try:
        record = json.loads((path / "run.json").read_text(encoding="utf-8"))
        if record["status"] != RUNNING:
            return False
        os.kill(int(record["pid"]), 0)
    except (OSError, ValueError, KeyError):
        return False
    return True


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
