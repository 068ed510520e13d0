"""Runs workflows as processes on this machine: no server, no containers; every run in a folder one can look into."""

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

from mlspec.backends.found import Difference, Unused
from mlspec.backends.pipelines._local.cache import Cache
from mlspec.backends.pipelines._local.contract import read_secrets
from mlspec.backends.pipelines._local.edges import check_conditions, needs
from mlspec.backends.pipelines._local.execution import Execution
from mlspec.backends.pipelines._local.facts import made_with
from mlspec.backends.pipelines._local.guard import Guard
from mlspec.backends.pipelines._local.history import RunFolder, has_runner, new_run, prune_runs, used_keys
from mlspec.backends.pipelines._local.journal import Job, Journal
from mlspec.backends.pipelines._local.process import Stopped
from mlspec.backends.pipelines._local.register import known_version
from mlspec.backends.pipelines._local.remembered import (
    ALL_RUNS,
    NoLongerKept,
    finished_steps,
    found_run,
    key_parts_before,
    read_run,
    run_folders,
)
from mlspec.backends.pipelines._local.steps import CACHED, DONE, Bench
from mlspec.backends.port import Artifact, BackendError, Capability, Outcome, PipelineTarget, Place, Run, StepRun, Tools
from mlspec.backends.runs import RunRecord, StepRecord
from mlspec.base.dag import upstream
from mlspec.base.digest import digest
from mlspec.base.folder import write_text
from mlspec.base.value import dataclass, replace
from mlspec.ir.later import described
from mlspec.ir.resource import body_digest
from mlspec.ir.workflow import Workflow

_PATIENCE = 60.0
"""Seconds to wait for what a runner that was killed has left running to be ended."""
_MOMENT = 1.0
"""Seconds to wait for those who hold a run only to see whether somebody works on it."""
_SHOWN = 20


