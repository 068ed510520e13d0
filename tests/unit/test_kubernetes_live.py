"""The Kubernetes target against an API server: what is asked of it, in which order, and what is done with its answers.

The server stands in (`kube_server.py`); `test_kubernetes_cluster.py` does the same with a real one, where there is one.
"""

import dataclasses
import json
import sys

import pytest
import smallest
from kube_server import Cluster, kubeconfig, started
from small_projects import actions, plan, write_project
from small_projects import apply as applied
from test_kubernetes import FULL, OTHER, SCALED, registered

from mlspec.backends.deploys._kubernetes import live as living
from mlspec.backends.deploys._kubernetes.compared import changed, dropped
from mlspec.backends.deploys._kubernetes.config import access
from mlspec.backends.deploys.kubernetes import Kubernetes
from mlspec.backends.port import BackendError, Place
from mlspec.session import Session

DEPLOYMENT = "/apis/apps/v1/namespaces/ml/deployments/late-flights-prod"
SERVICE = dataclasses.replace(FULL, disruption=None)


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def target(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(living, "_PAUSE", 0.01)
    server = started(cluster)
    yield make(tmp_path, kubeconfig(tmp_path, server.server_port))
    server.shutdown()
    server.server_close()


def make(root, config, **settings):
    options = {"namespace": "ml", "mode": "apply", "kubeconfig": str(config), "wait": 120.0, **settings}
    return Kubernetes(Kubernetes.Settings(**options), Place(root, root / ".mlspec", "prod", "flights"))


def apply(target, service):
    return target.apply(service, registered(service))


def test_everything_is_tried_before_anything_is_changed_and_then_waited_for(target, cluster):
    outcome = apply(target, SERVICE)
    sent = [
        (path.split("/")[-2], query.get("dryRun")) for verb, path, query, _, _ in cluster.requests if verb == "PATCH"
    ]
    half = len(sent) // 2
    assert [name for name, _ in sent[:half]] == [name for name, _ in sent[half:]]
    assert ({dry for _, dry in sent[:half]}, {dry for _, dry in sent[half:]}) == ({"All"}, {None})
    assert [name for name, _ in sent[half:]][:2] == ["serviceaccounts", "configmaps"]
    for verb, _, query, headers, _ in cluster.requests:
        if verb == "PATCH":
            assert query["fieldManager"] == "mlspec"
            assert query["force"] == "false"
            assert headers["Content-Type"] == "application/apply-patch+yaml"
    assert "Deployment late-flights-prod is ready" in outcome.notes
    json.dumps(outcome.outputs)
    assert target.observe(outcome.outputs)


def test_applying_again_and_looking_change_nothing(target, cluster):
    outcome = apply(target, SERVICE)
    before = json.dumps(cluster.objects, sort_keys=True)
    assert target.differences(outcome.outputs) == ()
    assert apply(target, SERVICE).outputs == outcome.outputs
    assert json.dumps(cluster.objects, sort_keys=True) == before


def test_what_somebody_changes_by_hand_is_drift_with_its_name_and_applied_back(target, cluster):
    outcome = apply(target, SERVICE)
    cluster.edit(DEPLOYMENT, "spec.progressDeadlineSeconds", 7)
    (difference,) = target.differences(outcome.outputs)
    assert difference.what == "edited"
    assert "spec.progressDeadlineSeconds: `7` instead of `900` (also written by kubectl-edit)" in difference.subject
    with pytest.raises(BackendError, match=r'conflict with "kubectl-edit"') as caught:
        apply(target, SERVICE)
    assert caught.value.code == "field-conflict"
    forced = make(target.place.root, target.settings.kubeconfig, force_conflicts=True)
    assert forced.observe(apply(forced, SERVICE).outputs)


def test_what_others_add_is_theirs_and_no_drift(target, cluster):
    outcome = apply(target, SERVICE)
    cluster.edit(DEPLOYMENT, "metadata.annotations.deployment-revision", "3")
    assert target.observe(outcome.outputs)


def test_what_is_gone_is_drift_and_comes_back(target, cluster):
    outcome = apply(target, SERVICE)
    del cluster.objects[DEPLOYMENT]
    assert [(d.what, d.subject) for d in target.differences(outcome.outputs)] == [
        ("missing", "Deployment late-flights-prod")
    ]
    assert target.observe(apply(target, SERVICE).outputs)


def test_a_field_that_an_old_server_would_drop_is_an_error_and_nothing_is_changed(target, cluster):
    cluster.unknown = ("spec.template.spec.serviceAccountName",)
    with pytest.raises(BackendError, match=r"does not know `spec.template.spec.serviceAccountName` of Deployment"):
        apply(target, SERVICE)
    assert cluster.objects == {}


def test_an_autoscaler_takes_over_the_number_of_replicas_that_is_there(target, cluster):
    apply(target, dataclasses.replace(SERVICE, replicas=5))
    outcome = apply(target, dataclasses.replace(SCALED, disruption=None))
    assert cluster.objects[DEPLOYMENT]["spec"]["replicas"] == 5
    assert "replicas" not in next(o for o in outcome.outputs["objects"] if o["kind"] == "Deployment")["spec"]
    cluster.edit(DEPLOYMENT, "spec.replicas", 3, "horizontal-pod-autoscaler")
    assert target.observe(outcome.outputs)
    there = cluster.objects[DEPLOYMENT]["spec"]["replicas"]
    notes = apply(target, dataclasses.replace(SERVICE, replicas=there)).notes
    assert "HorizontalPodAutoscaler late-flights-prod is gone" in notes


def test_a_new_contract_is_a_new_config_map_and_the_old_one_goes_after_the_rollout(target, cluster):
    apply(target, SERVICE)
    apply(target, dataclasses.replace(SERVICE, version=OTHER, contract=(("distance", "int32"),)))
    assert len([p for p in cluster.objects if "/configmaps/" in p]) == 1
    annotations = cluster.objects[DEPLOYMENT]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["mlspec.dev/model-version"] == OTHER


def test_a_rollout_that_does_not_get_on_is_said(target, cluster):
    cluster.stuck = True
    with pytest.raises(BackendError, match=r"does not get on: no image") as caught:
        apply(target, SERVICE)
    assert caught.value.code == "rollout-failed"
    assert any("/configmaps/" in p for p in cluster.objects)


def test_a_rollout_that_takes_too_long_is_said(target, cluster):
    cluster.looks = 10**6
    hurried = make(target.place.root, target.settings.kubeconfig, wait=0.05)
    with pytest.raises(BackendError, match=r"not ready after 0.05 s: 0 of 3 replicas are new"):
        apply(hurried, SERVICE)


def test_destroying_takes_away_what_is_ours_and_twice_is_once(target, cluster):
    outcome = apply(target, SERVICE)
    foreign = next(p for p in cluster.objects if "/services/" in p)
    cluster.objects[foreign]["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "helm"
    target.destroy(outcome.outputs)
    target.destroy(outcome.outputs)
    assert list(cluster.objects) == [foreign]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"namespace": "other"}, "namespace there"),
        ({"context": "elsewhere"}, "there are: `here`"),
        ({"kubeconfig": "nowhere"}, "KUBECONFIG"),
    ],
)
def test_a_cluster_that_cannot_be_had_is_said(settings, message, target):
    options = {"config": target.settings.kubeconfig, **settings}
    with pytest.raises(BackendError) as caught:
        apply(make(target.place.root, **options), SERVICE)
    assert message in caught.value.help


