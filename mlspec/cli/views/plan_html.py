"""A plan as one HTML page that needs nothing else; a function of its JSON and of its artifacts."""

from collections.abc import Mapping
from importlib.resources import files

from mlspec.cli.views import left, reasons
from mlspec.cli.views.fields import field_lines
from mlspec.cli.views.reasons import DESTRUCTIVE, Json
from mlspec.cli.views.terminal import Look, safe
from mlspec.documents.templates import page


def as_html(plan: Json, artifacts: Mapping[str, str]) -> str:
    """The page; texts of specs are escaped, nothing is loaded from elsewhere."""
    changes = [c for c in plan["changes"] if c["action"] != "none"]
    values = {
        "title": f"{'Destroy' if plan['destroy'] else 'Plan for'} {plan['project']}, environment {plan['environment']}",
        "summary": reasons.summary(plan) if changes else reasons.nothing(plan),
        "lost": [{"address": c["address"], "symbol": c["symbol"], "why": reasons.reason(c)} for c in changes if c["action"] in DESTRUCTIVE],
        "changes": [_change(c) for c in changes],
        "leads": list(left.totals(changes).items()),
        "not_done": left.lines(plan, full=True),
        "breaking": left.breaking(plan),
        "reviews": [{**r, "names": ", ".join(r["addresses"])} for r in plan["reviews"]],
        "verdicts": [reasons.verdict(v) for v in plan["verdicts"]],
        "notes": list(plan["notes"]),
        "steps": [{**s, "number": i, "does": reasons.does(s), "files": _files(s, artifacts)} for i, s in enumerate(plan["steps"], 1)],
    }  # fmt: skip
    text = files("mlspec.cli.views").joinpath("plan.html.j2").read_text("utf-8")
    return page(text, values)


def _change(change: Json) -> dict[str, object]:
    lines = [line for f in change["fields"] for line in field_lines(f, Look(), full=True)]
    if columns := reasons.columns_long(change["columns"], full=True):
        lines.append(f"columns: {columns}")
    lines.extend(f"because {c}" for c in reasons.cause(change, full=True))
    return {
        **change, "why": reasons.reason(change), "leads": ", ".join(reasons.consequence(c) for c in change["consequences"]),
        "details": safe("\n".join(lines)), "now": left.estimate(change["estimate"]) if change["estimate"] else "",
        "waits": ", ".join(change["after"]),
    }  # fmt: skip


def _files(step: Json, artifacts: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"path": p, "text": safe(artifacts[p])} for p in step["artifacts"] if p in artifacts]
