"""Whatever a body holds, it comes back from a saved plan as it was; what was not written by us is refused."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlspec.base.address import Address
from mlspec.ir.check import Check, Drift
from mlspec.ir.codec import decode, decode_resource, encode, encode_resource
from mlspec.ir.columntype import ColumnType
from mlspec.ir.fact import Fact
from mlspec.ir.relation import Column, Relation
from mlspec.ir.resource import FORMS, Resource, body_digest
from mlspec.ir.workflow import CommandStep, DatasetStep, OutputType, Workflow

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
TEXTS = st.text(max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
LEAVES = {
    str: TEXTS,
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5),
    NoneType: st.none(),
    Any: JSON,
    Address: st.builds(Address, NAMES, NAMES, st.just("") | NAMES),
    ColumnType: st.sampled_from(
        [ColumnType.parse(t) for t in ("int64", "decimal(10,2)", "array<string>", "struct<a: int32, b: array<date>>")]
    )
    | st.builds(ColumnType, TEXTS, fields=st.tuples(TEXTS)),
}


def values(hint):
    """Anything that the hint allows, whatever its meaning."""
    if hint in LEAVES:
        return LEAVES[hint]
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(hint, **{f.name: values(hints[f.name]) for f in fields(hint)})
    inner = [values(h) if h is not ... else None for h in get_args(hint)]
    if get_origin(hint) in (Union, UnionType):
        return st.one_of(inner)
    if get_origin(hint) is Mapping:
        return st.dictionaries(*inner, max_size=2)
    if get_origin(hint) is tuple:
        return st.lists(inner[0], max_size=2).map(tuple) if inner[-1] is None else st.tuples(*inner)
    assert issubclass(hint, StrEnum), hint
    return st.sampled_from(hint)


def through_json(data):
    return json.loads(json.dumps(data, allow_nan=False))


QUICK = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_comes_back(form):
    @QUICK
    @given(values(form))
    def check(body):
        back = decode(form, through_json(encode(body)))
        assert back == body
        assert body_digest(back) == body_digest(body)

    check()


@QUICK
@given(values(Resource))
def test_resource_comes_back(resource):
    back = decode_resource(through_json(encode_resource(resource)))
    assert back == resource
    assert (back.form, back.digest) == (resource.form, resource.digest)


@QUICK
@given(JSON, st.sampled_from(list(FORMS.values())))
def test_strange_data_is_a_value_error(data, form):
    with pytest.raises(ValueError, match=rf"^{form.__name__.lower()}"):
        decode(form, data)


@QUICK
@given(values(Workflow), st.data())
def test_a_missing_or_unknown_key_is_a_value_error(body, data):
    written = encode(body)
    at = data.draw(st.sampled_from([written, *written["steps"]]))
    key = data.draw(st.sampled_from(sorted(at)))
    at[f"{key}_"] = at.pop(key)
    with pytest.raises(ValueError, match=rf"^workflow.*{key}"):
        decode(Workflow, written)


COLUMN = Column("delay", ColumnType("int64"), "d1")


@pytest.mark.parametrize(
    ("body", "change", "problem"),
    [
        (Fact(), {"items": None}, "fact.items: list expected, NoneType found"),
        (Fact(), {"items": [["a"]]}, r"fact.items\[0\]: 2 items expected, 1 found"),
        (Fact(), {"more": 1}, "fact: `more` is unknown"),
        (Relation("q", (COLUMN,), "r"), {"keep": "disk"}, "relation.keep: 'disk' is not a valid Keep"),
        (Relation("q", (COLUMN,), "r"), {"query": 3}, "relation.query: str expected, int found"),
        (Relation("q", (COLUMN,), "r"), {"columns": [{}]}, r"relation.columns\[0\]: `description` is missing"),
        (Workflow("w", ()), {"run_on_apply": 1}, "workflow.run_on_apply: bool expected, int found"),
        (
            Workflow("w", ()),
            {"steps": [{"type": "shell"}]},
            r"workflow.steps\[0\]: `type` must be one of datasetstep, ",
        ),
        (Workflow("w", ()), {"steps": [{"type": ["x"]}]}, r"workflow.steps\[0\]: `type` must be one of "),
        (
            Check("s", drift=(Drift("psi"),)),
            {"drift": [{**encode(Drift("psi")), "window": True}]},
            "int expected, bool",
        ),
    ],
)
def test_problem_is_told_with_its_place(body, change, problem):
    with pytest.raises(ValueError, match=problem):
        decode(type(body), encode(body) | change)


@pytest.mark.parametrize("about", [{"x": float("inf")}, {"x": object()}, {1: "x"}])
def test_what_json_cannot_hold_is_refused(about):
    with pytest.raises(ValueError, match="JSON"):
        encode_resource(Resource(Address("team", "ops"), Fact(), about=about))


def test_as_written():
    steps = (DatasetStep("data", "dataset.d", "d1"), CommandStep("train", ("run",), outputs=(("m", OutputType.MODEL),)))
    written = encode_resource(Resource(Address("pipeline", "train", "run"), Workflow("train", steps)))
    assert written["address"] == "pipeline.train/run"
    assert written["body"]["form"] == "workflow"
    assert [s["type"] for s in written["body"]["steps"]] == ["datasetstep", "commandstep"]
    assert written["body"]["steps"][1]["outputs"] == [["m", "model"]]
