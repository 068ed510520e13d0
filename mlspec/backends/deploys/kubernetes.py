"""Deploys to Kubernetes by rendering: a folder of manifests for whatever syncs it into the cluster.

The image gets `MLSPEC_MODEL`, `MLSPEC_MODEL_VERSION`, `MLSPEC_MODEL_URI` and `MLSPEC_PORT`, and finds the feature
contract and the schema of a request in the folder that `MLSPEC_CONTRACT` names.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar

from mlspec.backends import cluster
from mlspec.backends.found import Difference
from mlspec.backends.manifest import manifest_text
from mlspec.backends.port import Artifact, BackendError, Capability, DeployTarget, ModelVersion, Outcome
from mlspec.backends.rendered import RenderedFiles
from mlspec.base.digest import digest
from mlspec.ir.service import Autoscale, Probe, Rollout, Service

Json = dict[str, Any]
_CONTRACT_FOLDER = "/etc/mlspec"


class Kubernetes(DeployTarget):
    """Writes Deployment, Service, HorizontalPodAutoscaler, ConfigMap and a kustomization; never talks to a cluster."""

    @dataclass(frozen=True)
    class Settings:
        """`path` is a directory of the project; `image` serves deployments that name none.

        `model_uri` is where the files of model versions are published for the cluster: a version is at
        `<model_uri>/<model>/<version>`. Without it the image has to know by itself where to get them.
        """

        path: str = "deploy"
        namespace: str = "default"
        image: str = ""
        model_uri: str = ""

    note: ClassVar[str] = "deploy target `kubernetes` renders manifests; whatever syncs that folder changes the cluster"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.AUTOSCALE,
            Capability.REPLICAS,
            Capability.ROLLOUT,
            Capability.RESOURCES,
            Capability.KUBERNETES_SECRET,
            Capability.CONTAINER,
        }
    )

    def render(self, service: Service, version: ModelVersion | None) -> tuple[Artifact, ...]:
        """Write every manifest; the same with and without the registry's knowledge of the version."""
        objects = _Objects(service, self.settings, self.place.project, self.place.environment)
        documents = objects.by_file()
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

    def apply(self, service: Service, version: ModelVersion) -> Outcome:
        """Write the manifests into the project. Raises BackendError where a file of somebody else stands."""
        artifacts = self.render(service, version)
        digests = self._files(service.name).write(artifacts)
        folder = self._folder(service.name)
        notes = [f"rendered into `{folder}`; the cluster changes when that folder is synced into it"]
        if uri := _model_uri(self.settings.model_uri, service):
            notes.append(f"the pods expect the files of the model version at {uri}")
        else:
            notes.append("no `model_uri` is set: the image has to know where to get the model version")
        return Outcome(
            {"path": folder, "files": digests, "name": service.name, "version": service.version}, tuple(notes)
        )

    def observe(self, outputs: Mapping[str, Any]) -> bool:
        """Whether every file is there as it was written; the cluster is not asked."""
        return not self.differences(outputs)

    def differences(self, outputs: Mapping[str, Any]) -> tuple[Difference, ...]:
        return self._files(outputs["name"]).differences(outputs["files"])

    def destroy(self, outputs: Mapping[str, Any]) -> None:
        """Remove the files that were written, and the folders that this leaves empty."""
        self._files(outputs["name"]).remove(outputs["files"])

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


def _model_uri(prefix: str, service: Service) -> str:
    return f"{prefix.rstrip('/')}/{service.model}/{service.version}" if prefix else ""