def test_who_is_not_let_in_and_who_does_not_answer_is_said(target, tmp_path):
    port = access(tmp_path, str(target.settings.kubeconfig), "").server.rpartition(":")[2]
    with pytest.raises(BackendError, match="does not allow it"):
        apply(make(tmp_path, kubeconfig(tmp_path, port, "thief")), SERVICE)
    with pytest.raises(BackendError, match="does not answer"):
        apply(make(tmp_path, kubeconfig(tmp_path, 1)), SERVICE)


def test_a_program_may_give_the_token(tmp_path):
    said = json.dumps({"status": {"token": "of-a-program"}})
    path = kubeconfig(tmp_path, 1)
    config = json.loads(path.read_text())
    config["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": ["-c", f"print('''{said}''')"],
        }
    }
    path.write_text(json.dumps(config))
    assert access(tmp_path, str(path), "").token == "of-a-program"  # noqa: S105 - no secret
    config["users"][0]["user"]["exec"]["command"] = "no-such-program"
    path.write_text(json.dumps(config))
    with pytest.raises(BackendError, match="gave no credentials"):
        access(tmp_path, str(path), "")


def test_what_was_dropped_and_what_was_changed_is_told_by_path():
    sent = {"a": {"b": [{"name": "x", "v": 1}, {"name": "y", "v": 2}], "c": ""}, "d": {"e": "1000m"}}
    back = {"a": {"b": [{"name": "y", "v": 2}, {"name": "x"}]}, "d": {"e": "1"}, "more": 1}
    assert list(dropped(sent, back)) == ["a.b[x].v"]
    assert list(changed({"d": {"e": "1"}}, {"d": {"e": "1000m"}})) == []
    assert list(changed({"d": 1, "status": 3}, {"d": 2})) == [("d", 2, 1)]
    assert list(changed({"a": [1, 2]}, {"a": [1]})) == [("a", [1], [1, 2])]


