"""Runs the command of a step, again where it may fail a few times, and takes what it left."""

from collections.abc import Callable, Mapping
from pathlib import Path

from mlspec.backends.pipelines._local.contract import environment
from mlspec.backends.pipelines._local.guard import Guard
from mlspec.backends.pipelines._local.mask import Mask
from mlspec.backends.pipelines._local.outputs import BadOutput, Outputs, collect, prepare
from mlspec.backends.pipelines._local.process import Command, Stopped, TimedOut, run_command, tail
from mlspec.backends.port import BackendError, Place
from mlspec.base.value import dataclass
from mlspec.ir.workflow import CommandStep


@dataclass(frozen=True)
class Attempts:
    """One command step of a run: `label` is what it is called in messages, `run` the id of the run."""

    step: CommandStep
    label: str
    workflow: str
    folder: Path
    log: Path
    place: Place
    guard: Guard
    say: Callable[[str], None]
    secrets: Mapping[str, str]
    run: str
    inherit: tuple[str, ...]

    def until_done(self, parameters: Mapping[str, str], inputs: Mapping[str, Path]) -> tuple[Outputs, int]:
        """Run it as often as it may be; its outputs, and how many attempts that took. Raises BackendError and Stopped."""
        attempts = self.step.retries + 1
        self.log.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, attempts + 1):
            if attempts > 1:
                with self.log.open("a", encoding="utf-8") as file:
                    file.write(f"--- attempt {attempt} of {attempts} ---\n")
            try:
                return self._once(parameters, inputs), attempt
            except BackendError as error:
                if attempt == attempts:
                    raise
                delay = self.step.wait_before(attempt + 1)
                self.say(f"{self.label}: {error}; attempt {attempt + 1} of {attempts} in {delay:g} s")
                if self.guard.stop.wait(delay):
                    raise Stopped from error
        raise AssertionError(attempts)

    def _once(self, parameters: Mapping[str, str], inputs: Mapping[str, Path]) -> Outputs:
        step = self.step
        outputs = prepare(step, self.folder)
        variables = environment(step, parameters, inputs, outputs, self.secrets, self.run, self.inherit)
        argv = ("/bin/sh", "-c", *step.command) if len(step.command) == 1 else step.command
        command = Command(argv, self.place.root, variables, step.timeout, step.idle_timeout)
        try:
            code = run_command(command, self.log, Mask(self.secrets.values()), self.guard)
            why = _ended(code)
            if not why:
                return collect(step, self.folder)
        except TimedOut as error:
            why = f"took longer than {step.timeout:g} s and was ended"
            if error.idle:
                why = f"wrote nothing for {step.idle_timeout:g} s and was ended"
        except BadOutput as error:
            why = f"failed: {error}"
        except (OSError, ValueError) as error:
            why = f"could not be started: {error}"
        raise BackendError(f"step `{self.label}` of workflow `{self.workflow}` {why}", self._log_end(), "step-failed")

    def _log_end(self) -> str:
        lines = "".join(f"  | {line}\n" for line in tail(self.log))
        where = shown(self.log, self.place)
        return (f"its log ends with\n{lines}" if lines else "it wrote nothing\n") + f"the whole log is {where}"


def shown(path: Path, place: Place) -> str:
    """Write a path as a person in the project's folder would."""
    root = place.root.resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _ended(code: int) -> str:
    if code < 0:
        return f"was ended by signal {-code}"
    return f"failed with exit code {code}" if code else ""
