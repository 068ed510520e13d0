"""The objects of one service in one environment: what runs it, and what stands around it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from mlspec.backends import cluster
from mlspec.backends.cluster import placed
from mlspec.backends.deploys._kubernetes.pod import Setting, pod, within
from mlspec.backends.port import BackendError
from mlspec.base.digest import digest
from mlspec.base.value import asdict, dataclass
from mlspec.ir.service import Autoscale, Disruption, Peer, Rollout, Service

Json = dict[str, Any]
_SOME_REPLICAS = 2
"""From so many replicas on, one at a time may be evicted."""


@dataclass(frozen=True)
class Naming:
    """Where the objects are: project, environment and namespace, and the API versions of the cluster."""

    project: str
    environment: str
    namespace: str
    release: tuple[int, int]

    @property
    def autoscaling(self) -> str:
        """Before 1.23 it was a beta with the same fields."""
        return "autoscaling/v2" if self.release >= (1, 23) else "autoscaling/v2beta2"

    @property
    def policy(self) -> str:
        """Before 1.21 it was a beta with the same fields."""
        return "policy/v1" if self.release >= (1, 21) else "policy/v1beta1"


class Objects:
    """Each object under the name of its file; all have the same labels, and the selector is among them."""

    def __init__(self, service: Service, naming: Naming, image: str, model_uri: str) -> None:
        self._service, self._naming = service, naming
        self.name = cluster.object_name(service.name, naming.environment)
        self._selector = {
            "app.kubernetes.io/name": cluster.label_value(service.name.strip("_")),
            "app.kubernetes.io/instance": self.name,
        }
        with placed("labels"):
            own = cluster.checked_labels(service.labels)
        self._labels = {
            **self._selector,
            "app.kubernetes.io/part-of": cluster.label_value(naming.project.strip("_")),
            "app.kubernetes.io/managed-by": "mlspec",
            **own,
        }
        self._contract = contract_files(service)
        self._contract_digest = digest(self._contract)
        account = service.account.name if service.account and service.account.name else self.name
        self.setting = Setting(image, model_uri, account, self._config_name)

    def by_file(self) -> dict[str, Json]:
        """Each object under the name of its file. Raises BackendError."""
        return {name: make() for name, make in self._makers()}

    @property
    def kinds(self) -> tuple[Json, ...]:
        """Every kind of object that there may be of a service: those that are not wanted any more are taken away."""
        known = [
            ("v1", "ConfigMap"), ("v1", "ServiceAccount"), ("networking.k8s.io/v1", "NetworkPolicy"),
            (self._naming.policy, "PodDisruptionBudget"), (self._naming.autoscaling, "HorizontalPodAutoscaler"),
        ]  # fmt: skip
        return tuple({"apiVersion": api, "kind": kind} for api, kind in known)

    def problems(self) -> Iterator[BackendError]:
        """What stands against each of them."""
        for _, make in self._makers():
            try:
                make()
            except BackendError as error:
                yield error

    def _makers(self) -> Iterator[tuple[str, Callable[[], Json]]]:
        service = self._service
        yield "deployment.yaml", self._deployment
        yield "service.yaml", self._access
        yield "configmap.yaml", self._config
        yield "networkpolicy.yaml", self._network
        if not (service.account and service.account.name):
            yield "serviceaccount.yaml", self._account
        if scale := service.autoscale:
            yield "hpa.yaml", lambda: self._scaler(scale)
        if rule := service.disruption or self._usual_disruption():
            yield "pdb.yaml", lambda: self._budget(rule)

    def _object(self, api: str, kind: str, body: Json, name: str = "", annotations: Json | None = None) -> Json:
        metadata = {
            "name": name or self.name,
            "namespace": cluster.checked_namespace(self._naming.namespace),
            "labels": self._labels,
            **({"annotations": annotations} if annotations else {}),
        }
        return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}

    def told(self, version: str) -> Json:
        """Which version it is, by digest, for whoever looks at an object."""
        return {
            "mlspec.dev/model": self._service.model,
            "mlspec.dev/model-version": version,
            "mlspec.dev/contract-digest": self._contract_digest,
        }

    def _deployment(self) -> Json:
        service = self._service
        annotations = self.told(service.version)
        spec: Json = {} if service.autoscale else {"replicas": within("replicas", service.replicas, 0)}
        with placed("rollout"):
            spec |= {
                "selector": {"matchLabels": self._selector},
                "strategy": strategy(service.rollout),
                **({"progressDeadlineSeconds": service.rollout.deadline} if service.rollout.deadline else {}),
            }
        spec["template"] = {
            "metadata": {"labels": self._labels, "annotations": annotations},
            "spec": pod(service, self.setting),
        }
        return self._object("apps/v1", "Deployment", {"spec": spec}, annotations=annotations)

    def _access(self) -> Json:
        port = {"name": "http", "port": self._service.port, "targetPort": "http", "protocol": "TCP"}
        return self._object("v1", "Service", {"spec": {"selector": self._selector, "ports": [port]}})

    @property
    def _config_name(self) -> str:
        """A name that changes with the contract: pods of the old version keep theirs while the new ones start."""
        return f"{self.name}-{self._contract_digest[:8]}"

    def _config(self) -> Json:
        return self._object("v1", "ConfigMap", {"immutable": True, "data": self._contract}, self._config_name)

    def _account(self) -> Json:
        annotations = dict(self._service.account.annotations) if self._service.account else {}
        with placed("service_account", "annotations"):
            for key in annotations:
                cluster.checked_key(key, "an annotation")
        return self._object("v1", "ServiceAccount", {"automountServiceAccountToken": False}, annotations=annotations)

    def _network(self) -> Json:
        """Requests come in at the one port, from everywhere or from whom the service names; what goes out is not bounded."""
        rule: Json = {"ports": [{"port": "http", "protocol": "TCP"}]}
        if self._service.network:
            rule["from"] = [_peer(p, i) for i, p in enumerate(self._service.network)]
        spec = {"podSelector": {"matchLabels": self._selector}, "policyTypes": ["Ingress"], "ingress": [rule]}
        return self._object("networking.k8s.io/v1", "NetworkPolicy", {"spec": spec})

    def _scaler(self, scale: Autoscale) -> Json:
        with placed("replicas"):
            _check_scale(scale, self._service)
        target = {"type": "Utilization", "averageUtilization": scale.target_cpu}
        spec = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name},
            "minReplicas": scale.minimum,
            "maxReplicas": scale.maximum,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        }
        return self._object(self._naming.autoscaling, "HorizontalPodAutoscaler", {"spec": spec})

    def _usual_disruption(self) -> Disruption | None:
        service = self._service
        least = service.autoscale.minimum if service.autoscale else service.replicas
        return Disruption(max_unavailable="1") if least >= _SOME_REPLICAS else None

    def _budget(self, rule: Disruption) -> Json:
        with placed("disruption"):
            field, text = (
                ("maxUnavailable", rule.max_unavailable)
                if rule.max_unavailable
                else ("minAvailable", rule.min_available)
            )
            amount = cluster.count_or_percent(text, "disruption")
            least = self._service.autoscale.minimum if self._service.autoscale else self._service.replicas
            if (field, amount) in {("maxUnavailable", 0), ("maxUnavailable", "0%"), ("minAvailable", "100%")} or (
                field == "minAvailable" and isinstance(amount, int) and 0 < least <= amount
            ):
                message = f"`{text}` lets no replica be evicted: a node could never be drained"
                raise BackendError(message, "leave one free: `max_unavailable: 1`", "not-for-kubernetes")
        spec = {"selector": {"matchLabels": self._selector}, field: amount}
        return self._object(self._naming.policy, "PodDisruptionBudget", {"spec": spec})


def contract_files(service: Service) -> dict[str, str]:
    """What an image is told: the features in order, the fields of a request, and features that are computed from it."""
    found = {"contract.json": _schema(service.contract), "request.json": _schema(service.request)}
    if service.computed:
        listed = {"features": [asdict(one) for one in service.computed]}
        found["computed.json"] = json.dumps(listed, indent=2, ensure_ascii=False) + "\n"
    return found


def _schema(fields: tuple[tuple[str, str], ...]) -> str:
    listed = [{"name": name, "type": type_} for name, type_ in fields]
    return json.dumps({"fields": listed}, indent=2, ensure_ascii=False) + "\n"


def _peer(peer: Peer, index: int) -> Json:
    with placed("network", "allow", index):
        found: Json = {}
        if peer.namespace:
            name = cluster.checked_namespace(peer.namespace)
            found["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": name}}
        if peer.pods:
            found["podSelector"] = {"matchLabels": cluster.checked_labels(peer.pods, ours=True)}
        return found


def strategy(rollout: Rollout) -> Json:
    """How a Deployment exchanges its pods. Raises BackendError."""
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
    within("autoscale minimum", scale.minimum, 1)
    within("autoscale target_cpu", scale.target_cpu, 1)
    if scale.maximum < scale.minimum:
        message = f"autoscaling between {scale.minimum} and {scale.maximum} replicas: the minimum is above the maximum"
        raise BackendError(message, "exchange them", "not-for-kubernetes")
    if not (service.resources.cpu or service.resources.cpu_limit):
        message = f"deployment `{service.name}` scales by CPU and asks for none"
        raise BackendError(message, "set `resources.cpu`: utilisation is a share of it", "not-for-kubernetes")
