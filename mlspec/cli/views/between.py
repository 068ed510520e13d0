"""Two environments side by side, as text and as Markdown; a function of the JSON and of nothing else."""

from collections.abc import Iterator

from mlspec.cli.views import reasons
from mlspec.cli.views.fields import field_lines
from mlspec.cli.views.plan_markdown import escaped
from mlspec.cli.views.reasons import Json
from mlspec.cli.views.terminal import Look
from mlspec.cli.views.values import count

_SYMBOLS = {
    "only_first": ("-", "red"),
    "only_second": ("+", "green"),
    "different": ("~", "yellow"),
    "words": ("·", "dim"),
}


def as_text(found: Json, look: Look) -> str:
    """A line for each resource that differs, with its columns and fields."""
    head = look.paint(f"{found['project']}: {_sides(found)}", "bold")
    lines = [line for one in found["differences"] for line in _lines(one, found, look)]
    parts = [head, "\n".join(lines)] if lines else [head]
    return "\n\n".join([*parts, look.paint(_summary(found), "bold")])


def _sides(found: Json) -> str:
    how = "as the files describe them" if found["desired"] else "as applied"
    return f"{found['first']} -> {found['second']}, {how}"


def _summary(found: Json) -> str:
    if not found["differences"]:
        return f"No difference: {count(found['same'], 'resource')} are the same."
    parts = [f"{n} {_status(s, found)}" for s in _SYMBOLS if (n := sum(d["status"] == s for d in found["differences"]))]
    return f"{', '.join(parts)}; {found['same']} the same."


def _status(status: str, found: Json) -> str:
    return {
        "only_first": f"only in {found['first']}",
        "only_second": f"only in {found['second']}",
        "different": "different",
        "words": "different in words only",
    }[status]


def _lines(one: Json, found: Json, look: Look) -> Iterator[str]:
    symbol, color = _SYMBOLS[one["status"]]
    said = "" if one["status"] == "different" else f"  ({_status(one['status'], found)})"
    yield f"  {look.paint(symbol, color)} {look.paint(one['address'], 'bold')}{said}"
    if one["status"] in {"different", "words"}:
        for line in _details(one, look):
            yield f"      {line}"


def _details(one: Json, look: Look) -> Iterator[str]:
    for field in one["fields"]:
        yield from field_lines(field, look)
    if columns := ", ".join(f"{c['name']} {c['change']}" for c in one["columns"]):
        yield f"columns: {columns}"
    first, second = one["versions"]
    if first != second:
        yield look.paint(f"version {first or 'none'} -> {second or 'none'}", "dim")


def as_markdown(found: Json) -> str:
    """A table, and the details folded."""
    parts = [f"### mlspec diff: {escaped(found['project'])}, {escaped(_sides(found))}", f"**{_summary(found)}**"]
    if found["differences"]:
        rows = ["| | what | how | columns |", "|---|---|---|---|"]
        for one in found["differences"]:
            columns = reasons.columns_long(one["columns"], full=True) or ", ".join(
                f"`{c['name']}` {c['change']}" for c in one["columns"]
            )
            rows.append(
                f"| `{_SYMBOLS[one['status']][0]}` | `{one['address']}` | {escaped(_status(one['status'], found))} | {columns} |"
            )
        parts.append("\n".join(rows))
    return "\n\n".join(parts) + "\n"
