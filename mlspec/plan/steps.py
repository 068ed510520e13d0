"""What apply does, step by step: the list that `--explain` shows, that a saved plan holds, and that apply walks.

A step waits for the nearest steps above it. Where live deployments read what would be taken away, a change is two steps:
the new is built beside the old (expand), and after the deployments have moved the old goes (contract).
"""

from collections.abc import Iterable, Mapping

from mlspec.base.address import Address
from mlspec.base.dag import in_order, upstream
from mlspec.base.value import replace
from mlspec.ir.desired import DesiredState
from mlspec.plan.change import Action, Change, Consequence, Plan, Step
from mlspec.plan.moves import GONE
from mlspec.plan.waits import waits_of
from mlspec.state.model import State

CONTRACT = "contract"
"""The part of an address under which the second step of a change in two stands."""

_DOES = {"relation": "build", "service": "deploy", "alias": "point", "check": "check", "fact": "record"}


def with_steps(plan: Plan, desired: DesiredState, state: State) -> Plan:
    """The plan with its steps, each after those that it waits for."""
    changes = {c.address: c for c in plan.changes}
    needs = _needs(changes, desired, state)
    steps = [s for a, c in changes.items() for s in _steps(c, needs[a])]
    late = {CONTRACT: 1, "delete": 2, "forget": 2}
    return replace(plan, steps=tuple(sorted(steps, key=lambda s: late.get(s.does, 0))))


def with_artifacts(plan: Plan, rendered: Mapping[Address, Iterable[str]]) -> Plan:
    """The plan whose steps say which rendered files are theirs."""
    paths = {str(a): tuple(sorted(found)) for a, found in rendered.items()}
    named = (s if s.does == CONTRACT else replace(s, artifacts=paths.get(s.address, ())) for s in plan.steps)
    return replace(plan, steps=tuple(named))


def _steps(change: Change, needs: Iterable[Address]) -> Iterable[Step]:
    address, held = str(change.address), {str(a) for a in change.after}
    after = {str(a) for a in needs}
    if change.action in GONE:
        yield Step(address, address, change.action.word, tuple(sorted(after | held)))
        return
    yield Step(address, address, "expand" if held else _does(change), tuple(sorted(after)))
    if held:
        yield Step(str(contract_of(change.address)), address, CONTRACT, tuple(sorted({address, *held})))


def contract_of(address: Address) -> Address:
    """The name of the step that takes away what a changed resource was."""
    return Address(address.kind, address.name, CONTRACT)


def _does(change: Change) -> str:
    if change.reason in {"metadata_changed", "renamed"}:
        return "record"
    if change.action in {Action.MOVE, Action.IMPORT}:
        return change.action.word
    if change.form == "workflow":
        made = "train" if change.action in {Action.CREATE, Action.REBUILD, Action.REPLACE} else "adopt"
        return made if change.version else "run" if Consequence.RUN in change.consequences else "publish"
    if change.action is Action.REPOINT:
        return "point"
    return _DOES[change.form]


def _needs(changes: Mapping[Address, Change], desired: DesiredState, state: State) -> dict[Address, frozenset[Address]]:
    """For each change the nearest changes that must have been made before it; what is deleted goes after what needed it."""
    gone = {a for a, c in changes.items() if c.action in GONE}
    found: dict[Address, set[Address]] = {a: set() for a in gone}
    for record in state if gone else ():
        for parent in gone.intersection(record.parents):
            found[parent] |= {record.address} & changes.keys()
    waits = waits_of(desired.resources, changes.values()) if changes.keys() - gone else {}
    above = _nearest(waits, changes.keys() - gone)
    return {a: frozenset(found[a]) if a in gone else above[a] for a in changes}


def _nearest(
    parents: Mapping[Address, tuple[Address, ...]], changed: set[Address]
) -> Mapping[Address, frozenset[Address]]:
    """For each that changes, and all above it, the changes that are met first on the way up."""
    found: dict[Address, frozenset[Address]] = {}
    asked = upstream(parents, changed)
    above = {a: parents[a] for a in parents if a in asked}
    place = {a: i for i, a in enumerate(above)}
    sound = all(place.get(p, -1) < i for a, i in place.items() for p in above[a])
    for address in above if sound else in_order(above):  # as a rule, each comes after its parents already
        near: set[Address] = set()
        for parent in above.get(address, ()):
            near |= {parent} if parent in changed else found.get(parent, frozenset())
        found[address] = frozenset(near)
    return found
