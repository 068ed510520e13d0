"""Pipelines that are run because something has a new version: what they have run for is told by their record."""

from collections.abc import Mapping

from mlspec.base.address import Address
from mlspec.ir.desired import DesiredState
from mlspec.ir.resource import Resource
from mlspec.ir.workflow import Workflow
from mlspec.state.model import Record, State

RAN_FOR = "ran_for"
"""The output that names the triggers of a pipeline, each with the version that was the newest when it was last published or run."""


def moved(resource: Resource, record: Record | None, desired: DesiredState, state: State) -> tuple[str, ...]:
    """The triggers of a pipeline that have another version than the one it has seen.

    A trigger that it has not had before is seen as it is recorded, so that what is there already starts nothing.
    """
    if resource.form != "workflow":
        return ()
    seen: Mapping[str, str] = (record.outputs.get(RAN_FOR) if record else None) or {}
    if (
        record is not None
        and record.digest == resource.digest
        and all(Address.parse(t) in desired.resources for t in seen)
    ):
        triggers = tuple(seen)  # its body need not be read
    else:
        triggers = resource.body.triggers if isinstance(resource.body, Workflow) else ()
    return tuple(t for t in triggers if _new(_version(t, desired), seen.get(t) or _recorded(t, state)))


def _new(version: str, seen: str) -> bool:
    """Whether there is a version, and another one; of what is not there any more (a rollback may know no more of it) none is new."""
    return bool(version) and _which(version) != _which(seen)


def _which(version: str) -> str:
    """What tells versions apart, whatever they are called: a thing that was moved has no new version."""
    return version.rpartition("__")[2]


def _version(trigger: str, desired: DesiredState) -> str:
    found = desired.get(Address.parse(trigger))
    return found.version if found else ""


def _recorded(trigger: str, state: State) -> str:
    record = state.get(Address.parse(trigger))
    return str(record.outputs.get("version", "")) if record else ""