class _Objects:
    """The objects of one service in one environment."""

    def __init__(self, service: Service, settings: Any, project: str, environment: str) -> None:
        self._service, self._settings = service, settings
        self._name = cluster.object_name(service.name, environment)
        self._selector = {
            "app.kubernetes.io/name": cluster.label_value(service.name.strip("_")),
            "app.kubernetes.io/instance": self._name,
        }
        self._labels = {
            **self._selector,
            "app.kubernetes.io/part-of": cluster.label_value(project.strip("_")),
            "app.kubernetes.io/managed-by": "mlspec",
            **cluster.checked_labels(service.labels),
        }
        self._contract = {
            "contract.json": _schema(service.contract),
            "request.json": _schema(service.request),
            **_computed(service),
        }
        self._contract_digest = digest(self._contract)

    def by_file(self) -> dict[str, Json]:
        """Each object under the name of its file."""
        found = {
            "deployment.yaml": self._deployment(),
            "service.yaml": self._access(),
            "configmap.yaml": self._config(),
        }
        if self._service.autoscale:
            found["hpa.yaml"] = self._scaler(self._service.autoscale)
        return found

    def _object(self, api: str, kind: str, body: Json, name: str = "", annotations: Json | None = None) -> Json:
        metadata = {
            "name": name or self._name,
            "namespace": cluster.checked_namespace(self._settings.namespace),
            "labels": self._labels,
            **({"annotations": annotations} if annotations else {}),
        }
        return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}

    def _deployment(self) -> Json:
        annotations = {
            "mlspec.dev/model": self._service.model,
            "mlspec.dev/model-version": self._service.version,
            "mlspec.dev/contract-digest": self._contract_digest,
        }
        spec: Json = {} if self._service.autoscale else {"replicas": _replicas(self._service.replicas)}
        spec |= {
            "selector": {"matchLabels": self._selector},
            "strategy": _strategy(self._service.rollout),
            "template": {"metadata": {"labels": self._labels, "annotations": annotations}, "spec": self._pod()},
        }
        return self._object("apps/v1", "Deployment", {"spec": spec}, annotations=annotations)

    def _pod(self) -> Json:
        return {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 30,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [self._container()],
            "volumes": [
                {"name": "contract", "configMap": {"name": self._config_name}},
                {"name": "scratch", "emptyDir": {}},
            ],
        }

    def _container(self) -> Json:
        service = self._service
        found: Json = {
            "name": "model",
            "image": _image(service, self._settings.image),
            "ports": [{"name": "http", "containerPort": _port(service.port), "protocol": "TCP"}],
            "env": [*self._identity(), *cluster.variables(service.env, service.secrets)],
            "resources": cluster.container_resources(service.resources),
        }
        for key, probe in (("livenessProbe", service.liveness), ("readinessProbe", service.readiness)):
            if probe:
                found[key] = _probe(probe)
        found["securityContext"] = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        found["volumeMounts"] = [
            {"name": "contract", "mountPath": _CONTRACT_FOLDER, "readOnly": True},
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108 - in the container, where only this is writable
        ]
        return found

    def _identity(self) -> list[Json]:
        """Tell the image which model version it is to serve."""
        found = {
            "MLSPEC_MODEL": self._service.model,
            "MLSPEC_MODEL_VERSION": self._service.version,
            "MLSPEC_MODEL_URI": _model_uri(self._settings.model_uri, self._service),
            "MLSPEC_CONTRACT": _CONTRACT_FOLDER,
            "MLSPEC_PORT": str(self._service.port),
        }
        return [{"name": name, "value": cluster.literal(name, value)} for name, value in found.items() if value]

    def _access(self) -> Json:
        port = {"name": "http", "port": self._service.port, "targetPort": "http", "protocol": "TCP"}
        return self._object("v1", "Service", {"spec": {"selector": self._selector, "ports": [port]}})

    @property
    def _config_name(self) -> str:
        """A name that changes with the contract: pods of the old version keep theirs while the new ones start."""
        return f"{self._name}-{self._contract_digest[:8]}"

    def _config(self) -> Json:
        return self._object("v1", "ConfigMap", {"immutable": True, "data": self._contract}, self._config_name)

    def _scaler(self, scale: Autoscale) -> Json:
        _check_scale(scale, self._service)
        target = {"type": "Utilization", "averageUtilization": scale.target_cpu}
        spec = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self._name},
            "minReplicas": scale.minimum,
            "maxReplicas": scale.maximum,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        }
        return self._object("autoscaling/v2", "HorizontalPodAutoscaler", {"spec": spec})


def _computed(service: Service) -> dict[str, str]:
    """What an image needs to compute features from a request as training did; nothing where none is computed."""
    if not service.computed:
        return {}
    return {
        "computed.json": json.dumps(
            {"features": [asdict(one) for one in service.computed]}, indent=2, ensure_ascii=False
        )
        + "\n"
    }


def _schema(fields: tuple[tuple[str, str], ...]) -> str:
    listed = [{"name": name, "type": type_} for name, type_ in fields]
    return json.dumps({"fields": listed}, indent=2, ensure_ascii=False) + "\n"


def _image(service: Service, default: str) -> str:
    image = service.image or default
    if not image or image != "".join(image.split()):
        message = f"deployment `{service.name}` has no image" if not image else f"`{image}` is not the name of an image"
        raise BackendError(message, "set `image` in the deployment or in the target's options", "no-image")
    return image


def _port(port: int) -> int:
    return _within("port", port, 1, 65535)


def _replicas(replicas: int) -> int:
    return _within("replicas", replicas, 0, 2**31 - 1)


def _within(field: str, value: int, least: int, most: int = 2**31 - 1) -> int:
    if not least <= value <= most:
        message = f"`{field}: {value}` is out of bounds"
        raise BackendError(message, f"it is {least} at least and {most} at most", "not-for-kubernetes")
    return value


def _probe(probe: Probe) -> Json:
    if not probe.path.startswith("/"):
        raise BackendError(f"probe path `{probe.path}` does not start with `/`", code="not-for-kubernetes")
    return {
        "httpGet": {"path": probe.path, "port": "http"},
        "initialDelaySeconds": _within("initial_delay", probe.initial_delay, 0),
        "periodSeconds": _within("period", probe.period, 1),
        "timeoutSeconds": _within("timeout", probe.timeout, 1),
        "failureThreshold": _within("failures", probe.failures, 1),
    }


def _strategy(rollout: Rollout) -> Json:
    if rollout.strategy == "recreate":
        return {"type": "Recreate"}
    if rollout.strategy != "rolling":
        message = f"`{rollout.strategy}` is not a rollout that Kubernetes knows"
        raise BackendError(message, "`rolling` or `recreate`", "not-for-kubernetes")
    unavailable = cluster.count_or_percent(rollout.max_unavailable, "max_unavailable")
    surge = cluster.count_or_percent(rollout.max_surge, "max_surge")
    if {unavailable, surge} <= {0, "0%"}:
        message = "`max_unavailable` and `max_surge` are both 0: no replica could ever be exchanged"
        raise BackendError(message, "let one of them be 1 at least", "not-for-kubernetes")
    return {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}}


def _check_scale(scale: Autoscale, service: Service) -> None:
    _within("autoscale minimum", scale.minimum, 1)
    _within("autoscale target_cpu", scale.target_cpu, 1)
    if scale.maximum < scale.minimum:
        message = f"autoscaling between {scale.minimum} and {scale.maximum} replicas: the minimum is above the maximum"
        raise BackendError(message, "exchange them", "not-for-kubernetes")
    if not (service.resources.cpu or service.resources.cpu_limit):
        message = f"deployment `{service.name}` scales by CPU and asks for none"
        raise BackendError(message, "set `resources.cpu`: utilisation is a share of it", "not-for-kubernetes")
