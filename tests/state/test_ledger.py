"""What is recorded survives everything, over every store: crashes, lost claims, servers that go away, and each other."""

import json
import threading

import pytest
import stores

from mlspec.backends.chosen import STORES
from mlspec.backends.port import BackendError
from mlspec.backends.state_store import Unreachable
from mlspec.base.address import Address
from mlspec.base.diag import Problems
from mlspec.ledger import ledger as module
from mlspec.ledger.claim import ALL, Claim, Claimed, new_claim, take
from mlspec.ledger.ledger import Ledger
from mlspec.ledger.run import NotRecorded
from mlspec.state.codec import decode, encode
from mlspec.state.journal import Drop, Put
from mlspec.state.model import Record, State


def record(name, digest="1", **more):
    return Record(Address("source", name), "relation", digest, **more)


def put(name, digest="1", **more):
    return Put(record(name, digest, **more), "create", "new")


@pytest.fixture(params=STORES.names())
def name(request):
    return request.param


@pytest.fixture
def ledger(name, tmp_path):
    """Opens the ledger, each time as another process would."""
    chosen = stores.options(name, stores.fresh())
    made = []

    def again(**changes):
        made.append(stores.opened(name, tmp_path, chosen | changes))
        return Ledger(made[-1], "flights", "dev", tmp_path / ".mlspec")

    yield again
    for store in made:
        store.close()


def run(ledger, *names, why="apply", digest="1", **more):
    with ledger.run(why, [f"source.{n}" for n in names], about={"command": "mlspec apply"}, **more) as found:
        for one in names:
            found.record([put(one, digest)])
        found.end("applied")
    return found


def names(ledger):
    return sorted(a.name for a in ledger.state().records)


def numbers(ledger):
    return [(p.number, p.result) for p in ledger.past()]


def test_what_a_run_records_is_there_at_once_for_others(ledger):
    mine, other = ledger(), ledger()
    with mine.run("apply", ["source.a"], about={}) as found:
        assert other.state().records == {}
        found.record([put("a")])
        assert names(other) == ["a"]
        found.record([put("b"), Drop(Address("source", "a"))])
        assert names(other) == ["b"]
    assert names(other) == ["b"]
    assert other.state().lineage == mine.state().lineage != ""
    assert other.state().serial == 2


def test_the_journal_is_cleared_away_and_the_one_before_kept(ledger):
    mine = ledger()
    for number in range(6):
        run(mine, "a", digest=str(number))
    store = mine.store
    assert decode(store.read("state").text).serial == mine.state().serial == 12
    assert decode(store.read("previous").text).serial == 10
    assert [n for n, _ in store.lines(0)] == [11, 12]
    assert numbers(ledger()) == [(n, "applied") for n in range(1, 7)]


