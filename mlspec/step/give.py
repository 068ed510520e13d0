"""The values of a run: parameters as text become those of the workflow, and metrics of earlier steps those of the step."""

import json
from collections.abc import Mapping
from typing import Any

from mlspec.backends.pipelines._step.task import Task
from mlspec.base.value import replace
from mlspec.ir.given import Metrics, UnfitValue, given, unfit
from mlspec.ir.workflow import Allowed, CommandStep, OfMetric, Written
from mlspec.step.failed import Failed


def values_given(task: Task, texts: Mapping[str, str], metrics: Metrics) -> Task:
    """Put the values of a run into its task. Raises Failed for one that does not fit, or that a model is not trained with."""
    allowed = dict(task.allowed)
    found = []
    for name, default in task.parameters:
        limits = allowed.get(name) or Allowed(_type(default))
        found.append((name, _json(name, texts[name], limits) if name in texts else default))
    if task.trained:
        _check_trained_with(task, dict(found))
    task = replace(task, parameters=tuple(found))
    if not isinstance(task.step, CommandStep) or task.gather:
        return task
    own = []
    try:
        values = given(task.as_workflow, task.step, metrics)
    except UnfitValue as error:
        raise Failed(f"step `{task.step.name}` of workflow `{task.workflow}`: {error}") from None
    for one in task.step.parameters:
        written = Written(values[one.name]) if isinstance(one.value, OfMetric) else one.value
        own.append(replace(one, value=written))
    return replace(task, step=replace(task.step, parameters=tuple(own)))


def _check_trained_with(task: Task, found: Mapping[str, str]) -> None:
    """A version is what its parameters make it: with others, what is trained would be no version of this model."""
    for name, planned in task.parameters:
        if json.loads(found[name]) != json.loads(planned):
            raise Failed(
                f"parameter `{name}` of this run is {found[name]}, and model `{task.workflow}` is trained with {planned}: "
                "change it in the files and apply them, or run the pipeline itself"
            )


def _json(name: str, text: str, limits: Allowed) -> str:
    """A parameter as JSON. A text that is itself the JSON of a text is read as that: so anything can be said where `{` means something."""
    value = _value(text, limits.type)
    if why := unfit(value, limits):
        raise Failed(f"parameter `{name}`: {why}")
    return json.dumps(value)


def _value(text: str, kind: str) -> Any:
    try:
        read = json.loads(text.lower() if kind == "boolean" else text)
    except ValueError:
        return text
    if kind == "string":
        return read if isinstance(read, str) else text
    whole = kind == "int64" and isinstance(read, float) and read.is_integer()
    return int(read) if whole else read


def _type(default: str) -> str:
    match json.loads(default):
        case bool():
            return "boolean"
        case int():
            return "int64"
        case float():
            return "float64"
    return "string"
