"""What is not as it was recorded: a line for each thing, with what to do; a function of its JSON and of nothing else."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlspec.cli.views.reasons import Json
from mlspec.cli.views.terminal import Look
from mlspec.cli.views.values import count, inline, some

WORDS: Mapping[str, str] = {
    "missing": "is gone",
    "altered": "was altered by hand",
    "repointed": "was pointed elsewhere by hand",
    "unnoted": "has lost the notes of its partitions",
    "edited": "was edited",
    "stopped": "does not answer",
    "column_added": "is new upstream",
    "column_removed": "is gone upstream",
    "column_retyped": "has another type upstream",
}
_VALUE = 72
_BEFORE = 24
_NAMED = 4


def as_text(project: str, environment: str, drift: Sequence[Json], recorded: int, look: Look) -> str:
    """What `mlspec drift` prints."""
    head = look.paint(f"Drift of {project}, environment {environment}", "bold")
    if not drift:
        return f"{head}\n\nNo drift. What exists is what was recorded ({count(recorded, 'resource')})."
    unaccepted = [d for d in drift if d["acknowledged"] is None]
    said = f"{count(len(unaccepted), 'thing')} drifted"
    if accepted := len(drift) - len(unaccepted):
        said += f", {accepted} accepted"
    return "\n\n".join([head, "\n".join(lines(drift, look)), look.paint(f"{said}; {recorded} recorded.", "bold")])


def lines(drift: Sequence[Json], look: Look) -> Iterator[str]:
    """A line for each thing, and what to do about it."""
    for one in drift:
        subject = "" if one["subject"] in one["address"] else f" `{one['subject']}`"
        kind = "column" if one["what"].startswith("column_") else ""
        named = f"{look.paint(one['address'], 'bold')}:{f' {kind}' * bool(kind)}{subject} {WORDS[one['what']]}"
        yield f"  {look.paint('!', 'yellow')} {named}{_difference(one)}"
        yield f"      {look.paint(_accepted(one) or one['help'], 'dim')}"


def _accepted(one: Json) -> str:
    accepted = one["acknowledged"]
    if accepted is None:
        return ""
    if accepted["by"] == "ignore_changes":
        return "ignored: `ignore_changes` names it"
    return f"accepted until {accepted['until']}: {accepted['reason']}"


def _difference(one: Json) -> str:
    """What was recorded and what is there, where that fits on the line."""
    before, after = one["recorded"], one["observed"]
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        key = next((k for k in ("definition", "version") if k in after and before.get(k) != after[k]), "")
        if not key:
            return ""
        before, after = before.get(key), after[key]
        if columns := _columns(before, after):
            return f": {columns}"
        before, after = _from_difference(before, after)
    if not isinstance(before, str) and not isinstance(after, str):
        return ""
    parts = [inline(v, _VALUE) for v in (before, after) if isinstance(v, str)]
    return f": {' -> '.join(parts)}" if isinstance(after, str) or one["what"] == "column_removed" else ""


def _columns(before: Any, after: Any) -> str:
    """What has become of the columns of a table, by name: its shape is `name TYPE, name TYPE`; empty for anything else."""
    old, new = (_COLUMN.findall(text) if _is_table(text) else [] for text in (before, after))
    if not old or not new:
        return ""
    was, now = dict(old), dict(new)
    parts = [f"`{n}` is new ({kind})" for n, kind in new if n not in was]
    parts += [f"`{n}` is gone" for n, _ in old if n not in now]
    parts += [f"`{n}` is {kind}, it was {was[n]}" for n, kind in new if n in was and was[n] != kind]
    return f"{'column' if len(parts) == 1 else 'columns'} {some(parts, _NAMED)}" if parts else ""


_COLUMN = re.compile(r"(\S+) ([^,()\s][^,()]*(?:\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)[^,()]*)*)(?:, |$)")


def _is_table(text: Any) -> bool:
    return (
        isinstance(text, str) and not _STATEMENT.match(text) and "".join(m[0] for m in _COLUMN.finditer(text)) == text
    )


_STATEMENT = re.compile(r"\s*(?:create|select|with|digest)\b", re.IGNORECASE)


def _from_difference(before: Any, after: Any) -> tuple[Any, Any]:
    """Two long texts from shortly before where they begin to differ."""
    if not isinstance(before, str) or not isinstance(after, str):
        return before, after
    same = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0) - _BEFORE
    long = max(len(before), len(after)) > _VALUE
    return (f"…{before[same:]}", f"…{after[same:]}") if long and same > 0 else (before, after)


def data(project: str, environment: str, drift: Sequence[Json], recorded: int) -> dict[str, Any]:
    """The same for programs."""
    unaccepted = sum(d["acknowledged"] is None for d in drift)
    return {
        "format_version": 1, "project": project, "environment": environment, "recorded": recorded, "drifted": unaccepted,
        "drift": list(drift),
    }  # fmt: skip
