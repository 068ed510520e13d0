"""Reads what is kept of runs: whole ones, those that go on, and those whose runner was killed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlspec.backends.pipelines._local.attempts import shown
from mlspec.backends.pipelines._local.history import LOST, RUNNING, is_alive, when
from mlspec.backends.pipelines._local.journal import Job, latest
from mlspec.backends.pipelines._local.steps import CACHED, DONE
from mlspec.backends.port import BackendError, Place
from mlspec.backends.runs import Kept, RunRecord, StepRecord

LATEST = "latest"
ALL_RUNS = "`mlspec run list` shows all"
_PARAMETER, _INPUT = "parameter ", "input "


class NoLongerKept(BackendError):
    """A run whose folder another process has taken away, for only the newest are kept."""


def run_folders(runs: Path, workflow: str = "") -> tuple[Path, ...]:
    """The folders of the runs of a workflow, or of all, the oldest first; their names say when and of what."""
    there = sorted(p for p in runs.iterdir() if (p / "run.json").exists()) if runs.is_dir() else []
    return tuple(p for p in there if not workflow or p.name.partition("-")[2].rpartition("-")[0] == workflow)


def found_run(runs: Path, name: str) -> Path:
    """The folder of a run by its id, by how it begins or ends, or `latest`. Raises BackendError."""
    there = run_folders(runs)
    if name == LATEST and there:
        return there[-1]
    found = [p for p in there if p.name == name] or [
        p for p in there if p.name.startswith(name) or p.name.endswith(name)
    ]
    if len(found) == 1:
        return found[0]
    what = f"there is no run `{name}`" if not found else f"`{name}` is {len(found)} runs"
    raise BackendError(what, ALL_RUNS, "unknown-run")


def read_run(path: Path, place: Place, *, steps: bool = True) -> RunRecord:
    """What is known of a run, from its journal where it has not come to its end. Raises BackendError."""
    try:
        record = json.loads((path / "run.json").read_text(encoding="utf-8"))
        status = record["status"]
        if status == RUNNING and not is_alive(path):
            status = LOST
        return RunRecord(
            record["id"], record["workflow"], status, record["started_at"], record.get("finished_at") or "",
            record.get("seconds", 0.0), record.get("digest", ""), record.get("version", ""), record.get("parameters", {}),
            record.get("made_with", {}), _steps(path, record, status) if steps else (), record.get("metrics", {}), shown(path, place),
        )  # fmt: skip
    except FileNotFoundError as error:
        raise NoLongerKept(f"run `{path.name}` is not kept any more", ALL_RUNS, "unknown-run") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackendError(f"what is kept of run `{path.name}` cannot be read: {error}", "", "unknown-run") from error


def finished_steps(record: RunRecord) -> dict[Job, StepRecord]:
    """The steps and items of a run that came to something."""
    return {(s.name, s.item): s for s in record.steps if s.status in {DONE, CACHED}}


def key_parts_before(runs: Path, workflow: str, but: Path) -> dict[Job, Mapping[str, str]]:
    """What the keys of the last run of a workflow were made of."""
    earlier = [p for p in run_folders(runs, workflow) if p != but]
    noted = latest(earlier[-1]) if earlier else {}
    return {job: line["parts"] for job, line in noted.items() if line.get("parts")}


def _steps(path: Path, record: Mapping[str, Any], status: str) -> tuple[StepRecord, ...]:
    noted = latest(path) or {(s["name"], None): s for s in record.get("steps", ())}
    return tuple(_step(job, line, gone=status == LOST) for job, line in noted.items())


def _step(job: Job, line: Mapping[str, Any], *, gone: bool) -> StepRecord:
    status = LOST if gone and line["status"] == RUNNING else line["status"]
    parts = line.get("parts", {})
    began = line.get("at")
    return StepRecord(
        job[0], status, job[1], line.get("started_at") or (when(began) if began else ""), line.get("seconds", 0.0), line.get("attempts", 0),
        line.get("work", ""), line.get("why", ""), _under(parts, _PARAMETER), _under(parts, _INPUT), line.get("outputs", {}),
        line.get("metrics", {}), line.get("error", ""), line.get("log", ""),
        line.get("set", {}), Kept(**line["keep"]) if line.get("keep") else None,
    )  # fmt: skip


def _under(parts: Mapping[str, str], beginning: str) -> dict[str, str]:
    return {name.removeprefix(beginning): text for name, text in parts.items() if name.startswith(beginning)}
