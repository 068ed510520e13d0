"""A workflow as the tasks that a target starts: what each takes from which other one, and what others read of it."""

import re
from collections.abc import Iterable, Iterator

from mlspec.backends.pipelines._rendered.condition import Node, Untranslatable, metrics, parameters, parse
from mlspec.backends.pipelines._step.task import JOINT, Task, declared, task_of
from mlspec.backends.pipelines._step.wire import packed
from mlspec.backends.port import BackendError
from mlspec.base.digest import digest
from mlspec.base.value import dataclass, replace
from mlspec.ir.workflow import CommandStep, FanOut, OfMetric, OutputType, RegisterStep, Source, Step, Workflow

_MOST, _ROOM, _FRAME = 120_000, 15_000, 6
"""Bytes of a task; where it is looked at more closely, for an escaped byte takes six; what JSON puts around a text."""

_EASY = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Feed:
    """An input of a task: the output of another one."""

    name: str
    task: str
    output: str
    type: OutputType


@dataclass(frozen=True, slots=True)
class Read:
    """A metric that a task is given as a value, or that its condition looks at: of which step, and which task measures it."""

    step: str
    metric: str
    task: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A task of a target. `needs` are the tasks that must have succeeded before it, `follows` those that may have been skipped too.

    `lane` is the item of the same fan-out that must have ended, however, so that not more than `parallel` run at a time.
    `measures` are the metrics that others read of it; `values` those that its parameters are; `when` its condition, of which `asks` are the metrics.
    """

    name: str
    step: Step
    task: Task
    feeds: tuple[Feed, ...]
    outputs: tuple[tuple[str, OutputType], ...]
    values: tuple[Read, ...]
    asks: tuple[Read, ...]
    when: Node | None
    measures: tuple[str, ...]
    needs: tuple[str, ...]
    follows: tuple[str, ...]
    lane: str = ""

    @property
    def gathers(self) -> bool:
        """Whether it runs nothing of the user's, but brings together what the items of a fan-out have made."""
        return self.task.gather


def planned(workflow: Workflow, environment: str) -> tuple[Planned, ...]:
    """Plan the tasks of a workflow, parents first. Raises BackendError for a condition that no other language has."""
    names = _Names(workflow)
    types = {s.name: dict(_handed_on(s)) for s in workflow.steps}
    conditions = {s.name: _condition(s, workflow, types) for s in workflow.steps}
    measured: dict[str, set[str]] = {s.name: set() for s in workflow.steps}
    for step in workflow.steps:
        for metric in (*metrics_of(conditions[step.name]), *_of_parameters(step)):
            measured[metric[0]].add(metric[1])
    plan = _Plan(workflow, environment, names, types, conditions, measured)
    return tuple(one for step in workflow.steps for one in plan.tasks(step))


def task_name(name: str) -> str:
    """A name of ours as pods and templates may be called; different names give different ones."""
    if _EASY.fullmatch(name):
        return name.replace("_", "-")
    return f"{re.sub(r'[^a-z0-9]+', '-', name).strip('-')}-{digest(name)[:6]}"


def metrics_of(node: Node | None) -> tuple[tuple[str, str], ...]:
    """The metrics that a condition reads, each once, as step and name."""
    return tuple(sorted({(m.step, m.name) for m in metrics(node)})) if node else ()


def _handed_on(step: Step) -> tuple[tuple[str, OutputType], ...]:
    """The outputs of a step as later steps find them: of a fan-out that keeps all its items, each is a folder."""
    outputs = declared(step)
    if isinstance(step, CommandStep) and step.each and not step.each.best:
        return tuple((name, OutputType.ARTIFACT) for name, _ in outputs)
    return outputs


def _of_parameters(step: Step) -> tuple[tuple[str, str], ...]:
    if not isinstance(step, CommandStep):
        return ()
    return tuple(sorted({(p.value.step, p.value.metric) for p in step.parameters if isinstance(p.value, OfMetric)}))


def _condition(step: Step, workflow: Workflow, types: dict[str, dict[str, OutputType]]) -> Node | None:
    if not isinstance(step, CommandStep) or not step.when:
        return None
    try:
        found = parse(step.when)
    except Untranslatable as error:
        raise refused_condition(step, str(error)) from None
    known = {name for name, _ in workflow.parameters}
    if strange := sorted({m.step for m in metrics(found)} - types.keys()):
        raise refused_condition(step, f"there is no step `{strange[0]}`")
    if unknown := sorted(set(parameters(found)) - known):
        raise refused_condition(step, f"the workflow has no parameter `{unknown[0]}`")
    return found


