"""A plan as Markdown, for a comment on a pull request; a function of its JSON and of nothing else."""

import re
from collections.abc import Iterator, Mapping

from mlspec.cli.views import left, reasons
from mlspec.cli.views.drift import WORDS
from mlspec.cli.views.fields import field_lines
from mlspec.cli.views.plan import handle
from mlspec.cli.views.reasons import DESTRUCTIVE, Json
from mlspec.cli.views.terminal import Look, cut, safe
from mlspec.cli.views.values import count, some

LONGEST = 60_000
"""A comment on GitHub has room for 65,536 characters."""
_ROWS = 200
_LINES = 20
_CELL = 300


def as_markdown(plan: Json, artifacts: Mapping[str, str] | None = None) -> str:
    """What would be lost, what changes in a table, whom it breaks, what is not done, reviews, policies; details folded.

    It is never longer than a comment may be: what does not fit is counted.
    """
    changes = [c for c in plan["changes"] if c["action"] != "none"]
    parts = [*_head(plan, changes), *_drift(plan)]
    rest = [*_evidence(plan, changes), *_asides(plan)]
    room = LONGEST - sum(len(p) + 2 for p in (*parts, *rest))
    if changes:
        table = _table(changes, room)
        parts.append(table)
        room -= len(table) + 2
    parts.extend(_fitting(rest, LONGEST // 2))
    for title, text in (("Details", _details(changes)), ("Steps", _steps(plan, artifacts or {}))):
        if text:
            folded = f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
            fits = len(folded) + 200 < room
            parts.append(folded if fits else f"_{title} are too long for a comment: see the log of the run._")
            room -= len(parts[-1]) + 2
    return "\n\n".join(parts) + "\n"


def _drift(plan: Json) -> Iterator[str]:
    if not plan["drift"]:
        return
    head = "**What the state would learn**" if plan["refresh_only"] else "**Drift: not as it was recorded**"
    lines = [
        f"- `{d['address']}`: {escaped(d['subject'])} {WORDS[d['what']]}{' (accepted)' if d['acknowledged'] else ''}"
        for d in plan["drift"]
    ]
    yield "\n".join([head, "", *_some_lines(lines)])


def _head(plan: Json, changes: list[Json]) -> Iterator[str]:
    yield f"### mlspec plan: {escaped(plan['project'])}, environment {escaped(plan['environment'])}{_against(plan)}"
    yield f"**{reasons.summary(plan)}**" if changes else f"**{reasons.nothing(plan)}**"
    if lost := [c["address"] for c in changes if c["action"] in DESTRUCTIVE]:
        names = some([f"`{a}`" for a in lost], _LINES)
        yield f"> [!CAUTION]\n> {count(len(lost), 'change')} would delete what exists: {names}"
    if broken := left.breaking(plan):
        yield "> [!WARNING]\n" + "\n".join(f"> {escaped(line)}  " for line in _some_lines(broken))


def _evidence(plan: Json, changes: list[Json]) -> Iterator[str]:
    if proven := [c for c in changes if c.get("evidence")]:
        lines = [f"- `{c['address']}`: {escaped(reasons.evidence(c['evidence']))}" for c in proven]
        yield "\n".join([f"**Evidence from {escaped(plan['promoted_from'])}**", "", *_some_lines(lines)])


def _against(plan: Json) -> str:
    return f", against {escaped(plan['against'])}" if plan["against"] else ""


def _table(changes: list[Json], room: int) -> str:
    lines = ["| | what | why | leads to |", "|---|---|---|---|"]
    size = sum(len(line) + 1 for line in lines)
    for number, change in enumerate(changes):
        leads = ", ".join(reasons.consequence(c) for c in change["consequences"])
        why = escaped(cut(reasons.reason(change), _CELL))
        line = f"| `{change['symbol']}` | `{change['address']}` | {why} | {leads} |"
        if number == _ROWS or size + len(line) > room - _CELL:
            lines.append(f"| | and {len(changes) - number} more | | |")
            break
        lines.append(line)
        size += len(line) + 1
    return "\n".join(lines)


def _details(changes: list[Json]) -> str:
    return "\n\n".join(d for c in changes if (d := _detail(c)))


def _detail(change: Json) -> str:
    lines = [line for f in change["fields"] for line in field_lines(f, Look())]
    if columns := reasons.columns_long(change["columns"], full=False):
        lines.append(f"columns: {columns}")
    lines.extend(f"because {c}" for c in reasons.cause(change, full=False))
    if change["estimate"]:
        lines.append(left.estimate(change["estimate"]))
    if change["after"]:
        lines.append(f"what is there stays until {some(change['after'], _LINES)} has moved")
    return _fenced(f"{change['symbol']} {change['address']}", "\n".join(lines), "diff") if lines else ""


def _steps(plan: Json, artifacts: Mapping[str, str]) -> str:
    found = []
    for number, step in enumerate(plan["steps"] if artifacts else (), 1):
        texts = [_fenced(p, artifacts[p]) for p in step["artifacts"] if p in artifacts]
        found.append("\n\n".join([f"{number}. {reasons.does(step)} `{step['address']}`", *texts]))
    return "\n\n".join(found)


def _fenced(title: str, body: str, language: str = "") -> str:
    text = safe(body)
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text) or [""]))
    return f"`{title}`\n{fence}{language}\n{text}\n{fence}"


def _asides(plan: Json) -> Iterator[str]:
    if kept := left.lines(plan):
        yield "Not done:\n" + "\n".join(f"- {escaped(line)}" for line in _some_lines(kept))
    for said, addresses in reasons.left_out(plan):
        yield f"{said}: {some([f'`{a}`' for a in addresses], _LINES)}"
    if plan["reviews"]:
        word = "required" if plan["reviews_required"] else "needed"
        yield "\n".join(_some_lines([_review(r, word) for r in plan["reviews"]]))
    if plan["verdicts"]:
        verdicts = [
            f"- {'🛑' if v['enforce'] == 'deny' else '⚠️'} {escaped(reasons.verdict(v))}" for v in plan["verdicts"]
        ]
        yield "\n".join(_some_lines(verdicts))
    if plan["notes"]:
        yield "\n".join(_some_lines([f"- {escaped(n)}" for n in plan["notes"]]))


def _some_lines(lines: list[str]) -> list[str]:
    """So many lines that a reader takes in, each no longer than a paragraph; the rest is counted."""
    shown = [cut(line, 2 * _CELL) for line in lines[:_LINES]]
    return shown if len(lines) <= _LINES else [*shown, f"- and {len(lines) - _LINES} more"]


def _fitting(parts: list[str], room: int) -> Iterator[str]:
    for part in parts:
        yield part if len(part) <= room else f"{part[:room].rsplit(chr(10), 1)[0]}\n- …"
        room -= min(len(part), room)


def _review(review: Json, word: str) -> str:
    handles = " ".join(handle(r) for r in review["reviewers"])
    role = f" ({review['role']})" if review["role"] else ""
    addresses = some([f"`{a}`" for a in review["addresses"]], 10)
    because = f"; because {escaped(why)}" if (why := reasons.asked_because(review)) else ""
    return f"- Review {word}: **{escaped(review['team'])}**{escaped(role)} {handles} — {addresses}{because}"


def escaped(text: str) -> str:
    """Text from specs inside Markdown: no HTML, no links, no end of a table's cell."""
    plain = safe(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
    return re.sub(r"([\\|\[\]*~])", r"\\\1", plain)
