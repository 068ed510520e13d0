"""No setting is silently ignored: every field of deployments and models is set, and found in what each target makes, or refused by it.

The fields are read from the kinds themselves: one that is added fails here until somebody says how it is set, and what of it is to be seen.
"""

import copy
import json

import pytest
import smallest
from small_projects import write_project

from mlspec.backends.deploys.kserve import Kserve
from mlspec.backends.deploys.kubernetes import Kubernetes
from mlspec.backends.deploys.local import Local
from mlspec.backends.needs import needs
from mlspec.backends.port import Place
from mlspec.base.address import Address
from mlspec.ir.codec import encode
from mlspec.ir.service import Service
from mlspec.kinds.deployment import Deployment
from mlspec.kinds.model import Model
from mlspec.language.bind import _models
from mlspec.language.spec import OnChange, Spec
from mlspec.session import Session

PINNED, OTHER = "0123456789ab" * 2, "fedcba987654" * 2
CPU = {"cpu": "250m"}
SCALED = {"replicas": {"min": 3, "max": 7, "target_cpu": 61}, "resources": CPU}
PROBE = {"path": "/seen", "initial_delay": "31s", "period": "37s", "timeout": "41s", "failures": 43}
CANARY = {"canary": [7], "hold": "53s", "abort_if": ["error_rate > 3%"]}

DEPLOYMENT = {
    "name": ({"name": "seen"}, "seen"),
    "model": ({"model": "big@champion"}, PINNED),
    "alias": ({"model": "big", "alias": "champion"}, PINNED),
    "version": ({"version": PINNED}, PINNED),
    "image": ({"image": "registry.example/seen:9"}, "registry.example/seen:9"),
    "port": ({"port": 9173}, "9173"),
    "replicas": ({"replicas": 4}, "4"),
    "replicas.min": (SCALED, "3"), "replicas.max": (SCALED, "7"), "replicas.target_cpu": (SCALED, "61"),
    "resources.cpu": ({"resources": {"cpu": "251m"}}, "251m"),
    "resources.memory": ({"resources": {"memory": "251Mi"}}, "251Mi"),
    "resources.gpu": ({"resources": {"gpu": 3}}, "nvidia.com/gpu"),
    "resources.cpu_limit": ({"resources": {"cpu_limit": "253m"}}, "253m"),
    "resources.memory_limit": ({"resources": {"memory_limit": "253Mi"}}, "253Mi"),
    "resources.ephemeral_storage": ({"resources": {"ephemeral_storage": "257Mi"}}, "257Mi"),
    "resources.ephemeral_storage_limit": ({"resources": {"ephemeral_storage_limit": "259Mi"}}, "259Mi"),
    "rollout.strategy": ({"rollout": {"strategy": "recreate"}}, "Recreate"),
    "rollout.max_unavailable": ({"rollout": {"max_unavailable": "17%"}}, "17%"),
    "rollout.max_surge": ({"rollout": {"max_surge": "19%"}}, "19%"),
    "rollout.canary": ({"rollout": {"canary": [7], "hold": "53s"}}, "7"),
    "rollout.canary_alias": ({"rollout": {"canary": [7], "canary_alias": "challenger"}}, OTHER),
    "rollout.hold": ({"rollout": CANARY}, "53"),
    "rollout.abort_if": ({"rollout": CANARY}, "error_rate > 0.03"),
    "rollout.shadow": ({"rollout": {"shadow": 11, "shadow_alias": "challenger"}}, "11"),
    "rollout.shadow_alias": ({"rollout": {"shadow": 11, "shadow_alias": "challenger"}}, OTHER),
    "rollout.deadline": ({"rollout": {"deadline": "661s"}}, "661"),
    **{f"probes.{p}.{f}": ({"probes": {p: PROBE}}, str(v).removesuffix("s")) for p in ("startup", "liveness", "readiness") for f, v in PROBE.items()},
    "env": ({"env": {"SEEN": "value: yes"}}, "value: yes"),
    "secrets.env": ({"secrets": {"SEEN": {"env": "FROM_HERE"}}}, "FROM_HERE"),
    "secrets.kubernetes": ({"secrets": {"SEEN": {"kubernetes": "seen-secret/key"}}}, "seen-secret"),
    "request": ({"request": {"shop": "int64", "till": "string", "items": "int64", "basket": "int64", "more_seen": "string"}}, "more_seen"),
    "labels": ({"labels": {"cost": "seen"}}, "seen"),
    "service_account.name": ({"service_account": {"name": "robot-seen"}}, "robot-seen"),
    "service_account.annotations": ({"service_account": {"annotations": {"role": "arn:seen"}}}, "arn:seen"),
    "node_selector": ({"node_selector": {"pool": "seen"}}, "seen"),
    **{f"tolerations.{f}": ({"tolerations": [{"key": "taint-seen", "operator": "Equal", "value": "v-seen", "effect": "NoExecute"}]}, m)
       for f, m in (("key", "taint-seen"), ("operator", "Equal"), ("value", "v-seen"), ("effect", "NoExecute"))},
    "disruption.max_unavailable": ({"disruption": {"max_unavailable": "23%"}}, "23%"),
    "disruption.min_available": ({"disruption": {"min_available": "29%"}}, "29%"),
    "network.allow.namespace": ({"network": {"allow": [{"namespace": "seen-ns"}]}}, "seen-ns"),
    "network.allow.pods": ({"network": {"allow": [{"pods": {"app": "seen-pod"}}]}}, "seen-pod"),
}  # fmt: skip
MODEL = {
    "name": ({"name": "seen"}, "seen"),
    "feature_set": ({"feature_set": "fewer"}, None),
    "label": ({"label": ["big", "large"]}, "large"),
    "framework": ({"framework": "onnx"}, "onnx"),
    "output": ({"output": {"seen": "float64"}}, "seen"),
    "pipeline": ({"pipeline": "train_otherwise"}, "true # seen"),
    "parameters": ({"parameters": {"depth": 97}}, "97"),
    "gates.min": ({"gates": {"auc": {"min": [0.123, "champion - 0.0625"]}}}, "champion - 0.0625"),
    "gates.max": ({"gates": {"auc": {"max": 0.8125}}}, "0.8125"),
    "aliases": ({"aliases": {"seen": "current"}}, "seen"),
}
FEATURES_ONLY = {"feature_set"}
"""Another set of features needs a data set of its own: the contract says them."""


