"""The Kubernetes target: every field reaches a manifest that the API's own schema takes, or is refused with a reason."""

import dataclasses
import json
import re

import kubernetes_validate
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlspec.backends.cluster import object_name, quantity
from mlspec.backends.deploys.kubernetes import Kubernetes
from mlspec.backends.port import BackendError, Capability, ModelVersion, Place
from mlspec.ir.service import Account, Autoscale, Computed, Disruption, Peer, Probe, Rollout, Service, Toleration
from mlspec.ir.workflow import Resources, Secret

DIGEST = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
MINIMAL = Service("late", "late_flights", DIGEST, image="ghcr.io/acme/server:1.2")
FULL = Service(
    name="late_flights",
    model="late_flights",
    version=DIGEST,
    image="ghcr.io/acme/server@sha256:00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff",
    port=9090,
    replicas=3,
    resources=Resources("500m", "512Mi", 1, "1.5", "1Gi"),
    rollout=Rollout("rolling", "25%", "2", deadline=900),
    liveness=Probe("/v2/health/live", 5, 11, 2, 4),
    readiness=Probe("/v2/health/ready", 6, 12, 3, 7),
    env=(("MODE", "on"), ("LEVEL", "1e3")),
    secrets=(("TOKEN", Secret("kubernetes", "late-flights/api.token")),),
    contract=(("distance", "int64"), ("carrier", "string")),
    request=(("tailnum", "string"),),
    labels=(("team", "flight-science"), ("acme.org/cost", "42")),
    startup=Probe("/v2/health/live", 1, 2, 1, 60),
    account=Account(annotations=(("eks.amazonaws.com/role-arn", "arn:aws:iam::1:role/models"),)),
    node_selector=(("kubernetes.io/arch", "amd64"),),
    tolerations=(Toleration("gpu", "Equal", "a100", "NoSchedule"), Toleration(operator="Exists")),
    disruption=Disruption(min_available="50%"),
    network=(Peer("web", (("app", "shop"),)), Peer("", (("app", "batch"),))),
)
NASTY = (
    *(
        "",
        " ",
        "n",
        "off",
        "1e3",
        "12:30",
        "010",
        "~",
        "null",
        "=",
        "<<",
        "2024-01-01",
        "a: b",
        "- a",
        "#x",
        "'",
        '"',
        "\\n",
    ),
    *(
        "a\nb\n",
        "a\r\nb",
        "\ttab",
        "\x1b[0m",
        "é\u2028\U0001f600",
        "{{ x }}",
        "${X}",
        "%",
        "@",
        "`id`",
        "x" * 5000,
        "\n\n",
    ),
)
SCALED = dataclasses.replace(FULL, autoscale=Autoscale(2, 5, 70))
CASES = {
    "minimal": MINIMAL,
    "full": FULL,
    "autoscale": SCALED,
    "recreate": dataclasses.replace(MINIMAL, rollout=Rollout("recreate")),
}


@pytest.fixture
def target(tmp_path):
    return make(tmp_path)


def make(root, environment="prod", **settings):
    settings = {"namespace": "ml", "model_uri": "s3://models/acme/", **settings}
    return Kubernetes(Kubernetes.Settings(**settings), Place(root, root / ".mlspec", environment, "flights"))


def registered(service):
    return ModelVersion(service.model, service.version, "sklearn", {}, service.contract, (), {}, "")


def objects(target, service):
    return {a.path.rpartition("/")[2]: yaml.safe_load(a.text) for a in target.render(service, None)}


def container(target, service):
    return objects(target, service)["deployment.yaml"]["spec"]["template"]["spec"]["containers"][0]


def change(**fields):
    return dataclasses.replace(FULL, **fields)


def valid(documents):
    for file, document in documents.items():
        if file != "kustomization.yaml":
            kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
    return documents


@pytest.mark.parametrize("case", CASES)
def test_rendered_files_are_as_kept_and_valid(case, target, golden):
    artifacts = target.render(CASES[case], None)
    golden(f"kubernetes/{case}", {a.path.rpartition("/")[2]: a.text for a in artifacts})
    files = valid(objects(target, CASES[case]))
    assert files["kustomization.yaml"]["resources"] == sorted(set(files) - {"kustomization.yaml"})
    assert artifacts == target.render(CASES[case], registered(CASES[case]))


