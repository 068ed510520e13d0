"""Every field of the kinds `pipeline` and `step`, as it is written in YAML: on each target it changes the files, or is refused there."""

import copy
import json
from dataclasses import replace

import pytest
import smallest
from rendered_workflows import make

from mlspec.backends.needs import needs
from mlspec.backends.pipelines.local import Local
from mlspec.backends.port import Place
from mlspec.base.address import Address
from mlspec.ir.workflow import Workflow
from mlspec.kinds._fan_out import EachSpec, KeepSpec
from mlspec.kinds._stages import Register, StepSpec
from mlspec.kinds._work import CacheSpec, Parameter, ResourcesSpec, ValueSpec
from mlspec.kinds.pipeline import Pipeline
from mlspec.language.spec import Spec
from mlspec.session import Session

TARGETS = ("airflow", "argo", "kubeflow", "local")
EACH = {"sets": [{"k": 1}, {"k": 2}], "parallel": 2, "keep": {"best": "auc"}}
FIT = {
    "command": "true", "inputs": {"rows": "rows.rows"}, "outputs": {"model": "model", "metrics": "metrics"},
    "parameters": {"a": {"value": 1, "type": "int64"}}, "retries": 1, "retry_delay": "10s",
}  # fmt: skip
BASE = {
    "kind": "pipeline", "parameters": {"n": {"type": "int64", "default": 3}},
    "steps": {
        "other": {"command": "true", "outputs": {"rows": "artifact", "metrics": "metrics"}}, "rows": {"command": "true", "outputs": {"rows": "artifact", "metrics": "metrics"}},
        "fit": FIT, "second": {"command": "true", "outputs": {"model": "model", "metrics": "metrics"}},
        "register": {"register": {"model": "fit.model", "metrics": "fit.metrics"}},
    },
}  # fmt: skip
USED = {"kind": "step", "name": "used", "command": "false", "outputs": {"model": "model", "metrics": "metrics"}}
STEP = {
    "command": "false", "outputs": {"model": "model", "metrics": "metrics", "more": "artifact"}, "code": ["code.py"], "env": {"A": "1"},
    "secrets": {"T": {"kubernetes": "a/b"}}, "image": "other:2", "resources": {"cpu": "2"}, "retries": 2, "retry_delay": "20s", "retry_factor": 2,
    "retry_max_delay": "5m", "timeout": "1h", "idle_timeout": "5m", "on_error": "stop", "cache": False, "inputs": {"rows": "other.rows"},
    "parameters": {"a": 2}, "sees": [], "measures": ["n"], "each": EACH, "when": "metrics.rows.n > 1", "after": ["other"], "use": "used", "dataset": "rows",
    "register_model": {"model": "second.model", "metrics": "second.metrics"},
}  # fmt: skip
WITH = {  # what a field stands with, where it does not stand alone
    "use": {"command": None, "inputs": None, "parameters": None, "outputs": None},
    "dataset": dict.fromkeys(FIT),
    "count": {"sets": None, "random": {"k": {"integers": [1, 9]}}, "seed": 1, "count": 2},
    "seed": {"sets": None, "random": {"k": {"integers": [1, 9]}}, "count": 2},
    "random": {"sets": None, "count": 2, "seed": 1},
    "grid": {"sets": None},
}  # fmt: skip
PARTS = {
    "resources": (ResourcesSpec, {"cpu": "3", "memory": "3Gi", "gpu": 1, "cpu_limit": "4", "memory_limit": "4Gi", "ephemeral_storage": "5Gi", "ephemeral_storage_limit": "6Gi"}),
    "cache": (CacheSpec, {"ttl": "7d"}),
    "each": (EachSpec, {"grid": {"k": [1, 2, 3]}, "sets": [{"k": 7}], "random": {"k": {"integers": [1, 9]}}, "count": 3, "seed": 7, "parallel": 1, "keep": {"best": "f1"}}),
    "keep": (KeepSpec, {"best": "f1", "mode": "min"}),
    "value": (ValueSpec, {"type": "float64", "min": -5, "max": 5, "choices": [1, 2], "value": 2}),
    "parameter": (Parameter, {"type": "float64", "default": 4, "min": 0, "max": 9, "choices": [3, 4]}),
    "register": (Register, {"model": "second.model", "metrics": "second.metrics"}),
}  # fmt: skip
PIPELINE = {
    "parameters": {"n": {"type": "int64", "default": 4}}, "steps": {"only": {"command": "true"}}, "on_error": "stop", "schedule": "0 3 * * *", "triggers": ["sales"],
}  # fmt: skip
WORDS = {"description"}
BY_THE_PLAN = {"parameter_type", "parameter_min", "parameter_max", "parameter_choices"}
"""Bounds of parameters are looked at by the plan where nothing else can give values."""