def refused_condition(step: CommandStep, why: str) -> BackendError:
    """Say that a condition cannot be told to a target."""
    return BackendError(
        f"the condition of step `{step.name}` cannot be told to this target: {why}",
        f"it reads `{step.when}`; use comparisons of `metrics.<step>.<name>` and `parameters.<name>`, `&&`, `||`, `!`, `in` and arithmetic, "
        "or let the step before measure what decides",
        "unsupported-by-backend",
        ("steps", step.name, "when"),
    )


def too_large(workflow: Workflow) -> Iterator[BackendError]:
    """Steps that no command line or variable can carry: Linux takes 128 KiB of each."""
    shared = sum(len(name) + len(text) for name, text in workflow.parameters)
    for step in workflow.steps:
        if not isinstance(step, CommandStep):
            continue
        texts = [*step.command, *(text for pair in (*step.env, *step.code) for text in pair)]
        texts += [text for item in (step.each.items if step.each else ()) for pair in item for text in pair]
        if (
            shared + sum(len(text.encode()) + _FRAME for text in texts) > _ROOM
            and len(packed(task_of(step, workflow, ""))) > _MOST
        ):
            yield BackendError(
                f"step `{step.name}` is too long to be handed to a container: {_MOST // 1000} kB at most",
                "put what is long into a file, or split the fan-out",
                "unsupported-by-backend",
                ("steps", step.name),
            )


class _Names:
    """The names of tasks, one for each step and each item."""

    def __init__(self, workflow: Workflow) -> None:
        self.of = {step.name: task_name(step.name) for step in workflow.steps}
        found = list(self.of.values())
        for step in workflow.steps:
            if isinstance(step, CommandStep) and step.each:
                found += [self.item(step.name, i, step.each) for i in range(len(step.each.items))]
        if twice := next((name for name in found if found.count(name) > 1), "") if len(set(found)) < len(found) else "":
            raise BackendError(
                f"two tasks of workflow `{workflow.name}` would be called `{twice}`", "rename one of the steps"
            )

    def item(self, step: str, number: int, each: FanOut) -> str:
        return f"{self.of[step]}-{number}-of-{len(each.items)}"


@dataclass(frozen=True)
class _Plan:
    workflow: Workflow
    environment: str
    names: _Names
    types: dict[str, dict[str, OutputType]]
    conditions: dict[str, Node | None]
    measured: dict[str, set[str]]

    def tasks(self, step: Step) -> Iterator[Planned]:
        one = self._single(step)
        if not isinstance(step, CommandStep) or step.each is None:
            yield one
            return
        each = step.each
        items = [self.names.item(step.name, i, each) for i in range(len(each.items))]
        for number, name in enumerate(items):
            lane = items[number - each.parallel] if each.parallel and number >= each.parallel else ""
            task = task_of(step, self.workflow, self.environment, item=number)
            yield replace(one, name=name, task=task, measures=(), lane=lane)
        quiet = replace(step, resources=type(step.resources)(), retries=0, timeout=0.0, idle_timeout=0.0, secrets=())
        task = task_of(quiet, self.workflow, self.environment, gather=True)
        feeds = tuple(
            Feed(f"{output}{JOINT}{number}", name, output, kind)
            for number, name in enumerate(items)
            for output, kind in one.outputs
        )
        yield replace(
            one, step=quiet, task=task, feeds=feeds, values=(), asks=(), when=None, needs=tuple(items), follows=(),
            outputs=_handed_on(step),
        )  # fmt: skip

    def _single(self, step: Step) -> Planned:
        feeds = tuple(self._feed(name, source) for name, source in _inputs(step))
        values = self._reads(_of_parameters(step))
        asks = self._reads(metrics_of(self.conditions[step.name]))
        needs = _once([*(f.task for f in feeds), *(r.task for r in (*values, *asks))])
        after = step.after if isinstance(step, CommandStep) else ()
        follows = _once(self.names.of[name] for name in after if self.names.of[name] not in needs)
        return Planned(
            self.names.of[step.name], step, task_of(step, self.workflow, self.environment), feeds, declared(step), values, asks,
            self.conditions[step.name], tuple(sorted(self.measured[step.name])), needs, follows,
        )  # fmt: skip

    def _feed(self, name: str, source: Source) -> Feed:
        return Feed(name, self.names.of[source.step], source.output, self.types[source.step][source.output])

    def _reads(self, found: Iterable[tuple[str, str]]) -> tuple[Read, ...]:
        return tuple(Read(step, metric, self.names.of[step]) for step, metric in found)


def _inputs(step: Step) -> tuple[tuple[str, Source], ...]:
    match step:
        case CommandStep():
            return step.inputs
        case RegisterStep():
            return (("model", step.source), ("metrics", step.metrics))
    return ()


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
