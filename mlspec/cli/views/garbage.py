"""What nothing needs any more: what it is, how much, and since when."""

from typing import Any

from mlspec.cli.views.table import table
from mlspec.cli.views.terminal import Look
from mlspec.cli.views.values import count, size

_DAY, _HOUR, _MINUTE = 86400, 3600, 60


def as_text(found: Any, look: Look) -> str:
    """A line for each thing, and how much all of it is."""
    notes = [f"Note: {n}" for n in found.notes]
    if not found.unused:
        said = f"Nothing to collect: everything is needed, or was made or used within {duration(found.grace)}."
        return "\n\n".join([said, *(["\n".join(notes)] if notes else [])])
    rows = [[u.what, u.name, u.address, size(u.bytes), duration(u.age), u.kept] for u in found.unused]
    columns: tuple[str, ...] = ("what", "name", "of", "about", "unused for", "stays because")
    if not any(u.kept for u in found.unused):
        rows, columns = [r[:-1] for r in rows], columns[:-1]
    total = f"{count(len(found.gone), 'thing')}, about {size(sum(u.bytes for u in found.gone))}, can go."
    return "\n\n".join([table(columns, rows, look), look.paint(total, "bold"), *(["\n".join(notes)] if notes else [])])


def removed(found: Any) -> str:
    """`Removed: 3 things, about 12 MB.`."""
    said = f"Removed: {count(len(found.gone), 'thing')}, about {size(sum(u.bytes for u in found.gone))}."
    stayed = [f"`{u.name}` stays: {u.kept}" for u in found.unused if u.kept]
    return "\n".join([said, *stayed])


def data(found: Any) -> dict[str, Any]:
    """The same for programs."""
    return {
        "environment": found.environment, "grace_seconds": found.grace, "dry_run": found.dry_run,
        "bytes": sum(u.bytes for u in found.gone), "notes": list(found.notes),
        "unused": [
            {"what": u.what, "name": u.name, "address": u.address, "rows": u.rows, "bytes": u.bytes,
             "age_seconds": round(u.age, 3), "kept": u.kept}
            for u in found.unused
        ],
    }  # fmt: skip


def duration(seconds: float) -> str:
    """`7 days`, `3 hours`, `20 seconds`."""
    for unit, word in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= unit:
            return count(int(seconds // unit), word)
    return count(int(seconds), "second")
