"""The objects of a service that KServe runs: an InferenceService around the container, its contract, its account."""

from collections.abc import Callable, Iterator
from typing import Any

from mlspec.backends import cluster
from mlspec.backends.cluster import placed
from mlspec.backends.deploys._kubernetes.objects import Naming, Objects, strategy
from mlspec.backends.deploys._kubernetes.pod import pod
from mlspec.backends.port import BackendError
from mlspec.base.value import replace
from mlspec.ir.service import Rollout, Service

Json = dict[str, Any]
_API = "serving.kserve.io/v1beta1"
_MODES = {"knative": "Knative", "standard": "Standard"}
_USUAL = Rollout()


class Inference(Objects):
    """`routing` says who splits the traffic: `knative` between revisions, `standard` between predictors (KServe 0.20 and newer)."""

    def __init__(self, service: Service, naming: Naming, image: str, model_uri: str, routing: str) -> None:
        super().__init__(service, naming, image, model_uri)
        self._routing = routing

    def _makers(self) -> Iterator[tuple[str, Callable[[], Json]]]:
        yield "inferenceservice.yaml", self._inference
        yield "configmap.yaml", self._config
        if not (self._service.account and self._service.account.name):
            yield "serviceaccount.yaml", self._account

    @property
    def kinds(self) -> tuple[Json, ...]:
        account, config = ({"apiVersion": "v1", "kind": kind} for kind in ("ServiceAccount", "ConfigMap"))
        if self._routing == "knative" and self._service.rollout.canary:
            return (account,)  # the revision of before has the rest of the requests, and mounts a contract of its own
        return (config, account)

    def _inference(self) -> Json:
        service, rollout = self._service, self._service.rollout
        self._refuse()
        annotations = {**self.told(service.version), "serving.kserve.io/deploymentMode": _MODES[self._routing]}
        if rollout.deadline:
            annotations["serving.knative.dev/progress-deadline"] = f"{rollout.deadline}s"
        spec: Json = {"predictor": self._predictor(service)}
        if rollout.canary and self._routing == "knative":
            spec["predictor"]["canaryTrafficPercent"] = rollout.canary[0]
        elif rollout.canary:
            spec["canary"] = [{"trafficPercent": rollout.canary[0], "predictor": self._predictor(self._canary())}]
        return self._object(_API, "InferenceService", {"spec": spec}, annotations=annotations)

    def _canary(self) -> Service:
        return replace(self._service, version=self._service.rollout.canary_version)

    def _predictor(self, service: Service) -> Json:
        found = pod(service, self.setting)
        (container,) = found["containers"]
        container["name"] = "kserve-container"
        container["ports"] = [{"name": "http1", "containerPort": service.port, "protocol": "TCP"}]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe in container:
                container[probe]["httpGet"]["port"] = service.port
        scale = service.autoscale
        least, most = (scale.minimum, scale.maximum) if scale else (service.replicas, service.replicas)
        scaled: Json = {"minReplicas": least, "maxReplicas": max(most, 1)}
        if scale:
            scaled |= {"scaleMetric": "cpu", "scaleTarget": scale.target_cpu}
        if self._routing == "standard":
            with placed("rollout"):
                scaled["deploymentStrategy"] = strategy(service.rollout)
        return {**scaled, "labels": self._labels, "annotations": self.told(service.version), **found}

    def _refuse(self) -> None:
        """What KServe does otherwise, or not at all, in this mode. Raises BackendError."""
        service, rollout = self._service, self._service.rollout
        standard = self._routing == "standard"
        least = service.autoscale.minimum if service.autoscale else service.replicas
        changed = [f for f in ("strategy", "max_unavailable", "max_surge") if getattr(rollout, f) != getattr(_USUAL, f)]
        wrong: list[tuple[bool, tuple[str, ...], str, str]] = [
            (bool(service.disruption), ("disruption",), "KServe makes the pods, and no budget for them", "leave it out"),
            (bool(service.network), ("network",), "requests come in by KServe's own gateway", "say it there"),
            (standard and not least, ("replicas",), "without Knative nothing starts the first replica again", "let one stay: `min: 1`"),
            (not standard and bool(changed), ("rollout", *changed[:1]), "Knative exchanges revisions in its own way", "leave it out, or `routing: standard`"),
            (standard and bool(rollout.deadline), ("rollout", "deadline"), "KServe takes none in this mode", "leave it out, or `routing: knative`"),
            (len(rollout.canary) > 1, ("rollout", "canary"), "a manifest says one share of the traffic", "name one step, and the next with the next apply"),
            (bool(rollout.hold), ("rollout", "hold"), "nobody moves the traffic on by himself", "leave it out"),
            (bool(rollout.abort_if), ("rollout", "abort_if"), "nobody looks at the traffic", "leave it out"),
            (standard and bool(rollout.canary) and not rollout.canary_version, ("rollout", "canary"),
             "without Knative the traffic is split between two versions, and one is named", "name the other: `canary_alias: challenger`"),
            (not standard and bool(rollout.canary_version), ("rollout", "canary_alias"), "Knative splits between this version and the one before", "leave it out, or `routing: standard`"),
        ]  # fmt: skip
        for refused, at, why, help_ in wrong:
            if refused:
                raise BackendError(
                    f"KServe ({_MODES[self._routing]}) cannot honour `{'.'.join(at)}`: {why}",
                    help_,
                    "not-for-kserve",
                    at,
                )


def settled(live: Json) -> str | None:
    """Why an InferenceService does not answer yet; empty when it does, None for other objects."""
    if live["kind"] != "InferenceService":
        return None
    status = live.get("status") or {}
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 1):
        return "nobody has looked at it yet"
    ready: Json = next((c for c in status.get("conditions") or () if c.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return ""
    return cluster.one_line(ready.get("message") or ready.get("reason") or "it is not ready")
