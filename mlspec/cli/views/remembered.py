"""Runs of models and pipelines that a target remembers: a list of them, and one in full."""

from collections.abc import Sequence
from typing import Any

from mlspec.backends.runs import RunRecord, StepRecord
from mlspec.base.value import asdict
from mlspec.cli.views.table import table
from mlspec.cli.views.terminal import Look
from mlspec.cli.views.things import listing
from mlspec.cli.views.values import count, took

_DIGITS = 8


def short(record: RunRecord) -> dict[str, Any]:
    """What a list says of a run."""
    names = ("id", "workflow", "status", "started_at", "finished_at", "seconds", "version", "folder")
    return {name: getattr(record, name) for name in names}


def data(record: RunRecord) -> dict[str, Any]:
    """All of a run, for programs."""
    return asdict(record)


def listed(records: Sequence[RunRecord], look: Look) -> str:
    """A line for each run."""
    rows = [
        {"run": r.id, "of": r.workflow, "status": r.status, "started": r.started_at, "took": took(r.seconds) if r.finished_at else ""}
        for r in records
    ]  # fmt: skip
    return listing(rows, look, "No model was trained and no pipeline was run here yet.")


def whole(record: RunRecord, look: Look) -> str:
    """Its steps with what became of them, and what it was made with."""
    parts = [f"run {record.id} of {record.workflow}: {record.status}"]
    if record.steps:
        rows = [[s.label, s.status, took(s.seconds), _told(s)] for s in record.steps]
        parts.append(table(("step", "status", "took", "about"), rows, look))
    metrics = [[step, name, value] for step, found in record.metrics.items() for name, value in found.items()]
    if metrics:
        parts.append(table(("step", "metric", "value"), metrics, look))
    parts.append("\n".join(f"{name}: {text}" for name, text in _facts(record) if text))
    return "\n\n".join(parts)


def _told(step: StepRecord) -> str:
    said = [step.error.partition("\n")[0], f"not from the cache: {step.why}" if step.why else ""]
    said.append(count(step.attempts, "attempt") if step.attempts > 1 else "")
    return "; ".join(s for s in said if s)


def _facts(record: RunRecord) -> list[tuple[str, str]]:
    made = record.made_with
    revision = str(made.get("revision", ""))[:12] + (", with changes" if made.get("changed") else "")
    return [
        ("started", record.started_at), ("finished", record.finished_at), ("definition", record.digest[:_DIGITS]),
        ("version", record.version[:_DIGITS]), ("parameters", ", ".join(f"{n} = {v!r}" for n, v in record.parameters.items())),
        ("code revision", revision), ("Python", str(made.get("python", ""))), ("platform", str(made.get("platform", ""))),
        ("packages", str(made.get("packages", ""))[:_DIGITS]), ("folder", record.folder),
    ]  # fmt: skip
