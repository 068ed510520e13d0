"""Does one step, or one item of a fan-out: from its inputs to its outputs, from the cache where that is allowed."""

from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from mlspec.backends.pipelines._local.attempts import Attempts
from mlspec.backends.pipelines._local.cache import Cache, NotKept, keeps
from mlspec.backends.pipelines._local.guard import Guard
from mlspec.backends.pipelines._local.history import RunFolder
from mlspec.backends.pipelines._local.journal import Job
from mlspec.backends.pipelines._local.outputs import BadOutput, Output, Outputs, collect, prepare, read_metrics
from mlspec.backends.pipelines._local.register import register
from mlspec.backends.port import BackendError, ModelVersion, Place, Tools
from mlspec.backends.runs import StepRecord
from mlspec.base.value import dataclass, field, replace
from mlspec.ir.cachekey import cache_key, difference, key_parts
from mlspec.ir.given import UnfitValue, given
from mlspec.ir.workflow import CommandStep, DatasetStep, RegisterStep, Step, Workflow

DONE, CACHED, SKIPPED, FAILED, NOT_RUN = "done", "cached", "skipped", "failed", "not run"


@dataclass(frozen=True)
class Result:
    """What became of a step. `work` is the digest of all that decides it, in `parts` by what that is; `key` the same where it is kept.

    `why` says why nothing was taken from the cache. `kept` is the item of a fan-out whose outputs are those of the step.

    `tolerated`: it failed, and the run goes on as if it had been skipped. `version` is what a register step registered.
    """

    status: str
    seconds: float = 0.0
    outputs: Outputs = field(default_factory=Outputs)
    work: str = ""
    key: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    why: str = ""
    attempts: int = 0
    version: ModelVersion | None = None
    error: BackendError | None = None
    tolerated: bool = False
    kept: int | None = None
    before: bool = False
    """It had finished before the run was broken off, and was not run again."""


@dataclass(frozen=True)
class Bench:
    """What all steps of a run work with; `turn` lets one step at a time use the engine and the registry.

    `finished` is what an earlier part of this run came to, `before` the parts of the keys of the run before.
    With `explain` it is said why something is not taken from the cache.
    """

    workflow: Workflow
    tools: Tools
    place: Place
    folder: RunFolder
    cache: Cache
    guard: Guard
    secrets: Mapping[str, str]
    inherit: tuple[str, ...] = ()
    finished: Mapping[Job, StepRecord] = field(default_factory=dict)
    before: Mapping[Job, Mapping[str, str]] = field(default_factory=dict)
    explain: bool = False
    turn: Lock = field(default_factory=Lock)


def do_step(step: Step, item: int | None, bench: Bench, before: Mapping[str, Result]) -> Result:
    """Do a step whose parents are done. Raises BackendError, and Stopped when the run is told to end."""
    if isinstance(step, RegisterStep):
        return _register(step, bench, before)
    inputs = _inputs(step, before)
    parameters = _parameters(step, item, bench, before)
    digests = {name: output.digest for name, output in inputs.items()}
    key, parts = cache_key(step, parameters, digests), key_parts(step, parameters, digests)
    known = Result(DONE, work=key, key=key if keeps(step) else "", parts=parts)
    if (earlier := _finished(step, item, bench, key)) is not None:
        return replace(known, status=bench.finished[step.name, item].status, outputs=earlier, before=True)
    if known.key:
        try:
            return replace(
                known, status=CACHED, outputs=bench.cache.fetch(key, step, bench.folder.step(step.name, item))
            )
        except NotKept as error:
            known = replace(known, why=_why(step, item, bench, parts, str(error)))
    if isinstance(step, DatasetStep):
        outputs, attempts = _export(step, bench), 1
    else:
        outputs, attempts = _attempts(step, item, bench, parameters, inputs)
    if known.key:
        bench.cache.store(key, step, outputs)
    return replace(known, outputs=outputs, attempts=attempts)


def _why(step: Step, item: int | None, bench: Bench, parts: Mapping[str, str], otherwise: str) -> str:
    """Why nothing is taken from the cache: what differs from the run before, or what is wrong with what is kept."""
    before = bench.before.get((step.name, item))
    if before is None:
        return "it has not been run before" if otherwise == "nothing is kept of it" else otherwise
    return ", ".join(difference(parts, before)) or otherwise


def _finished(step: CommandStep | DatasetStep, item: int | None, bench: Bench, key: str) -> Outputs | None:
    """What this step came to before the run was broken off, if that was the same work and is whole."""
    record = bench.finished.get((step.name, item))
    if record is None or record.key != key:
        return None
    try:
        found = collect(step, bench.folder.step(step.name, item))
    except (BadOutput, OSError):
        return None
    same = {name: output.digest for name, output in found.files.items()} == dict(record.outputs)
    return found if same else None


def _parameters(
    step: CommandStep | DatasetStep, item: int | None, bench: Bench, before: Mapping[str, Result]
) -> dict[str, str]:
    if isinstance(step, DatasetStep):
        return {}
    measured = {name: result.outputs.metrics for name, result in before.items()}
    chosen = step.each.items[item] if step.each and item is not None else ()
    try:
        return given(bench.workflow, step, measured, chosen)
    except UnfitValue as error:
        what = f"step `{step.name}` of workflow `{bench.workflow.name}` cannot be given what it asks for: {error}"
        raise BackendError(what, "", "step-failed") from error


def _inputs(step: CommandStep | DatasetStep, before: Mapping[str, Result]) -> dict[str, Output]:
    if isinstance(step, DatasetStep):
        return {}
    return {name: before[source.step].outputs.files[source.output] for name, source in step.inputs}


def _register(step: RegisterStep, bench: Bench, before: Mapping[str, Result]) -> Result:
    files = before[step.source.step].outputs.files[step.source.output]
    measured = before[step.metrics.step].outputs.files[step.metrics.output]
    try:  # of the output that is named, not of all that its step measures
        metrics = read_metrics(step.metrics.output, measured.path)
    except BadOutput as error:
        what = f"step `{step.name}` of workflow `{bench.workflow.name}` failed: {error}"
        raise BackendError(what, "", "step-failed") from error
    with bench.turn:
        return Result(DONE, version=register(step, bench.workflow, bench.tools, files, metrics))


def _export(step: DatasetStep, bench: Bench) -> Outputs:
    folder = bench.folder.step(step.name)
    paths = prepare(step, folder)
    try:
        with bench.turn:
            bench.tools.export(step, paths["data"])
        return collect(step, folder)
    except (BackendError, BadOutput) as error:
        what = f"step `{step.name}` of workflow `{bench.workflow.name}` failed: {error}"
        raise BackendError(what, getattr(error, "help", ""), getattr(error, "code", "step-failed")) from error


def _attempts(
    step: CommandStep, item: int | None, bench: Bench, parameters: Mapping[str, str], inputs: Mapping[str, Output]
) -> tuple[Outputs, int]:
    places: dict[str, Path] = {name: output.path for name, output in inputs.items()}
    folder, log = bench.folder.step(step.name, item), bench.folder.log(step.name, item)
    label = step.name if item is None else f"{step.name}[{item}]"
    run = Attempts(
        step, label, bench.workflow.name, folder, log, bench.place, bench.guard, bench.tools.say, bench.secrets,
        bench.folder.id, bench.inherit,
    )  # fmt: skip
    return run.until_done(parameters, places)
