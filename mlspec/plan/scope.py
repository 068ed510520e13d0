"""Which changes of a plan are made when only some are asked for: those, what they need, and nothing that cannot be."""

from collections.abc import Iterable, Mapping

from mlspec.base.address import Address
from mlspec.base.dag import downstream, upstream
from mlspec.ir.desired import DesiredState
from mlspec.plan.change import Action, Change
from mlspec.plan.select import Selection
from mlspec.plan.waits import waits_of
from mlspec.state.model import State

Above = Mapping[Address, Iterable[Address]]


def kept_of(
    changes: Iterable[Change], desired: DesiredState, state: State, wish: Selection, *, destroy: bool
) -> tuple[frozenset[Address], frozenset[Address]]:
    """The addresses of the changes to be made, and of those that would be made if nothing were excluded.

    What is selected comes with what it needs. What is excluded takes with it what depends on it: to be made, that
    would need it; to be deleted, what it stands on must stay as long as it is there.
    """
    changes = tuple(changes)
    if wish.select is None and not wish.exclude:
        return frozenset(c.address for c in changes), frozenset()
    recorded: Above = {r.address: r.parents for r in state}
    wanted: Above = {} if destroy else waits_of(desired.resources, changes)
    gone = {c.address for c in changes if c.action in {Action.DELETE, Action.FORGET}}
    all_ = {c.address for c in changes}
    kept = all_ if wish.select is None else _needed(wish.select, wanted, recorded, all_, gone, destroy=destroy)
    if not wish.exclude:
        return frozenset(kept), frozenset()
    dependent: set[Address] = downstream(wanted, wish.exclude)
    left = kept - dependent
    # what is there and stays as it is keeps what it stands on, as it is recorded
    while stay := {a for a in gone & left if _users(recorded, a) & all_ - left}:
        left -= stay
    return frozenset(left), frozenset(kept - left)


def _needed(
    select: frozenset[Address], wanted: Above, recorded: Above, changed: set[Address], gone: set[Address], *, destroy: bool
) -> set[Address]:  # fmt: skip
    if destroy:
        return downstream(recorded, select) & changed
    found: set[Address] = set()
    todo = set(select)
    while todo:  # to delete something, those that stand on it must have been changed, or deleted, before
        found |= upstream(wanted, todo - gone) | todo
        todo = {u for a in found & gone for u in _users(recorded, a) & changed} - found
    return (found & changed) - (gone - found)


def _users(recorded: Above, address: Address) -> set[Address]:
    return {user for user, parents in recorded.items() if address in parents}
