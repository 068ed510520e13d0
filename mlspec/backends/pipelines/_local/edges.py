"""Which step waits for which, and whether a conditional step runs."""

import json
from collections.abc import Mapping
from typing import Any

from mlspec.backends.port import BackendError
from mlspec.base.dag import Cycle
from mlspec.ir.condition import ConditionProblem, compile_condition
from mlspec.ir.condition import holds as condition_holds
from mlspec.ir.waiting import waits_for
from mlspec.ir.workflow import Allowed, CommandStep, Workflow

Metrics = Mapping[str, Mapping[str, float]]


def needs(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    """Give the steps for which each step waits."""
    try:
        return waits_for(workflow)
    except Cycle as error:
        raise BackendError(f"steps of workflow `{workflow.name}` wait for each other: {error}") from error


def check_conditions(workflow: Workflow) -> None:
    """Refuse a condition that cannot be read, before anything runs."""
    for step in workflow.steps:
        if isinstance(step, CommandStep) and step.when:
            try:
                compile_condition(step.when)
            except ConditionProblem as error:
                raise _refuse(step, str(error)) from error


def holds(step: CommandStep, workflow: Workflow, metrics: Metrics) -> bool:
    """Evaluate the condition of a step; none is true. All metrics are doubles. Raises BackendError."""
    if not step.when:
        return True
    allowed = dict(workflow.allowed)
    known = {
        "metrics": {name: dict(values) for name, values in metrics.items()},
        "parameters": {name: _typed(json.loads(text), allowed.get(name)) for name, text in workflow.parameters},
    }
    try:
        return condition_holds(step.when, known)
    except ConditionProblem as error:
        there = ", ".join(sorted(f"`metrics.{s}.{m}`" for s, found in metrics.items() for m in found)) or "no metrics"
        raise _refuse(step, f"{error}; there is {there}") from error


def _typed(value: Any, allowed: Allowed | None) -> Any:
    """A value as its type has it: a `float64` may be written without a point."""
    return float(value) if allowed and allowed.type == "float64" else value


def _refuse(step: CommandStep, why: str) -> BackendError:
    return BackendError(
        f"the condition of step `{step.name}` cannot be evaluated: {why}",
        f"it reads `{step.when}`; a condition sees `metrics.<step>.<name>` and `parameters.<name>`",
        "condition-failed",
    )
