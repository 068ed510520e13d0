"""What may be meant: something that is deleted and something that is created are the same, but for the name."""

from collections.abc import Iterable, Iterator

from mlspec.base.address import Address
from mlspec.ir.desired import DesiredState
from mlspec.ir.resource import Resource, body_digest
from mlspec.ir.workflow import Workflow
from mlspec.plan.change import Action, Change
from mlspec.plan.moves import with_names
from mlspec.state.model import Record, State


def suggestions(changes: Iterable[Change], desired: DesiredState, state: State) -> Iterator[str]:
    """The `moved` documents that would spare work, each ready to be written; only where there is one way to read it."""
    changes = tuple(changes)
    gone = [state.records[c.address] for c in changes if c.action is Action.DELETE and not c.address.part]
    new = [desired.resources[c.address] for c in changes if c.action is Action.CREATE and not c.address.part]
    pairs = [(r, n) for r in gone for n in new if _same(r, n)]
    for record, resource in pairs:
        if sum(r is record for r, _ in pairs) == 1 and sum(n is resource for _, n in pairs) == 1:
            document = f"{{kind: moved, from: {record.address}, to: {resource.address}}}"
            yield (
                f"`{record.address}`, which is deleted, and `{resource.address}`, which is created, are the same but for "
                f"the name; with the document `{document}` nothing is made anew"
            )


def _same(record: Record, resource: Resource) -> bool:
    if (record.address.kind, record.form) != (resource.address.kind, resource.form) or record.form == "service":
        return False
    if record.form == "fact" and dict(record.about) != dict(resource.about):
        return False  # facts say little: two teams of one role are two teams
    body = with_names(resource.body, {str(resource.address): str(record.address)})
    if isinstance(body, Workflow):
        body = _called(body, record.address)
    return record.digest in {resource.digest, body_digest(body)}


def _called(body: Workflow, address: Address) -> Workflow:
    return Workflow(address.name, body.steps, body.parameters, body.schedule, body.run_on_apply, body.version)
