"""A plan as text; a function of its JSON and of nothing else."""

from collections.abc import Iterator, Sequence

from mlspec.cli.views import drift, left, reasons
from mlspec.cli.views.fields import field_lines
from mlspec.cli.views.reasons import ACTIONS, DESTRUCTIVE, Json
from mlspec.cli.views.terminal import Look, padded
from mlspec.cli.views.values import count, some

_ADDRESSES = 6
"""Addresses that a line names before it counts the rest."""


def as_text(plan: Json, look: Look, *, full: bool = False) -> str:
    """Everything that somebody must know who is asked to agree; `full` shortens nothing."""
    parts = [_header(plan, look), *_drift(plan, look)]
    changes = [c for c in plan["changes"] if c["action"] != "none"]
    if changes:
        parts.append(_legend(changes, look))
        existing = [c for c in changes if c["action"] != "create" and not _plain_delete(c, plan)]
        parts.extend("\n".join(_change(c, look, full=full)) for c in existing)
        parts.extend(_created([c for c in changes if c["action"] == "create"], look))
        parts.extend(_deleted([c for c in changes if _plain_delete(c, plan)], look))
        parts.extend(_destructive(changes, plan, look))
        parts.append(look.paint(reasons.summary(plan), "bold"))
        parts.extend(_leads_to(changes, look, full=full))
        parts.extend(_evidence(changes, plan, look))
    else:
        parts.append(look.paint(reasons.nothing(plan), "bold"))
    return "\n\n".join([*parts, *_asides(plan, look, full=full)])


def _header(plan: Json, look: Look) -> str:
    what = "Destroy" if plan["destroy"] else "Refresh of" if plan["refresh_only"] else "Plan for"
    whence = f", promoted from {plan['promoted_from']}" if plan.get("promoted_from") else ""
    whence += f", back to run {plan['back_to']}" if plan.get("back_to") else ""
    whence += f", against {plan['against']}" if plan["against"] else ""
    return look.paint(f"{what} {plan['project']}, environment {plan['environment']}{whence}", "bold")


def _drift(plan: Json, look: Look) -> Iterator[str]:
    """What nobody edited and is different all the same, before what was edited."""
    if not plan["drift"]:
        return
    head = "What the state would learn" if plan["refresh_only"] else "Drift: not as it was recorded"
    yield "\n".join([look.paint(f"{head}", "bold", "yellow"), *drift.lines(plan["drift"], look)])


def _legend(changes: Sequence[Json], look: Look) -> str:
    present = {c["action"] for c in changes}
    shown = [look.paint(a[0], a[4]) + f" {a[1]}" for name, a in ACTIONS.items() if name in present]
    return "  " + "   ".join(shown)


def _plain_delete(change: Json, plan: Json) -> bool:
    return bool(change["action"] == "delete" and (plan["destroy"] or not change["fields"]))


def _symbol(change: Json, look: Look) -> str:
    return look.paint(change["symbol"], ACTIONS[change["action"]][4])


def _leads(change: Json) -> str:
    return ", ".join(reasons.consequence(c) for c in change["consequences"])


def _change(change: Json, look: Look, *, full: bool) -> Iterator[str]:
    why, leads = reasons.reason(change), _leads(change)
    why = f"  ({why})" if why else ""
    leads = f"  {look.paint(leads, 'magenta')}" if leads else ""
    yield f"  {_symbol(change, look)} {look.paint(change['address'], 'bold')}{why}{leads}"
    for line in _details(change, look, full=full):
        yield f"      {line}"


def _details(change: Json, look: Look, *, full: bool) -> Iterator[str]:
    for field in change["fields"]:
        yield from field_lines(field, look, full=full)
    if columns := reasons.columns_long(change["columns"], full=full):
        yield f"columns: {columns}"
    for chain in reasons.cause(change, full=full):
        yield look.paint(f"because {chain}", "dim")
    if change["version"] and (full or change["action"] == "repoint"):
        yield f"version {change['version']}" + (", which is there already" if change["action"] == "repoint" else "")
    if estimate := change["estimate"]:
        yield left.estimate(estimate)
    if change["after"]:
        yield f"what is there stays until {some(change['after'], 0 if full else _ADDRESSES)} has moved"
    if change["protect"] and change["action"] in DESTRUCTIVE:
        yield look.paint("protected", "red")


