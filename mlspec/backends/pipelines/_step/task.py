"""One container's work: a step of a workflow, one item of its fan-out, or what brings the items together."""

from mlspec.base.value import dataclass, replace
from mlspec.ir.workflow import Allowed, CommandStep, DatasetStep, OutputType, Resources, Step, Workflow

JOINT = "-"
"""Between an output and the number of an item, in the names of what a gathering task takes; no output has it in its name."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the step wrapper is told. `item` is the number of an item whose parameters are the only ones in `step.each`.

    `gather`: the outputs of all items are there as inputs, `<output>-<number>`. `version` is that of the workflow, empty for a definition;
    `environment` and `trained` (the workflow is that of a model) say which workflow of a project it is.
    """

    step: Step
    workflow: str
    parameters: tuple[tuple[str, str], ...] = ()
    allowed: tuple[tuple[str, Allowed], ...] = ()
    version: str = ""
    environment: str = ""
    trained: bool = False
    item: int | None = None
    gather: bool = False

    @property
    def as_workflow(self) -> Workflow:
        """The workflow, as far as this task is concerned."""
        return Workflow(self.workflow, (self.step,), self.parameters, version=self.version, allowed=self.allowed)


def task_of(step: Step, workflow: Workflow, environment: str, *, item: int | None = None, gather: bool = False) -> Task:
    """Say what a container is to do; what the target itself takes care of (attempts, resources, conditions) is left out."""
    if isinstance(step, CommandStep):
        each = step.each
        if each is not None and item is not None:
            each = replace(each, items=(each.items[item],))
        step = replace(
            step, resources=Resources(), retries=0, retry_delay=0.0, retry_factor=1.0, retry_max_delay=0.0, when="",
            after=(), on_error=None, each=each,
        )  # fmt: skip
    of_model = workflow.run_on_apply
    return Task(
        step, workflow.name, workflow.parameters, workflow.allowed, workflow.version, environment, of_model, item, gather
    )  # fmt: skip


def declared(step: Step) -> tuple[tuple[str, OutputType], ...]:
    """The outputs of a step with their types."""
    match step:
        case CommandStep():
            return step.outputs
        case DatasetStep():
            return (("data", OutputType.ARTIFACT),)
    return ()
