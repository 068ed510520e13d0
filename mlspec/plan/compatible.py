"""Live deployments and the features that they read: what a plan would take from under them, and who has to move first.

A deployment reads columns of feature views. A column that goes, or is of another type, breaks it, unless it has moved to a
version that does not need it. So what is built is built first (expand), models are trained and deployments moved, and
only then is the old taken away (contract).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, Span
from mlspec.base.value import replace
from mlspec.ir.desired import DesiredState
from mlspec.ir.relation import Relation
from mlspec.ir.service import Service
from mlspec.plan.change import Action, Breaking, Change, Plan
from mlspec.plan.moves import GONE
from mlspec.state.model import Record, State

Place = Callable[[Address, tuple[str | int, ...]], Span | None]
"""Where the files say a field of a resource; nothing for what they do not hold any more."""
READS = "reads"
"""Where the outputs of a service say what it reads."""


def with_compatibility(plan: Plan, desired: DesiredState, state: State) -> Plan:
    """The plan with what it would take from live deployments; its changes wait for those that move first."""
    changes = {c.address: c for c in plan.changes} | {Address.parse(c.previous): c for c in plan.changes if c.previous}
    found = tuple(b for r in state if r.form == "service" for b in _broken(r, changes, desired))
    waits: dict[str, set[Address]] = {}
    for one in found:
        if one.moves:
            waits.setdefault(one.address, set()).add(Address.parse(one.deployment))
    held = tuple(replace(c, after=tuple(sorted(waits.get(c.previous or str(c.address), ())))) for c in plan.changes)
    return replace(plan, changes=held, breaking=found)


def refuse_breaking(plan: Plan, place: Place) -> None:
    """Raise Problems for every live deployment that would lose a feature and does not move in this plan; `place` is where files say a field."""
    found = [_problem(b, _place(b, plan, place)) for b in plan.breaking if not b.moves]
    if found:
        raise Problems(found)


def _place(one: Breaking, plan: Plan, place: Place) -> Span | None:
    """Where what takes the column away is written; the deployment, where the files say nothing of it any more."""
    address = Address.parse(one.address)
    change = next((c for c in plan.changes if c.address == address), None)
    edited = change.fields[0].path if change is not None and change.fields else ()
    return place(address, edited) or place(Address.parse(one.deployment), ())


def _broken(record: Record, changes: Mapping[Address, Change], desired: DesiredState) -> Iterator[Breaking]:
    moves = _moves(record, changes.get(record.address), desired)
    for read in _reads(record):
        address = Address.parse(read["address"])
        change = changes.get(address)
        if change is None:
            continue
        lost = _lost(read, change, desired)
        if lost is not None:
            yield Breaking(
                str(record.address), record.owner, read["feature"], read["address"], read["column"], *lost, moves=moves,
                version=str(record.outputs.get("version", "")),
            )  # fmt: skip


def _reads(record: Record) -> Iterable[Mapping[str, Any]]:
    found = record.outputs.get(READS, ())
    return found if isinstance(found, list | tuple) else ()


def _moves(record: Record, change: Change | None, desired: DesiredState) -> bool:
    """Whether the deployment is deleted, or gets another version, by the same plan."""
    if change is None:
        return False
    if change.action is Action.DELETE:
        return True
    resource = desired.get(record.address)
    body = resource.body if resource else None
    return isinstance(body, Service) and not same_version(body.version, str(record.outputs.get("version", "")))


def same_version(one: str, other: str) -> bool:
    """Whether two digests, or the beginnings of them that people write, mean one version."""
    return bool(one and other) and (one.startswith(other) or other.startswith(one))


def _lost(read: Mapping[str, Any], change: Change, desired: DesiredState) -> tuple[str, str] | None:
    """What becomes of a column that is read, if it is no longer there as it was: what happens, and its new name or type."""
    if change.action in GONE:
        return ("removed", "") if change.action is Action.DELETE else None
    resource = desired.get(change.address)
    body = resource.body if resource else None
    if not isinstance(body, Relation):
        return None
    column = body.column(read["column"])
    if column is None:
        renamed = next((c.after for c in change.columns if c.change == "renamed" and c.before == read["column"]), "")
        return ("renamed", renamed) if renamed else ("removed", "")
    return ("retyped", str(column.type)) if str(column.type) != read["type"] else None


_DONE = {"removed": "removed", "renamed": "renamed to `{}`", "retyped": "of another type, `{}`"}


def _problem(one: Breaking, span: Span | None) -> Diagnostic:
    owner = f" of `{one.owner}`" if one.owner else ""
    done = _DONE[one.change].format(one.after)
    message = f"`{one.deployment}`{owner} is live and reads `{one.address}.{one.column}`, which would be {done}"
    ways = (
        "keep the column until it has moved, let the same plan retrain its model and redeploy it"
        " (take it out of the feature set, and select the deployment too), or give `--allow-breaking`"
    )
    return Diagnostic("breaking-change", message, span, help=ways)
