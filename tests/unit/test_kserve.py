"""The KServe target: one InferenceService whose pod the API's own schema takes, in both of its modes; the rest is refused.

No package that could be had here carries KServe's own schema in a form that refuses unknown fields; its fields beside the pod are few,
and listed here as its API has them.
"""

import contextlib
import dataclasses

import kubernetes_validate
import pytest
import yaml
from kube_server import Cluster, kubeconfig, started
from test_kubernetes import DIGEST, FULL, MINIMAL, OTHER, registered

from mlspec.backends.deploys._kubernetes import live as living
from mlspec.backends.deploys._kubernetes.inference import settled
from mlspec.backends.deploys.kserve import Kserve
from mlspec.backends.port import BackendError, Place
from mlspec.ir.service import Autoscale, Disruption, Peer, Rollout

OF_KSERVE = {
    "minReplicas", "maxReplicas", "scaleMetric", "scaleTarget", "canaryTrafficPercent", "deploymentStrategy", "labels", "annotations",
}  # fmt: skip
SERVICE = dataclasses.replace(FULL, disruption=None, network=(), rollout=Rollout("rolling", "25%", "2"))
PLAIN = dataclasses.replace(SERVICE, rollout=Rollout())


def make(root, routing="standard", **settings):
    options = {"namespace": "ml", "model_uri": "s3://models/acme/", "routing": routing, **settings}
    return Kserve(Kserve.Settings(**options), Place(root, root / ".mlspec", "prod", "flights"))


def objects(target, service):
    return {a.path.rpartition("/")[2]: yaml.safe_load(a.text) for a in target.render(service, None)}


def predictor(target, service):
    return objects(target, service)["inferenceservice.yaml"]["spec"]["predictor"]


def valid(one):
    pod = {k: v for k, v in one.items() if k not in OF_KSERVE}
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": pod}
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
    return one