def test_every_field_reaches_a_manifest(target):
    """Changing any field of a service, or of a part of it, changes what is rendered."""
    other = {
        "name": "later", "model": "m", "version": OTHER, "image": "i", "port": 1, "replicas": 9, "autoscale": Autoscale(1, 2, 3),
        "env": (("A", "b"),), "secrets": (), "contract": (("distance", "int32"),), "request": (), "labels": (),
        "computed": (Computed("distance", "int64", "legs * 100", (("legs", "int64"),)),), "network": (), "node_selector": (),
        "account": Account("robot"), "tolerations": (), "disruption": Disruption("1"),
    }  # fmt: skip
    parts = {
        "resources": {
            "cpu": "1m",
            "memory": "1Mi",
            "gpu": 2,
            "cpu_limit": "9",
            "memory_limit": "9Gi",
            "storage": "1Gi",
            "storage_limit": "9Gi",
        },
        "rollout": {"strategy": "recreate", "max_unavailable": "3", "max_surge": "4", "deadline": 60},
        "startup": {"path": "/x", "initial_delay": 50, "period": 51, "timeout": 52, "failures": 53},
        "liveness": {"path": "/x", "initial_delay": 50, "period": 51, "timeout": 52, "failures": 53},
        "readiness": {"path": "/x", "initial_delay": 50, "period": 51, "timeout": 52, "failures": 53},
    }
    refused_by_the_plan = {"canary", "shadow", "hold", "abort_if", "shadow_version", "canary_version"}
    assert {f.name for f in dataclasses.fields(Service)} - {"used", "pinned"} == set(other) | set(
        parts
    )  # those say what is read
    for part, fields in parts.items():
        assert {f.name for f in dataclasses.fields(getattr(FULL, part))} - refused_by_the_plan == set(fields)
        for field, value in fields.items():
            changed = change(**{part: dataclasses.replace(getattr(FULL, part), **{field: value})})
            assert valid(objects(target, changed)) != objects(target, FULL), (part, field)
    for field, value in other.items():
        assert valid(objects(target, change(**{field: value}))) != objects(target, FULL), field
    for field in ("minimum", "maximum", "target_cpu"):
        scaled = change(autoscale=dataclasses.replace(SCALED.autoscale, **{field: 4}))
        assert objects(target, scaled)["hpa.yaml"] != objects(target, SCALED)["hpa.yaml"], field


def test_what_a_target_without_traffic_splitting_lacks_is_not_claimed():
    assert not {Capability.CANARY, Capability.SHADOW} & Kubernetes.capabilities


def test_a_new_version_rolls_out_under_the_same_selector(target):
    old, new = (objects(target, change(version=v))["deployment.yaml"]["spec"] for v in (DIGEST, OTHER))
    assert old["selector"] == new["selector"]
    for spec in (old, new):
        assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    assert new["template"]["metadata"]["annotations"]["mlspec.dev/model-version"] == OTHER
    env = {e["name"]: e.get("value") for e in new["template"]["spec"]["containers"][0]["env"]}
    assert env["MLSPEC_MODEL_VERSION"] == OTHER
    assert env["MLSPEC_MODEL_URI"] == f"s3://models/acme/late_flights/{OTHER}"


