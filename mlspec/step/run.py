"""Does one task in a container with the parts that the local runner is made of, so that it comes to the same."""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from mlspec.backends.pipelines._local.cache import Cache, NotKept, keeps
from mlspec.backends.pipelines._local.contract import environment
from mlspec.backends.pipelines._local.guard import Guard
from mlspec.backends.pipelines._local.mask import Mask
from mlspec.backends.pipelines._local.outputs import BadOutput, Output, Outputs, collect, output_paths, prepare
from mlspec.backends.pipelines._local.process import Command, Stopped, TimedOut, run_command
from mlspec.backends.pipelines._step.task import Task
from mlspec.base.folder import NotCopyable, copy_path, digest_file, digest_path
from mlspec.base.value import dataclass
from mlspec.ir.cachekey import cache_key
from mlspec.ir.given import given
from mlspec.ir.workflow import CommandStep, RegisterStep
from mlspec.step.failed import Failed
from mlspec.step.gather import gather


@dataclass(frozen=True)
class Places:
    """Where inputs are, where outputs and single metrics belong, where the project is, what outlasts the container.

    `by_key`: a secret is in the environment under its key, not under the name that the step has for it.
    """

    inputs: Mapping[str, Path]
    outputs: Mapping[str, Path]
    values: Mapping[str, Path]
    project: Path
    cache: Path | None = None
    returns: Path | None = None
    inherit: tuple[str, ...] = ()
    by_key: bool = False


def do(task: Task, places: Places) -> dict[str, float]:
    """Do it, and put everything where it belongs; the metrics of the step. Raises Failed."""
    if missing := sorted(name for name, path in places.inputs.items() if not path.exists()):
        raise Failed(f"{_called(task)}: input `{missing[0]}` is not at {places.inputs[missing[0]]}")
    with tempfile.TemporaryDirectory(prefix="mlspec-") as scratch:
        found = _outputs(task, places, Path(scratch) / "outputs")
        _hand_on(found, places)
    return dict(found.metrics)


def _outputs(task: Task, places: Places, folder: Path) -> Outputs:
    if isinstance(task.step, RegisterStep):
        from mlspec.step.whole import register  # noqa: PLC0415 - brings all of mlspec, which other images need not have

        register(task, places.project, places.inputs["model"], places.inputs["metrics"])
        return Outputs()
    try:
        inputs = {name: Output(path, digest_path(path)) for name, path in places.inputs.items()}
    except NotCopyable as error:
        raise Failed(f"{_called(task)}: an input cannot be read: {error}") from None
    step = task.step
    if task.gather:
        return _gathered(task, places, folder)
    parameters = _parameters(task)
    cache = Cache(places.cache) if places.cache and keeps(step) else None
    key = cache_key(step, parameters, {name: output.digest for name, output in inputs.items()})
    with suppress(NotKept):
        kept = cache.fetch(key, step, folder) if cache else None
        if kept is not None:
            _say(f"{step.name}: cached")
            return kept
    found = _made(task, places, folder, parameters)
    if cache:
        cache.store(key, step, found)
    return found


def _parameters(task: Task) -> dict[str, str]:
    if not isinstance(task.step, CommandStep):
        return {}
    item = task.step.each.items[0] if task.step.each and task.item is not None else ()
    return given(task.as_workflow, task.step, {}, item)


def _gathered(task: Task, places: Places, folder: Path) -> Outputs:
    assert isinstance(task.step, CommandStep)  # noqa: S101 - nothing else has items
    try:
        metrics = gather(task.step, places.inputs, folder)
        paths = {
            name: folder / name if not task.step.each or not task.step.each.best else path
            for name, path in output_paths(task.step, folder).items()
        }
        return Outputs({name: Output(path, digest_path(path)) for name, path in paths.items()}, metrics)
    except BadOutput as error:
        raise Failed(f"{_called(task)} failed: {error}") from None


def _made(task: Task, places: Places, folder: Path, parameters: Mapping[str, str]) -> Outputs:
    """Make the outputs, in several attempts where the target leaves those to the wrapper."""
    step = task.step
    attempts = step.retries + 1 if isinstance(step, CommandStep) else 1
    for attempt in range(1, attempts + 1):
        try:
            return _once(task, places, folder, parameters)
        except Failed as error:
            if attempt == attempts or not isinstance(step, CommandStep):
                raise
            delay = step.wait_before(attempt + 1)
            _say(f"{error}; attempt {attempt + 1} of {attempts} in {delay:g} s")
            time.sleep(delay)
    raise AssertionError(attempts)


