"""Renders pipelines for Airflow 3: a file with a DAG, whose tasks are pods of a cluster or processes of the worker."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from pathlib import PurePosixPath
from typing import ClassVar

from mlspec.backends import cluster
from mlspec.backends.pipelines._airflow.source import dag_source
from mlspec.backends.pipelines._rendered.container import ContainerSettings, container_problems
from mlspec.backends.pipelines._rendered.kept import Rendering, header
from mlspec.backends.pipelines._rendered.refusals import refusal, refusals
from mlspec.backends.pipelines._rendered.tasks import planned
from mlspec.backends.port import BackendError, Capability
from mlspec.base.value import dataclass
from mlspec.ir.workflow import CommandStep, OnError, Resources, Step, Workflow


class Airflow(Rendering):
    """Writes `dag.py` into `<path>/<environment>/pipeline.<name>`, for a bundle or a folder of DAGs; for Airflow 3.3."""

    @dataclass(frozen=True)
    class Settings(ContainerSettings):
        """`run` is `pods` (KubernetesPodOperator) or `processes` (of the worker, in the folder `project`, with mlspec in `command`).

        Steps hand on what they make in `store`, a folder that all of them see: in pods the PersistentVolumeClaim `store_claim` is mounted there. It keeps the cache too.
        `inherit` are variables of the worker that processes see. `start_date` (`2026-01-31`) is where `catchup` begins.
        """

        run: str = "pods"
        store: str = "/var/lib/mlspec"
        store_claim: str = ""
        namespace: str = "default"
        service_account: str = ""
        inherit: tuple[str, ...] = ()
        start_date: str = ""

    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.CONTAINER, Capability.RESOURCES, Capability.KUBERNETES_SECRET, Capability.SCHEDULE, Capability.OVERLAP_SKIP,
            Capability.OVERLAP_QUEUE, Capability.OVERLAP_ALLOW, Capability.CATCHUP, Capability.FAN_OUT, Capability.KEEP_BEST,
            Capability.METRIC_PARAMETERS, Capability.BACKOFF, Capability.IDLE_TIMEOUT, Capability.CACHE_TTL,
            Capability.CONTINUE_ON_ERROR,
        }
    )  # fmt: skip

    def refused(self, workflow: Workflow) -> Iterable[BackendError]:
        yield from refusals(workflow, self.place.environment, self._check)
        if workflow.schedule and workflow.schedule.catchup and not self.settings.start_date:
            what = "it does not know where catching up begins"
            yield refusal(what, "set `start_date` in the target's options", ("schedule", "catchup"))
        for step in workflow.steps:
            if isinstance(step, CommandStep) and step.each and workflow.fate(step) is OnError.CONTINUE:
                help_ = "let the command of an item end with 0 and say by a metric that it came to nothing"
                yield refusal("it cannot leave out items that failed", help_, ("steps", step.name, "on_error"))

    def files(self, workflow: Workflow) -> Mapping[str, str]:
        self._check_settings()
        tasks = planned(workflow, self.place.environment)
        name = self.object_name(workflow)
        once = f"{name}-{workflow.version[:8]}" if workflow.run_on_apply else name
        return {"dag.py": dag_source(tasks, workflow, once, self.settings, header(workflow))}

    def _check_settings(self) -> None:
        settings = self.settings
        if settings.run not in {"pods", "processes"}:
            raise BackendError(f"`run: {settings.run}` is not known", "`pods` or `processes`", "invalid-option")
        if not PurePosixPath(settings.store).is_absolute():
            raise BackendError(
                f"`store: {settings.store}` is no absolute path", "name a folder that all steps see", "invalid-option"
            )
        if settings.start_date and not _is_day(settings.start_date):
            raise BackendError(
                f"`start_date: {settings.start_date}` is no day", "write it like `2026-01-31`", "invalid-option"
            )
        if settings.run == "pods":
            cluster.checked_namespace(settings.namespace)
            needed = {"store_claim": "steps hand on what they make in a volume that all of them mount"}
        else:
            needed = {"project": "processes work in the folder of the project"}
        for option, why in needed.items():
            if not getattr(settings, option):
                raise BackendError(
                    f"the pipeline target `airflow` has no `{option}`: {why}",
                    f"set `{option}` in its options",
                    "invalid-option",
                )

    def _check(self, step: Step) -> None:
        self._check_settings()
        if self.settings.run == "pods":
            container_problems(step, self.settings)
        elif isinstance(step, CommandStep):
            self._check_process(step)

    @staticmethod
    def _check_process(step: CommandStep) -> None:
        at = ("steps", step.name)
        unfit = [
            ("an image", (*at, "image"), bool(step.image)),
            ("resources", (*at, "resources"), step.resources != Resources()),
            *(("a Secret of a cluster", (*at, "secrets", name), s.store == "kubernetes") for name, s in step.secrets),
        ]
        for what, where, is_set in unfit:
            if is_set:
                message = f"step `{step.name}` asks for {what}, and steps run as processes (`run: processes`)"
                raise BackendError(message, "leave it out, or set `run: pods`", "unsupported-by-backend", where)


def _is_day(text: str) -> bool:
    """Whether it is a day as every Python reads it; some read other forms of ISO 8601 too, and write this one."""
    with suppress(ValueError):
        return date.fromisoformat(text).isoformat() == text
    return False
