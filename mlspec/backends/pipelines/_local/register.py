"""Checks the gates of a model, then registers its version."""

from collections.abc import Mapping

from mlspec.backends.gates import check_gates, compared, comparisons
from mlspec.backends.pipelines._local.outputs import Output
from mlspec.backends.port import ModelVersion, Tools
from mlspec.ir.workflow import RegisterStep, Workflow


def known_version(step: RegisterStep, workflow: Workflow, tools: Tools) -> ModelVersion | None:
    """Find the version that this workflow would make, if it is registered; the gates are checked against it too.

    What others have does not count any more: it was compared when it was registered, and going back must stay possible.
    """
    found = tools.registry.get(step.model, workflow.version)
    if found is not None:
        check_gates(step.model, step.gates, found.metrics, {})
    return found


def register(
    step: RegisterStep, workflow: Workflow, tools: Tools, files: Output, metrics: Mapping[str, float]
) -> ModelVersion:
    """Register the version unless it is there; nothing is registered when a gate is not met. Raises BackendError."""
    if (known := known_version(step, workflow, tools)) is not None:
        return known
    named = compared(step.model, step.gates, tools.registry)
    for line in comparisons(step.gates, metrics, named):
        tools.say(line)
    check_gates(step.model, step.gates, metrics, named)
    return tools.registry.register(
        ModelVersion(
            model=step.model,
            version=workflow.version,
            format=step.format,
            metrics=metrics,
            contract=step.contract,
            output=step.output,
            lineage=tools.lineage,
            files_digest=files.digest,
            certificates=tools.certificates,
            parameters=dict(workflow.parameters),
        ),
        files.path,
    )
