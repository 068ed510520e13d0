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
_KEPT = "best"


def short(record: RunRecord) -> dict[str, Any]:
    """What a list says of a run."""
    names = ("id", "workflow", "status", "started_at", "finished_at", "seconds", "version", "folder")
    return {name: getattr(record, name) for name in names}


def data(record: RunRecord) -> dict[str, Any]:
    """All of a run, for programs."""
    return asdict(record) | {"searches": [_search(step, items) for step, items in _searches(record)]}


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
    searches = _searches(record)
    shown_there = {s.label for _, items in searches for s in items}
    if record.steps:
        rows = [[s.label, s.status, took(s.seconds), _told(s)] for s in record.steps if s.label not in shown_there]
        parts.append(table(("step", "status", "took", "about"), rows, look))
    parts += [_table(step, items, look) for step, items in searches]
    metrics = [[step, name, value] for step, found in record.metrics.items() for name, value in found.items()]
    if metrics:
        parts.append(table(("step", "metric", "value"), metrics, look))
    parts.append("\n".join(f"{name}: {text}" for name, text in _facts(record) if text))
    return "\n\n".join(parts)


Search = tuple[StepRecord, tuple[StepRecord, ...]]
"""A fan-out and its items."""


def _searches(record: RunRecord) -> list[Search]:
    """The fan-outs whose items have parameters of their own; one that goes on has no record of the whole yet."""
    found: dict[str, list[StepRecord]] = {}
    for step in record.steps:
        if step.item is not None and step.own:
            found.setdefault(step.name, []).append(step)
    wholes = {s.name: s for s in record.steps if s.item is None}
    ordered = {name: tuple(sorted(items, key=lambda s: s.item or 0)) for name, items in found.items()}
    return [(wholes.get(name) or StepRecord(name, items[0].status), items) for name, items in ordered.items()]


def _search(step: StepRecord, items: Sequence[StepRecord]) -> dict[str, Any]:
    kept = step.kept
    told = [
        {"item": s.item, "status": s.status, "seconds": s.seconds, "parameters": dict(s.own), "metrics": dict(s.metrics),
         "kept": kept is not None and s.item == kept.item}
        for s in items
    ]  # fmt: skip
    return {"step": step.name, "keep": asdict(kept) if kept else None, "items": told}


def _table(step: StepRecord, items: Sequence[StepRecord], look: Look) -> str:
    """A row for each item, with its parameters and metrics; the one that was kept is marked."""
    kept = step.kept
    own, measured = (list(dict.fromkeys(n for s in items for n in getattr(s, f))) for f in ("own", "metrics"))
    about = any(_told(s) for s in items)
    marks = [""] if kept else []
    columns = [step.name, *marks, "status", "took", *own, *measured, *(["about"] if about else [])]
    rows = []
    for s in items:
        mark = [_KEPT if kept.item == s.item else ""] if kept else []
        values = [*(s.own.get(n) for n in own), *(s.metrics.get(n) for n in measured)]
        rows.append([s.label, *mark, s.status, took(s.seconds), *values, *([_told(s)] if about else [])])
    how = f", keeps the {'highest' if kept.mode == 'max' else 'lowest'} `{kept.best}`" if kept else ""
    return f"{step.name}: {count(len(items), 'item')}{how}\n{table(columns, rows, look)}"


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


def silent(record: RunRecord, asked: Sequence[str]) -> str:
    """That nothing was written: by the steps that were asked for, or by any."""
    if not asked:
        return f"No step of run `{record.id}` has written anything."
    [status] = [s.status for s in record.steps if s.label == asked[0]] or [""]
    known = {"cached": ": it was taken from the cache", "skipped": ": it was skipped", "not run": ": it was not run"}
    return f"Step `{asked[0]}` of run `{record.id}` has written nothing{known.get(status, '')}."
