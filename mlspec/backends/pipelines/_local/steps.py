"""Does one step: from its inputs to its outputs, from the cache where that is allowed, in several attempts if need be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from mlspec.backends.pipelines._local.cache import Cache, cache_key, keeps
from mlspec.backends.pipelines._local.contract import environment
from mlspec.backends.pipelines._local.edges import holds
from mlspec.backends.pipelines._local.guard import Guard
from mlspec.backends.pipelines._local.history import RunFolder
from mlspec.backends.pipelines._local.mask import Mask
from mlspec.backends.pipelines._local.outputs import BadOutput, Output, Outputs, collect, prepare
from mlspec.backends.pipelines._local.process import Command, Stopped, TimedOut, run_command, tail
from mlspec.backends.pipelines._local.register import register
from mlspec.backends.port import BackendError, ModelVersion, Place, Tools
from mlspec.ir.given import UnfitValue, given
from mlspec.ir.workflow import CommandStep, DatasetStep, RegisterStep, Step, Workflow

DONE, CACHED, SKIPPED, FAILED, NOT_RUN = "done", "cached", "skipped", "failed", "not run"


@dataclass(frozen=True)
class Result:
    """What became of a step. `key` is its name in the cache; `version` what a register step registered."""

    status: str
    seconds: float = 0.0
    outputs: Outputs = field(default_factory=Outputs)
    key: str = ""
    version: ModelVersion | None = None
    error: BackendError | None = None


@dataclass(frozen=True)
class Bench:
    """What all steps of a run work with; `turn` lets one step at a time use the engine and the registry."""

    workflow: Workflow
    tools: Tools
    place: Place
    folder: RunFolder
    cache: Cache
    guard: Guard
    secrets: Mapping[str, str]
    inherit: tuple[str, ...] = ()
    turn: Lock = field(default_factory=Lock)


def do_step(step: Step, bench: Bench, before: Mapping[str, Result]) -> Result:
    """Do a step whose parents are done. Raises BackendError, and Stopped when the run is told to end."""
    match step:
        case RegisterStep():
            return _register(step, bench, before)
        case CommandStep() if not holds(step, bench.workflow, {n: r.outputs.metrics for n, r in before.items()}):
            return Result(SKIPPED)
    inputs = _inputs(step, before)
    parameters = _parameters(step, bench, before)
    key = cache_key(step, parameters, inputs) if keeps(step) else ""
    if key and (found := bench.cache.fetch(key, step, bench.folder.step(step.name))) is not None:
        return Result(CACHED, outputs=found, key=key)
    outputs = _export(step, bench) if isinstance(step, DatasetStep) else _attempts(step, bench, parameters, inputs)
    if key:
        bench.cache.store(key, step, outputs)
    return Result(DONE, outputs=outputs, key=key)


def shown(path: Path, place: Place) -> str:
    """Write a path as a person in the project's folder would."""
    root = place.root.resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _parameters(step: CommandStep | DatasetStep, bench: Bench, before: Mapping[str, Result]) -> dict[str, str]:
    if isinstance(step, DatasetStep):
        return {}
    try:
        return given(bench.workflow, step, {name: result.outputs.metrics for name, result in before.items()})
    except UnfitValue as error:
        what = f"step `{step.name}` of workflow `{bench.workflow.name}` cannot be given what it asks for: {error}"
        raise BackendError(what, "", "step-failed") from error


def _inputs(step: CommandStep | DatasetStep, before: Mapping[str, Result]) -> dict[str, Output]:
    if isinstance(step, DatasetStep):
        return {}
    return {name: before[source.step].outputs.files[source.output] for name, source in step.inputs}


def _register(step: RegisterStep, bench: Bench, before: Mapping[str, Result]) -> Result:
    files = before[step.source.step].outputs.files[step.source.output]
    metrics = before[step.metrics.step].outputs.metrics
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


def _attempts(step: CommandStep, bench: Bench, parameters: Mapping[str, str], inputs: Mapping[str, Output]) -> Outputs:
    log = bench.folder.log(step.name)
    attempts = step.retries + 1
    for attempt in range(1, attempts + 1):
        if attempts > 1:
            with log.open("a", encoding="utf-8") as file:
                file.write(f"--- attempt {attempt} of {attempts} ---\n")
        try:
            return _attempt(step, bench, parameters, inputs, log)
        except BackendError as error:
            if attempt == attempts:
                raise
            delay = step.wait_before(attempt + 1)
            bench.tools.say(f"{step.name}: {error}; attempt {attempt + 1} of {attempts} in {delay:g} s")
            if bench.guard.stop.wait(delay):
                raise Stopped from error
    raise AssertionError(attempts)


def _attempt(
    step: CommandStep, bench: Bench, parameters: Mapping[str, str], inputs: Mapping[str, Output], log: Path
) -> Outputs:
    outputs = prepare(step, bench.folder.step(step.name))
    places = {name: output.path for name, output in inputs.items()}
    variables = environment(step, parameters, places, outputs, bench.secrets, bench.inherit)
    argv = ("/bin/sh", "-c", *step.command) if len(step.command) == 1 else step.command
    command = Command(argv, bench.place.root, variables, step.timeout)
    try:
        code = run_command(command, log, Mask(bench.secrets.values()), bench.guard)
        why = _ended(code)
        if not why:
            return collect(step, bench.folder.step(step.name))
    except TimedOut:
        why = f"took longer than {step.timeout:g} s and was ended"
    except BadOutput as error:
        why = f"failed: {error}"
    except (OSError, ValueError) as error:
        why = f"could not be started: {error}"
    raise BackendError(
        f"step `{step.name}` of workflow `{bench.workflow.name}` {why}", _log_end(log, bench.place), "step-failed"
    )


def _ended(code: int) -> str:
    if code < 0:
        return f"was ended by signal {-code}"
    return f"failed with exit code {code}" if code else ""


def _log_end(log: Path, place: Place) -> str:
    lines = "".join(f"  | {line}\n" for line in tail(log))
    return (f"its log ends with\n{lines}" if lines else "it wrote nothing\n") + f"the whole log is {shown(log, place)}"