def merged(base: dict, more: dict) -> dict:
    return {key: value for key, value in {**base, **more}.items() if value is not None}


def place(document: dict, part: str) -> tuple[dict, str]:
    """Where a part is written in a document, and under which key."""
    fit = document["steps"]["fit"]
    return {
        "keep": (fit.setdefault("each", copy.deepcopy(EACH)), "keep"), "value": (fit["parameters"], "a"),
        "parameter": (document["parameters"], "n"), "register": (document["steps"]["register"], "register"),
    }.get(part, (fit, part))  # fmt: skip


def _without_model() -> dict:
    """What registers a model has no triggers."""
    steps = {name: step for name, step in BASE["steps"].items() if name != "register"}
    return copy.deepcopy({**BASE, "steps": steps})


def variants():
    """A pipeline for each field, and the one with which it is compared."""
    for field, value in PIPELINE.items():
        base = _without_model() if field == "triggers" else copy.deepcopy(BASE)
        yield f"p_{field}", merged(copy.deepcopy(base), {field: value}), base
    for field, value in STEP.items():
        document = copy.deepcopy(BASE)
        step = "register" if field == "register_model" else "fit"
        key = "register" if field == "register_model" else field
        document["steps"][step] = merged(document["steps"][step], {**WITH.get(field, {}), key: value})
        if field == "dataset":
            del document["steps"]["register"]
        yield f"s_{field}", document, BASE
    for part, (_, fields) in PARTS.items():
        for field, value in fields.items():
            before, after = copy.deepcopy(BASE), copy.deepcopy(BASE)
            for document in (before, after):
                holder, key = place(document, part)
                if part == "each":
                    holder[key] = merged(EACH, WITH.get(field, {}) if field in {"count", "seed"} else {})
                elif part == "resources":
                    holder[key] = {"cpu": "1", "memory": "1Gi"}
                elif part == "keep":
                    holder[key] = {"best": "auc"}
                elif part == "cache":
                    holder[key] = True
            holder, key = place(after, part)
            held = {} if isinstance(holder[key], bool) else holder[key]
            holder[key] = merged(held, {**WITH.get(field, {}), field: value} if part == "each" else {field: value})
            yield f"{part}_{field}", after, before


VARIANTS = {name: (after, before) for name, after, before in variants()}


def test_no_field_is_forgotten():
    own = set(Pipeline.model_fields) - set(Spec.model_fields)
    assert own == set(PIPELINE)
    assert set(STEP) == set(StepSpec.model_fields) - WORDS
    for part, (kind, fields) in PARTS.items():
        assert set(fields) == set(kind.model_fields) - WORDS, part


@pytest.fixture(scope="module")
def lowered(tmp_path_factory):
    """All of them as forms, compiled in one project."""
    root = tmp_path_factory.mktemp("fields")
    documents = {json.dumps(d, sort_keys=True): d for d in (*smallest.documents("dataset"), USED)}
    for name, (after, before) in VARIANTS.items():
        for end, document in (("after", after), ("before", before)):
            documents[f"{name}_{end}"] = {**document, "name": f"{name}_{end}"[:60]}
    smallest.write_data(root)
    (root / "code.py").write_text("x = 1\n")
    smallest.write_blocks(root, list(documents.values()))
    with Session(root, cache=False) as session:
        return {r.address: r.body for r in session.compiled.desired if isinstance(r.body, Workflow)}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", VARIANTS)
def test_it_reaches_the_files_or_is_refused(name, target, lowered, tmp_path):
    before, after = (lowered[Address("pipeline", f"{name}_{end}"[:60])] for end in ("before", "after"))
    assert before != after
    made = (
        Local(Local.Settings(), Place(tmp_path, tmp_path / ".mlspec", "prod", "shop"))
        if target == "local"
        else make(target, tmp_path)
    )
    lacking = [need for need, _ in needs(after) if need not in made.capabilities]
    if lacking or list(made.refused(after)):
        if target != "local" or not name.startswith("resources"):
            assert not [need for need, _ in needs(before) if need not in made.capabilities]
            assert not list(made.refused(before))
        return
    if target == "local" and name in BY_THE_PLAN:
        return
    assert rendered(made, before) != rendered(made, after)


def rendered(target, workflow: Workflow) -> list[str]:
    """The files, under one name."""
    return [a.text for a in target.render(replace(workflow, name="same"))]
