"""A state survives its text, old formats are brought up, and what is damaged is told in a sentence."""

import json
import pkgutil
from pathlib import Path
from types import MappingProxyType

import pytest

from mlspec.base.address import Address
from mlspec.state import migrations
from mlspec.state.codec import FORMAT, StateError, decode, encode
from mlspec.state.model import Record, State

PAIRS = Path(__file__).parents[1] / "state" / "roundtrip"
NAMES = sorted(p.name.removesuffix(".in.json") for p in PAIRS.glob("*.in.json"))

VIEW, SOURCE = Address("feature_view", "delays"), Address("source", "flights")
RECORD = Record(
    VIEW,
    "relation",
    "aa11",
    columns={"carrier": "d0"},
    words=MappingProxyType({"keys": ["carrier"], "ttl": None, "rate": 0.5}),
    parents=(SOURCE,),
    protect=True,
    outputs={"nested": MappingProxyType({"rows": 3})},
)
STATE = (
    State("7f3c", "flights", "dev").put(RECORD).put(Record(SOURCE, "relation", "bb22", about={"description": "Flüge"}))
)


def changed(**changes):
    return json.dumps({**json.loads(encode(STATE)), **changes})


def changed_record(**changes):
    raw = json.loads(encode(STATE))
    raw["records"][str(VIEW)].update(changes)
    return json.dumps(raw)


@pytest.mark.parametrize("name", NAMES)
def test_pair(name):
    expected = (PAIRS / f"{name}.out.json").read_text(encoding="utf-8")
    assert encode(decode((PAIRS / f"{name}.in.json").read_text(encoding="utf-8"))) == expected
    assert encode(decode(expected)) == expected


def test_every_pair_is_whole_and_every_format_has_one():
    assert sorted(p.name.removesuffix(".out.json") for p in PAIRS.glob("*.out.json")) == NAMES
    assert {int(name[1:].split("-")[0]) for name in NAMES} == set(range(FORMAT + 1))


def test_there_is_one_migration_for_each_format():
    found = [module.name for module in pkgutil.iter_modules(migrations.__path__)]
    assert sorted(found) == [f"v{number:04}" for number in range(1, FORMAT + 1)]


def test_identity():
    assert decode(encode(STATE)) == STATE
    plain = decode(encode(STATE))
    assert decode(encode(plain)).digest == plain.digest


def test_text_does_not_depend_on_order():
    turned = State("7f3c", "flights", "dev", 2, dict(reversed(STATE.records.items())))
    assert encode(turned) == encode(STATE)
    assert encode(STATE).endswith("}\n")
    assert "Flüge" in encode(STATE)


def test_newer_format():
    with pytest.raises(StateError, match=r"has format 999, .* reads no format above") as caught:
        decode(changed(format_version=999))
    assert caught.value.code == "state-too-new"
    assert "newer" in caught.value.help


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        (encode(STATE)[:80], r"it is not JSON \(.* line \d+ column \d+"),
        ("\ufeff{}", "it is not JSON"),
        ("[" * 100_000, "nested too deep"),
        ("[]", "the state is not an object"),
        ("{}", "`format_version` is not a number"),
        (changed(format_version="1"), "`format_version` is not a number"),
        (changed(format_version=True), "`format_version` is not a number"),
        (changed(format_version=-1), "`format_version` is not a number"),
        ('{"serial": 1, "serial": 2}', "key `serial` is there twice"),
        ('{"serial": NaN}', "`NaN` is no number"),
        ('{"serial": ' + "9" * 5000 + "}", "it is not JSON"),
        (changed(serial="3"), "`serial` of the state is not a whole number"),
        (changed(serial=-3), "`serial` of the state is not a whole number"),
        (changed(lineage=None), "`lineage` of the state is not text"),
        (changed(serials=3), "the state has `serials`, which format 2 does not know"),
        ('{"format_version": 1, "lineage": "a", "records": {}}', "the state has no `environment`"),
        (changed(records=[]), "`records` is not an object"),
        (changed(records={"Flights": {}}), "record `Flights`: `Flights` is not an address"),
        (changed(records={"source.flights": 3}), "record `source.flights` is not an object"),
        (changed(records={"source.flights": {"form": "fact"}}), "record `source.flights` has no `digest`"),
        (changed_record(protect="yes"), "`protect` of record `feature_view.delays` is neither true nor false"),
        (changed_record(parents="source.flights"), "`parents` of record `feature_view.delays` is not a list"),
        (changed_record(parents=[3]), "`parents` of record `feature_view.delays` is not text"),
        (changed_record(columns={"a": 3}), "`a` in `columns` of record `feature_view.delays` is not text"),
        (changed_record(colums={}), "has `colums`, which format 2 does not know"),
        ('{"format_version": 0}', "cannot be brought from format 0 to 1"),
        ('{"format_version": 0, "records": [3]}', "cannot be brought from format 0 to 1"),
        ('{"format_version": 0, "records": [{"address": []}]}', "cannot be brought from format 0 to 1"),
        ('{"format_version": 0, "records": [{"address": "a.b"}, {"address": "a.b"}]}', "`a.b` is listed twice"),
    ],
)
def test_damage(text, why):
    with pytest.raises(StateError, match=why) as caught:
        decode(text)
    assert caught.value.code == "state-damaged"
    assert "earlier copy" in caught.value.help
    assert caught.value.message == str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object(), "\ud800", {1: "a", "b": 2}])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(StateError, match="cannot be written as JSON"):
        encode(STATE.put(Record(SOURCE, "fact", "cc33", outputs={"x": value})))
