"""What a rendering target cannot honour of a workflow although it has the capability, with the field and a way out."""

from collections.abc import Callable, Iterator

from mlspec.backends.pipelines._rendered.tasks import planned, too_large
from mlspec.backends.port import BackendError
from mlspec.ir.workflow import CommandStep, OnError, Step, Workflow


def refusal(message: str, help_: str, at: tuple[str | int, ...]) -> BackendError:
    """Say that a field cannot be honoured, and what to do instead."""
    return BackendError(message, help_, "unsupported-by-backend", at)


def told(work: Callable[[], object]) -> Iterator[BackendError]:
    """What a piece of rendering refuses."""
    try:
        work()
    except BackendError as error:
        yield error


def refusals(workflow: Workflow, environment: str, check: Callable[[Step], object]) -> Iterator[BackendError]:
    """What cannot be planned, and what `check` refuses of each step."""
    yield from told(lambda: planned(workflow, environment))
    yield from too_large(workflow)
    for step in workflow.steps:
        for one in told(lambda step=step: check(step)):  # type: ignore[misc]
            yield one if one.at else BackendError(str(one), one.help, one.code, ("steps", step.name))


def mixed_stop(workflow: Workflow) -> Iterator[BackendError]:
    """Where some steps stop the run and others do not; the workflow as a whole can do either."""
    if {workflow.fate(step) is OnError.STOP for step in workflow.steps} == {True, False}:
        stops = next((s for s in workflow.steps if isinstance(s, CommandStep) and s.on_error), None)
        at = ("steps", stops.name, "on_error") if stops else ("on_error",)
        yield refusal("`on_error: stop` is for the whole pipeline there", "say it of the pipeline, or of no step", at)
