"""What another target has made, or the same one with other options: files are taken away, what runs is not left behind."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from mlspec.backends.chosen import Backends
from mlspec.backends.rendered import clear as clear_files
from mlspec.base.diag import Diagnostic, Problems
from mlspec.plan.change import Action, Plan
from mlspec.plan.target import Target, made_elsewhere, made_otherwise
from mlspec.state.model import Record, State


def refuse_left_behind(plan: Plan, state: State, targets: Mapping[str, Target], backends: Backends) -> None:
    """Raise Problems where a change would leave something running that only the target before can end."""
    found = list(_left(plan, state, targets, backends))
    if found:
        raise Problems(found)


def _left(plan: Plan, state: State, targets: Mapping[str, Target], backends: Backends) -> Iterator[Diagnostic]:
    for change in plan.changes:
        record = state.get(change.address)
        if record is None or record.form != "service" or change.action is Action.FORGET or "files" in record.outputs:
            continue  # files are taken away by whoever comes after; only services run by themselves
        target, left = targets.get(record.form), ""
        if target is not None and made_elsewhere(record, target):
            left = f"`{record.address}` was made by `{record.backend}`, and the environment has chosen `{target.name}`, which cannot end it"
        elif made_otherwise(record, target) and (what := backends.deploys.out_of_reach(record.outputs)):
            left = f"with the options of now nobody would find {what} for `{record.address}`, and it would go on"
        if left:
            help_ = f"choose what was before once more, `mlspec destroy --select {record.address}`, and then change it"
            yield Diagnostic("other-target", left, help=help_)


def clear(root: Path, record: Record, kept: Collection[str]) -> None:
    """Remove the rendered files of a record, but for some paths."""
    clear_files(root, str(record.address), [p for p in record.outputs.get("files", ()) if p not in kept])
