"""The steps of a plan as an apply makes them: what is made at each, and which others it waits for."""

from mlspec.base.address import Address
from mlspec.base.value import dataclass, replace
from mlspec.plan.change import Action, Change, Plan
from mlspec.plan.moves import GONE
from mlspec.plan.steps import CONTRACT


@dataclass(frozen=True, slots=True)
class Doing:
    """A step: its change, under the name of the step; the resource that it is about; the steps that it waits for.

    One that is `beside` builds a version that nobody reads yet, and records nothing.
    """

    change: Change
    resource: Address
    after: frozenset[Address]
    beside: bool = False

    @property
    def recorded(self) -> Address:
        """Where its record is: at the address of the resource, or at the one that it was moved from."""
        return Address.parse(self.change.previous) if self.change.previous else self.resource

    @property
    def light(self) -> bool:
        """Whether there is nothing to do but to record it."""
        recorded = self.change.reason == "metadata_changed" or self.change.form == "fact"
        return self.change.action not in GONE and recorded


def doings(plan: Plan) -> dict[Address, Doing]:
    """The steps of a plan by their names; it says itself what they are, and what waits for what."""
    changes = {str(c.address): c for c in plan.changes}
    found = {}
    for step in plan.steps:
        name, change = Address.parse(step.key), changes[step.address]
        if step.does == CONTRACT:
            change = replace(change, address=name, action=Action.REPOINT)
        after = frozenset(map(Address.parse, step.after))
        found[name] = Doing(change, Address.parse(step.address), after, beside=step.does == "expand")
    return found