def settings(kind, path=()):
    """The fields of a kind that mean something, with those of its parts; in the form of `rollout.canary`."""
    for name, field in kind.model_fields.items():
        if OnChange.METADATA in field.metadata or name == "ignore_changes":
            continue
        parts = [m for m in _models(field.annotation) if not issubclass(m, Spec)]
        if not parts or name == "replicas":
            yield ".".join((*path, name))
        for part in parts:
            yield from settings(part, (*path, name))


def test_every_field_is_here():
    assert set(DEPLOYMENT) == set(settings(Deployment)) - {"protect"}
    assert set(MODEL) == set(settings(Model)) - {"protect"}


@pytest.fixture(scope="module")
def lowered(tmp_path_factory):
    """What is made of the smallest deployment with some fields set, before any target sees it; compiled once each."""
    root = tmp_path_factory.mktemp("settings")
    smallest.write_data(root)
    base = {f"{d['kind']}.{d['name']}": d for d in smallest.documents("deployment")}
    base["model.big"]["aliases"] = {"champion": PINNED, "challenger": OTHER}
    live = base["deployment.live"]
    for name in ("image", "env", "replicas", "resources"):
        live.pop(name)
    other = copy.deepcopy(base["pipeline.train"]) | {"name": "train_otherwise"}
    other["steps"]["train"]["command"] += "; true # seen"
    base["pipeline.train_otherwise"] = other
    base["dataset.rows"]["labels"]["sql"] = base["dataset.rows"]["labels"]["sql"].replace(
        "AS big FROM", "AS big, paid > 11 AS large FROM"
    )
    base["dataset.rows"]["labels"]["label"] = ["big", "large"]
    known = {}

    def made(address, fields):
        key = json.dumps([address, fields], sort_keys=True)
        if key not in known:
            found = copy.deepcopy(base)
            found[address] |= fields
            if address == "model.big" and "name" in fields:
                found["deployment.live"]["model"] = fields["name"]
            write_project(root, found.values())
            with Session(root) as session:
                known[key] = session.compiled.desired
        return known[key]

    return made


def targets(root):
    place = Place(root, root / ".mlspec", "prod", "flights")
    return {
        "local": Local(Local.Settings(), place),
        "kubernetes": Kubernetes(Kubernetes.Settings(image="usual:1"), place),
        "kserve standard": Kserve(Kserve.Settings(image="usual:1"), place),
        "kserve knative": Kserve(Kserve.Settings(image="usual:1", routing="knative"), place),
    }


def refusals(target, service):
    """The fields that a target refuses, as the plan names them."""
    lacking = [path for need, path in needs(service) if need not in target.capabilities]
    return {".".join(str(p) for p in path) for path in (*lacking, *(e.at for e in target.refused(service)))}


def rendered(target, service):
    return "\n".join(a.path + "\n" + a.text for a in target.render(service, None))


@pytest.mark.parametrize("field", DEPLOYMENT)
def test_a_field_of_a_deployment_is_in_the_artifact_of_every_target_or_refused(field, lowered, tmp_path):
    fields, mark = DEPLOYMENT[field]
    usual = lowered("deployment.live", {}).resources[Address("deployment", "live")].body
    found = lowered("deployment.live", fields).resources[Address("deployment", fields.get("name", "live"))].body
    assert isinstance(found, Service)
    said = {}
    for name, target in targets(tmp_path).items():
        refused = refusals(target, found)
        if any(field.startswith(r) or r.startswith(field.partition(".")[0]) for r in refused):
            said[name] = "refused"
            continue
        assert not refused, (name, refused)
        before, after = rendered(target, usual), rendered(target, found)
        new = [line for line in after.splitlines() if line not in before.splitlines()]
        assert any(mark.lower() in line.lower() for line in new), (name, mark, new)
        said[name] = "there"
    assert "there" in said.values(), said


@pytest.mark.parametrize("field", [f for f in MODEL if f not in FEATURES_ONLY])
def test_a_field_of_a_model_is_in_what_every_pipeline_target_and_registry_sees(field, lowered):
    fields, mark = MODEL[field]

    def seen(**more):
        name = more.get("name", "big")
        return [
            json.dumps(encode(r.body))
            for a, r in lowered("model.big", more).resources.items()
            if a.whole == Address("model", name)
        ]

    before, after = seen(), seen(**fields)
    assert after != before
    assert mark is not None
    assert any(mark in text for text in after)
