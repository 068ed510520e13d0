"""Which step of a workflow waits for which."""

from mlspec.base.dag import in_order
from mlspec.ir.condition import measured_by
from mlspec.ir.workflow import CommandStep, OfMetric, RegisterStep, Step, Workflow


def waits_for(workflow: Workflow) -> dict[str, tuple[str, ...]]:
    """For each step those of its inputs, those whose metrics it reads, and those that it only comes after. Raises Cycle."""
    names = {step.name for step in workflow.steps}
    found = {step.name: tuple(sorted(named(step) & names)) for step in workflow.steps}
    in_order(found)
    return found


def needed(step: Step) -> set[str]:
    """The steps whose outputs or metrics a step cannot do without."""
    match step:
        case CommandStep():
            asked = {p.value.step for p in step.parameters if isinstance(p.value, OfMetric)}
            return {source.step for _, source in step.inputs} | set(measured_by(step.when)) | asked
        case RegisterStep():
            return {step.source.step, step.metrics.step}
        case _:
            return set()


def named(step: Step) -> set[str]:
    """And those that only come before it."""
    return needed(step) | (set(step.after) if isinstance(step, CommandStep) else set())