def _created(created: Sequence[Json], look: Look) -> Iterator[str]:
    """One line each, all of a kind together, in the order in which kinds first come."""
    kinds: dict[str, list[Json]] = {}
    for change in created:
        kinds.setdefault(change["address"].partition(".")[0], []).append(change)
    width = max((len(c["address"]) for c in created), default=0)
    lines = [_one_line(c, width, look) for group in kinds.values() for c in group]
    if lines:
        yield "\n".join(lines)


def _deleted(deleted: Sequence[Json], look: Look) -> Iterator[str]:
    width = max((len(c["address"]) for c in deleted), default=0)
    if deleted:
        yield "\n".join(_one_line(c, width, look) for c in deleted)


def _one_line(change: Json, width: int, look: Look) -> str:
    notes = [_leads(change)] if change["action"] == "create" else []
    if change["form"] == "alias" and change["version"]:
        notes.append(f"version {change['version']}")
    if change["estimate"]:
        notes.append(left.estimate(change["estimate"]))
    if change["protect"] and change["action"] == "delete":
        notes.append(look.paint("protected", "red"))
    said = ", ".join(n for n in notes if n)
    return f"  {_symbol(change, look)} {padded(change['address'], width)}  {said}".rstrip()


def _destructive(changes: Sequence[Json], plan: Json, look: Look) -> Iterator[str]:
    lost = [c for c in changes if c["action"] in DESTRUCTIVE]
    if not lost or plan["destroy"]:
        return
    lines = [
        f"  {_symbol(c, look)} {c['address']}" + (f"  ({why})" if (why := reasons.reason(c)) else "") for c in lost
    ]
    yield "\n".join(
        [look.paint(f"Destructive: {count(len(lost), 'change')} would delete what exists", "bold", "red"), *lines]
    )


def _leads_to(changes: Sequence[Json], look: Look, *, full: bool) -> Iterator[str]:
    found = left.totals(changes, full=full)
    if not found:
        return
    width = max(len(name) for name in found)
    lines = [f"  {look.paint(padded(n, width), 'magenta')}  {said}" for n, said in found.items()]
    yield "\n".join(["This leads to:", *lines])


def _evidence(changes: Sequence[Json], plan: Json, look: Look) -> Iterator[str]:
    proven = [c for c in changes if c.get("evidence")]
    if proven:
        width = max(len(c["address"]) for c in proven)
        lines = [f"  {padded(c['address'], width)}  {reasons.evidence(c['evidence'])}" for c in proven]
        yield "\n".join([look.paint(f"Evidence from {plan['promoted_from']}", "bold"), *lines])


def _asides(plan: Json, look: Look, *, full: bool) -> Iterator[str]:
    most = 0 if full else _ADDRESSES
    if lost := left.breaking(plan):
        yield "\n".join([look.paint("Live deployments:", "yellow"), *(f"  {line}" for line in lost)])
    if kept := left.lines(plan, full=full):
        yield "\n".join(["Not done:", *(f"  {line}" for line in kept)])
    for said, addresses in reasons.left_out(plan):
        yield f"{said}: {count(len(addresses), 'other change')} ({some(addresses, most)})"
    if plan["reviews"]:
        word = "required" if plan["reviews_required"] else "needed"
        yield "\n".join(line for r in plan["reviews"] for line in _review(r, word, most))
    if plan["verdicts"]:
        styles = {"deny": "red", "approve": "yellow"}
        yield "\n".join(
            look.paint(_capital(reasons.verdict(v)), styles.get(v["enforce"], "yellow")) for v in plan["verdicts"]
        )
    if plan["notes"]:
        yield "\n".join(f"Note: {n}" for n in plan["notes"])


def _review(review: Json, word: str, most: int) -> Iterator[str]:
    role = f" ({review['role']})" if review["role"] else ""
    handles = "".join(f" {handle(r)}" for r in review["reviewers"])
    yield f"Review {word}: {review['team']}{role}{handles} — {some(list(review['addresses']), most)}"
    if because := reasons.asked_because(review):
        yield f"    because {because}"


def handle(reviewer: str) -> str:
    """`@name`, whether it was written with the sign or not."""
    return reviewer if reviewer.startswith("@") else f"@{reviewer}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
