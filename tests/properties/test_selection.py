"""Selectors against a plain reading of them, on graphs of any shape; and what a selected plan promises."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlspec.base.address import Address
from mlspec.base.diag import Problems
from mlspec.ir.desired import DesiredState
from mlspec.ir.fact import Fact
from mlspec.ir.resource import Resource
from mlspec.plan.change import Action
from mlspec.plan.diff import Reality, Wish, make_plan
from mlspec.plan.select import Selectable, Thing
from mlspec.state.model import Record, State

KINDS, TAGS, OWNERS, STATES = ("source", "view", "model"), ("money", "pii"), ("data", "ml", ""), ("new", "modified")


@st.composite
def graphs(draw):
    """Documents `k.n0`, `k.n1`, … each needing some of those before it; some of them with a part."""
    found: dict[Address, Thing] = {}
    wholes: list[Address] = []
    for number in range(draw(st.integers(1, 9))):
        address = Address(draw(st.sampled_from(KINDS)), f"n{number}")
        parents = draw(st.lists(st.sampled_from(wholes), unique=True, max_size=3)) if wholes else []
        owner, tags = draw(st.sampled_from(OWNERS)), tuple(draw(st.sets(st.sampled_from(TAGS))))
        state = draw(st.sampled_from(STATES))
        found[address] = Thing(address, tuple(parents), owner, tags, state)
        if draw(st.booleans()):
            part = Address(address.kind, address.name, "checks")
            found[part] = Thing(part, (address, *parents), owner, tags, state)
        wholes.append(address)
    return found


def cores(things):
    names = sorted({a.name for a in things} | {str(a.whole) for a in things})
    patterns = ["*", "view.*", "n[0-4]", "*.n1", "model.n?"]
    methods = [*(f"kind:{k}" for k in KINDS), *(f"tag:{t}" for t in TAGS), *(f"owner:{o}" for o in OWNERS if o), *(f"state:{s}" for s in STATES)]  # fmt: skip
    return st.sampled_from([*names, *patterns, *methods])


@st.composite
def selectors(draw, things):
    terms = []
    for _ in range(draw(st.integers(1, 3))):
        before, after = draw(st.sampled_from(["", "+", "1+", "2+"])), draw(st.sampled_from(["", "+", "+1", "+2"]))
        terms.append(before + draw(cores(things)) + after)
    return ",".join(terms)


def steps_between(things, above, below):
    """How many steps lead from one document up to another; None if none do. By trying every way."""
    if above == below:
        return 0
    parents = {p.whole for t in things.values() if t.address.whole == below for p in t.parents} - {below}
    ways = [s for p in parents if (s := steps_between(things, above, p)) is not None]
    return 1 + min(ways) if ways else None


def plain(things, text):
    """What a selector means, one thing at a time, as the documentation says it."""
    return {a for a in things if all(_meant(things, a, term) for term in text.split(","))}


def _meant(things, address, term):
    before, core, after = re.fullmatch(r"(\d*\+)?([^+]+)(\+\d*)?", term).groups()
    if not before and not after:
        return _is(things[address], core)
    for other in (t for t in things.values() if _is(t, core)):
        up = steps_between(things, address.whole, other.address.whole)
        down = steps_between(things, other.address.whole, address.whole)
        if 0 in (up, down):
            return True
        if before and up is not None and up <= int(before[:-1] or 99):
            return True
        if after and down is not None and down <= int(after[1:] or 99):
            return True
    return False


def _is(thing, core):
    method, colon, value = core.partition(":")
    if colon:
        has = {"kind": [thing.address.kind], "tag": thing.tags, "owner": [thing.owner], "state": [thing.state]}[method]
        return value in has
    whole = str(thing.address.whole) if "." in core else thing.address.name
    return re.fullmatch(core.replace(".", r"\.").replace("*", ".*").replace("?", "."), whole) is not None


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_selector_means_what_a_plain_reading_says(data):
    things = data.draw(graphs())
    text = data.draw(selectors(things))
    wanted = plain(things, text)
    try:
        found, said = Selectable(things).one(text), set()
    except Problems as problems:
        found, said = set(), {d.code for d in problems.diagnostics}
    assert found == wanted
    assert said <= {"nothing-selected"}


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_several_selectors_are_any_of_them(data):
    things = data.draw(graphs())
    texts = data.draw(st.lists(st.sampled_from([str(a) for a in things]), min_size=1, max_size=3))
    one = Selectable(things)
    assert one.any_of(texts) == {a for t in texts for a in one.one(t)}


# -- plans ---------------------------------------------------------------------------------------------------------------


def resources(things):
    return {a: Resource(a, Fact((("n", a.name),)), parents=t.parents) for a, t in things.items()}


@st.composite
def situations(draw):
    """What is wanted, what is recorded (some of it otherwise, some of it gone from the files), and what is asked."""
    before, after = draw(graphs()), draw(graphs())
    records = {}
    for address, thing in before.items():
        digest = resources(before)[address].digest if draw(st.booleans()) else "another"
        records[address] = Record(address, "fact", digest, parents=thing.parents)
    desired = DesiredState("p", "dev", resources(after))
    state = State("l", "p", "dev", records=records)
    known = sorted({*before, *after})
    some = st.frozensets(st.sampled_from(known), max_size=3)
    select = draw(st.none() | some)
    return desired, state, Wish(select, draw(some), destroy=draw(st.booleans()))


@settings(max_examples=150, deadline=None)
@given(situations())
def test_a_selected_plan_can_be_carried_out(situation):
    desired, state, wish = situation
    whole = make_plan(desired, state, Reality(), Wish(destroy=wish.destroy))
    plan = make_plan(desired, state, Reality(), wish)
    made = {c.address for c in plan.changes}
    assert made | {Address.parse(a) for a in plan.skipped} == {c.address for c in whole.changes}
    assert not made & wish.exclude
    assert set(plan.excluded) <= set(plan.skipped)
    there = set(state.records)
    for change in plan.changes:  # in the order of the plan
        if change.action is Action.DELETE:
            continue
        there.add(change.address)
        assert all(p in there or not desired.get(p) for p in desired.resources[change.address].parents)
    deleted = {c.address for c in plan.changes if c.action is Action.DELETE}
    users = {r.address for r in state if set(r.parents) & deleted}
    changed = {c.address for c in whole.changes}
    assert not users & changed - made  # nothing that stays as it was stands on what is deleted
    if wish.select is not None and not wish.exclude and not wish.destroy:
        assert made >= wish.select & changed


@pytest.mark.parametrize(
    ("text", "code", "help_"),
    [
        ("view.n9", "unknown-address", "did you mean `view.n1`?"),
        ("tags:money", "invalid-selector", "did you mean `tag`?"),
        ("tag:mony", "nothing-selected", "did you mean `money`?"),
        ("state:fresh", "invalid-selector", "known: `deleted`, `modified`, `new`, `unchanged`"),
        ("twice", "ambiguous-selector", "write `model.twice`"),
        ("view.n1,,x", "invalid-selector", "docs/selection.md"),
        ("++x", "invalid-selector", "docs/selection.md"),
        ("nothing*", "nothing-selected", "`mlspec show`"),
        ("kind:view,kind:model", "nothing-selected", "a comma means `and`"),
    ],
)
def test_what_means_nothing_is_said(text, code, help_):
    names = [("view", "n1"), ("model", "twice"), ("view", "twice")]
    things = {Address(*n): Thing(Address(*n), tags=("money",)) for n in names}
    with pytest.raises(Problems) as caught:
        Selectable(things).one(text)
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert help_ in found.help


def test_a_state_that_nothing_is_in_is_no_mistake():
    address = Address("view", "n1")
    assert Selectable({address: Thing(address)}).one("state:modified+") == set()
