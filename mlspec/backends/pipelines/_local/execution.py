"""Does the steps of a workflow: parents first, independent ones side by side, and says what is happening."""

import json
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from mlspec.backends.pipelines._local.attempts import shown
from mlspec.backends.pipelines._local.edges import holds, needs
from mlspec.backends.pipelines._local.fan_out import Scatter, gather
from mlspec.backends.pipelines._local.history import RUNNING, when
from mlspec.backends.pipelines._local.journal import Job, Journal
from mlspec.backends.pipelines._local.steps import DONE, FAILED, NOT_RUN, SKIPPED, Bench, Result, do_step
from mlspec.backends.port import BackendError, Run, StepRun
from mlspec.base.value import dataclass, field, replace
from mlspec.ir.waiting import needed
from mlspec.ir.workflow import CommandStep, OnError, Step

HEARTBEAT = 10.0
"""Seconds after which a step that still runs is mentioned again."""
_TICK = 1.0


@dataclass
class Execution:
    """One run while it goes on: which steps are through, which are ready, and which run since when."""

    bench: Bench
    journal: Journal
    facts: Mapping[str, Any] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    items: dict[Job, Result] = field(default_factory=dict)
    ready: deque[Step | Scatter] = field(default_factory=deque)
    scattered: dict[str, Scatter] = field(default_factory=dict)
    running: dict[Future[Result], Job] = field(default_factory=dict)
    since: dict[Job, float] = field(default_factory=dict)
    said: dict[Job, float] = field(default_factory=dict)
    began: dict[Job, float] = field(default_factory=dict)
    due: deque[str] = field(default_factory=deque)
    stopped: bool = False

    def __post_init__(self) -> None:
        self.steps = {step.name: step for step in self.bench.workflow.steps}
        self.parents = needs(self.bench.workflow)
        self.open = {name: len(above) for name, above in self.parents.items()}
        self.children: dict[str, list[str]] = {name: [] for name in self.steps}
        for name, above in self.parents.items():
            for parent in above:
                self.children[parent].append(name)

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
        failed = [n for n in self.steps if self.results[n].status == FAILED and not self.results[n].tolerated]
        self._record(FAILED if failed else DONE)
        if failed:
            raise self._error(failed)
        return self._run()

    # -- which step is next --------------------------------------------------------------------------------------------

    def _walk(self, pool: ThreadPoolExecutor, parallelism: int) -> None:
        self.due.extend(name for name in self.steps if not self.open[name])
        while self.due or self.ready or self.running:
            while self.due:
                self._make_ready(self.due.popleft())
            while len(self.running) < parallelism and (job := self._next()) is not None:
                self._start(*job, pool)
            if not self.running:
                continue
            done, _ = wait(self.running, timeout=min(_TICK, HEARTBEAT), return_when=FIRST_COMPLETED)
            for future in done:
                self._finish(future)
            self._beat()

    def _next(self) -> tuple[Step, int | None] | None:
        """What may start now: the longest waiting step, or item of a fan-out that may have one more."""
        for _ in range(len(self.ready)):
            one = self.ready.popleft()
            if not isinstance(one, Scatter):
                return one, None
            if one.may_start:
                item = one.waiting.popleft()
                one.running += 1
                if one.waiting:
                    self.ready.append(one)
                return one.step, item
            self.ready.append(one)
        return None

    def _make_ready(self, name: str) -> None:
        """All parents are through: it waits for its turn, unless they, or its condition, have decided that it does not run."""
        step = self.steps[name]
        fate = self._fate(step)
        try:
            if not fate and isinstance(step, CommandStep) and step.when:
                measured = {parent: self.results[parent].outputs.metrics for parent in self.parents[name]}
                fate = "" if holds(step, self.bench.workflow, measured) else SKIPPED
        except BackendError as error:
            self._settle(name, Result(FAILED, error=error))
            return
        if fate:
            self._settle(name, Result(fate))
        elif isinstance(step, CommandStep) and step.each:
            self.scattered[name] = Scatter.of(step, step.each)
            self.ready.append(self.scattered[name])
        else:
            self.ready.append(step)

    def _fate(self, step: Step) -> str:
        """Say why a step will not run, as far as its parents decide it."""
        above = {parent: self.results[parent] for parent in self.parents[step.name]}
        if self.stopped or any(r.status == NOT_RUN or (r.status == FAILED and not r.tolerated) for r in above.values()):
            return NOT_RUN
        gone = {parent for parent, r in above.items() if r.status in {SKIPPED, FAILED}}
        return SKIPPED if gone & needed(step) else ""

    # -- what becomes of it --------------------------------------------------------------------------------------------

    def _start(self, step: Step, item: int | None, pool: ThreadPoolExecutor) -> None:
        job = (step.name, item)
        self.since[job] = self.said[job] = time.monotonic()
        self.began[job] = time.time()
        before = {parent: self.results[parent] for parent in self.parents[step.name]}
        if job not in self.bench.finished:
            self.bench.tools.say(f"{_label(job)}: running")
        self.journal.began(job)
        self.running[pool.submit(do_step, step, item, self.bench, before)] = job

    def _finish(self, future: Future[Result]) -> None:
        job = self.running.pop(future)
        seconds = time.monotonic() - self.since[job]
        error = future.exception()
        if error is not None and not isinstance(error, BackendError):
            raise error
        result = Result(FAILED, error=error) if isinstance(error, BackendError) else future.result()
        result = replace(result, seconds=seconds)
        if job[1] is None:
            self._settle(job[0], result)
        else:
            self._settle_item(self.scattered[job[0]], job, result)

    def _settle_item(self, scatter: Scatter, job: Job, result: Result) -> None:
        scatter.running -= 1
        scatter.results[job[1] or 0] = self.items[job] = result
        self._tell(job, result)
        stops = result.status == FAILED and self.bench.workflow.fate(scatter.step) is OnError.STOP
        if stops and scatter.waiting:
            scatter.waiting.clear()
            self.ready.remove(scatter)
        if scatter.over:
            self._settle(job[0], self._gathered(scatter))
        elif stops:
            self._stop()

    def _gathered(self, scatter: Scatter) -> Result:
        """What the step came to: it has failed if an item has, unless those that failed are to be left out."""
        fate = self.bench.workflow.fate(scatter.step)
        seconds = time.monotonic() - min(self.since[job] for job in self.items if job[0] == scatter.step.name)
        if scatter.bad and (fate is not OnError.CONTINUE or not scatter.good):
            first, *others = (r.error for r in scatter.bad.values() if r.error is not None)
            more = f"; {len(others)} more of its {len(scatter.each.items)} items failed" if others else ""
            return Result(FAILED, seconds, error=BackendError(f"{first}{more}", first.help, first.code))
        if len(scatter.results) < len(scatter.each.items) and not scatter.bad:
            return Result(NOT_RUN, seconds)
        try:
            return replace(gather(scatter, self.bench), seconds=seconds)
        except BackendError as error:
            return Result(FAILED, seconds, error=error)

    def _settle(self, name: str, result: Result) -> None:
        fate = self.bench.workflow.fate(self.steps[name])
        if result.status == FAILED:
            result = replace(result, tolerated=fate is OnError.CONTINUE)
            if fate is OnError.STOP:
                self._stop()
        self.results[name] = result
        self._tell((name, None), result)
        for child in self.children[name]:
            self.open[child] -= 1
            if not self.open[child]:
                self.due.append(child)

    def _stop(self) -> None:
        """Nothing further is started: what waits is not run."""
        self.stopped = True
        while self.ready:
            one = self.ready.popleft()
            if isinstance(one, Scatter):
                one.waiting.clear()
            if not isinstance(one, Scatter) or one.over:
                self._settle(one.step.name if isinstance(one, Scatter) else one.name, Result(NOT_RUN))

    # -- what is said and recorded -------------------------------------------------------------------------------------

    def _tell(self, job: Job, result: Result) -> None:
        took = f" {'in' if result.status == DONE else 'after'} {result.seconds:.1f} s"
        said = result.status + (took if result.status in (DONE, FAILED) else "")
        said = "finished before, and kept" if result.before else said
        goes_on = ", the run goes on without it" if result.tolerated else ""
        self.bench.tools.say(f"{_label(job)}: {said}{goes_on}")
        if result.why and self.bench.explain:
            self.bench.tools.say(f"{_label(job)}: not taken from the cache: {result.why}")
        self.journal.ended(job, {**self._describe(job, result), "work": result.work, "parts": dict(result.parts)})

    def _beat(self) -> None:
        now = time.monotonic()
        for job in self.running.values():
            if now - self.said[job] >= HEARTBEAT:
                self.said[job] = now
                self.bench.tools.say(f"{_label(job)}: running for {now - self.since[job]:.0f} s")

    def _error(self, failed: list[str]) -> BackendError:
        first = self.results[failed[0]].error
        assert first is not None  # noqa: S101 - what failed has its error
        others = "".join(f"\nstep `{name}` failed too: {self.results[name].error}" for name in failed[1:])
        where = f"\nthe run is in {shown(self.bench.folder.path, self.bench.place)}"
        return BackendError(str(first), f"{first.help}{others}{where}".lstrip("\n"), first.code)

    def _step_run(self, name: str) -> StepRun:
        result = self.results[name]
        return StepRun(name, result.status, round(result.seconds, 3), self._log((name, None)))

    def _log(self, job: Job) -> str:
        log = self.bench.folder.log(*job)
        return shown(log, self.bench.place) if log.exists() else ""

    def _metrics(self) -> dict[str, Mapping[str, float]]:
        return {name: result.outputs.metrics for name, result in self.results.items() if result.outputs.metrics}

    def _run(self) -> Run:
        versions = (result.version for result in self.results.values())
        steps = tuple(self._step_run(name) for name in self.steps)
        return Run(self.bench.folder.id, steps, self._metrics(), next((v for v in versions if v is not None), None))

    def _record(self, status: str) -> None:
        workflow = self.bench.workflow
        done = [((n, None), self.results[n]) for n in self.steps if n in self.results] if status != RUNNING else []
        items = sorted(self.items.items(), key=lambda pair: (pair[0][0], pair[0][1] or 0)) if done else []
        self.bench.folder.write(
            status,
            {
                "environment": self.bench.place.environment,
                "version": workflow.version,
                "parameters": {name: json.loads(text) for name, text in workflow.parameters},
                **self.facts,
                "steps": [{"name": job[0], **self._describe(job, result)} for job, result in [*done, *items]],
                "metrics": {name: dict(values) for name, values in self._metrics().items()},
            },
        )

    def _describe(self, job: Job, result: Result) -> dict[str, Any]:
        return {
            "item": job[1],
            "status": result.status,
            "started_at": when(self.began[job]) if job in self.began else "",
            "seconds": round(result.seconds, 3),
            "log": self._log(job),
            "key": result.key,
            "why": result.why,
            "attempts": result.attempts,
            "outputs": {output: found.digest for output, found in result.outputs.files.items()},
            "metrics": dict(result.outputs.metrics),
            "error": str(result.error) if result.error else "",
            "model": result.version.model if result.version else "",
            **self._search(job, result),
        }

    def _search(self, job: Job, result: Result) -> dict[str, Any]:
        """Of an item, the set of parameters that is its own; of its step, by which metric which item was kept."""
        step = self.steps[job[0]]
        each = step.each if isinstance(step, CommandStep) else None
        if each is None:
            return {}
        if job[1] is not None:
            return {"set": {name: json.loads(text) for name, text in each.items[job[1]]}}
        return {"keep": {"best": each.best, "mode": each.mode, "item": result.kept}} if each.best else {}


def _label(job: Job) -> str:
    return job[0] if job[1] is None else f"{job[0]}[{job[1]}]"
