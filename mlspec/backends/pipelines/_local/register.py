"""Checks the gates of a model, then registers its version."""

from collections.abc import Mapping

from mlspec.backends.pipelines._local.outputs import Output
from mlspec.backends.port import BackendError, ModelVersion, Tools
from mlspec.ir.workflow import Gate, RegisterStep, Workflow


def known_version(step: RegisterStep, workflow: Workflow, tools: Tools) -> ModelVersion | None:
    """Find the version that this workflow would make, if it is registered; the gates are checked against it too."""
    found = tools.registry.get(step.model, workflow.version)
    if found is not None:
        check_gates(step, found.metrics)
    return found


def register(
    step: RegisterStep, workflow: Workflow, tools: Tools, files: Output, metrics: Mapping[str, float]
) -> ModelVersion:
    """Register the version unless it is there; nothing is registered when a gate is not met. Raises BackendError."""
    if (known := known_version(step, workflow, tools)) is not None:
        return known
    check_gates(step, metrics)
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
        ),
        files.path,
    )


def check_gates(step: RegisterStep, metrics: Mapping[str, float]) -> None:
    """Raise BackendError listing each gate that is not met, with value and bound; bounds are inclusive."""
    failed = [problem for gate in step.gates if (problem := _problem(gate, metrics))]
    if failed:
        raise BackendError(
            f"model `{step.model}` does not pass its gates: {'; '.join(failed)}",
            "train a better model, or change the gates of the model and let its reviewers see that",
            "gate-failed",
        )


def _problem(gate: Gate, metrics: Mapping[str, float]) -> str:
    value = metrics.get(gate.metric)
    if value is None:
        there = ", ".join(f"`{name}`" for name in sorted(metrics)) or "none"
        return f"there is no metric `{gate.metric}` (there are: {there})"
    if gate.minimum is not None and value < gate.minimum:
        return f"`{gate.metric}` is {value!r}, at least {gate.minimum!r} is needed"
    if gate.maximum is not None and value > gate.maximum:
        return f"`{gate.metric}` is {value!r}, at most {gate.maximum!r} is allowed"
    return ""
