"""What Kubeflow starts for a task: the container, and what only Kubernetes knows of it."""

from typing import Any

from mlspec.backends import cluster
from mlspec.backends.pipelines._rendered import container
from mlspec.backends.pipelines._rendered.container import ContainerSettings
from mlspec.backends.pipelines._rendered.tasks import Planned
from mlspec.backends.pipelines._step.wire import packed
from mlspec.backends.port import BackendError
from mlspec.ir.workflow import CommandStep, Step, Workflow

Json = dict[str, Any]
_GIGABYTE = 10**9
_GPU = "nvidia.com/gpu"


def executor_problems(step: Step, settings: ContainerSettings) -> None:
    """Raise BackendError for what a container of Kubeflow cannot be given."""
    container.container_problems(step, settings)
    if isinstance(step, CommandStep) and (step.resources.storage or step.resources.storage_limit):
        raise BackendError(
            f"step `{step.name}` asks for disk of its container, for which Kubeflow has no field",
            "leave it out, or mount a volume by the policies of the cluster",
            "unsupported-by-backend",
            ("steps", step.name, "resources", "ephemeral_storage"),
        )


def executor(one: Planned, workflow: Workflow, settings: ContainerSettings) -> Json:
    """The container of a task. Everything that a run decides comes by placeholders of its own argument."""
    arguments = [
        packed(one.task),
        *container.common_options(one, settings),
        *(f"--param={name}={{{{$.inputs.parameters['{name}']}}}}" for name, _ in workflow.parameters),
        *(
            f"--metric={r.step}.{r.metric}={{{{$.inputs.parameters['{value_name(r.task, r.metric)}']}}}}"
            for r in one.values
        ),
        *(f"--input={f.name}={{{{$.inputs.artifacts['{f.name}'].path}}}}" for f in one.feeds),
        *(f"--output={name}={{{{$.outputs.artifacts['{name}'].path}}}}" for name, _ in one.outputs),
        *(f"--value={name}={{{{$.outputs.parameters['{name}'].output_file}}}}" for name in one.measures),
    ]
    found: Json = {
        "image": container.image_of(one.step, settings),
        "command": container.wrapper(settings),
        "args": arguments,
    }
    if resources := _resources(one.step):
        found["resources"] = resources
    return {"container": found}


def platform(one: Planned, settings: ContainerSettings) -> Json:
    """Secrets, volumes and the deadline of a task."""
    found: Json = {}
    if isinstance(one.step, CommandStep):
        by_secret: dict[str, list[Json]] = {}
        for variable in container.secret_variables(one.step):
            reference = variable["valueFrom"]["secretKeyRef"]
            by_secret.setdefault(reference["name"], []).append(
                {"secretKey": reference["key"], "envVar": variable["name"]}
            )
        if by_secret:
            found["secretAsEnv"] = [
                {"secretName": name, "secretNameParameter": _constant(name), "keyToEnv": keys, "optional": False}
                for name, keys in by_secret.items()
            ]
        if seconds := container.deadline(one.step):
            found["activeDeadlineSeconds"] = str(seconds)
    if settings.cache_claim and container.caches(one, settings):
        found["pvcMount"] = [
            {
                "constant": settings.cache_claim,
                "pvcNameParameter": _constant(settings.cache_claim),
                "mountPath": settings.cache_folder,
            }
        ]
    return found


def value_name(task: str, metric: str) -> str:
    """What a metric of another task is called as an input: its local orchestrator takes the name apart at `--`."""
    return f"{task}--{metric}"


def _constant(value: str) -> Json:
    return {"runtimeValue": {"constant": value}}


def _resources(step: Step) -> Json:
    if not isinstance(step, CommandStep):
        return {}
    asked = container.resources_of(step)
    found: Json = {}
    for kind, word in (("requests", "Request"), ("limits", "Limit")):
        for name, quantity in asked.get(kind, {}).items():
            if name == "cpu":
                found[f"cpu{word}"] = float(cluster.quantity(quantity, "cpu"))
                found[f"resourceCpu{word}"] = quantity
            elif name == "memory":
                found[f"memory{word}"] = float(cluster.quantity(quantity, "memory") / _GIGABYTE)
                found[f"resourceMemory{word}"] = quantity
    if step.resources.gpu:
        count = str(step.resources.gpu)
        found["accelerator"] = {"type": _GPU, "count": count, "resourceType": _GPU, "resourceCount": count}
    return found