def test_service_and_scaler_point_to_the_deployment(target):
    files = objects(target, SCALED)
    deployment = files["deployment.yaml"]
    assert "replicas" not in deployment["spec"]
    assert files["hpa.yaml"]["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert files["service.yaml"]["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    (volume, _) = deployment["spec"]["template"]["spec"]["volumes"]
    assert volume["configMap"]["name"] == files["configmap.yaml"]["metadata"]["name"]


def test_the_contract_is_readable_json_under_a_name_that_follows_it(target):
    config = objects(target, FULL)["configmap.yaml"]
    fields = json.loads(config["data"]["contract.json"])["fields"]
    assert fields == [{"name": "distance", "type": "int64"}, {"name": "carrier", "type": "string"}]
    assert json.loads(config["data"]["request.json"])["fields"] == [{"name": "tailnum", "type": "string"}]
    assert objects(target, change(contract=()))["configmap.yaml"]["metadata"]["name"] != config["metadata"]["name"]
    assert objects(target, change(version=OTHER))["configmap.yaml"] == config


@pytest.mark.parametrize("value", NASTY)
def test_values_of_variables_arrive_as_written(value, target):
    service = change(env=(("NASTY", value),))
    valid(objects(target, service))
    assert {"name": "NASTY", "value": value} in container(target, service)["env"]


@pytest.mark.parametrize(
    ("value", "written"), [("$(HOME)", "$$(HOME)"), ("a$$b", "a$$$$b"), ("$HOME", "$HOME"), ("$", "$")]
)
def test_the_cluster_expands_nothing_in_values(value, written, target):
    assert {"name": "A", "value": written} in container(target, change(env=(("A", value),)))["env"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image": ""}, "has no image"),
        ({"image": "a b"}, "`a b` is not the name of an image: it holds white space"),
        ({"image": "ghcr.io/Acme/server"}, "is not the name of an image: a repository is written in small letters"),
        ({"image": "server:"}, "is not the name of an image: after `:` nothing stands"),
        ({"port": 0}, "`port: 0` is out of bounds"),
        ({"replicas": -1}, "`replicas: -1` is out of bounds"),
        ({"resources": Resources(memory="512 megs")}, "`512 megs` is not a quantity of memory"),
        ({"resources": Resources(memory="512MB")}, "`512MB` is not a quantity of memory"),
        ({"resources": Resources(memory="500m")}, "`500m` of memory is too little"),
        ({"resources": Resources(cpu="0")}, "`0` of cpu is too little"),
        ({"resources": Resources(cpu="-1")}, "`-1` is not a quantity of cpu"),
        ({"resources": Resources(cpu="2", cpu_limit="500m")}, "cpu limit `500m` is below the request `2`"),
        ({"resources": Resources(memory="1Gi", memory_limit="1G")}, "memory limit `1G` is below"),
        ({"resources": Resources(gpu=-1)}, "-1 GPUs"),
        ({"autoscale": Autoscale(5, 2, 70)}, "the minimum is above the maximum"),
        ({"autoscale": Autoscale(0, 2, 70)}, "minimum: 0` is out of bounds"),
        ({"autoscale": Autoscale(1, 2, 0)}, "target_cpu: 0` is out of bounds"),
        ({"autoscale": Autoscale(1, 2, 70), "resources": Resources()}, "scales by CPU and asks for none"),
        ({"rollout": Rollout("rolling", "0", "0%")}, "are both 0"),
        ({"rollout": Rollout("rolling", "half")}, "`half` is not a value of max_unavailable"),
        ({"rollout": Rollout("blue")}, "`blue` is not a rollout"),
        ({"liveness": Probe("health")}, "does not start with `/`"),
        ({"liveness": Probe("/", period=0)}, "`period: 0` is out of bounds"),
        ({"labels": (("Bad Key", "x"),)}, "`Bad Key` cannot be the name of a label"),
        ({"labels": (("team", "a b"),)}, "label `team` cannot have the value `a b`"),
        ({"labels": (("team", "x" * 64),)}, "label `team` cannot have the value"),
        ({"labels": (("app.kubernetes.io/name", "x"),)}, "is not yours to set"),
        ({"secrets": (("TOKEN", Secret("env", "TOKEN")),)}, "which a cluster does not have"),
        ({"secrets": (("TOKEN", Secret("kubernetes", "no-key")),)}, "secret `TOKEN` is not at `no-key`"),
        ({"secrets": (("MODE", Secret("kubernetes", "a/b")),)}, "`MODE` is set twice"),
        ({"env": (("1A", "x"),)}, "`1A` cannot be the name of a variable"),
        ({"env": (("MLSPEC_MODEL", "x"),)}, "`MLSPEC_MODEL` is not yours to set"),
        ({"env": (("A", "\0"),)}, "NUL"),
        ({"disruption": Disruption(max_unavailable="0")}, "a node could never be drained"),
        ({"disruption": Disruption(min_available="3")}, "a node could never be drained"),
        ({"disruption": Disruption(min_available="some")}, "`some` is not a value of disruption"),
        ({"network": (Peer("Web"),)}, "`Web` is not a namespace"),
        ({"network": (Peer("web", (("a b", "x"),)),)}, "`a b` cannot be the name of a label"),
        ({"node_selector": (("arch", "x y"),)}, "label `arch` cannot have the value `x y`"),
        ({"tolerations": (Toleration("a b"),)}, "`a b` cannot be the name of a taint"),
        ({"account": Account(annotations=(("a b", "x"),))}, "`a b` cannot be the name of an annotation"),
    ],
)
def test_what_a_cluster_would_refuse_is_refused_here(fields, message, target):
    with pytest.raises(BackendError, match=re.escape(message)):
        target.render(change(**fields), None)


