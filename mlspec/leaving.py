"""What another target has made, when an environment has chosen a new one: files are taken away, what runs is not left behind."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from mlspec.backends.rendered import clear as clear_files
from mlspec.base.diag import Diagnostic, Problems
from mlspec.plan.change import Action, Plan
from mlspec.plan.target import Target, made_elsewhere
from mlspec.state.model import Record, State

_NOTHING_LEFT = frozenset({"pipelines.local"})
"""Targets whose definitions are no more than what is recorded of them."""


def refuse_left_behind(plan: Plan, state: State, targets: Mapping[str, Target]) -> None:
    """Raise Problems where a change would leave something running that only the target before can end."""
    found = list(_left(plan, state, targets))
    if found:
        raise Problems(found)


def _left(plan: Plan, state: State, targets: Mapping[str, Target]) -> Iterator[Diagnostic]:
    for change in plan.changes:
        record = state.get(change.address)
        if record is None or change.action is Action.FORGET or not made_elsewhere(record, targets.get(record.form)):
            continue
        if "files" not in record.outputs and record.backend not in _NOTHING_LEFT:
            now = targets[record.form].name
            message = f"`{record.address}` was made by `{record.backend}`, and the environment has chosen `{now}`, which cannot end it"
            help_ = (
                f"choose the target before once more, `mlspec destroy --select {record.address}`, and then the new one"
            )
            yield Diagnostic("other-target", message, help=help_)


def clear(root: Path, record: Record, kept: Collection[str]) -> None:
    """Remove the rendered files of a record, but for some paths."""
    clear_files(root, str(record.address), [p for p in record.outputs.get("files", ()) if p not in kept])