def _once(task: Task, places: Places, folder: Path, parameters: Mapping[str, str]) -> Outputs:
    paths = prepare(task.step, folder)
    try:
        if isinstance(task.step, CommandStep):
            _check_code(task, places.project)
            _command(task, task.step, places, parameters, paths)
        else:
            from mlspec.step.whole import export  # noqa: PLC0415 - as above

            export(task, places.project, paths["data"])
        return collect(task.step, folder)
    except BadOutput as error:
        raise Failed(f"{_called(task)} failed: {error}") from None


def _command(
    task: Task, step: CommandStep, places: Places, parameters: Mapping[str, str], paths: Mapping[str, Path]
) -> None:
    secrets = {secret.key: _secret(task, secret.key if places.by_key else name) for name, secret in step.secrets}
    inherit = tuple(os.environ) if "*" in places.inherit else places.inherit
    inherit = tuple(name for name in inherit if not name.startswith("MLSPEC_"))
    mark = f"{os.getpid()}-{time.time_ns()}"
    variables = environment(step, parameters, places.inputs, paths, secrets, mark, inherit)
    argv = ("/bin/sh", "-c", *step.command) if len(step.command) == 1 else step.command
    _attempt(
        task, Command(argv, places.project, variables, step.timeout, step.idle_timeout), Mask(secrets.values()), mark
    )


def _attempt(task: Task, command: Command, mask: Mask, mark: str) -> None:
    stdout = _Stdout()
    log: Any = stdout
    try:
        with Guard(mark) as guard:
            code = run_command(command, log, mask, guard)
    except TimedOut as error:
        slow = f"took longer than {command.timeout:g} s"
        why = f"wrote nothing for {command.idle_timeout:g} s" if error.idle else slow
        raise Failed(f"{_called(task)} {why} and was ended") from None
    except Stopped:
        raise Failed(f"{_called(task)} was stopped") from None
    except (OSError, ValueError) as error:
        raise Failed(f"{_called(task)} could not be started: {error}") from None
    finally:
        stdout.end_line()
    if code:
        raise Failed(
            f"{_called(task)} " + (f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}")
        )


class _Stdout:
    """The log of a step in a container: what the wrapper writes itself."""

    def __init__(self) -> None:
        self._last = b"\n"

    @contextmanager
    def open(self, *_: Any, **__: Any) -> Iterator[BinaryIO]:
        sys.stdout.flush()
        yield self  # type: ignore[misc]

    def write(self, piece: bytes) -> None:
        """Write it at once."""
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        self._last = piece[-1:] or self._last

    def end_line(self) -> None:
        """Let what follows stand on a line of its own, however the step left its last one: targets read the metrics there."""
        if self._last != b"\n":
            self.write(b"\n")


def _check_code(task: Task, project: Path) -> None:
    """Refuse to run other code than was planned; a definition does not say which."""
    assert isinstance(task.step, CommandStep)  # noqa: S101 - the caller has looked
    for path, wanted in task.step.code:
        if wanted and (not (project / path).is_file() or digest_file(project / path) != wanted):
            raise Failed(
                f"{_called(task)}: `{path}` is not as it was planned; build the image from the revision that was applied"
            )


def _secret(task: Task, name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise Failed(f"{_called(task)} needs the secret `{name}`, which its environment does not hold")
    return value


def _hand_on(found: Outputs, places: Places) -> None:
    for name, target in places.outputs.items():
        if target.is_dir():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_path(found.files[name].path, target, shutil.move)
    for name, target in places.values.items():
        if name not in found.metrics:
            raise Failed(f"there is no metric `{name}`, which a later step needs (there are: {_listed(found.metrics)})")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(found.metrics[name]), encoding="utf-8")
    if places.returns is not None:
        places.returns.parent.mkdir(parents=True, exist_ok=True)
        places.returns.write_text(json.dumps(dict(found.metrics)), encoding="utf-8")


def _listed(names: Mapping[str, float]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"


def _called(task: Task) -> str:
    return f"step `{task.step.name}` of workflow `{task.workflow}`"


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