def test_what_is_refused_is_refused_at_its_field_and_all_of_it(target):
    wrong = change(
        env=(("1A", "x"),), disruption=Disruption(max_unavailable="0"), network=(Peer("web"), Peer("Web")), labels=()
    )
    assert {e.at for e in target.refused(wrong)} == {("env",), ("disruption",), ("network", "allow", 1)}
    assert target.refused(FULL) == ()
    assert [e.at for e in target.refused(change(labels=(("a b", "x"),)))] == [("labels",)]


def test_what_stands_around_it_has_the_same_selector_and_is_there_when_it_is_needed(target):
    files = objects(target, FULL)
    selector = files["deployment.yaml"]["spec"]["selector"]
    assert files["pdb.yaml"]["spec"] == {"selector": selector, "minAvailable": "50%"}
    assert files["networkpolicy.yaml"]["spec"]["podSelector"] == selector
    assert len(files["networkpolicy.yaml"]["spec"]["ingress"][0]["from"]) == 2
    pod = files["deployment.yaml"]["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == files["serviceaccount.yaml"]["metadata"]["name"]
    assert pod["automountServiceAccountToken"] is False
    assert {"pdb.yaml", "hpa.yaml"}.isdisjoint(objects(target, MINIMAL))
    assert objects(target, dataclasses.replace(MINIMAL, replicas=2))["pdb.yaml"]["spec"]["maxUnavailable"] == 1
    theirs = objects(target, change(account=Account("robot")))
    assert "serviceaccount.yaml" not in theirs
    assert theirs["deployment.yaml"]["spec"]["template"]["spec"]["serviceAccountName"] == "robot"
    assert "from" not in objects(target, MINIMAL)["networkpolicy.yaml"]["spec"]["ingress"][0]


def test_an_old_cluster_gets_the_versions_of_the_api_that_it_has(tmp_path):
    old = objects(make(tmp_path, cluster_version="1.20"), dataclasses.replace(SCALED, disruption=Disruption("1")))
    assert old["hpa.yaml"]["apiVersion"] == "autoscaling/v2beta2"
    assert old["pdb.yaml"]["apiVersion"] == "policy/v1beta1"
    with pytest.raises(BackendError, match="not a version of Kubernetes"):
        objects(make(tmp_path, cluster_version="new"), FULL)


def test_an_oci_artifact_is_mounted_by_the_cluster(tmp_path):
    oci = make(tmp_path, model_uri="oci://registry.example.com/models")
    pod = valid(objects(oci, FULL))["deployment.yaml"]["spec"]["template"]["spec"]
    (volume,) = [v for v in pod["volumes"] if v["name"] == "model"]
    assert volume["image"]["reference"] == f"registry.example.com/models/late-flights:{DIGEST}"
    (mount,) = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "model"]
    assert {e["name"]: e.get("value") for e in pod["containers"][0]["env"]}["MLSPEC_MODEL_URI"] == mount["mountPath"]


