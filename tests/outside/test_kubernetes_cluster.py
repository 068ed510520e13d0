"""The Kubernetes target on a real cluster: apply, roll out, look for drift, go back, take away.

Asks the cluster that `KUBECONFIG` names, of any release from 1.20 on, in a namespace of its own that is taken away at the end.
`MLSPEC_TEST_IMAGE` is an image that runs without arguments (default: the pause image). Without nodes only what needs no
pod is asked.
"""

import dataclasses
import json
import os
import time
from pathlib import Path

import pytest

from mlspec.backends.deploys._kubernetes.api import Api
from mlspec.backends.deploys._kubernetes.config import access
from mlspec.backends.deploys._kubernetes.live import Live
from mlspec.backends.deploys._kubernetes.objects import Naming, Objects
from mlspec.backends.deploys.kubernetes import Kubernetes
from mlspec.backends.port import BackendError, ModelVersion, Place
from mlspec.ir.service import Autoscale, Disruption, Peer, Rollout, Service, Toleration
from mlspec.ir.workflow import Resources

pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.skipif(not os.environ.get("KUBECONFIG"), reason="no cluster: KUBECONFIG names none"),
    pytest.mark.xdist_group("cluster"),
]
IMAGE = os.environ.get("MLSPEC_TEST_IMAGE", "registry.k8s.io/pause:3.9")
ONE, TWO = "1" * 32, "2" * 32
SERVICE = Service(
    "late_flights", "late", ONE, image=IMAGE, replicas=2, resources=Resources("10m", "16Mi"), rollout=Rollout(deadline=120),
    env=(("N", "n"), ("ON", "on"), ("NUMBER", "1e3"), ("TEMPLATE", "{{x}} $(HOME) 'q' \"d\"\nline")),
    contract=(("distance", "int64"),), disruption=Disruption(max_unavailable="1"), network=(Peer("web"),),
    tolerations=(Toleration(operator="Exists"),),
)  # fmt: skip


@pytest.fixture(scope="module")
def api():
    return Api(access(Path.cwd(), os.environ["KUBECONFIG"], ""))


@pytest.fixture(scope="module")
def release(api):
    said = api._asked("GET", "/version")
    return f"{said['major']}.{said['minor'].rstrip('+')}"


@pytest.fixture(scope="module")
def namespace(api):
    name = f"mlspec-test-{os.getpid()}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    api._asked("PATCH", f"/api/v1/namespaces/{name}", {"fieldManager": "mlspec-test"}, body)
    yield name
    api._asked("DELETE", f"/api/v1/namespaces/{name}", missing=True)


@pytest.fixture
def target(namespace, release, tmp_path):
    return make(tmp_path, namespace, release)


def make(root, namespace, release, **more):
    options = {
        "namespace": namespace,
        "mode": "apply",
        "kubeconfig": os.environ["KUBECONFIG"],
        "cluster_version": release,
        "wait": 180.0,
    }
    return Kubernetes(Kubernetes.Settings(**{**options, **more}), Place(root, root / ".mlspec", "prod", "flights"))


def apply(target, service):
    return target.apply(service, ModelVersion(service.model, service.version, "sklearn", {}, (), (), {}, ""))


def live_of(api, namespace, kind="Deployment", version="apps/v1"):
    return api.get(version, kind, namespace, "late-flights-prod")


@pytest.fixture
def nodes(api):
    if not api._asked("GET", "/api/v1/nodes")["items"]:
        pytest.skip("the cluster has no node, so nothing can roll out")


def test_a_cluster_takes_every_object_as_it_is_rendered(api, namespace, release):
    """Tried on the server, which changes nothing; nothing that was sent is dropped."""
    for service in (SERVICE, dataclasses.replace(SERVICE, autoscale=Autoscale(2, 4, 70))):
        naming = Naming("flights", "prod", namespace, tuple(int(n) for n in release.split(".")))
        objects = Objects(service, naming, "", "").by_file()
        for one in objects.values():
            Live(api, 10, force=False)._tried(one)
    assert live_of(api, namespace) is None


def test_the_whole_way(target, api, namespace, nodes):
    first = apply(target, SERVICE)
    assert "Deployment late-flights-prod is ready" in first.notes
    assert target.observe(first.outputs), target.differences(first.outputs)
    sent = {
        e["name"]: e.get("value") for e in live_of(api, namespace)["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert {n: sent[n] for n in ("N", "ON", "NUMBER")} == {"N": "n", "ON": "on", "NUMBER": "1e3"}

    second = apply(target, dataclasses.replace(SERVICE, version=TWO))
    assert target.observe(second.outputs)
    back = apply(target, SERVICE)  # going back is an apply like any other
    annotations = live_of(api, namespace)["spec"]["template"]["metadata"]["annotations"]
    assert annotations["mlspec.dev/model-version"] == ONE

    about = {"name": "late-flights-prod", "namespace": namespace}
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": about, "spec": {"replicas": 1}}
    api.apply(scaled, force=True, manager="somebody")
    (difference,) = target.differences(back.outputs)
    assert "spec.replicas: `1` instead of `2` (also written by somebody" in difference.subject
    forced = make(target.place.root, namespace, target.settings.cluster_version, force_conflicts=True)
    assert forced.observe(apply(forced, SERVICE).outputs)


def test_a_rollout_that_cannot_end_leaves_what_answers(target, api, namespace, nodes):
    apply(make(target.place.root, namespace, target.settings.cluster_version, force_conflicts=True), SERVICE)
    broken = dataclasses.replace(SERVICE, image="registry.invalid/none:1", version=TWO, rollout=Rollout(deadline=10))
    with pytest.raises(BackendError) as caught:
        apply(target, broken)
    assert caught.value.code == "rollout-failed"
    assert live_of(api, namespace)["status"]["availableReplicas"] == 2


def test_nothing_is_left(target, api, namespace, nodes):
    outcome = apply(make(target.place.root, namespace, target.settings.cluster_version, force_conflicts=True), SERVICE)
    target.destroy(outcome.outputs)
    deadline = time.monotonic() + 60
    while any(
        api.get(o["apiVersion"], o["kind"], namespace, o["metadata"]["name"]) for o in outcome.outputs["objects"]
    ):
        assert time.monotonic() < deadline, json.dumps(outcome.outputs["where"])
        time.sleep(0.5)
