"""The templates of an Argo workflow: one for each task, and the graph that says which of them waits for which."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from mlspec.backends.pipelines._rendered import container
from mlspec.backends.pipelines._rendered.condition import Literal, Metric, Node, Parameter, number, written
from mlspec.backends.pipelines._rendered.container import ContainerSettings, parameter_text
from mlspec.backends.pipelines._rendered.tasks import Feed, Planned
from mlspec.backends.pipelines._step.wire import inert_text, packed
from mlspec.backends.port import BackendError
from mlspec.ir.workflow import CommandStep, OutputType, Workflow

Json = dict[str, Any]
_INPUTS, _OUTPUTS, _VALUES = "/tmp/mlspec-in", "/tmp/mlspec-out", "/tmp/mlspec-values"  # noqa: S108 - in the container
"""Inputs are apart: what Argo mounts there belongs to root, and whoever the image runs as must be able to write beside it."""


def template(one: Planned, workflow: Workflow, settings: ContainerSettings) -> Json:
    """What Argo starts for a task."""
    found: Json = {"name": one.name}
    inputs = _inputs(one)
    if inputs:
        found["inputs"] = inputs
    outputs = _outputs(one)
    if outputs:
        found["outputs"] = outputs
    if isinstance(one.step, CommandStep):
        if strategy := retry_strategy(one.step):
            found["retryStrategy"] = strategy
        if seconds := container.deadline(one.step):
            found["activeDeadlineSeconds"] = seconds
    return found | {"container": _container(one, workflow, settings)}


def dag(tasks: Sequence[Planned], workflow: Workflow, *, fail_fast: bool) -> Json:
    """The graph. `stop` is what Argo does by itself: nothing further is started, and what runs comes to its end."""
    above = _Above(tasks)
    return {"name": "main", "dag": {"failFast": fail_fast, "tasks": [_task(one, workflow, above) for one in tasks]}}


def retry_strategy(step: CommandStep) -> Json:
    """Attempts as Argo makes them, each in a pod of its own. Raises BackendError for a factor that is no whole number."""
    if not step.retries:
        return {}
    found: Json = {"limit": str(step.retries), "retryPolicy": "Always"}
    if step.retry_delay:
        backoff = {"duration": _duration(step.retry_delay)}
        if step.retry_factor != 1:
            if not float(step.retry_factor).is_integer():
                message = f"step `{step.name}` waits {step.retry_factor:g} times longer each time, and Argo multiplies by whole numbers"
                raise BackendError(
                    message, "make it a whole number", "unsupported-by-backend", ("steps", step.name, "retry_factor")
                )
            backoff["factor"] = str(int(step.retry_factor))
        if step.retry_max_delay:
            backoff["cap"] = _duration(step.retry_max_delay)
        found["backoff"] = backoff
    return found


class _Above:
    """For each task, everything that is above it: whether it was skipped or not run depends on what failed there."""

    def __init__(self, tasks: Iterable[Planned]) -> None:
        self._parents = {one.name: (*one.needs, *one.follows) for one in tasks}

    def of(self, name: str) -> list[str]:
        found: dict[str, None] = {}
        left = list(self._parents[name])
        while left:
            one = left.pop()
            if one not in found:
                found[one] = None
                left += self._parents[one]
        return sorted(found)


def _task(one: Planned, workflow: Workflow, above: _Above) -> Json:
    found: Json = {"name": one.name, "template": one.name}
    conditions = [f"{name}.Succeeded" for name in one.needs]
    for name in one.follows:
        conditions.append(f"({name}.Succeeded || {name}.Skipped || {name}.Omitted)")
        conditions += [f"!{other}.Failed && !{other}.Errored" for other in above.of(name)]
    if one.lane:
        conditions.append(
            "("
            + " || ".join(f"{one.lane}.{end}" for end in ("Succeeded", "Skipped", "Failed", "Errored", "Omitted"))
            + ")"
        )
    if conditions:
        found["depends"] = " && ".join(conditions)
    if one.when:
        found["when"] = "{{=" + written(one.when, lambda leaf: _expression(leaf, one, workflow)) + "}}"
    arguments: Json = {}
    if one.values:
        arguments["parameters"] = [
            {"name": _value_name(r.step, r.metric), "value": f"{{{{tasks.{r.task}.outputs.parameters.{r.metric}}}}}"} for r in one.values
        ]  # fmt: skip
    if one.feeds:
        arguments["artifacts"] = [
            {"name": f.name, "from": f"{{{{tasks.{f.task}.outputs.artifacts.{f.output}}}}}"} for f in one.feeds
        ]
    return found | ({"arguments": arguments} if arguments else {})


def _expression(leaf: Node, one: Planned, workflow: Workflow) -> str:
    """A part of a condition in the language that Argo has for expressions."""
    match leaf:
        case Metric(step=step, name=name):
            task = next(r.task for r in one.asks if (r.step, r.metric) == (step, name))
            return f"asFloat(tasks['{task}'].outputs.parameters['{name}'])"
        case Parameter(name=name):
            value, text = json.loads(dict(workflow.parameters)[name]), f"workflow.parameters['{name}']"
            if isinstance(value, bool):
                return f"({text} == 'true')"
            return text if isinstance(value, str) else f"asFloat({text})"
        case Literal(value=bool() as value):
            return "true" if value else "false"
        case Literal(value=str() as value):
            return inert_text(parameter_text(value))
        case Literal(value=value):
            return number(float(value))
    raise AssertionError(leaf)


def _inputs(one: Planned) -> Json:
    found: Json = {}
    if one.values:
        found["parameters"] = [{"name": _value_name(r.step, r.metric)} for r in one.values]
    if one.feeds:
        found["artifacts"] = [{"name": f.name, "path": _input_path(f)} for f in one.feeds]
    return found


def _outputs(one: Planned) -> Json:
    found: Json = {}
    if one.measures:
        found["parameters"] = [{"name": name, "valueFrom": {"path": f"{_VALUES}/{name}"}} for name in one.measures]
    if one.outputs:
        found["artifacts"] = [_kept(name, kind) for name, kind in one.outputs]
    return found


def _kept(name: str, kind: OutputType) -> Json:
    plain: Json = {"archive": {"none": {}}} if kind is OutputType.METRICS else {}
    return {"name": name, "path": _output_path(name, kind), **plain}


def _container(one: Planned, workflow: Workflow, settings: ContainerSettings) -> Json:
    options = [
        *container.common_options(one, settings),
        *(
            f"--metric={r.step}.{r.metric}={{{{inputs.parameters.{_value_name(r.step, r.metric)}}}}}"
            for r in one.values
        ),
        *(f"--input={f.name}={_input_path(f)}" for f in one.feeds),
        *(f"--output={name}={_output_path(name, kind)}" for name, kind in one.outputs),
        *(f"--value={name}={_VALUES}/{name}" for name in one.measures),
    ]
    found: Json = {
        "image": container.image_of(one.step, settings),
        "command": container.wrapper(settings),
        "args": options,
        "env": [
            {"name": "MLSPEC_TASK", "value": packed(one.task)},
            *(
                {"name": f"MLSPEC_PARAM_{name.upper()}", "value": f"{{{{workflow.parameters.{name}}}}}"}
                for name, _ in workflow.parameters
            ),
            *container.secret_variables(one.step),
        ],
    }
    if resources := container.resources_of(one.step):
        found["resources"] = resources
    if settings.cache_claim and container.caches(one, settings):
        found["volumeMounts"] = [{"name": "cache", "mountPath": settings.cache_folder}]
    return found


def _value_name(step: str, metric: str) -> str:
    return f"{step}--{metric}"


def _input_path(feed: Feed) -> str:
    return f"{_INPUTS}/{feed.name}" + (".json" if feed.type is OutputType.METRICS else "")


def _output_path(name: str, kind: OutputType) -> str:
    return f"{_OUTPUTS}/{name}" + (".json" if kind is OutputType.METRICS else "")


def _duration(seconds: float) -> str:
    return f"{seconds:g}s"