@pytest.mark.parametrize(
    "settings", [{"path": "/etc"}, {"path": "../out"}, {"path": "a/../../b"}, {"namespace": "A_b"}]
)
def test_settings_that_lead_astray_are_refused(settings, tmp_path):
    with pytest.raises(BackendError, match=r"out of the project|not a namespace"):
        make(tmp_path, **settings).render(FULL, None)


def test_the_image_of_the_target_serves_deployments_without_one(tmp_path):
    assert container(make(tmp_path, image="base:1"), change(image=""))["image"] == "base:1"


names = st.from_regex(r"[a-z][a-z0-9_]{0,62}", fullmatch=True)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # a loaded machine is no reason to fail
@given(st.tuples(names, names), st.tuples(names, names))
def test_names_of_objects_are_dns_labels_and_differ(one, two):
    for pair in (one, two):
        label = object_name(*pair)
        assert len(label) <= 63
        assert label.strip("-") == label
        assert set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert (object_name(*one) == object_name(*two)) == (one == two)


def test_names_that_dashes_would_confuse_stay_apart():
    assert object_name("late_flights", "prod") == "late-flights-prod"
    assert object_name("a", "b_c") != object_name("a_b", "c")
    assert object_name("a" * 63, "prod") != object_name("a" * 63, "test")


def test_quantities_compare_across_units():
    assert quantity("1Gi", "memory") == 2**30
    assert quantity("1G", "memory") == quantity("1e9", "memory") == quantity("1000M", "memory")
    assert quantity("0.5", "cpu") == quantity("500m", "cpu")


def test_apply_writes_observe_sees_destroy_leaves_nothing(target, tmp_path):
    outcome = target.apply(FULL, registered(FULL))
    assert outcome.outputs == json.loads(json.dumps(outcome.outputs))
    assert sorted(outcome.outputs["files"]) == [a.path for a in target.render(FULL, None)]
    assert outcome.outputs["version"] == DIGEST
    assert "synced" in outcome.notes[0]
    assert target.observe(outcome.outputs)
    assert target.apply(FULL, registered(FULL)).outputs == outcome.outputs
    target.destroy(outcome.outputs)
    assert not target.observe(outcome.outputs)
    target.destroy(outcome.outputs)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_longer_rendered_goes(target, tmp_path):
    target.apply(SCALED, registered(SCALED))
    mine = tmp_path / "deploy/prod/late_flights/extra.yaml"
    mine.write_text("kind: Mine\n")
    outcome = target.apply(FULL, registered(FULL))
    there = {p.name for p in mine.parent.iterdir()}
    assert there == {a.path.rpartition("/")[2] for a in target.render(FULL, None)} | {"extra.yaml"}
    assert "hpa.yaml" not in there
    target.destroy(outcome.outputs)
    assert [p.name for p in mine.parent.iterdir()] == ["extra.yaml"]


def test_a_file_of_somebody_else_is_never_overwritten_nor_removed(target, tmp_path):
    mine = tmp_path / "deploy/prod/late_flights/service.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("kind: Mine\n")
    with pytest.raises(BackendError, match=r"service.yaml` is in the way"):
        target.apply(FULL, registered(FULL))
    assert [p.name for p in mine.parent.iterdir()] == ["service.yaml"]
    target.destroy({"name": "late_flights", "files": {"deploy/prod/late_flights/service.yaml": ""}})
    assert mine.read_text() == "kind: Mine\n"


def test_a_changed_file_is_seen_and_repaired(target, tmp_path):
    outcome = target.apply(FULL, registered(FULL))
    file = tmp_path / "deploy/prod/late_flights/deployment.yaml"
    file.write_text(file.read_text().replace("replicas: 3", "replicas: 30"))
    assert not target.observe(outcome.outputs)
    target.apply(FULL, registered(FULL))
    assert target.observe(outcome.outputs)


def test_a_link_does_not_lead_out_of_the_project(tmp_path):
    root, outside = tmp_path / "project", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "deploy").symlink_to(outside)
    with pytest.raises(BackendError, match="outside the project"):
        make(root).apply(FULL, registered(FULL))
    assert list(outside.iterdir()) == []
