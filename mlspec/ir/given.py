"""The parameters that a step is given in a run: those of its workflow, its own, and those of an item of a fan-out."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from mlspec.ir.workflow import Allowed, CommandStep, OfMetric, OfParameter, StepParameter, Workflow, Written

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "int64": (int,),
    "float64": (int, float),
    "boolean": (bool,),
}
NUL = "\0"
CARRIES_NO_NUL = "it holds a NUL character, and no environment variable can"
_WHOLE = 2**53
"""Up to here a double tells whole numbers apart."""

Metrics = Mapping[str, Mapping[str, float]]
Item = Iterable[tuple[str, str]]


class UnfitValue(Exception):
    """A parameter that a run has no fitting value for; the message names it and says why."""


def given(workflow: Workflow, step: CommandStep, metrics: Metrics, item: Item = ()) -> dict[str, str]:
    """All parameters of a step as JSON, by name; `item` is one set of its fan-out. Raises UnfitValue."""
    found = {n: text for n, text in workflow.parameters if step.sees is None or n in step.sees.parameters}
    own = {p.name: _value(p, dict(workflow.parameters), metrics) for p in step.parameters}
    return found | own | dict(item)


def as_text(value: str) -> str:
    """A parameter in JSON as its step gets it: a string as it is, everything else as JSON."""
    read = json.loads(value)
    return read if isinstance(read, str) else value


def unfit(value: Any, allowed: Allowed) -> str:
    """Why a value does not fit; empty if it does."""
    if not isinstance(value, _KINDS[allowed.type]) or (isinstance(value, bool) and allowed.type != "boolean"):
        return f"`{value}` is not a `{allowed.type}`"
    if isinstance(value, str) and NUL in value:
        return CARRIES_NO_NUL
    if isinstance(value, float) and not math.isfinite(value):
        return f"`{value}` is not a finite number"
    if type(value) is int and not -(2**63) <= value < 2**63:
        return f"`{str(value)[:40]}` is beyond 64 bits"
    choices = [json.loads(c) for c in allowed.choices]
    if choices and value not in choices:
        return f"`{value}` is not one of {', '.join(f'`{c}`' for c in choices)}"
    if isinstance(value, int | float) and allowed.minimum is not None and value < allowed.minimum:
        return f"`{value}` is less than {allowed.minimum:g}"
    if isinstance(value, int | float) and allowed.maximum is not None and value > allowed.maximum:
        return f"`{value}` is more than {allowed.maximum:g}"
    return ""


def _value(parameter: StepParameter, of_workflow: Mapping[str, str], metrics: Metrics) -> str:
    match parameter.value:
        case Written(json=text):
            return text
        case OfParameter(name=name):
            text = of_workflow[name]
        case OfMetric(step=step, metric=metric):
            text = _measured(parameter, step, metric, metrics)
    if why := unfit(json.loads(text), parameter.allowed):
        raise UnfitValue(f"parameter `{parameter.name}`: {why}")
    return text


def _measured(parameter: StepParameter, step: str, metric: str, metrics: Metrics) -> str:
    found = metrics.get(step, {})
    if metric not in found:
        there = ", ".join(f"`{m}`" for m in sorted(found)) or "none"
        raise UnfitValue(f"parameter `{parameter.name}`: step `{step}` has no metric `{metric}` (it has: {there})")
    value = found[metric]
    if parameter.allowed.type == "int64" and float(value).is_integer() and abs(value) <= _WHOLE:
        return str(int(value))
    return json.dumps(float(value))
