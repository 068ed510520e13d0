"""Renders pipelines for Kubeflow Pipelines v2: the intermediate representation as YAML, made without its SDK."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from mlspec.backends.manifest import manifest_text
from mlspec.backends.pipelines._kubeflow.executors import executor_problems
from mlspec.backends.pipelines._kubeflow.groups import Groups
from mlspec.backends.pipelines._kubeflow.spec import pipeline_spec, platform_spec
from mlspec.backends.pipelines._rendered.container import ContainerSettings
from mlspec.backends.pipelines._rendered.kept import Rendering, header
from mlspec.backends.pipelines._rendered.refusals import refusals, told
from mlspec.backends.pipelines._rendered.tasks import planned
from mlspec.backends.port import BackendError, Capability
from mlspec.base.value import dataclass
from mlspec.ir.workflow import Step, Workflow


class Kubeflow(Rendering):
    """Writes `pipeline.yaml` into `<path>/<environment>/pipeline.<name>`, to be uploaded; runs and schedules are made in its API."""

    @dataclass(frozen=True)
    class Settings(ContainerSettings):
        """Artifacts go where the pipeline root of the installation says."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.CONTAINER, Capability.RESOURCES, Capability.KUBERNETES_SECRET, Capability.FAN_OUT, Capability.KEEP_BEST,
            Capability.METRIC_PARAMETERS, Capability.BACKOFF, Capability.IDLE_TIMEOUT, Capability.CACHE_TTL,
        }
    )  # fmt: skip

    def refused(self, workflow: Workflow) -> Iterable[BackendError]:
        def check(step: Step) -> None:
            executor_problems(step, self.settings)

        found = tuple(refusals(workflow, self.place.environment, check))
        yield from found
        if not found:
            yield from told(lambda: Groups(planned(workflow, self.place.environment)))

    def files(self, workflow: Workflow) -> Mapping[str, str]:
        tasks = planned(workflow, self.place.environment)
        documents = [pipeline_spec(tasks, workflow, self.object_name(workflow), self.settings)]
        if platform := platform_spec(tasks, self.settings):
            documents.append(platform)
        return {"pipeline.yaml": manifest_text(*documents, header=header(workflow))}
