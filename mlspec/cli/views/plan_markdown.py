"""A plan as Markdown, for a comment on a pull request; a function of its JSON and of nothing else."""

import re
from collections.abc import Iterator

from mlspec.cli.views import reasons
from mlspec.cli.views.drift import WORDS
from mlspec.cli.views.fields import field_lines
from mlspec.cli.views.plan import handle
from mlspec.cli.views.reasons import DESTRUCTIVE, Json
from mlspec.cli.views.terminal import Look, safe
from mlspec.cli.views.values import count, some

_LONGEST = 60_000
"""A comment on GitHub has room for 65,536 characters."""
_ROWS = 200


def as_markdown(plan: Json) -> str:
    """Summary, destructive changes, a table of all changes, their details folded, reviews and policies."""
    changes = [c for c in plan["changes"] if c["action"] != "none"]
    parts = [f"### mlspec plan: {escaped(plan['project'])}, environment {escaped(plan['environment'])}"]
    parts.append(f"**{reasons.summary(plan)}**" if changes else f"**{reasons.nothing(plan)}**")
    if lost := [c["address"] for c in changes if c["action"] in DESTRUCTIVE]:
        names = some([f"`{a}`" for a in lost], 20)
        parts.append(f"> [!CAUTION]\n> {count(len(lost), 'change')} would delete what exists: {names}")
    if plan["drift"]:
        parts.append("\n".join(_drift(plan)))
    if changes:
        parts.append("\n".join(_table(changes)))
    if proven := [c for c in changes if c.get("evidence")]:
        lines = [f"- `{c['address']}`: {escaped(reasons.evidence(c['evidence']))}" for c in proven]
        parts.append("\n".join([f"**Evidence from {escaped(plan['promoted_from'])}**", "", *lines]))
    parts.extend(_asides(plan))
    details = "\n\n".join(d for c in changes if (d := _details(c)))
    if details:
        room = _LONGEST - sum(len(p) for p in parts)
        parts.append(
            _folded(details)
            if len(details) < room
            else "_The details are too long for a comment: see the log of the run._"
        )
    return "\n\n".join(parts) + "\n"


def _drift(plan: Json) -> Iterator[str]:
    yield "**What the state would learn**" if plan["refresh_only"] else "**Drift: not as it was recorded**"
    yield ""
    for one in plan["drift"]:
        accepted = " (accepted)" if one["acknowledged"] else ""
        yield f"- `{one['address']}`: {escaped(one['subject'])} {WORDS[one['what']]}{accepted}"


def _table(changes: list[Json]) -> Iterator[str]:
    yield "| | what | why | leads to |"
    yield "|---|---|---|---|"
    for change in changes[:_ROWS]:
        leads = ", ".join(reasons.consequence(c) for c in change["consequences"])
        yield f"| `{change['symbol']}` | `{change['address']}` | {escaped(reasons.reason(change))} | {leads} |"
    if len(changes) > _ROWS:
        yield f"| | and {len(changes) - _ROWS} more | | |"


def _details(change: Json) -> str:
    lines = [line for f in change["fields"] for line in field_lines(f, Look())]
    if columns := reasons.columns_long(change["columns"], full=False):
        lines.append(f"columns: {columns}")
    lines.extend(f"because {c}" for c in reasons.cause(change, full=False))
    if not lines:
        return ""
    body = safe("\n".join(lines))
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", body) or [""]))
    return f"`{change['symbol']} {change['address']}`\n{fence}diff\n{body}\n{fence}"


def _folded(text: str) -> str:
    return f"<details><summary>Details</summary>\n\n{text}\n\n</details>"


def _asides(plan: Json) -> Iterator[str]:
    for said, addresses in reasons.left_out(plan):
        yield f"{said}: {some([f'`{a}`' for a in addresses], 20)}"
    if plan["reviews"]:
        word = "required" if plan["reviews_required"] else "needed"
        yield "\n".join(_review(r, word) for r in plan["reviews"])
    if plan["verdicts"]:
        yield "\n".join(
            f"- {'🛑' if v['enforce'] == 'deny' else '⚠️'} {escaped(reasons.verdict(v))}" for v in plan["verdicts"]
        )
    if plan["notes"]:
        yield "\n".join(f"- {escaped(n)}" for n in plan["notes"])


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
