"""The pod of a service: one container that may do little, its probes, its environment, and where the model comes from."""

from typing import Any

from mlspec.backends import cluster
from mlspec.backends.cluster import placed
from mlspec.backends.port import BackendError
from mlspec.base.value import dataclass
from mlspec.ir.service import Probe, Service, Toleration

Json = dict[str, Any]
CONTRACT_FOLDER = "/etc/mlspec"
MODEL_FOLDER = "/models"
OCI = "oci://"
_MOST = 2**31 - 1
_LIVE, _READY = "/v2/health/live", "/v2/health/ready"
"""What a server of ours answers in any case."""


@dataclass(frozen=True)
class Setting:
    """What the target says beside the service: the image of services that name none, and where models are published."""

    image: str
    model_uri: str
    account: str
    config: str


def pod(service: Service, setting: Setting) -> Json:
    """The spec of a pod: not root, nothing writable but `/tmp`, no token, the default seccomp profile."""
    found: Json = {
        "serviceAccountName": setting.account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container(service, setting)],
        "volumes": [
            {"name": "contract", "configMap": {"name": setting.config}},
            {"name": "scratch", "emptyDir": {}},
            *_model_volume(service, setting),
        ],
    }
    return found | placing(service)


def placing(service: Service) -> Json:
    """Where the pod may run."""
    found: Json = {}
    if service.node_selector:
        with placed("node_selector"):
            found["nodeSelector"] = cluster.checked_labels(service.node_selector, ours=True)
    if service.tolerations:
        found["tolerations"] = [_toleration(t, i) for i, t in enumerate(service.tolerations)]
    return found


def _toleration(one: Toleration, index: int) -> Json:
    with placed("tolerations", index):
        if one.key:
            cluster.checked_key(one.key, "a taint")
        said = {"key": one.key, "operator": one.operator, "value": one.value, "effect": one.effect}
    return {name: value for name, value in said.items() if value}


def container(service: Service, setting: Setting) -> Json:
    """The container that answers."""
    with placed("env"):
        cluster.variables(service.env, ())
    with placed("secrets"):
        variables = cluster.variables(service.env, service.secrets)
    with placed("resources"):
        resources = cluster.container_resources(service.resources)
    found: Json = {
        "name": "model",
        "image": image(service, setting.image),
        "ports": [{"name": "http", "containerPort": within("port", service.port, 1, 65535), "protocol": "TCP"}],
        "env": [*identity(service, setting), *variables],
        "resources": resources,
        **probes(service),
    }
    found["securityContext"] = {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    }
    found["volumeMounts"] = [
        {"name": "contract", "mountPath": CONTRACT_FOLDER, "readOnly": True},
        {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108 - in the container, where only this is writable
        *({"name": v["name"], "mountPath": MODEL_FOLDER, "readOnly": True} for v in _model_volume(service, setting)),
    ]
    return found


def probes(service: Service) -> Json:
    """The probes that the service asks for."""
    listed = (("startup", service.startup), ("liveness", service.liveness), ("readiness", service.readiness))
    found = {}
    for name, probe in listed:
        if probe:
            with placed("probes", name):
                found[f"{name}Probe"] = _probe(probe)
    return found


def identity(service: Service, setting: Setting) -> list[Json]:
    """Tell the image which model version it is to serve."""
    found = {
        "MLSPEC_MODEL": service.model,
        "MLSPEC_MODEL_VERSION": service.version,
        "MLSPEC_MODEL_URI": MODEL_FOLDER if setting.model_uri.startswith(OCI) else model_uri(service, setting),
        "MLSPEC_CONTRACT": CONTRACT_FOLDER,
        "MLSPEC_PORT": str(service.port),
        "MLSPEC_LIVE_PATH": service.liveness.path if service.liveness and service.liveness.path != _LIVE else "",
        "MLSPEC_READY_PATH": service.readiness.path if service.readiness and service.readiness.path != _READY else "",
    }
    return [{"name": name, "value": cluster.literal(name, value)} for name, value in found.items() if value]


def model_uri(service: Service, setting: Setting) -> str:
    """Where the files of the version are: below a prefix, or an OCI artifact whose tag is the version."""
    prefix = setting.model_uri.rstrip("/")
    if prefix.startswith(OCI):
        return f"{prefix}/{service.model.replace('_', '-')}:{service.version}"
    return f"{prefix}/{service.model}/{service.version}" if prefix else ""


def _model_volume(service: Service, setting: Setting) -> list[Json]:
    """A volume of an OCI artifact, which the cluster itself fetches; other places are read by the image."""
    if not setting.model_uri.startswith(OCI):
        return []
    reference = model_uri(service, setting).removeprefix(OCI)
    return [{"name": "model", "image": {"reference": reference, "pullPolicy": "IfNotPresent"}}]


def image(service: Service, default: str) -> str:
    """The image that is named, or that of the target. Raises BackendError."""
    found = service.image or default
    why = cluster.unfit_image(found) if found else ""
    if not found or why:
        message = (
            f"deployment `{service.name}` has no image"
            if not found
            else f"`{found}` is not the name of an image: {why}"
        )
        raise BackendError(message, "set `image` in the deployment or in the target's options", "no-image", ("image",))
    return found


def within(field: str, value: int, least: int, most: int = _MOST) -> int:
    """Check a number. Raises BackendError."""
    if not least <= value <= most:
        message = f"`{field}: {value}` is out of bounds"
        raise BackendError(message, f"it is {least} at least and {most} at most", "not-for-kubernetes")
    return value


def _probe(probe: Probe) -> Json:
    if not probe.path.startswith("/"):
        raise BackendError(f"probe path `{probe.path}` does not start with `/`", code="not-for-kubernetes")
    return {
        "httpGet": {"path": probe.path, "port": "http"},
        "initialDelaySeconds": within("initial_delay", probe.initial_delay, 0),
        "periodSeconds": within("period", probe.period, 1),
        "timeoutSeconds": within("timeout", probe.timeout, 1),
        "failureThreshold": within("failures", probe.failures, 1),
    }
