"""The items of a fan-out: how many may run, and what the step has of them in the end."""

import json
import shutil
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from mlspec.backends.pipelines._local.outputs import Output, Outputs, declared
from mlspec.backends.pipelines._local.steps import CACHED, DONE, FAILED, Bench, Result
from mlspec.backends.port import BackendError
from mlspec.base.folder import copy_path, digest_path, link
from mlspec.base.value import dataclass, field
from mlspec.ir.workflow import CommandStep, FanOut, Mode, OutputType


@dataclass(eq=False)
class Scatter:
    """One fan-out while it goes on: items that wait, how many run, and what came of the others."""

    step: CommandStep
    each: FanOut
    waiting: deque[int] = field(default_factory=deque)
    running: int = 0
    results: dict[int, Result] = field(default_factory=dict)

    @classmethod
    def of(cls, step: CommandStep, each: FanOut) -> "Scatter":
        """All of its items wait."""
        return cls(step, each, deque(range(len(each.items))))

    @property
    def may_start(self) -> bool:
        """Whether another item may start now."""
        return bool(self.waiting) and not (self.each.parallel and self.running >= self.each.parallel)

    @property
    def over(self) -> bool:
        """Whether no item runs or waits."""
        return not self.waiting and not self.running

    @property
    def good(self) -> dict[int, Result]:
        """The items that came to something, in order."""
        return {i: r for i, r in sorted(self.results.items()) if r.status in {DONE, CACHED}}

    @property
    def bad(self) -> dict[int, Result]:
        """The items that failed, in order."""
        return {i: r for i, r in sorted(self.results.items()) if r.status == FAILED}


def gather(scatter: Scatter, bench: Bench) -> Result:
    """Make the outputs of the step: those of the best item, or of all that came to something. Raises BackendError."""
    good = scatter.good
    status = CACHED if all(r.status == CACHED for r in good.values()) else DONE
    if scatter.each.best:
        item = _best(scatter, bench)
        outputs = _linked(good[item].outputs, bench.folder.step(scatter.step.name))
        how = "highest" if scatter.each.mode is Mode.MAX else "lowest"
        bench.tools.say(
            f"{scatter.step.name}: keeps item {item}, the {how} `{scatter.each.best}`: {_told(scatter, item)}"
        )
        return Result(status, outputs=outputs, kept=item)
    folder = bench.folder.step(scatter.step.name)
    return Result(status, outputs=Outputs(_collected(scatter, good, folder)))


def _best(scatter: Scatter, bench: Bench) -> int:
    name, good = scatter.each.best, scatter.good
    found = {i: r.outputs.metrics[name] for i, r in good.items() if name in r.outputs.metrics}
    if missing := sorted(good.keys() - found.keys()):
        there = ", ".join(f"`{m}`" for m in sorted(good[missing[0]].outputs.metrics)) or "none"
        what = f"step `{scatter.step.name}` of workflow `{bench.workflow.name}` keeps the best `{name}`, and item {missing[0]} has no such metric"
        raise BackendError(what, f"it has: {there}", "step-failed")
    sign = 1 if scatter.each.mode is Mode.MAX else -1
    return max(found, key=lambda i: (sign * found[i], -i))


def _told(scatter: Scatter, item: int) -> str:
    value = scatter.results[item].outputs.metrics[scatter.each.best]
    said = ", ".join(f"{name} = {text}" for name, text in scatter.each.items[item])
    return f"{scatter.each.best} = {value:g} ({said})"


def _linked(outputs: Outputs, folder: Path) -> Outputs:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = {}
    for name, output in outputs.files.items():
        copy_path(output.path, folder / output.path.name, link)
        files[name] = Output(folder / output.path.name, output.digest)
    return Outputs(files, outputs.metrics)


def _collected(scatter: Scatter, good: Mapping[int, Result], folder: Path) -> dict[str, Output]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    about = [
        {
            "item": item,
            "parameters": {name: json.loads(text) for name, text in scatter.each.items[item]},
            "metrics": dict(result.outputs.metrics),
        }
        for item, result in good.items()
    ]
    found = {}
    for name, kind in declared(scatter.step):
        target = folder / name
        target.mkdir()
        for item, result in good.items():
            source, place = result.outputs.files[name].path, target / str(item)
            if kind is OutputType.METRICS:
                place.mkdir()
                place /= source.name
            copy_path(source, place, link)
        (target / "items.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        found[name] = Output(target, digest_path(target))
    return found
