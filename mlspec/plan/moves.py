"""Moves, removals and imports in a plan: the state as it would be if everything had always had its new name."""

from collections.abc import Mapping
from typing import Any

from mlspec.base.address import Address
from mlspec.base.value import dataclass, field, fields, is_dataclass, replace
from mlspec.ir.desired import DesiredState
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Resource, body_digest, column_digests, physical_name
from mlspec.ir.workflow import Workflow
from mlspec.plan.change import Action, Change, Consequence, Impact
from mlspec.plan.reality import Reality
from mlspec.state.model import Record, State


@dataclass(frozen=True)
class Refactoring:
    """What the documents say: `moves` from the first name of something to its last, what is forgotten, what is taken over."""

    moves: Mapping[Address, Address] = field(default_factory=dict)
    forgotten: frozenset[Address] = frozenset()
    imported: Mapping[Address, str] = field(default_factory=dict)


NO_REFACTORING = Refactoring()
GONE = frozenset({Action.DELETE, Action.FORGET})
"""What is done to what is no longer in the files."""


@dataclass(frozen=True)
class Renamed:
    """A state in which everything has its new name, and what is really there likewise.

    `previous` leads from new addresses to those that are recorded; `same` are those of which only names that they
    speak of have changed.
    """

    state: State
    reality: Reality
    previous: Mapping[Address, Address] = field(default_factory=dict)
    same: frozenset[Address] = frozenset()
    notes: tuple[str, ...] = ()


def renamed(desired: DesiredState, state: State, reality: Reality, asked: Refactoring) -> Renamed:
    """Give what is recorded its new names. What was moved already stays as it is."""
    previous: dict[Address, Address] = {}
    notes: list[str] = []
    for old, new in asked.moves.items():
        parts = [a for a in state.records if a.whole == old]
        if parts and any(a.whole == new for a in state.records):
            notes.append(f"`{old}` is not moved to `{new}`: both are recorded already")
        elif not any(p.whole == new for p in previous):
            previous |= {Address(new.kind, new.name, a.part): a for a in parts}
    if not asked.moves:
        return Renamed(state, reality)
    moved = state
    for new, old in previous.items():
        moved = moved.move(old, new)
    names = {str(new): str(old) for old, new in asked.moves.items()}
    names |= {str(new): str(old) for new, old in previous.items()}
    same: set[Address] = set()
    records = dict(moved.records)
    for address, record in moved.records.items():
        resource = desired.get(address)
        if resource is not None and _only_names(resource, record, names):
            records[address] = _as_named_now(record, resource)
            same.add(address)
    new_reality = _seen(reality, desired, records, previous)
    return Renamed(
        replace(moved, records=records), new_reality, previous, frozenset(same - previous.keys()), tuple(notes)
    )


def _only_names(resource: Resource, record: Record, names: Mapping[str, str]) -> bool:
    """Whether it is what is recorded, but for the names of what it speaks of."""
    if record.digest == resource.digest or record.form != resource.form or resource.form == "service":
        return False
    body = with_names(resource.body, names)
    if isinstance(body, Workflow) and (old := names.get(str(resource.address))):
        body = replace(body, name=Address.parse(old).name)
    return body_digest(body) == record.digest


def _as_named_now(record: Record, resource: Resource) -> Record:
    rows = resource.body.rows_digest if isinstance(resource.body, Relation) else ""
    return replace(record, digest=resource.digest, columns=column_digests(resource.body), rows_digest=rows)


def with_names(value: Any, names: Mapping[str, str]) -> Any:
    """A body in which addresses, alone or in double quotes in a query, are other ones; and models by their name."""
    match value:
        case str():
            if value in names:
                return names[value]
            for new, old in names.items() if '"' in value else ():
                value = value.replace(f'"{new}"', f'"{old}"')
            return value
        case tuple():
            return tuple(with_names(v, names) for v in value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            found = {f.name: with_names(getattr(value, f.name), names) for f in fields(value)}
            if "model" in found and f"model.{found['model']}" in names:
                found["model"] = names[f"model.{found['model']}"].partition(".")[2]
            return replace(value, **found)
        case _:
            return value


def _seen(
    reality: Reality, desired: DesiredState, records: Mapping[Address, Record], previous: Mapping[Address, Address]
) -> Reality:
    """What is really there, as it will be called: the version of a table that was moved is there under its new name."""
    versions, pointers = dict(reality.versions), dict(reality.pointers)
    drifted = frozenset(new for new, old in previous.items() if old in reality.drifted)
    for new, old in previous.items():
        resource, version = desired.get(new), str(records[new].outputs.get("version", ""))
        same = resource is not None and records[new].digest == resource.digest
        if resource is None or not same or not isinstance(resource.body, Relation) or not _takes_over(resource):
            continue
        wanted = physical_name(str(new), resource.body)
        if version in versions:
            versions[wanted] = versions[version]
            if pointers.get(str(old)) == version:
                pointers[str(new)] = wanted
    return replace(reality, versions=versions, pointers=pointers, drifted=reality.drifted | drifted)


def _takes_over(resource: Resource) -> bool:
    """Whether the new name can simply stand for what is there: new rows go into a table in partitions by its name."""
    return not isinstance(resource.body, Relation) or resource.body.partitions is None


def marked(
    changes: tuple[Change, ...], desired: DesiredState, found: Renamed, imported: Mapping[Address, str]
) -> tuple[Change, ...]:
    """The changes with what was moved and what is taken over, in the order of the desired state; deletions stay last."""
    made = {c.address: c for c in changes if c.action not in GONE}
    for address in imported.keys() & made.keys():
        if made[address].action is Action.CREATE:
            made[address] = replace(
                made[address], action=Action.IMPORT, reason="imported", existing=imported[address], consequences=()
            )
    for address, old in found.previous.items():
        resource = desired.get(address)
        if resource is not None:
            made[address] = _moved(resource, made.get(address), old, found.state.records[address])
    for address in found.same - made.keys():
        resource = desired.resources[address]
        made[address] = replace(_change(resource, Action.UPDATE, "renamed"), impacts=(Impact.METADATA,), direct=False)
    ordered = tuple(made[a] for a in desired.resources if a in made)
    return (*ordered, *(c for c in changes if c.action in GONE))


def _change(resource: Resource, action: Action, reason: str) -> Change:
    version = ""
    if isinstance(resource.body, Relation):
        version = physical_name(str(resource.address), resource.body)
    elif isinstance(resource.body, Workflow):
        version = resource.body.version
    return Change(
        resource.address, resource.form, action, reason, owner=resource.owner, protect=resource.protect,
        tags=tuple(resource.about.get("tags", ())), version=version,
    )  # fmt: skip


def _moved(resource: Resource, change: Change | None, old: Address, record: Record) -> Change:
    if resource.form == "service":  # its name is in what was rolled out: there is a new one, then the old one goes
        found = change or _change(resource, Action.UPDATE, "moved")
        return replace(found, previous=str(old), consequences=(Consequence.REDEPLOY,))
    unchanged = record.digest == resource.digest
    if (
        unchanged
        and not _takes_over(resource)
        and (change is None or change.reason in {"missing", "drifted", "metadata_changed"})
    ):
        found = change or _change(resource, Action.REBUILD, "moved")
        return replace(
            found, action=Action.REBUILD, reason="moved", previous=str(old), consequences=(Consequence.BACKFILL,)
        )
    if change is None or change.reason == "metadata_changed":
        fields_ = change.fields if change else ()
        return replace(_change(resource, Action.MOVE, "moved"), previous=str(old), fields=fields_)
    return replace(change, previous=str(old))
