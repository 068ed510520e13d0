"""What a plan touches and what it relies on: its claim, and the records that must not have changed before it is applied."""

from collections.abc import Iterable

from mlspec.base.address import Address
from mlspec.base.dag import upstream
from mlspec.base.diag import problem
from mlspec.base.digest import digest
from mlspec.base.value import dataclass, replace
from mlspec.ir.desired import DesiredState
from mlspec.plan.change import Action, Change, Plan
from mlspec.state.model import Record, State

_HALF = 16
_GONE = frozenset({Action.DELETE, Action.FORGET})


@dataclass(frozen=True)
class Reach:
    """The addresses whose records a plan writes, and those that what it makes depends on."""

    writes: frozenset[Address]
    reads: frozenset[Address]


def touched_by(changes: Iterable[Change], desired: DesiredState, state: State) -> Reach:
    """Everything that is changed, where it is recorded now too; above it what it needs; of what goes also what needed it."""
    listed = tuple(changes)
    changed = {c.address for c in listed} | {Address.parse(c.previous) for c in listed if c.previous}
    gone = {c.address for c in listed if c.action in _GONE}
    parents = {r.address: r.parents for r in desired}
    above = upstream(parents, [p for a in changed - gone for p in parents.get(a, ())])
    recorded = {p for a in gone if (r := state.get(a)) for p in r.parents}
    below = {r.address for r in state if gone.intersection(r.parents)}
    return Reach(frozenset(changed), frozenset((above | recorded | below) - changed))


def reparented(desired: DesiredState, state: State) -> tuple[Address, ...]:
    """Unchanged resources that stand on something else than recorded; the order of destroying depends on it."""
    found = ((r, state.get(r.address)) for r in desired)
    return tuple(
        r.address for r, record in found if record and record.parents != r.parents and record.digest == r.digest
    )


def bind(plan: Plan, desired: DesiredState, state: State) -> Plan:
    """The plan with the digests of the records that it was made of, as far as it depends on them."""
    found = touched_by(plan.changes, desired, state)
    bound = {str(a): _digest(state.get(a)) for a in sorted(found.writes | found.reads)}
    return replace(plan, bound=bound)


def _digest(record: Record | None) -> str:
    """What was made, and what is said about it: two halves, for what a plan only relies on is the same whatever it is called."""
    if record is None:
        return ""
    return digest(record.digest, record.columns, record.outputs)[:_HALF] + digest(record.about)[:_HALF]


def refuse_stale(plan: Plan, desired: DesiredState, state: State) -> None:
    """Raise Problems when what the plan was made of is no longer what is recorded; what others did elsewhere is no matter."""
    if plan.lineage != state.lineage and plan.lineage and state.lineage:
        raise problem("stale-plan", "the plan was made for another state", help="plan again")
    if plan.refresh_only and plan.state_digest != state.digest:
        message = f"the plan is stale: the state has changed since (serial {plan.serial}, now {state.serial})"
        raise problem("stale-plan", message, help="plan again, and review what is different")
    found = touched_by(plan.changes, desired, state)
    changed = [
        str(a)
        for a in sorted(found.writes | found.reads)
        if _differs(plan.bound.get(str(a)), _digest(state.get(a)), a in found.writes)
    ]
    if changed:
        named = ", ".join(f"`{a}`" for a in changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")  # noqa: PLR2004 - as many as fit
        message = f"the plan is stale: {named} changed since (serial {plan.serial}, now {state.serial})"
        raise problem("stale-plan", message, help="plan again, and review what is different")


def _differs(planned: str | None, now: str, written: bool) -> bool:  # noqa: FBT001 - one of two
    return planned is None or (planned != now if written else planned[:_HALF] != now[:_HALF])
