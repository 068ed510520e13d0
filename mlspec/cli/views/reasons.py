"""Words for what a plan says in codes: actions, reasons, consequences."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlspec.cli.views.values import count, plural, some

Json = Mapping[str, Any]

ACTIONS: Mapping[str, tuple[str, str, str, str, str]] = {
    "create": ("+", "create", "creating", "created", "green"),
    "update": ("~", "update in place", "updating", "updated", "yellow"),
    "rebuild": ("↻", "rebuild data", "rebuilding", "rebuilt", "yellow"),
    "replace": ("±", "replace (delete, then create)", "replacing", "replaced", "red"),
    "repoint": ("→", "repoint to data that already exists", "repointing", "repointed", "cyan"),
    "move": ("⇄", "move to a new address", "moving", "moved", "cyan"),
    "import": ("←", "take over what exists", "importing", "imported", "cyan"),
    "forget": ("○", "forget, and leave what exists", "forgetting", "forgotten", "yellow"),
    "delete": ("-", "delete", "deleting", "deleted", "red"),
    "none": ("·", "leave as it is", "checking", "checked", "dim"),
}
"""For each action, in the order of summaries: its symbol, what it means, its present and past participle, its colour."""

DESTRUCTIVE = ("replace", "delete")

_REASONS = {
    "removed": "no longer in the specs",
    "not_then": "was not there then",
    "upstream_changed": "what it reads changed",
    "content_changed": "what its files hold changed",
    "metadata_changed": "descriptions only",
    "missing": "recorded, but not there",
    "drifted": "not what was applied",
    "requested": "asked for",
    "target_changed": "the target, or its options, changed",
    "triggered": "a trigger has a new version",
    "renamed": "something it speaks of was moved",
    "forgotten": "no longer in the specs, and to be left as it is",
}
_FROM = {"moved": "was `{previous}`", "imported": "from `{existing}`"}
_IMPACTS = {"row_shape": "other rows", "unknown": "effect cannot be tied to columns"}
_NAMED = 2
_COLUMNS = 8


def reason(change: Json) -> str:
    """Why, in a few words; empty where the action says it already."""
    code = str(change["reason"]["code"])
    if code == "new":
        return ""
    if code in _FROM:
        return _FROM[code].format(**change)
    if code not in {"changed", "upstream_changed"}:
        return _REASONS.get(code, code)
    parts = [_columns_short(change["columns"])] if change["columns"] else []
    parts.extend(words for impact, words in _IMPACTS.items() if impact in change["impacts"])
    if not parts and code == "changed":
        parts = [_fields_short(change["fields"])]
        parts += [_REASONS["upstream_changed"]] if cause(change, full=False) else []
    return ", ".join(p for p in parts if p) or _REASONS.get(code, "")


def _columns_short(columns: Sequence[Json]) -> str:
    """``column `a` changed``, `3 columns changed, 1 added`."""
    groups = _by_change(columns)
    if len(columns) == 1 and columns[0].get("after"):
        said = (
            "column `{before}` renamed to `{after}`"
            if columns[0]["change"] == "renamed"
            else "type of `{name}` from {before} to {after}"
        )
        return said.format(**columns[0])
    if len(groups) == 1:
        ((change, names),) = groups.items()
        if len(names) <= _NAMED:
            return f"{'column' if len(names) == 1 else 'columns'} {' and '.join(f'`{n}`' for n in names)} {change}"
    parts = [f"{len(names)} {change}" for change, names in groups.items()]
    head, *rest = parts
    number, _, word = head.partition(" ")
    return ", ".join([f"{number} {'column' if number == '1' else 'columns'} {word}", *rest])


def _fields_short(fields: Sequence[Json]) -> str:
    names = list(dict.fromkeys(str(f["path"][0]) for f in fields if f["path"]))
    return f"{some([f'`{n}`' for n in names], _NAMED)} changed" if names else ""


def columns_long(columns: Sequence[Json], *, full: bool) -> str:
    """`2 added (a, b), 1 removed (c)`; empty where the short form has named them all."""
    groups = _by_change(columns)
    if not groups or (len(groups) == 1 and len(next(iter(groups.values()))) <= _NAMED):
        return ""
    most = 0 if full else _COLUMNS
    return ", ".join(f"{len(names)} {change} ({some(names, most)})" for change, names in groups.items())


def _by_change(columns: Sequence[Json]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for change in ("added", "renamed", "changed", "retyped", "removed"):
        if names := [_shown(c) for c in columns if c["change"] == change]:
            found[change] = names
    return found


def _shown(column: Json) -> str:
    """A column by its name, with what it was called, or of which type it was."""
    was = {"renamed": "{before} to {after}", "retyped": "{name} from {before} to {after}"}.get(
        column["change"], "{name}"
    )
    return was.format(**column)


def cause(change: Json, *, full: bool) -> list[str]:
    """Why something changes that nobody edited: the shortest chain, and how many more there are; all of them if `full`.

    A model that was edited, too, may be trained for other reasons than that.
    """
    chains = sorted((c for c in change["causes"] if len(c) > 1), key=lambda c: (len(c), c))
    if (change["direct"] and change["form"] != "workflow") or not chains:
        return []
    if full:
        return [" → ".join(c) for c in chains]
    more = f", and {len(chains) - 1} more" if len(chains) > 1 else ""
    return [" → ".join(chains[0]) + more]


def consequence(name: str) -> str:
    """`reload online`."""
    return name.replace("_", " ")


def consequences(changes: Sequence[Json]) -> dict[str, list[str]]:
    """For each consequence the addresses that have it, in the order of the plan."""
    found: dict[str, list[str]] = {}
    for name in ("backfill", "retrain", "run", "redeploy", "reload_online", "recheck"):
        if addresses := [str(c["address"]) for c in changes if name in c["consequences"]]:
            found[consequence(name)] = addresses
    return found


def summary(plan: Json) -> str:
    """`Plan: 1 to create, 2 to rebuild; 24 unchanged.`."""
    counts = [f"{plan['summary'][a]} to {a}" for a in ACTIONS if a != "none" and plan["summary"].get(a)]
    return f"Plan: {', '.join(counts) or 'nothing to do'}; {plan['unchanged']} unchanged."


def nothing(plan: Json) -> str:
    """What is said of an empty plan."""
    if plan["refresh_only"]:
        return "Nothing is made; only the state is written." if plan["drift"] else "The state knows what is there."
    if plan["skipped"]:
        return "No changes in what was selected."
    return "Nothing to destroy." if plan["destroy"] else "No changes. What exists matches the specs."


def left_out(plan: Json) -> list[tuple[str, list[str]]]:
    """What would change too, and why it does not: it was not selected, or excluded."""
    excluded = list(plan["excluded"])
    others = [a for a in plan["skipped"] if a not in excluded]
    return [
        (said, found)
        for said, found in (("Excluded, with what depends on it", excluded), ("Not selected", others))
        if found
    ]


def asked_because(review: Json) -> str:
    """The shortest chain to something of a team that has edited nothing itself; empty where it has."""
    chains: list[list[str]] = [list(w["because"]) for w in review["why"]]
    return " → ".join(min(chains, key=lambda c: (len(list(c)), list(c)))) if chains and all(chains) else ""


_DOES = {
    "build": "build", "expand": "build beside what is there", "contract": "take away what was there of", "point": "repoint", "train": "train",
    "adopt": "note the version of", "publish": "publish", "run": "run", "deploy": "deploy", "check": "check", "record": "record", "delete": "delete",
    "forget": "forget", "move": "move", "import": "take over",
}  # fmt: skip


def does(step: Json) -> str:
    """What a step does, in words."""
    return _DOES[str(step["does"])]


def verdict(found: Json) -> str:
    """``policy `x` forbids `a.b`: message``."""
    verb = {"deny": "forbids", "approve": "wants an approval for", "warn": "warns of"}.get(
        found["enforce"], found["enforce"]
    )
    teams = f" (by {' or '.join(found['approvers'])})" if found["approvers"] else ""
    return f"policy `{found['policy']}` {verb} `{found['address']}`{teams}: {found['message']}"


def kind_of(address: str) -> str:
    """The kind in an address, for several of it."""
    return plural(address.partition(".")[0]).replace("_", " ")


def evidence(found: Json) -> str:
    """`applied there, 4 checks passed (2024-01-01T00:00:00Z), auc 0.76`."""
    parts = ["applied there"] if found["digest"] else []
    if found["checks"]:
        parts.append(f"{count(found['checks'], 'check')} passed ({found['checked_at']})")
    parts += [f"{name} {value:.4g}" for name, value in sorted(found["metrics"].items())]
    if found["differs"]:
        parts.append(f"otherwise here: {some(list(found['differs']), _NAMED)}")
    return ", ".join(parts) or "none"