def project(root, port, **deployment):
    found = {f"{d['kind']}.{d['name']}": d for d in smallest.documents("deployment")}
    found["model.big"]["aliases"] = {"champion": "current"}
    found["deployment.live"] |= {"model": "big@champion", "replicas": 2, **deployment}
    target = {
        "type": "kubernetes",
        "mode": "apply",
        "namespace": "ml",
        "kubeconfig": str(kubeconfig(root, port)),
        "wait": 20,
    }
    return write_project(root, found.values(), deploy_target=target)


def test_a_project_is_planned_applied_found_altered_and_taken_back(cluster, tmp_path, monkeypatch):
    """The whole way of a person: nothing to do after an apply, drift by its field, an apply that mends it, and back."""
    monkeypatch.setattr(living, "_PAUSE", 0.01)
    server = started(cluster)
    try:
        smallest.write_data(tmp_path)
        project(tmp_path, server.server_port)
        assert applied(tmp_path)[2].ok
        before = json.dumps(cluster.objects, sort_keys=True)
        assert actions(plan(tmp_path)) == []
        assert json.dumps(cluster.objects, sort_keys=True) == before, "a plan changes nothing"

        (path,) = [p for p in cluster.objects if "/deployments/" in p]
        cluster.edit(path, "spec.replicas", 1)
        planned = plan(tmp_path)
        assert [(d.what, "spec.replicas: `1` instead of `2`" in d.subject) for d in planned.drift] == [("edited", True)]
        assert actions(planned) == [("deployment.live", "update")]
        assert [f.code for f in applied(tmp_path)[2].failed] == ["field-conflict"]
        cluster.edit(path, "spec.replicas", 2, "mlspec")
        assert actions(plan(tmp_path)) == []

        project(tmp_path, server.server_port, env={"MODE": "other"})
        assert applied(tmp_path)[2].ok
        assert "other" in json.dumps(cluster.objects[path])
        with Session(tmp_path) as session:
            planned = session.rollback()
            assert actions(planned.plan) == [("deployment.live", "update")]
            assert session.apply(planned, on_event=lambda _: None).ok
        assert "other" not in json.dumps(cluster.objects[path])
        assert applied(tmp_path, destroy=True)[2].ok
        assert cluster.objects == {}
    finally:
        server.shutdown()
        server.server_close()


def test_a_cluster_that_does_not_answer_fails_the_plan_and_no_more(tmp_path):
    smallest.write_data(tmp_path)
    project(tmp_path, 1)
    assert plan(tmp_path).changes, "nothing is recorded, so that nobody is asked"
    assert [f.code for f in applied(tmp_path)[2].failed] == ["cluster-unreachable"]


def test_what_was_applied_is_not_out_of_sight_with_other_options(target):
    outputs = apply(target, SERVICE).outputs
    root, config = target.place.root, target.settings.kubeconfig
    assert target.out_of_reach(outputs) == ""
    assert make(root, config, wait=7.0).out_of_reach(outputs) == "", "it is where it was"
    assert "namespace ml of" in make(root, config, namespace="other").out_of_reach(outputs)
    assert "namespace ml of" in make(root, config, mode="render").out_of_reach(outputs)
