"""What targets that render files share: where the files are, how they are published, taken away, looked at, and what a run is."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, ClassVar

from mlspec.backends import cluster
from mlspec.backends.error import Awaited
from mlspec.backends.found import Difference
from mlspec.backends.pipelines._local.register import known_version
from mlspec.backends.port import Artifact, BackendError, Outcome, PipelineTarget, Run, StepRun, Tools
from mlspec.backends.rendered import RenderedFiles
from mlspec.ir.workflow import Workflow


class Rendering(PipelineTarget):
    """Writes files into the project for whatever syncs them to where pipelines run; never talks to it."""

    note: ClassVar[str] = (
        "the pipeline target renders files; models are trained where those are synced to, and a later plan finds them"
    )

    @abstractmethod
    def files(self, workflow: Workflow) -> Mapping[str, str]:
        """The texts of all files by name. The first line of each is `# ` and the header of the workflow."""

    def render(self, workflow: Workflow) -> tuple[Artifact, ...]:
        folder = self._folder(workflow)
        return tuple(Artifact(f"{folder}/{name}", text) for name, text in sorted(self.files(workflow).items()))

    def publish(self, workflow: Workflow) -> Outcome:
        """Write the files into the project. Raises BackendError where a file of somebody else stands."""
        digests = self._rendered(header(workflow)).write(self.render(workflow))
        folder = self._folder(workflow)
        outputs = {"path": folder, "files": digests, "header": header(workflow), "name": workflow.name}
        return Outcome(outputs, (f"rendered into `{folder}`; it takes effect when that folder is synced",))

    def withdraw(self, outputs: Mapping[str, Any]) -> None:
        if "files" in outputs:
            self._rendered(str(outputs["header"])).remove(outputs["files"])

    def differences(self, outputs: Mapping[str, Any]) -> tuple[Difference, ...]:
        return self._rendered(str(outputs["header"])).differences(outputs["files"]) if "files" in outputs else ()

    def run(self, workflow: Workflow, tools: Tools) -> Run:
        """Say which version is registered; one that is not is to be made elsewhere, from files that are written for it.

        Raises Awaited (`trained-elsewhere`) until the run there has registered it.
        """
        step = workflow.register
        if step is None:
            raise BackendError(f"workflow `{workflow.name}` registers no model, and nothing is run here")
        version = known_version(step, workflow, tools)
        outcome = self.publish(workflow)
        if version is None:
            raise Awaited(
                f"version {workflow.version[:8]} of model `{step.model}` is not trained yet: its run is in `{outcome.outputs['path']}`",
                "let that folder be synced to where pipelines run; when the run has registered the version, apply again",
                "trained-elsewhere",
            )
        steps = tuple(StepRun(each.name, "cached", 0.0) for each in workflow.steps)
        return Run(
            f"registered-{workflow.version[:16]}", steps, {step.metrics.step: version.metrics}, version, outcome.outputs
        )

    def object_name(self, workflow: Workflow) -> str:
        """What it is called where it runs; a model and a pipeline of the same name are two."""
        scope = self.place.environment
        return cluster.object_name(workflow.name, f"{scope}-model" if workflow.run_on_apply else scope)

    def labels(self) -> dict[str, str]:
        """Labels of everything that is rendered."""
        return {
            "app.kubernetes.io/part-of": cluster.label_value(self.place.project.strip("_")),
            "app.kubernetes.io/managed-by": "mlspec",
        }

    def _rendered(self, first: str) -> RenderedFiles:
        return RenderedFiles(self.place.root, f"# {first}")

    def _folder(self, workflow: Workflow) -> str:
        path = PurePosixPath(self.settings.path)
        if path.is_absolute() or ".." in path.parts:
            message = f"`path: {self.settings.path}` leads out of the project"
            raise BackendError(message, "name a directory of the project", "path-outside")
        return str(
            path / self.place.environment / f"{'model' if workflow.run_on_apply else 'pipeline'}.{workflow.name}"
        )


def header(workflow: Workflow) -> str:
    """The first line of every file, which tells them apart from files of others."""
    address = f"{'model' if workflow.run_on_apply else 'pipeline'}.{workflow.name}"
    return f"Rendered by mlspec from {address}; edit the spec, not this file"
