"""The PipelineSpec: graphs with the tasks in them, components with what they take and give, executors."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from mlspec.backends.pipelines._kubeflow.executors import executor, platform, value_name
from mlspec.backends.pipelines._kubeflow.groups import Group, Groups
from mlspec.backends.pipelines._rendered.condition import Literal, Metric, Node, Parameter, number, written
from mlspec.backends.pipelines._rendered.container import ContainerSettings, parameter_text
from mlspec.backends.pipelines._rendered.tasks import Feed, Planned, Read
from mlspec.backends.pipelines._step.wire import inert_text
from mlspec.ir.workflow import CommandStep, OutputType, Workflow

Json = dict[str, Any]
_SCHEMAS = {
    OutputType.ARTIFACT: "system.Artifact",
    OutputType.MODEL: "system.Model",
    OutputType.METRICS: "system.Metrics",
}
_NUMBER: Json = {"parameterType": "NUMBER_DOUBLE"}


def pipeline_spec(tasks: Sequence[Planned], workflow: Workflow, name: str, settings: ContainerSettings) -> Json:
    """The document that is uploaded."""
    spec = _Spec(tasks, workflow)
    root: Json = {"dag": spec.dag(spec.groups.root)}
    if workflow.parameters:
        root["inputDefinitions"] = {"parameters": dict(_parameters(workflow))}
    return {
        "pipelineInfo": {"name": name},
        "schemaVersion": "2.1.0",
        "sdkVersion": "mlspec",
        "root": root,
        "components": dict(spec.components()),
        "deploymentSpec": {
            "executors": {f"exec-{one.name}": executor(one, workflow, settings) for one in tasks},
        },
    }


def platform_spec(tasks: Sequence[Planned], settings: ContainerSettings) -> Json:
    """The second document, of what only Kubernetes has; nothing where there is none."""
    found = {f"exec-{one.name}": said for one in tasks if (said := platform(one, settings))}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": found}}}} if found else {}


def _parameters(workflow: Workflow) -> Iterator[tuple[str, Json]]:
    for name, text in workflow.parameters:
        value = json.loads(text)
        default = parameter_text(value) if isinstance(value, str) else value
        yield name, {"parameterType": _type(workflow, name), "defaultValue": default, "isOptional": True}


def _type(workflow: Workflow, name: str) -> str:
    allowed = dict(workflow.allowed).get(name)
    match json.loads(dict(workflow.parameters)[name]):
        case bool():
            return "BOOLEAN"
        case str():
            return "STRING"
        case int() if allowed is None or allowed.type == "int64":
            return "NUMBER_INTEGER"
    return "NUMBER_DOUBLE"


class _Spec:
    """Graphs and components of one workflow; what crosses the border of a group is an input of the group."""

    def __init__(self, tasks: Sequence[Planned], workflow: Workflow) -> None:
        self.tasks, self.workflow, self.groups = tasks, workflow, Groups(tasks)
        self.types = {name: {"parameterType": _type(workflow, name)} for name, _ in workflow.parameters}
        self.passed = {name: {"componentInputParameter": name} for name, _ in workflow.parameters}
        self.artifacts: dict[frozenset[str], dict[tuple[str, str], OutputType]] = {}
        self.metrics: dict[frozenset[str], dict[tuple[str, str], None]] = {}
        for one in tasks:
            for feed in one.feeds:
                self._pass(self.groups.of[one.name], feed.task, self.artifacts, (feed.task, feed.output), feed.type)
            for read in one.values:
                self._pass(self.groups.of[one.name], read.task, self.metrics, (read.task, read.metric), None)
        for group in self._all(self.groups.root):
            for read in group.opener.asks if group.opener and group.parent else ():
                held = self.metrics.setdefault(group.key, {})
                held[read.task, read.metric] = None
                assert group.parent is not None  # noqa: S101 - only the root has none
                self._pass(group.parent, read.task, self.metrics, (read.task, read.metric), None)

    def dag(self, group: Group) -> Json:
        """The graph of a group."""
        tasks = {one.name: self._task(one, group) for one in group.tasks}
        return {"tasks": tasks | {inner.name: self._group(inner, group) for inner in group.groups}}

    def components(self) -> Iterator[tuple[str, Json]]:
        """All components: of tasks, and of groups."""
        for one in self.tasks:
            yield f"comp-{one.name}", self._component(one)
        for group in self._all(self.groups.root):
            if group.opener:
                yield f"comp-{group.name}", {"dag": self.dag(group), **self._group_inputs(group)}

    def _all(self, group: Group) -> Iterator[Group]:
        yield group
        for inner in group.groups:
            yield from self._all(inner)

    def _pass(
        self, group: Group, producer: str, into: dict[frozenset[str], Any], key: tuple[str, str], kind: Any
    ) -> None:
        """Note what has to come into a group, and into those around it, up to the one in which it is made."""
        home, here = self.groups.of[producer], group
        while here is not home and here.parent is not None:
            into.setdefault(here.key, {})[key] = kind
            here = here.parent

    def _task(self, one: Planned, group: Group) -> Json:
        inputs: Json = {}
        parameters: Json = dict(self.passed)
        parameters |= {value_name(r.task, r.metric): self._metric(r, group) for r in one.values}
        if parameters:
            inputs["parameters"] = parameters
        if one.feeds:
            inputs["artifacts"] = {f.name: self._artifact(f, group) for f in one.feeds}
        found: Json = {
            "taskInfo": {"name": one.name},
            "componentRef": {"name": f"comp-{one.name}"},
            "cachingOptions": {},
        }
        waits = [*one.needs, *one.follows, *((one.lane,) if one.lane else ())]
        if here := sorted({name for name in waits if self.groups.of[name] is group}):
            found["dependentTasks"] = here
        if inputs:
            found["inputs"] = inputs
        return found | _retries(one)

    def _group(self, inner: Group, group: Group) -> Json:
        opener = inner.opener
        assert opener is not None and opener.when is not None  # noqa: S101, PT018 - a group that stands in another one has both
        inputs: Json = {}
        parameters: Json = dict(self.passed)
        for task, metric in self.metrics.get(inner.key, {}):
            parameters[value_name(task, metric)] = self._metric(Read("", metric, task), group)
        if parameters:
            inputs["parameters"] = parameters
        if passed := self.artifacts.get(inner.key):
            inputs["artifacts"] = {
                value_name(task, output): self._artifact(Feed("", task, output, kind), group)
                for (task, output), kind in passed.items()
            }
        found: Json = {"taskInfo": {"name": inner.name}, "componentRef": {"name": f"comp-{inner.name}"}}
        if waits := sorted({name for name in self._waits(inner) if self.groups.of[name] is group}):
            found["dependentTasks"] = waits
        if inputs:
            found["inputs"] = inputs
        condition = written(opener.when, lambda leaf: _cel(leaf, opener))
        return found | {"triggerPolicy": {"condition": condition}}

    def _waits(self, group: Group) -> Iterator[str]:
        """What the tasks in a group, and in those in it, wait for."""
        for inside in self._all(group):
            for one in inside.tasks:
                yield from (*one.needs, *one.follows)

    def _artifact(self, feed: Feed, group: Group) -> Json:
        if self.groups.of[feed.task] is group:
            return {"taskOutputArtifact": {"producerTask": feed.task, "outputArtifactKey": feed.output}}
        return {"componentInputArtifact": value_name(feed.task, feed.output)}

    def _metric(self, read: Read, group: Group) -> Json:
        if self.groups.of[read.task] is group:
            return {"taskOutputParameter": {"producerTask": read.task, "outputParameterKey": read.metric}}
        return {"componentInputParameter": value_name(read.task, read.metric)}

    def _component(self, one: Planned) -> Json:
        found: Json = {"executorLabel": f"exec-{one.name}"}
        inputs: Json = {}
        parameters: Json = dict(self.types)
        parameters |= {value_name(r.task, r.metric): _NUMBER for r in one.values}
        if parameters:
            inputs["parameters"] = parameters
        if one.feeds:
            inputs["artifacts"] = {f.name: _schema(f.type) for f in one.feeds}
        outputs: Json = {}
        if one.outputs:
            outputs["artifacts"] = {name: _schema(kind) for name, kind in one.outputs}
        if one.measures:
            outputs["parameters"] = dict.fromkeys(one.measures, _NUMBER)
        named = (("inputDefinitions", inputs), ("outputDefinitions", outputs))
        return found | {name: held for name, held in named if held}

    def _group_inputs(self, group: Group) -> Json:
        inputs: Json = {}
        parameters: Json = dict(self.types)
        parameters |= {value_name(task, metric): _NUMBER for task, metric in self.metrics.get(group.key, {})}
        if parameters:
            inputs["parameters"] = parameters
        if passed := self.artifacts.get(group.key):
            inputs["artifacts"] = {value_name(task, output): _schema(kind) for (task, output), kind in passed.items()}
        return {"inputDefinitions": inputs} if inputs else {}


def _schema(kind: OutputType) -> Json:
    return {"artifactType": {"schemaTitle": _SCHEMAS[kind], "schemaVersion": "0.0.1"}}


def _retries(one: Planned) -> Json:
    step = one.step
    if not isinstance(step, CommandStep) or not step.retries:
        return {}
    found: Json = {"maxRetryCount": step.retries, "backoffDuration": f"{step.retry_delay:g}s"}
    found["backoffFactor"] = float(step.retry_factor)
    if step.retry_max_delay:
        found["backoffMaxDuration"] = f"{step.retry_max_delay:g}s"
    return {"retryPolicy": found}


def _cel(leaf: Node, one: Planned) -> str:
    """A part of a condition in CEL as Kubeflow evaluates it: all numbers are doubles there."""
    match leaf:
        case Metric(step=step, name=name):
            task = next(r.task for r in one.asks if (r.step, r.metric) == (step, name))
            return f"inputs.parameter_values['{value_name(task, name)}']"
        case Parameter(name=name):
            return f"inputs.parameter_values['{name}']"
        case Literal(value=bool() as value):
            return "true" if value else "false"
        case Literal(value=str() as value):
            return inert_text(parameter_text(value))
        case Literal(value=value):
            return number(float(value))
    raise AssertionError(leaf)
