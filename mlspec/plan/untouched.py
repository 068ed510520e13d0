"""What a plan leaves as it is, though something near it changes: each with the reason."""

from collections.abc import Iterable, Iterator, Mapping

from mlspec.base.address import Address
from mlspec.ir.check import Check
from mlspec.ir.desired import DesiredState
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Resource
from mlspec.ir.service import Service
from mlspec.ir.workflow import Workflow
from mlspec.plan.change import Action, Change, Impact, Untouched
from mlspec.plan.compatible import same_version
from mlspec.plan.moves import GONE
from mlspec.state.model import State


def untouched(
    changes: Iterable[Change], skipped: Iterable[Change], desired: DesiredState, state: State
) -> tuple[Untouched, ...]:
    """What is not done: consumers that read other columns, models that keep their version, deployments that go on serving one."""
    made = {c.address: c for c in changes if c.action not in GONE and c.impacts != (Impact.METADATA,)}
    left = {c.address: c for c in skipped}
    found: list[Untouched] = []
    for resource in desired if made or left else ():
        change = made.get(resource.address)
        if change is not None:
            found.extend(_kept_version(change, resource))
        elif state.get(resource.address) is not None:
            found.extend(_unmoved(resource, made, left, state))
    return tuple(found)


def _kept_version(change: Change, resource: Resource) -> Iterator[Untouched]:
    body = resource.body
    if isinstance(body, Workflow) and body.run_on_apply and change.action is Action.UPDATE:
        only = tuple(dict.fromkeys(f.path[0] for f in change.fields if f.path))
        yield Untouched(str(resource.address), "same_version", body.version, only)


def _unmoved(
    resource: Resource, made: Mapping[Address, Change], left: Mapping[Address, Change], state: State
) -> Iterator[Untouched]:
    above = [p for p in resource.parents if p in made and p.kind != "team"]
    if not above and resource.address not in left:
        return  # most of a large project: its body need not even be read
    body, address = resource.body, str(resource.address)
    record = state.get(resource.address)
    version = str(record.outputs.get("version", "")) if record else ""
    if isinstance(body, Service):
        retrained = any(not same_version(made[p].version, version) for p in above if made[p].form == "workflow")
        if resource.address in left or (body.pinned and retrained):
            yield Untouched(address, "not_selected" if resource.address in left else "pinned", version)
    elif resource.address not in left and (read := _read(body, above, made)) is not None:
        yield Untouched(address, "other_columns", version, read)


def _read(body: object, above: Iterable[Address], made: Mapping[Address, Change]) -> tuple[str, ...] | None:
    """The columns that are read of what changes; None for what reads nothing of it."""
    changed = {str(p) for p in above if made[p].form == "relation"}
    if isinstance(body, Relation) and changed.intersection(body.reads):
        return tuple(
            sorted({f"{o.address}.{o.column}" for c in body.columns for o in c.origins if o.address in changed})
        )
    if isinstance(body, Check) and body.subject in changed:
        return tuple(sorted(f"{body.subject}.{n}" for n, _ in body.columns if n and "." not in n))
    return None
