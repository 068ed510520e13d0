"""What is recorded besides the records: who is changing what, and what was done before."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlspec.base.value import asdict
from mlspec.cli.views.table import table, vertical
from mlspec.cli.views.terminal import Look
from mlspec.cli.views.values import some
from mlspec.ledger.claim import Claim
from mlspec.ledger.history import Past

_COMMIT = 10


def claims_data(held: Iterable[Claim]) -> list[dict[str, object]]:
    """Claims for programs; `gone` says that the process has certainly ended."""
    names = ("id", "who", "host", "pid", "when", "why")
    return [
        {n: getattr(c, n) for n in names} | {"gone": c.gone, "writes": list(c.writes), "reads": list(c.reads)}
        for c in held
    ]


def claims_text(held: Sequence[Mapping[str, Any]], look: Look) -> str:
    """A line for each claim."""
    lines = []
    for one in held:
        what = "everything" if one["writes"] == ["*"] else some(one["writes"], 3)
        gone = "; its process is gone" if one["gone"] else ""
        lines.append(f"{look.paint('Claimed', 'yellow')}: {what}, by {one['who']}@{one['host']} (process {one['pid']}) since {one['when']} "
                     f"for `{one['why']}`, id {one['id']}{gone}")  # fmt: skip
    return "\n".join(lines)


def runs_data(runs: Iterable[Past]) -> list[dict[str, object]]:
    """Runs in short."""
    return [
        {
            "number": p.number, "run": p.run, "verb": p.verb, "began": p.began, "ended": p.ended, "who": p.who, "host": p.host,
            "revision": p.revision[:_COMMIT] + ("+" if p.revision.endswith("+") else ""), "result": p.result,
            "changes": ", ".join(f"{n} {a}" for a, n in (p.summary or {}).items()), "command": p.command,
        }
        for p in runs
    ]  # fmt: skip


def past_data(one: Past) -> dict[str, Any]:
    """A run in full."""
    return asdict(one)


def past_text(one: Mapping[str, Any], look: Look) -> str:
    """A run in full: who, when and from what; then what it changed, and what it could not."""
    names = ("number", "verb", "result", "began", "ended", "who", "host", "command", "revision", "mlspec", "run")
    parts = [vertical([(n, one[n]) for n in names if one[n]], look)]
    if one["changes"]:
        columns = [
            c for c in ("action", "address", "reason", "version", "moved") if any(r.get(c) for r in one["changes"])
        ]
        parts.append(table(columns, [[r.get(c, "") for c in columns] for r in one["changes"]], look))
    parts += [f"{look.paint('failed', 'red')}: {f['address']}: {f['message']}" for f in one["failed"]]
    if one["skipped"]:
        parts.append(f"{look.paint('skipped', 'yellow')}: {', '.join(one['skipped'])}")
    return "\n\n".join(parts)
