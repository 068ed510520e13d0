"""Deploys to Kubernetes: a folder of manifests for whatever syncs it into the cluster, or applied to the cluster itself.

The image gets `MLSPEC_MODEL`, `MLSPEC_MODEL_VERSION`, `MLSPEC_MODEL_URI` and `MLSPEC_PORT`, and finds the feature
contract and the schema of a request in the folder that `MLSPEC_CONTRACT` names.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, ClassVar

from mlspec.backends.deploys._kubernetes.api import Api
from mlspec.backends.deploys._kubernetes.config import access
from mlspec.backends.deploys._kubernetes.live import Live, deployed
from mlspec.backends.deploys._kubernetes.objects import Naming, Objects
from mlspec.backends.deploys._kubernetes.pod import OCI, model_uri
from mlspec.backends.found import Difference
from mlspec.backends.manifest import manifest_text
from mlspec.backends.port import Artifact, BackendError, Capability, DeployTarget, ModelVersion, Outcome, Place
from mlspec.backends.published import publish
from mlspec.backends.rendered import RenderedFiles
from mlspec.base.value import dataclass, replace
from mlspec.ir.service import Service

Json = dict[str, Any]
_NEWEST = (1, 37)


class Kubernetes(DeployTarget):
    """Deployment, Service, ConfigMap, ServiceAccount, NetworkPolicy and, where asked for, HPA and PodDisruptionBudget."""

    @dataclass(frozen=True)
    class Settings:
        """`path` is a directory of the project; `image` serves deployments that name none.

        `model_uri` is where the files of model versions are published for the cluster: a version is at
        `<model_uri>/<model>/<version>`, or `<model>:<version>` below an `oci://` one. Without it the image has to know
        by itself where to get them. `cluster_version` (`1.20`) is the oldest that must take the manifests.
        With `mode: apply` they are applied to the cluster of a `context` of a `kubeconfig`, and `wait` is how many seconds
        a rollout may take; `force_conflicts` takes over fields that somebody else has set.
        With `publish`, apply puts the files of the version to `model_uri`, a folder or `s3://bucket/prefix`.
        """

        path: str = "deploy"
        namespace: str = "default"
        image: str = ""
        model_uri: str = ""
        cluster_version: str = ""
        mode: str = "render"
        kubeconfig: str = ""
        context: str = ""
        wait: float = 600.0
        force_conflicts: bool = False
        publish: bool = False

    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.AUTOSCALE,
            Capability.REPLICAS,
            Capability.ROLLOUT,
            Capability.RESOURCES,
            Capability.KUBERNETES_SECRET,
            Capability.CONTAINER,
            Capability.CLUSTER,
        }
    )

    def __init__(self, settings: Settings, place: Place) -> None:
        super().__init__(settings, place)
        if settings.mode not in {"render", "apply"}:
            raise BackendError(
                f"`mode: {settings.mode}` is not known", "`render` writes files, `apply` changes a cluster"
            )
        if not self._applies:
            self.note = "deploy target `kubernetes` renders manifests; whatever syncs that folder changes the cluster"

    @property
    def _applies(self) -> bool:
        return bool(self.settings.mode == "apply")

    def render(self, service: Service, version: ModelVersion | None) -> tuple[Artifact, ...]:
        """Write every manifest; the same with and without the registry's knowledge of the version."""
        documents = self._objects(service).by_file()
        documents["kustomization.yaml"] = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": self.settings.namespace,
            "resources": sorted(documents),
        }
        folder, header = self._folder(service.name), _header(service.name)
        return tuple(
            Artifact(f"{folder}/{file}", manifest_text(document, header=header))
            for file, document in sorted(documents.items())
        )

    def refused(self, service: Service) -> tuple[BackendError, ...]:
        try:
            found = {str(error): error for error in self._objects(service).problems()}
        except BackendError as error:
            return (error,)
        return tuple(found.values())

    def apply(self, service: Service, version: ModelVersion) -> Outcome:
        """Write the manifests into the project, or apply them and wait. Raises BackendError where a file of somebody else stands."""
        published = self._published(service, version)
        if self._applies:
            done = self._brought(service)
            return Outcome(done.outputs, (*published, *done.notes))
        artifacts = self.render(service, version)
        digests = self._files(service.name).write(artifacts)
        folder = self._folder(service.name)
        notes = [f"rendered into `{folder}`; the cluster changes when that folder is synced into it"]
        if published:
            notes += published
        elif uri := model_uri(service, self._objects(service).setting):
            notes.append(f"the pods expect the files of the model version at {uri}")
        else:
            notes.append("no `model_uri` is set: the image has to know where to get the model version")
        return Outcome(
            {"path": folder, "files": digests, "name": service.name, "version": service.version}, tuple(notes)
        )

    def apply_beside(self, service: Service, version: ModelVersion, others: Mapping[str, ModelVersion]) -> Outcome:
        for name, other in others.items():
            self._published(replace(service, version=name), other)
        return self.apply(service, version)

    def _published(self, service: Service, version: ModelVersion) -> list[str]:
        """Let the files of the version be where its pods look for them."""
        if not self.settings.publish:
            return []
        uri = model_uri(service, self._objects(service).setting)
        if not uri or uri.startswith(OCI):
            message = (
                f"`publish` needs a place that files can be put to, and `model_uri` is `{self.settings.model_uri}`"
            )
            raise BackendError(
                message, "a folder, or `s3://bucket/prefix`; an image is built from `mlspec image model`"
            )
        written = publish(version, uri)
        return [f"{'published to' if written else 'published already at'} {uri}"]

    def _brought(self, service: Service) -> Outcome:
        objects = self._objects(service)
        wanted = list(objects.by_file().values())
        live = self._live()
        notes = live.bring(wanted, objects.kinds, self._settled)
        where = self._where(live)
        return Outcome(
            {"objects": wanted, "where": where, "name": service.name, "version": service.version},
            (f"in namespace {where}", *notes),
        )

    def _where(self, live: Live) -> str:
        return f"{self.settings.namespace} of {live.api.access.context}"

    def out_of_reach(self, outputs: Mapping[str, Any]) -> str:
        """What was applied to a cluster, when another one is meant now, another namespace, or none."""
        if "objects" not in outputs or (self._applies and outputs["where"] == self._where(self._live())):
            return ""
        return f"what it applied to namespace {outputs['where']}"

    def _live(self) -> Live:
        settings = self.settings
        way = access(self.place.root, settings.kubeconfig, settings.context)
        return Live(Api(way), settings.wait, settings.force_conflicts)

    def observe(self, outputs: Mapping[str, Any]) -> bool:
        """Whether every file is there as it was written, or every object of the cluster as it would be applied now."""
        return not self.differences(outputs)

    def differences(self, outputs: Mapping[str, Any]) -> tuple[Difference, ...]:
        if "objects" in outputs:
            return self._live().differences(outputs["objects"])
        return self._files(outputs["name"]).differences(outputs["files"])

    def destroy(self, outputs: Mapping[str, Any]) -> None:
        """Remove the files that were written, and the folders that this leaves empty; or the objects."""
        if "objects" in outputs:
            self._live().remove(outputs["objects"])
            return
        self._files(outputs["name"]).remove(outputs["files"])

    def _objects(self, service: Service) -> Objects:
        return Objects(service, self._naming(), self.settings.image, self.settings.model_uri)

    def _naming(self) -> Naming:
        place, settings = self.place, self.settings
        return Naming(place.project, place.environment, settings.namespace, _release(settings.cluster_version))

    @property
    def _settled(self) -> Callable[[Json], str | None]:
        """What says of an object why it is not ready yet."""
        return deployed

    def _files(self, name: str) -> RenderedFiles:
        return RenderedFiles(self.place.root, f"# {_header(name)}")

    def _folder(self, name: str) -> str:
        path = PurePosixPath(self.settings.path)
        if path.is_absolute() or ".." in path.parts:
            message = f"`path: {self.settings.path}` leads out of the project"
            raise BackendError(message, "name a directory of the project", "path-outside")
        return str(path / self.place.environment / name)


def _header(name: str) -> str:
    return f"Rendered by mlspec from deployment.{name}; edit the spec, not this file"


def _release(text: str) -> tuple[int, int]:
    """The major and minor number of a release. Raises BackendError."""
    match = re.fullmatch(r"v?([0-9]+)\.([0-9]+)(\.[0-9]+)?", text) if text else None
    if text and match is None:
        raise BackendError(f"`cluster_version: {text}` is not a version of Kubernetes", "write `1.20`, in quotes")
    return (int(match[1]), int(match[2])) if match else _NEWEST
