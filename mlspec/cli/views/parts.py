"""Partitions: which there are to build, and what was built."""

import datetime as dt
from typing import Any

from mlspec.cli.views.table import table
from mlspec.cli.views.terminal import Look
from mlspec.cli.views.values import count

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - shown as UTC


def brought(found: Any) -> str:
    """`feature_view.x: 3 partitions built, 1,200 rows in 40 partitions`."""
    done = f"{count(found.built, 'partition')} built" if found.built else "nothing was due"
    return f"{found.address}: {done}, {count(found.rows, 'row')} in {count(found.partitions, 'partition')}"


def listing(found: Any, look: Look) -> str:
    """A line for each partition that would be built."""
    if not found.due:
        return f"{found.address}: no partition is meant."
    rows = [[_shown(p.begins), _shown(p.ends), p.due or "up to date", p.rows] for p in found.due]
    said = f"{found.address}: {count(len(found.due), 'partition')} would be built"
    return "\n\n".join([table(("from", "to", "now", "rows"), rows, look), said])


def data(found: Any, *, dry_run: bool) -> dict[str, Any]:
    """The same for programs."""
    parts = [{"from": _shown(p.begins), "to": _shown(p.ends), "due": p.due, "rows": p.rows} for p in found.due]
    return {
        "address": found.address, "version": found.version, "dry_run": dry_run, "built": found.built, "rows": found.rows,
        "partitions": found.partitions, "chosen": parts,
    }  # fmt: skip


def _shown(at: int) -> str:
    return f"{(_EPOCH + dt.timedelta(microseconds=at)).isoformat()}Z"