@pytest.mark.parametrize(("routing", "service"), [("standard", SERVICE), ("knative", PLAIN), ("standard", MINIMAL)])
def test_the_pod_is_valid_and_the_container_is_the_one_of_kubernetes(routing, service, tmp_path):
    files = objects(make(tmp_path, routing), service)
    assert "deployment.yaml" not in files
    one = files["inferenceservice.yaml"]
    assert one["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == routing.capitalize()
    assert one["metadata"]["annotations"]["mlspec.dev/model-version"] == DIGEST
    found = valid(one["spec"]["predictor"])
    (container,) = found["containers"]
    assert container["name"] == "kserve-container"
    assert container["ports"][0]["containerPort"] == service.port
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert (found["minReplicas"], found["maxReplicas"]) == (service.replicas, service.replicas)
    (contract, *_) = found["volumes"]
    assert contract["configMap"]["name"] == files["configmap.yaml"]["metadata"]["name"]


def test_scaling_and_strategy_are_those_of_the_mode(tmp_path):
    scaled = dataclasses.replace(SERVICE, autoscale=Autoscale(0, 5, 70), rollout=Rollout(deadline=90))
    one = objects(make(tmp_path, "knative"), scaled)["inferenceservice.yaml"]
    found = one["spec"]["predictor"]
    assert {k: found[k] for k in ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget")} == {
        "minReplicas": 0, "maxReplicas": 5, "scaleMetric": "cpu", "scaleTarget": 70,
    }  # fmt: skip
    assert one["metadata"]["annotations"]["serving.knative.dev/progress-deadline"] == "90s"
    assert "deploymentStrategy" not in found
    standard = predictor(make(tmp_path), SERVICE)["deploymentStrategy"]
    assert standard == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": 2}}


def test_a_canary_is_a_share_of_the_traffic_in_the_way_of_the_mode(tmp_path):
    with_one = dataclasses.replace(PLAIN, rollout=Rollout(canary=(10,)))
    assert predictor(make(tmp_path, "knative"), with_one)["canaryTrafficPercent"] == 10
    with_two = dataclasses.replace(PLAIN, rollout=Rollout(canary=(10,), canary_version=OTHER))
    spec = objects(make(tmp_path), with_two)["inferenceservice.yaml"]["spec"]
    (canary,) = spec["canary"]
    assert canary["trafficPercent"] == 10
    told = [
        {e["name"]: e.get("value") for e in valid(p)["containers"][0]["env"]}
        for p in (spec["predictor"], canary["predictor"])
    ]
    assert [t["MLSPEC_MODEL_VERSION"] for t in told] == [DIGEST, OTHER]
    assert [t["MLSPEC_MODEL_URI"].rpartition("/")[2] for t in told] == [DIGEST, OTHER]


@pytest.mark.parametrize(
    ("routing", "fields", "at"),
    [
        ("standard", {"disruption": Disruption("1")}, ("disruption",)),
        ("knative", {"network": (Peer("web"),)}, ("network",)),
        ("standard", {"replicas": 0}, ("replicas",)),
        ("knative", {"rollout": Rollout("recreate")}, ("rollout", "strategy")),
        ("knative", {"rollout": Rollout(max_surge="3")}, ("rollout", "max_surge")),
        ("standard", {"rollout": Rollout(deadline=5)}, ("rollout", "deadline")),
        ("standard", {"rollout": Rollout(canary=(10,))}, ("rollout", "canary")),
        ("knative", {"rollout": Rollout(canary=(10, 20))}, ("rollout", "canary")),
        ("knative", {"rollout": Rollout(canary=(10,), hold=60)}, ("rollout", "hold")),
        ("knative", {"rollout": Rollout(canary=(10,), abort_if=("error_rate > 0.01",))}, ("rollout", "abort_if")),
        ("knative", {"rollout": Rollout(canary=(10,), canary_version=OTHER)}, ("rollout", "canary_alias")),
        ("standard", {"image": ""}, ("image",)),
    ],
)  # fmt: skip
def test_what_the_mode_cannot_is_refused_at_its_field(routing, fields, at, tmp_path):
    target = make(tmp_path, routing)
    wrong = dataclasses.replace(PLAIN, **fields)
    assert at in {e.at for e in target.refused(wrong)}
    with pytest.raises(BackendError):
        target.render(wrong, None)
    assert target.refused(PLAIN) == ()


def test_a_routing_that_is_none_is_refused(tmp_path):
    with pytest.raises(BackendError, match="`routing: istio` is not known"):
        make(tmp_path, "istio")


def test_it_is_applied_and_waited_for_like_everything_else(tmp_path, monkeypatch):
    monkeypatch.setattr(living, "_PAUSE", 0.01)
    cluster = Cluster()
    server = started(cluster)
    try:
        target = make(tmp_path, mode="apply", kubeconfig=str(kubeconfig(tmp_path, server.server_port)), wait=0.05)
        with pytest.raises(BackendError, match="nobody has looked at it yet"):
            target.apply(PLAIN, registered(PLAIN))
        (path,) = [p for p in cluster.objects if "/inferenceservices/" in p]
        cluster.objects[path]["status"] = {"observedGeneration": 9, "conditions": [{"type": "Ready", "status": "True"}]}
        outcome = target.apply(PLAIN, registered(PLAIN))
        assert target.observe(outcome.outputs)
        target.destroy(outcome.outputs)
        assert cluster.objects == {}
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("routing", ["knative", "standard"])
def test_a_revision_that_still_has_a_share_keeps_its_contract(routing, tmp_path, monkeypatch):
    monkeypatch.setattr(living, "_PAUSE", 0.01)
    cluster = Cluster()
    server = started(cluster)
    ready = {"observedGeneration": 9, "conditions": [{"type": "Ready", "status": "True"}]}

    def contracts(service):
        with pytest.raises(BackendError, match="nobody has looked") if not seen() else contextlib.nullcontext():
            target.apply(service, registered(service))
        for path in seen():
            cluster.objects[path]["status"] = ready
        target.apply(service, registered(service))
        return len([path for path in cluster.objects if "/configmaps/" in path])

    def seen():
        return [path for path in cluster.objects if "/inferenceservices/" in path]

    try:
        config = str(kubeconfig(tmp_path, server.server_port))
        target = make(tmp_path, routing, mode="apply", kubeconfig=config, wait=0.0)
        new = dataclasses.replace(PLAIN, version=OTHER, contract=(("distance", "int32"),))
        canary = Rollout(canary=(10,), canary_version="" if routing == "knative" else DIGEST)
        assert contracts(PLAIN) == 1
        assert contracts(dataclasses.replace(new, rollout=canary)) == (2 if routing == "knative" else 1)
        assert contracts(new) == 1
    finally:
        server.shutdown()
        server.server_close()


def test_why_it_does_not_answer_is_told():
    live = {
        "kind": "InferenceService",
        "metadata": {"generation": 1},
        "status": {
            "observedGeneration": 1,
            "conditions": [{"type": "Ready", "status": "False", "message": "no\nimage"}],
        },
    }
    assert settled(live) == "no image"
    assert settled({"kind": "ConfigMap", "metadata": {}}) is None
