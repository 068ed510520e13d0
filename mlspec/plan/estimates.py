"""How much there is of what a change reads, where it has no version of its own whose size would tell."""

from collections.abc import Iterable

from mlspec.base.address import Address
from mlspec.base.value import replace
from mlspec.ir.desired import DesiredState
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Resource
from mlspec.ir.workflow import DatasetStep, Workflow
from mlspec.plan.change import Change, Consequence, Estimate
from mlspec.plan.reality import Reality
from mlspec.state.model import State

_WORK = {Consequence.BACKFILL, Consequence.RETRAIN}


def with_estimates(
    changes: Iterable[Change], desired: DesiredState, state: State, reality: Reality
) -> tuple[Change, ...]:
    """The changes; of what is built for the first time, or trained, with the size of what it reads as that is there now."""

    def size(address: str) -> Estimate | None:
        record = state.get(Address.parse(address))
        return reality.versions.get(str(record.outputs.get("version", ""))) if record else None

    def told(change: Change) -> Change:
        resource = desired.get(change.address)
        if change.estimate is not None or resource is None or _WORK.isdisjoint(change.consequences):
            return change
        found = [s for address in _reads(resource) if (s := size(address)) is not None]
        rows, size_ = sum(s.rows for s in found), sum(s.bytes for s in found)
        return replace(change, estimate=Estimate(rows, size_, reads=True)) if rows or size_ else change

    return tuple(told(c) for c in changes) if reality.versions else tuple(changes)


def _reads(resource: Resource) -> tuple[str, ...]:
    match resource.body:
        case Relation() as body:
            return body.reads
        case Workflow() as body:
            return tuple(dict.fromkeys(s.relation for s in body.steps if isinstance(s, DatasetStep)))
        case _:
            return ()
