"""What a step left behind: where it lies, its digest and its metrics; refused unless it is what was declared."""

import json
import math
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlspec.base.folder import NotCopyable, digest_path, entries
from mlspec.base.value import dataclass, field
from mlspec.ir.workflow import CommandStep, DatasetStep, OutputType, RegisterStep, Step


class BadOutput(Exception):
    """An output is missing or not what it was declared to be; the message names it."""


@dataclass(frozen=True)
class Output:
    """A kept output: its place and the digest of what it holds."""

    path: Path
    digest: str


@dataclass(frozen=True)
class Outputs:
    """All outputs of a step by name, and the metrics that are among them."""

    files: Mapping[str, Output] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


def declared(step: Step) -> tuple[tuple[str, OutputType], ...]:
    """List the outputs of a step with their types."""
    match step:
        case CommandStep():
            return step.outputs
        case DatasetStep():
            return (("data", OutputType.ARTIFACT),)
        case RegisterStep():
            return ()


def output_paths(step: Step, folder: Path) -> dict[str, Path]:
    """Say where each output goes: a folder of its name, or `<name>.json` for metrics."""
    return {name: folder / (f"{name}.json" if kind is OutputType.METRICS else name) for name, kind in declared(step)}


def prepare(step: Step, folder: Path) -> dict[str, Path]:
    """Empty the folder of a step, and make the empty folders into which it writes."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    paths = output_paths(step, folder)
    for name, kind in declared(step):
        if kind is not OutputType.METRICS:
            paths[name].mkdir()
    return paths


def collect(step: Step, folder: Path) -> Outputs:
    """Read what a step left. Raises BadOutput."""
    paths = output_paths(step, folder)
    files: dict[str, Output] = {}
    metrics: dict[str, float] = {}
    for name, kind in declared(step):
        if kind is OutputType.METRICS:
            found = read_metrics(name, paths[name])
            if twice := sorted(found.keys() & metrics.keys()):
                raise BadOutput(f"metric `{twice[0]}` is in `{name}` and in another output of the step")
            metrics |= found
        else:
            _check_folder(name, paths[name])
        files[name] = Output(paths[name], digest_path(paths[name]))
    wanted = step.measures if isinstance(step, CommandStep) else ()
    if missing := [name for name in wanted if name not in metrics]:
        there = ", ".join(f"`{name}`" for name in sorted(metrics)) or "none"
        raise BadOutput(
            f"metric `{missing[0]}`, which the step says that it measures, is not there (there are: {there})"
        )
    return Outputs(files, metrics)


def read_metrics(name: str, path: Path) -> dict[str, float]:
    """Read one flat JSON object of finite numbers. Raises BadOutput."""
    if not path.is_file():
        raise BadOutput(f"metrics output `{name}` was not written (`$MLSPEC_OUTPUT_{name.upper()}` is a file)")
    try:
        pairs = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise BadOutput(f"metrics output `{name}` is not JSON: {error}") from error
    if not isinstance(pairs, dict):
        raise BadOutput(f"metrics output `{name}` must be one JSON object, it is {_kind(pairs)}")
    for metric, value in pairs.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            raise BadOutput(f"metric `{metric}` of output `{name}` must be a finite number, it is {_kind(value)}")
    return {metric: float(value) for metric, value in pairs.items()}


def _check_folder(name: str, path: Path) -> None:
    try:
        empty = not any(found.is_file() for _, found in entries(path))
    except (NotCopyable, OSError) as error:
        raise BadOutput(f"output `{name}` cannot be kept: {error}") from error
    if empty:
        raise BadOutput(f"output `{name}` is empty (`$MLSPEC_OUTPUT_{name.upper()}` is a folder to write into)")


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"`{key}` is there twice")
        found[key] = value
    return found


def _finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "a boolean"
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return "a string"
        case None:
            return "null"
        case float() if math.isnan(value):
            return "NaN"
        case int() | float() if not _finite(value):
            return "infinite"
        case _:
            return "a number"