def test_a_damaged_state_is_put_together_from_the_one_before_and_the_journal(ledger):
    run(ledger(), "a")
    run(ledger(), "b")
    store = ledger().store
    kept = store.read("state")
    for text in ("", kept.text[: len(kept.text) // 2], "[]"):
        store.write("state", text, store.read("state").tag)
        assert names(ledger()) == ["a", "b"]
    run(ledger(), "c")
    assert names(ledger()) == ["a", "b", "c"]
    assert decode(ledger().store.read("state").text).serial == ledger().state().serial
    assert decode(store.read("previous").text).records.keys() == {Address("source", "a")}


def test_nothing_is_made_up_where_the_journal_has_a_gap(ledger):
    run(ledger(), "a")
    store = ledger().store
    text = store.read("state").text
    store.append(9, '{"format_version": 2, "id": "x", "run": "y", "at": "z", "steps": []}')
    with pytest.raises(Problems, match="journal is missing") as caught:
        ledger().state()
    assert caught.value.diagnostics[0].code == "state-damaged"
    assert store.read("state").text == text


def test_disjoint_runs_work_at_a_time_and_both_are_recorded(ledger):
    first, second = ledger(), ledger()
    with first.run("apply", ["source.a"], ["source.shared"], about={}) as one:
        one.record([put("a")])
        with second.run("apply", ["source.b"], ["source.shared"], about={}) as two:
            two.record([put("b")])
            one.record([put("a", "2")])
            two.record([put("b", "2")])
            two.end("applied")
        one.record([put("a", "3")])
        one.end("applied")
    state = ledger().state()
    assert {a.name: r.digest for a, r in state.records.items()} == {"a": "3", "b": "2"}
    assert [(p.number, p.result, [c["address"] for c in p.changes]) for p in ledger().past()] == [
        (1, "applied", ["source.b"] * 2),
        (2, "applied", ["source.a"] * 3),
    ]
    assert ledger().claims() == ()


@pytest.mark.parametrize(
    ("writes", "reads", "met"),
    [
        (["source.a"], [], "`source.a` is claimed"),
        (["source.b"], ["source.a"], "`source.a` is claimed"),
        (["source.shared"], [], "`source.shared` is claimed"),
        ([ALL], [], "the state is claimed"),
    ],
)
def test_who_would_meet_another_is_refused_before_anything(ledger, writes, reads, met):
    with ledger().run("apply", ["source.a"], ["source.shared"], about={}) as one:
        with pytest.raises(Claimed, match=met) as caught, ledger().run("destroy", writes, reads, about={}):
            raise AssertionError
        assert caught.value.code == "state-locked"
        assert one.claim.id in caught.value.help
        assert caught.value.holder == one.claim
    run(ledger(), "a")


def test_waiting_gets_it_and_is_told(ledger):
    told = []
    with ledger().run("apply", ["source.a"], about={}) as one:
        one.record([put("a")])
        other = threading.Thread(target=lambda: run(ledger(), "a", digest="2", wait=60, say=told.append))
        other.start()
        while not told:
            pass
    other.join()
    assert "waiting: `source.a` is claimed" in told[0]
    assert ledger().state().records[Address("source", "a")].digest == "2"


def test_a_claim_that_is_broken_stops_its_run_before_the_next_step_is_recorded(ledger):
    with ledger().run("apply", ["source.a"], about={}) as one:
        one.record([put("a")])
        ledger().unlock(one.claim.id[:8])
        with pytest.raises(NotRecorded, match="was broken by somebody else") as caught:
            one.record([put("a", "2")])
        assert caught.value.code == "claim-lost"
        assert ledger().state().records[Address("source", "a")].digest == "1"
        told = []
        run(ledger(), "b", say=told.append)  # what was kept on this machine is recorded, for nobody else has changed it
        assert "1 steps that could not be recorded before" in told[0]
    assert ledger().state().records[Address("source", "a")].digest == "2"
    assert [(p.verb, p.result) for p in ledger().past()] == [
        ("apply", "interrupted"),
        ("rescue", "interrupted"),
        ("apply", "applied"),
    ]


def test_what_others_have_changed_since_is_not_overwritten_by_what_was_kept(ledger):
    with ledger().run("apply", ["source.a", "source.b"], about={}) as one:
        ledger().unlock(one.claim.id)
        for step in (put("a", "mine"), put("b", "mine")):
            with pytest.raises(NotRecorded):
                one.record([step])
        with_others = ledger()
        with_others.rescue.runs = tuple  # another machine
        run(with_others, "a", digest="theirs")
    told = []
    run(ledger(), "c", say=told.append)
    state = ledger().state()
    assert {a.name: r.digest for a, r in state.records.items()} == {"a": "theirs", "b": "mine", "c": "1"}
    assert any("left out" in t and "source.a" in t for t in told)


def test_unlock_needs_the_id_that_is_there(ledger):
    with pytest.raises(BackendError, match="the state is not locked") as caught:
        ledger().unlock("x")
    assert caught.value.code == "state-not-locked"
    with ledger().run("apply", ["source.a"], about={}) as one:
        for wrong in ("x", ""):
            with pytest.raises(BackendError, match=one.claim.id) as caught:
                ledger().unlock(wrong)
            assert caught.value.code == "state-other-lock"
        assert ledger().claims() == (one.claim,)


def test_claims_that_cannot_be_read_are_told_and_cleared(ledger):
    store = ledger().store
    store.write("claims", "{", None)
    with pytest.raises(BackendError, match="claims of the state are damaged") as caught:
        run(ledger(), "a")
    assert "`mlspec state unlock all`" in caught.value.help
    ledger().unlock("all")
    run(ledger(), "a")


def test_a_claim_of_elsewhere_is_not_judged(ledger):
    mine = ledger()
    claim = new_claim("apply", ["source.a"], (), 0)
    strange = Claim(**{**claim.__dict__, "host": "elsewhere", "pid": 2**22 + 1, "process": "another machine 7 123"})
    take(mine.store, strange, 0, print)
    with pytest.raises(Claimed, match="elsewhere"):
        run(ledger(), "a")
    mine.unlock(strange.id)
    run(ledger(), "a")


# -- a store that fails ------------------------------------------------------------------------------------------------


class Cut:
    """Lets calls of a store through, or not: what is sent may arrive and its answer be lost."""

    def __init__(self, store, *, fail=lambda _: False, lose=lambda _: False):
        self.store, self.fail, self.lose, self.calls = store, fail, lose, []
        self.patience = 1.0
        self.rescue = store.rescue

    def __getattr__(self, name):
        def call(*args):
            self.calls.append(name)
            if self.fail(name):
                raise Unreachable("the state cannot be reached: cut off")
            answer = getattr(self.store, name)(*args)
            if self.lose(name):
                raise Unreachable("the state cannot be reached: the answer was lost")
            return answer

        return call


@pytest.fixture
def cut(ledger, monkeypatch):
    monkeypatch.setattr(module, "_ABANDONED", set())

    def make(**how):
        mine = ledger()
        mine.store = Cut(mine.store, **how)
        return mine

    return make


def test_what_was_sent_and_whose_answer_was_lost_is_recorded_once(cut, ledger):
    dice = iter([True, False] * 1000)
    run(cut(lose=lambda _: next(dice)), "a", "b", "c")
    assert names(ledger()) == ["a", "b", "c"]
    assert numbers(ledger()) == [(1, "applied")]
    assert ledger().state().serial == 4
    assert [c["address"] for c in ledger().past()[0].changes] == ["source.a", "source.b", "source.c"]
    assert ledger().claims() == ()


def test_a_short_failure_is_waited_out(cut, ledger):
    dice = iter([True, False, False] * 1000)
    run(cut(fail=lambda _: next(dice)), "a", "b")
    assert names(ledger()) == ["a", "b"]
    assert numbers(ledger()) == [(1, "applied")]


def test_what_cannot_be_recorded_is_kept_here_and_recorded_by_the_next(cut, ledger):
    gone = []
    mine = cut(fail=lambda _: bool(gone))
    mine.store.patience = 0.0
    with mine.run("apply", ["source.a", "source.b", "source.c"], about={"command": "mlspec apply"}) as one:
        one.record([put("a")])
        gone.append(True)
        for step in (put("b"), put("c")):
            with pytest.raises(NotRecorded, match="could not be recorded") as caught:
                one.record([step])
            assert caught.value.code == "state-unreachable"
            assert "rescue/dev." in caught.value.help
    assert names(ledger()) == ["a"]
    told = []
    run(ledger(), "d", say=told.append)
    assert names(ledger()) == ["a", "b", "c", "d"]
    assert "2 steps that could not be recorded before are recorded now" in told[0]
    assert numbers(ledger()) == [(1, "interrupted"), (2, "applied")]
    assert [c["address"] for c in ledger().past()[0].changes] == ["source.a", "source.b", "source.c"]
    assert ledger().claims() == ()
    assert not ledger().rescue.runs()


def test_a_store_that_fails_while_order_is_made_loses_nothing(cut, ledger):
    calls = 0
    for stop in range(40):
        failing = []
        mine = cut(fail=lambda _, failing=failing: bool(failing))
        mine.store.patience = 0.0
        told = []
        try:
            with mine.run("apply", ["source.x", f"source.x{stop}"], about={}, say=told.append) as one:
                one.record([put("x", str(stop)), put(f"x{stop}")])
                one.end("applied")
                before = len(mine.store.calls)
                mine.store.fail = lambda _, at=before + stop: len(mine.store.calls) > at  # noqa: B023 - used up in this round
        except Unreachable:
            pass
        if len(mine.store.calls) <= before + stop:
            break
        calls += 1
    assert calls > 5
    run(ledger(), "y")
    state = ledger().state()
    assert state.records.keys() == {Address("source", n) for n in ["x", "y", *(f"x{i}" for i in range(calls + 1))]}
    assert ledger().claims() == ()
    past = ledger().past()
    assert [p.number for p in past] == list(range(1, calls + 3))
    assert {p.result for p in past} == {"applied"}
    assert len({p.run for p in past}) == len(past)


# -- old states --------------------------------------------------------------------------------------------------------


def test_a_state_of_an_older_format_is_taken_over(ledger):
    old = State("7f3c", "flights", "dev", 7, {Address("source", "a"): record("a")})
    raw = json.loads(encode(old)) | {"format_version": 1}
    store = ledger().store
    store.write("state", json.dumps(raw), None)
    assert ledger().state() == old
    run(ledger(), "b")
    state = ledger().state()
    assert (names(ledger()), state.lineage, state.serial) == (["a", "b"], "7f3c", 9)
    assert json.loads(store.read("state").text)["format_version"] == 2
    assert json.loads(store.read("previous").text)["format_version"] == 1


def test_of_two_who_are_first_both_are_recorded(ledger):
    with ledger().run("apply", ["source.a"], about={}) as one, ledger().run("apply", ["source.b"], about={}) as two:
        one.record([put("a")])
        first = ledger().state().lineage
        two.record([put("b")])
    assert ledger().state().lineage == first
    assert names(ledger()) == ["a", "b"]


def test_two_who_settle_the_same_run_write_it_down_once(ledger, monkeypatch):
    abandoned = set()
    monkeypatch.setattr(module, "_ABANDONED", abandoned)
    with ledger().run("apply", ["source.a"], about={}) as one:
        one.record([put("a")])
        abandoned.add((one.claim.id, ""))
        threads = [threading.Thread(target=ledger().settle) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert numbers(ledger()) == [(1, "interrupted")]
