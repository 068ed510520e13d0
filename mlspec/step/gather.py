"""Brings together what the items of a fan-out have made: the best of them, or all in one folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlspec.backends.pipelines._local.outputs import BadOutput, output_paths, read_metrics
from mlspec.backends.pipelines._step.task import JOINT
from mlspec.base.folder import copy_path
from mlspec.ir.workflow import CommandStep, FanOut, Mode, OutputType

ITEMS = "items.json"


def gather(step: CommandStep, inputs: Mapping[str, Path], folder: Path) -> dict[str, float]:
    """Make the outputs of a fan-out in a folder, and give its metrics: none where all items are kept. Raises BadOutput."""
    each = step.each
    if each is None:
        raise BadOutput(f"step `{step.name}` has no items")
    metrics = [_metrics(step, inputs, number) for number in range(len(each.items))]
    folder.mkdir(parents=True, exist_ok=True)
    if each.best:
        number = _best(each, metrics)
        for name, path in output_paths(step, folder).items():
            copy_path(inputs[f"{name}{JOINT}{number}"], path)
        return metrics[number]
    for name, kind in step.outputs:
        _all(name, kind, each, inputs, folder / name, metrics)
    return {}


def _all(name: str, kind: OutputType, each: FanOut, inputs: Mapping[str, Path], target: Path, metrics: list[dict[str, float]]) -> None:  # fmt: skip
    target.mkdir()
    for number in range(len(each.items)):
        (target / str(number)).mkdir(exist_ok=True)
        source = inputs[f"{name}{JOINT}{number}"]
        if kind is OutputType.METRICS:
            copy_path(source, target / str(number) / f"{name}.json")
        else:
            (target / str(number)).rmdir()
            copy_path(source, target / str(number))
    listed: list[dict[str, Any]] = [
        {"item": number, "parameters": {key: json.loads(text) for key, text in item}, "metrics": metrics[number]}
        for number, item in enumerate(each.items)
    ]
    (target / ITEMS).write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")


def _metrics(step: CommandStep, inputs: Mapping[str, Path], number: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, kind in step.outputs:
        if kind is OutputType.METRICS:
            found |= read_metrics(name, inputs[f"{name}{JOINT}{number}"])
    return found


def _best(each: FanOut, metrics: list[dict[str, float]]) -> int:
    """The first of those whose metric is the best."""
    for number, found in enumerate(metrics):
        if each.best not in found:
            raise BadOutput(f"item {number} has no metric `{each.best}`, by which the best is kept")
    values = [found[each.best] for found in metrics]
    return values.index(max(values) if each.mode is Mode.MAX else min(values))
