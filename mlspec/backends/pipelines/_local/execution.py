"""Does the steps of a workflow: parents first, independent ones side by side, and says what is happening."""

import json
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mlspec.backends.pipelines._local.edges import needs
from mlspec.backends.pipelines._local.history import RUNNING
from mlspec.backends.pipelines._local.steps import DONE, FAILED, NOT_RUN, SKIPPED, Bench, Result, do_step, shown
from mlspec.backends.port import BackendError, Run, StepRun
from mlspec.ir.waiting import needed

HEARTBEAT = 10.0
"""Seconds after which a step that still runs is mentioned again."""
_TICK = 1.0


@dataclass
class Execution:
    """One run while it goes on: which steps are through, and which run since when."""

    bench: Bench
    results: dict[str, Result] = field(default_factory=dict)
    running: dict[Future[Result], str] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    said: dict[str, float] = field(default_factory=dict)

    def go(self, parallelism: int) -> Run:
        """Run to the end. Raises the error of the first step that failed, when all that could run has run."""
        self._record(RUNNING)
        pool = ThreadPoolExecutor(max(parallelism, 1), thread_name_prefix="step")
        try:
            self._walk(pool, max(parallelism, 1))
        except BaseException:
            self.bench.guard.stop.set()
            pool.shutdown(cancel_futures=True)
            self._record("interrupted")
            raise
        pool.shutdown()
        failed = [name for name in self._order() if self.results[name].status == FAILED]
        self._record(FAILED if failed else DONE)
        if failed:
            raise self._error(failed)
        return self._run()

    def _walk(self, pool: ThreadPoolExecutor, parallelism: int) -> None:
        parents = needs(self.bench.workflow)
        waiting = list(self._order())
        while waiting or self.running:
            for name in tuple(waiting):
                before = [self.results.get(parent) for parent in parents[name]]
                if fate := self._fate(name, parents[name]):
                    self._settle(name, Result(fate))
                elif None not in before and len(self.running) < parallelism:
                    self._start(name, pool, {parent: self.results[parent] for parent in parents[name]})
                else:
                    continue
                waiting.remove(name)
            done, _ = wait(self.running, timeout=min(_TICK, HEARTBEAT), return_when=FIRST_COMPLETED)
            for future in done:
                self._finish(future)
            self._beat()

    def _fate(self, name: str, parents: tuple[str, ...]) -> str:
        """Say why a step will not run, as far as its parents decide it: one failed, or one that it needs was skipped."""
        known = {parent: self.results[parent].status for parent in parents if parent in self.results}
        if {FAILED, NOT_RUN} & set(known.values()):
            return NOT_RUN
        step = self.bench.workflow.step(name)
        skipped = step is not None and any(known.get(parent) == SKIPPED for parent in needed(step))
        return SKIPPED if skipped and len(known) == len(parents) else ""

    def _start(self, name: str, pool: ThreadPoolExecutor, before: Mapping[str, Result]) -> None:
        step = self.bench.workflow.step(name)
        assert step is not None  # noqa: S101 - the name is from the workflow
        self.since[name] = self.said[name] = time.monotonic()
        self.bench.tools.say(f"{name}: running")
        self.running[pool.submit(do_step, step, self.bench, before)] = name

    def _finish(self, future: Future[Result]) -> None:
        name = self.running.pop(future)
        seconds = time.monotonic() - self.since[name]
        error = future.exception()
        if error is not None and not isinstance(error, BackendError):
            raise error
        result = Result(FAILED, error=error) if isinstance(error, BackendError) else future.result()
        self._settle(name, replace(result, seconds=seconds))

    def _settle(self, name: str, result: Result) -> None:
        self.results[name] = result
        took = f" {'in' if result.status == DONE else 'after'} {result.seconds:.1f} s"
        self.bench.tools.say(f"{name}: {result.status}" + (took if result.status in (DONE, FAILED) else ""))
        self._record(RUNNING)

    def _beat(self) -> None:
        now = time.monotonic()
        for name in self.running.values():
            if now - self.said[name] >= HEARTBEAT:
                self.said[name] = now
                self.bench.tools.say(f"{name}: running for {now - self.since[name]:.0f} s")

    def _order(self) -> tuple[str, ...]:
        return tuple(step.name for step in self.bench.workflow.steps)

    def _error(self, failed: list[str]) -> BackendError:
        first = self.results[failed[0]].error
        assert first is not None  # noqa: S101 - what failed has its error
        others = "".join(f"\nstep `{name}` failed too: {self.results[name].error}" for name in failed[1:])
        where = f"\nthe run is in {shown(self.bench.folder.path, self.bench.place)}"
        return BackendError(str(first), f"{first.help}{others}{where}", first.code)

    def _step_run(self, name: str) -> StepRun:
        log = self.bench.folder.log(name)
        result = self.results[name]
        written = shown(log, self.bench.place) if log.exists() else ""
        return StepRun(name, result.status, round(result.seconds, 3), written)

    def _metrics(self) -> dict[str, Mapping[str, float]]:
        return {name: result.outputs.metrics for name, result in self.results.items() if result.outputs.metrics}

    def _run(self) -> Run:
        versions = (result.version for result in self.results.values())
        steps = tuple(self._step_run(name) for name in self._order())
        return Run(self.bench.folder.id, steps, self._metrics(), next((v for v in versions if v is not None), None))

    def _record(self, status: str) -> None:
        workflow = self.bench.workflow
        self.bench.folder.write(
            status,
            {
                "environment": self.bench.place.environment,
                "version": workflow.version,
                "parameters": {name: json.loads(text) for name, text in workflow.parameters},
                "steps": [self._describe(name) for name in self._order() if name in self.results],
                "metrics": {name: dict(values) for name, values in self._metrics().items()},
            },
        )

    def _describe(self, name: str) -> dict[str, Any]:
        result = self.results[name]
        return {
            **asdict(self._step_run(name)),
            "key": result.key,
            "outputs": {output: found.digest for output, found in result.outputs.files.items()},
            "error": str(result.error) if result.error else "",
            "model": result.version.model if result.version else "",
        }
