"""What ran: steps with their times, metrics, checks and some of the rows that fail."""

from collections.abc import Sequence
from typing import Any

from mlspec.backends.port import CheckResult
from mlspec.base.value import fields
from mlspec.cli.views.parts import brought
from mlspec.cli.views.parts import data as parts_data
from mlspec.cli.views.table import table
from mlspec.cli.views.terminal import Look
from mlspec.cli.views.values import count, took


def ran(result: Any, look: Look) -> str:
    """Steps with their times, metrics, checks, and the version that was made."""
    parts = []
    if result.steps:
        steps = [[s.name, s.status, took(s.seconds)] for s in result.steps]
        parts.append(table(("step", "status", "took"), steps, look))
    metrics = [[step, name, value] for step, found in result.metrics.items() for name, value in found.items()]
    if metrics:
        parts.append(table(("step", "metric", "value"), metrics, look))
    if result.checks:
        parts.append(checks(result.checks, look))
    if result.brought is not None:
        parts.append(brought(result.brought))
        return "\n\n".join([*parts, *([f"{result.address}: {_outcome(result)}"] if result.checks else [])])
    said = [f"{result.address}: {_outcome(result)}"]
    said += [f"version {result.version}"] * bool(result.version)
    return "\n\n".join([*parts, ", ".join(said)])


def data(result: Any) -> dict[str, Any]:
    """The same for programs; partitions only of what is kept in some."""
    found = {f.name: getattr(result, f.name) for f in fields(result) if f.name != "brought"}
    return found if result.brought is None else found | {"partitions": parts_data(result.brought, dry_run=False)}


def _outcome(result: Any) -> str:
    bad = [c for c in result.checks if not c.passed]
    if result.checks:
        return (
            f"{len(bad)} of {count(len(result.checks), 'check')} failed"
            if bad
            else f"{count(len(result.checks), 'check')} passed"
        )
    failed = [s for s in result.steps if s.status == "failed"]
    return f"done, {count(len(failed), 'step')} failed" if failed else "done"


def checks(found: Sequence[CheckResult], look: Look) -> str:
    """A table of checks, and some of the rows that fail."""
    rows = [[_verdict(c), c.name, c.severity, c.failed, c.total] for c in found]
    parts = [table(("result", "check", "severity", "failed", "of"), rows, look)]
    failing = [(c.name, c.sample) for c in found if not c.passed and c.sample is not None and c.sample.rows]
    parts.extend(f"rows that fail `{name}`:\n{table(s.columns, s.rows, look)}" for name, s in failing)
    return "\n\n".join(parts)


def _verdict(check: CheckResult) -> str:
    return "passed" if check.passed else "FAILED" if check.severity == "error" else "failed"
