"""Two environments side by side: which resources and columns differ, and whether in meaning or in words only."""

from collections.abc import Mapping
from typing import Any

from mlspec.base.address import Address
from mlspec.base.value import dataclass
from mlspec.ir.desired import DesiredState
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Resource, column_digests, physical_name
from mlspec.ir.service import Service
from mlspec.ir.workflow import Workflow
from mlspec.plan.change import ColumnChange, FieldChange
from mlspec.plan.fields import field_changes
from mlspec.state.model import Record, State

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Difference:
    """A resource that is not the same in two environments.

    `status` is `only_first`, `only_second`, `different` (it means something else) or `words` (descriptions, owners, tags). Fields
    and columns go from the first to the second.
    """

    address: Address
    form: str
    status: str
    versions: tuple[str, str] = ("", "")
    fields: tuple[FieldChange, ...] = ()
    columns: tuple[ColumnChange, ...] = ()


@dataclass(frozen=True)
class Between:
    """Two environments of a project, as applied or as the files describe them."""

    project: str
    first: str
    second: str
    desired: bool
    differences: tuple[Difference, ...]
    same: int


def between(first: Mapping[Address, Record], second: Mapping[Address, Record]) -> tuple[tuple[Difference, ...], int]:
    """What differs, in the order of addresses, and how many are the same."""
    found = []
    for address in sorted({*first, *second}):
        one, other = first.get(address), second.get(address)
        if one is None or other is None:
            there = one or other
            assert there is not None  # noqa: S101 - it is of one of them
            versions = (_version(one), _version(other))
            found.append(Difference(address, there.form, "only_first" if one else "only_second", versions))
        elif one.digest != other.digest or dict(one.about) != dict(other.about):
            found.append(_different(one, other))
    return tuple(found), len({*first, *second}) - len(found)


def _version(record: Record | None) -> str:
    return str(record.outputs.get("version", "")) if record else ""


def _different(one: Record, other: Record) -> Difference:
    status = "different" if one.digest != other.digest else "words"
    fields = field_changes(one.words, other.words, {}) + field_changes(one.about, other.about, {})
    names = sorted({*one.columns, *other.columns})
    columns = [ColumnChange(n, _change(one.columns.get(n), other.columns.get(n))) for n in names]
    differing = tuple(c for c in columns if one.columns.get(c.name) != other.columns.get(c.name))
    return Difference(one.address, one.form, status, (_version(one), _version(other)), fields, differing)


def _change(before: str | None, after: str | None) -> str:
    return "added" if before is None else "removed" if after is None else "changed"


def records(state: State | DesiredState) -> dict[Address, Record]:
    """The records of a state; of a desired state, those that it would have."""
    if isinstance(state, State):
        return dict(state.records)
    return {r.address: as_record(r) for r in state}


def as_record(resource: Resource) -> Record:
    """What would be recorded of a resource, without what only its making tells."""
    body = resource.body
    version = ""
    if isinstance(body, Relation):
        version = physical_name(str(resource.address), body)
    elif isinstance(body, Workflow | Service):
        version = body.version
    rows = body.rows_digest if isinstance(body, Relation) else ""
    return Record(
        resource.address, resource.form, resource.digest, "", column_digests(body), rows, dict(resource.words),
        dict(resource.about), resource.parents, resource.owner, resource.protect, {"version": version} if version else {},
    )  # fmt: skip


def to_json(found: Between) -> dict[str, Any]:
    """The comparison as JSON; text and Markdown are made of nothing else."""
    return {
        "format_version": FORMAT_VERSION, "project": found.project, "first": found.first, "second": found.second,
        "desired": found.desired, "same": found.same,
        "differences": [
            {
                "address": str(d.address), "form": d.form, "status": d.status, "versions": list(d.versions),
                "fields": [{"path": list(f.path), "before": f.before, "after": f.after, "cost": ""} for f in d.fields],
                "columns": [{"name": c.name, "change": c.change} for c in d.columns],
            }
            for d in found.differences
        ],
    }  # fmt: skip
