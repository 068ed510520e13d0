"""Renders pipelines for Argo Workflows: a WorkflowTemplate, a CronWorkflow where there is a schedule, a Workflow for a model."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from mlspec.backends import cluster
from mlspec.backends.manifest import manifest_text
from mlspec.backends.pipelines._argo.template import dag, retry_strategy, template
from mlspec.backends.pipelines._rendered.container import ContainerSettings, container_problems, parameter_text
from mlspec.backends.pipelines._rendered.kept import Rendering, header
from mlspec.backends.pipelines._rendered.refusals import mixed_stop, refusal, refusals
from mlspec.backends.pipelines._rendered.tasks import planned
from mlspec.backends.port import BackendError, Capability
from mlspec.base.value import dataclass
from mlspec.ir.workflow import CommandStep, OnError, Overlap, Schedule, Step, Workflow

Json = dict[str, Any]
_CONCURRENCY = {Overlap.SKIP: "Forbid", Overlap.REPLACE: "Replace", Overlap.ALLOW: "Allow", Overlap.QUEUE: "Allow"}


class Argo(Rendering):
    """Writes `workflowtemplate.yaml` and what starts it into `<path>/<environment>/pipeline.<name>`; for Argo Workflows 3.7 and 4."""

    @dataclass(frozen=True)
    class Settings(ContainerSettings):
        """Artifacts go through the artifact repository that is the default of the namespace. `max_bytes` is the largest object that the cluster keeps."""

        namespace: str = "default"
        service_account: str = ""
        max_bytes: int = 1_500_000

    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.CONTAINER, Capability.RESOURCES, Capability.KUBERNETES_SECRET, Capability.SCHEDULE, Capability.OVERLAP_SKIP,
            Capability.OVERLAP_QUEUE, Capability.OVERLAP_REPLACE, Capability.OVERLAP_ALLOW, Capability.FAN_OUT,
            Capability.KEEP_BEST, Capability.METRIC_PARAMETERS, Capability.BACKOFF, Capability.IDLE_TIMEOUT,
            Capability.STOP_ON_ERROR, Capability.CACHE_TTL,
        }
    )  # fmt: skip

    def refused(self, workflow: Workflow) -> Iterable[BackendError]:
        def check(step: Step) -> None:
            container_problems(step, self.settings)
            if isinstance(step, CommandStep):
                retry_strategy(step)

        found = (*refusals(workflow, self.place.environment, check), *mixed_stop(workflow))
        yield from found or self._too_large(workflow)

    def _too_large(self, workflow: Workflow) -> Iterator[BackendError]:
        """A template that no cluster keeps; as it is sent, without white space."""
        with suppress(BackendError):  # what is wrong with an option is told where files are rendered
            made = self._object("WorkflowTemplate", self.object_name(workflow), self._spec(workflow), workflow)
            size, most = len(json.dumps(made, separators=(",", ":"))), self.settings.max_bytes
            if size > most:
                has, keeps = _sizes(size, most)
                what = f"its WorkflowTemplate has {has}, and a cluster keeps no object of more than {keeps}"
                help_ = (
                    "split the pipeline, or its fan-out; where etcd takes more, set `max_bytes` in the target's options"
                )
                yield refusal(what, help_, ())

    def files(self, workflow: Workflow) -> Mapping[str, str]:
        name = self.object_name(workflow)
        found = {"workflowtemplate.yaml": self._object("WorkflowTemplate", name, self._spec(workflow), workflow)}
        reference = {"workflowTemplateRef": {"name": name}}
        if workflow.run_on_apply:
            run = f"{name[:54].rstrip('-')}-{workflow.version[:8]}"
            found["workflow.yaml"] = self._object("Workflow", run, reference, workflow)
        if workflow.schedule:
            found["cronworkflow.yaml"] = self._object(
                "CronWorkflow", name, _cron(workflow.schedule, reference, name), workflow
            )
        return {file: manifest_text(document, header=header(workflow)) for file, document in found.items()}

    def _object(self, kind: str, name: str, spec: Json, workflow: Workflow) -> Json:
        metadata: Json = {
            "name": name,
            "namespace": cluster.checked_namespace(self.settings.namespace),
            "labels": self.labels(),
        }
        if workflow.version:
            metadata["annotations"] = {"mlspec.dev/model-version": workflow.version}
        return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}

    def _spec(self, workflow: Workflow) -> Json:
        tasks = planned(workflow, self.place.environment)
        stops = workflow.on_error is OnError.STOP or any(workflow.fate(s) is OnError.STOP for s in workflow.steps)
        spec: Json = {"entrypoint": "main"}
        if workflow.parameters:
            spec["arguments"] = {"parameters": [_parameter(workflow, name) for name, _ in workflow.parameters]}
        if self.settings.service_account:
            spec["serviceAccountName"] = self.settings.service_account
        if self.settings.cache_claim:
            claim = {"claimName": self.settings.cache_claim}
            spec["volumes"] = [{"name": "cache", "persistentVolumeClaim": claim}]
        templates = [template(one, workflow, self.settings) for one in tasks]
        return spec | {"templates": [dag(tasks, workflow, fail_fast=stops), *templates]}


def _parameter(workflow: Workflow, name: str) -> Json:
    values = dict(workflow.parameters)
    found: Json = {"name": name, "value": parameter_text(json.loads(values[name]))}
    allowed = dict(workflow.allowed).get(name)
    if allowed and allowed.choices:
        found["enum"] = [parameter_text(json.loads(choice)) for choice in allowed.choices]
    return found


def _cron(schedule: Schedule, reference: Json, name: str) -> Json:
    spec: Json = dict(reference)
    if schedule.overlap is Overlap.QUEUE:
        spec["synchronization"] = {"mutexes": [{"name": name}]}
    return {
        "schedules": [schedule.cron],
        "timezone": schedule.timezone,
        "concurrencyPolicy": _CONCURRENCY[schedule.overlap],
        "workflowSpec": spec,
    }


def _sizes(*numbers: int) -> list[str]:
    """In MB; to the byte where that says nothing."""
    shown = [f"{number / 1e6:.1f} MB" for number in numbers]
    told = len(set(shown)) == len(shown) and min(numbers) >= 1e5  # noqa: PLR2004 - 0.1 MB
    return shown if told else [f"{number:,} bytes" for number in numbers]