class Local(PipelineTarget):
    """Each run has a folder `runs/<environment>/<run>/` in the private one: a folder and a log per step, `run.json`.

    A step inherits little of the environment (see `contract.py`) and runs in the project's folder. Steps with equal
    commands, parameters, code and inputs are taken from `cache/<environment>/`. Needs a POSIX system.
    """

    @dataclass(frozen=True)
    class Settings:
        """How many steps run side by side, how many runs of a workflow are kept, which variables steps inherit too."""

        parallelism: int = 2
        keep_runs: int = 20
        inherit: tuple[str, ...] = ()

    settings: Settings
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.COLLECT, Capability.RUNS, Capability.FAN_OUT, Capability.KEEP_BEST, Capability.METRIC_PARAMETERS, Capability.BACKOFF,
            Capability.IDLE_TIMEOUT, Capability.STOP_ON_ERROR, Capability.CONTINUE_ON_ERROR, Capability.CACHE_TTL, Capability.TRIGGERS,
        }
    )  # fmt: skip

    def __init__(self, settings: Settings, place: Place) -> None:
        super().__init__(settings, replace(place, root=place.root.resolve(), private=place.private.resolve()))
        self._guards: set[Guard] = set()

    def render(self, workflow: Workflow) -> tuple[Artifact, ...]:
        """Describe the workflow as JSON: its steps as they will be run, and for which others each one waits."""
        edges = needs(workflow)
        told = described(workflow) | {
            "parameters": {name: json.loads(text) for name, text in workflow.parameters},
            "steps": [
                {"type": type(step).__name__.removesuffix("Step").lower(), **described(step), "needs": edges[step.name]}
                for step in workflow.steps
            ],
        }
        text = json.dumps(told, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        return (Artifact(f"pipelines/{workflow.name}.json", text),)

    def publish(self, workflow: Workflow) -> Outcome:
        """Keep the description in the private folder; a schedule is nothing that this target can keep."""
        (artifact,) = self.render(workflow)
        write_text(self._published(workflow.name), artifact.text)
        return Outcome({"name": workflow.name, "version": workflow.version, "digest": digest(artifact.text)})

    def withdraw(self, outputs: Mapping[str, Any]) -> None:
        """Take the description away; runs, cache and models stay."""
        self._published(str(outputs.get("name", ""))).unlink(missing_ok=True)

    def differences(self, outputs: Mapping[str, Any]) -> tuple[Difference, ...]:
        """Whether the description is there as it was published."""
        path = self._published(str(outputs.get("name", "")))
        shown = path.relative_to(self.place.root).as_posix()
        try:
            found = digest(path.read_text("utf-8"))
        except FileNotFoundError:
            return (Difference("missing", shown, str(outputs["digest"])),)
        except (OSError, UnicodeDecodeError):
            found = "unreadable"
        return () if found == outputs["digest"] else (Difference("edited", shown, str(outputs["digest"]), found),)

    def run(self, workflow: Workflow, tools: Tools) -> Run:
        """Run it to its end, unless its version is registered already. Raises BackendError, its log in `help`."""
        tools = _one_at_a_time(tools)
        if (known := self._registered(workflow, tools)) is not None:
            return known
        folder = new_run(self._runs, workflow.name, workflow.version)
        with _held(folder, _PATIENCE) as lock:
            return self._go(workflow, tools, folder, {}, lock)

    def resume(self, run: str, workflow: Workflow, tools: Tools) -> Run:
        """Go on with a run that was broken off or has failed: what is finished, whole and the same work is not done again."""
        path = found_run(self._runs, run)
        folder = RunFolder(path, workflow.name, time.time())
        with _held(folder, _MOMENT if has_runner(path) else _PATIENCE) as lock:
            record = read_run(path, self.place)  # not before: whoever held it may have gone on with the run
            if record.digest != body_digest(workflow):
                raise BackendError(
                    f"`{workflow.name}` is not what it was in run `{record.id}`",
                    "run it anew: what is unchanged is taken from the cache", "not-resumable",
                )  # fmt: skip
            if record.status == DONE:
                raise BackendError(f"run `{record.id}` is finished", ALL_RUNS, "not-resumable")
            return self._go(workflow, _one_at_a_time(tools), folder, finished_steps(record), lock)

    def _go(
        self, workflow: Workflow, tools: Tools, folder: RunFolder, finished: Mapping[Job, StepRecord], lock: int
    ) -> Run:
        needs(workflow)
        check_conditions(workflow)
        secrets = read_secrets(workflow)
        cache = Cache(self.place.private / "cache" / self.place.environment)
        before = key_parts_before(self._runs, workflow.name, folder.path)
        journal = Journal(folder.path)
        try:
            with Guard(folder.id, lock) as guard:
                self._guards.add(guard)
                bench = Bench(
                    workflow, tools, self.place, folder, cache, guard, secrets, tuple(self.settings.inherit), finished, before,
                    tools.explain,
                )  # fmt: skip
                facts = {"digest": body_digest(workflow), "made_with": made_with(self.place.root)}
                try:
                    return Execution(bench, journal, facts).go(self.settings.parallelism)
                except Stopped as error:
                    raise BackendError(f"the run of workflow `{workflow.name}` was stopped") from error
                finally:
                    self._guards.discard(guard)
        finally:
            journal.close()
            cache.prune(prune_runs(self._runs, workflow.name, self.settings.keep_runs))

    def runs(self, workflow: str = "") -> tuple[RunRecord, ...]:
        """What is kept of the runs of one workflow or of all, the newest first, without their steps."""
        found = []
        for path in run_folders(self._runs, workflow):
            with suppress(NoLongerKept):  # taken away while we look
                found.append(read_run(path, self.place, steps=False))
        return tuple(sorted(found, key=lambda record: record.id, reverse=True))

    def told(self, run: str) -> RunRecord:
        """All of one run; a name may be its beginning, or `latest`."""
        return read_run(found_run(self._runs, run), self.place)

    def log(self, run: str, step: str, item: int | None = None) -> Path:
        """Where the log of a step is written. Raises BackendError when the run has no such step."""
        record = self.told(run)
        path = RunFolder(self._runs / record.id, record.workflow, 0.0).log(step, item)
        if (step, item) not in {(s.name, s.item) for s in record.steps} and not path.exists():
            names = ", ".join(f"`{s.label}`" for s in record.steps[:_SHOWN]) or "none yet"
            raise BackendError(f"run `{record.id}` has no step `{step}`", f"there are: {names}", "unknown-run")
        return path

    @property
    def _runs(self) -> Path:
        return self.place.private / "runs" / self.place.environment

    def collect(self, grace: float, *, dry_run: bool) -> tuple[Unused, ...]:
        """Outputs of steps that no kept run used; they are links to the same files as those of runs, where a disk has links."""
        cache = Cache(self.place.private / "cache" / self.place.environment)
        gone = []
        for entry, age in cache.unused(used_keys(self._runs), grace):
            size = sum(p.stat().st_size for p in entry.rglob("*") if p.is_file())
            gone.append(Unused("cache", entry.name, f"cache of {self.place.environment}", size, age))
            if not dry_run:
                shutil.rmtree(entry, ignore_errors=True)
        return tuple(gone)

    def close(self) -> None:
        """End the processes of all runs that are still going on in other threads."""
        for guard in tuple(self._guards):
            guard.stop.set()

    def _registered(self, workflow: Workflow, tools: Tools) -> Run | None:
        """Answer for a run that would make what is registered and whole; its gates are checked all the same."""
        step = workflow.register
        if step is None:
            return None
        if not workflow.version:
            raise BackendError(f"workflow `{workflow.name}` registers a model but has no version")
        if upstream(needs(workflow), [step.name]) != {s.name for s in workflow.steps}:
            return None  # other steps do more than make this model
        if (version := known_version(step, workflow, tools)) is None:
            return None
        for each in workflow.steps:
            tools.say(f"{each.name}: cached")
        steps = tuple(StepRun(each.name, CACHED, 0.0) for each in workflow.steps)
        return Run(f"registered-{workflow.version[:16]}", steps, {step.metrics.step: version.metrics}, version)

    def _published(self, name: str) -> Path:
        folder = self.place.private / "pipelines" / self.place.environment
        if not name or os.sep in name or name.startswith("."):
            raise BackendError(f"`{name}` is not the name of a published workflow")
        return folder / f"{name}.json"


@contextmanager
def _held(folder: RunFolder, patience: float) -> Iterator[int]:
    """The lock of a run, as long as somebody works on it. Raises BackendError when another one has it."""
    try:
        lock = folder.hold(patience)
    except FileNotFoundError:
        raise NoLongerKept(f"run `{folder.id}` is not kept any more", ALL_RUNS, "unknown-run") from None
    if lock is None:
        raise BackendError(f"run `{folder.id}` is still going on", ALL_RUNS, "not-resumable")
    try:
        yield lock
    finally:
        os.close(lock)


def _one_at_a_time(tools: Tools) -> Tools:
    """Let lines of progress from several threads come one after the other."""
    turn = Lock()

    def say(line: str) -> None:
        with turn:
            tools.say(line)

    return replace(tools, say=say)
