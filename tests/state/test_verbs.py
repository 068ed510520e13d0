"""The verbs about the state, as they are typed: nothing that exists is touched, and nonsense is refused."""

import json

import pytest
from small_projects import apply, plan, write_csv, write_project

from mlspec.cli.main import main
from mlspec.session import Session

SALES = {"id": "int64", "shop": "int64", "at": "timestamp", "paid": "int64"}


def documents(source="sales", factor=2):
    view = {"kind": "feature_view", "entities": ["shop"], "event_time": "at", "tie_break": "id", "materialize": "table"}
    return [
        {"kind": "entity", "name": "shop", "keys": {"shop": "int64"}},
        {"kind": "source", "name": source, "files": "sales.csv", "columns": SALES, "event_time": "at", "checks": [{"not_null": ["paid"]}]},
        {**view, "name": "view", "sql": f"SELECT shop, at, id, paid * {factor} AS times FROM {source}"},
    ]  # fmt: skip


@pytest.fixture
def root(tmp_path, monkeypatch):
    root = tmp_path / "p"
    write_csv(root / "sales.csv", SALES, [[i, i % 3, f"2024-01-{1 + i:02} 00:00:00", i] for i in range(5)])
    write_project(root, documents())
    assert apply(root)[2].ok
    monkeypatch.chdir(root)
    monkeypatch.setenv("NO_COLOR", "1")
    return root


@pytest.fixture
def typed(capsys, monkeypatch):
    def type_(*words):
        monkeypatch.setattr("sys.argv", ["mlspec", *words])
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return type_


def data(typed, *words):
    code, out, err = typed(*words, "--format", "json")
    assert code == 0, err
    return json.loads(out)


def addresses(typed):
    return [r["address"] for r in data(typed, "state", "list")["records"]]


def test_a_move_renames_a_record_its_parts_and_the_parents_of_others(root, typed):
    code, out, _ = typed("state", "mv", "source.sales", "source.all_sales")
    assert (code, out) == (
        0,
        "Recorded as source.all_sales, source.all_sales/checks. What it stands for is as it was.\n",
    )
    assert addresses(typed) == ["entity.shop", "feature_view.view", "source.all_sales", "source.all_sales/checks"]
    assert "source.all_sales" in data(typed, "state", "show", "feature_view.view")["parents"]
    assert "source.sales" not in str(data(typed, "state", "show", "feature_view.view")["parents"])
    with Session(root) as session:
        after = session.applied_after(2)
        assert sorted(map(str, after.resources)) == addresses(typed)
        assert "source.sales" not in str([r.parents for r in after])


@pytest.mark.parametrize(
    ("old", "new", "code", "why"),
    [
        ("source.nope", "source.x", "unknown-address", "the state has no `source.nope`"),
        ("source.sales", "entity.sales", "cannot-move", "of another kind"),
        ("source.sales", "source.sales", "cannot-move", "has that address already"),
        ("source.sales", "Sales", "cannot-move", "is not an address"),
        ("source.sales", "source.sales/checks", "cannot-move", "which is another part"),
        ("entity.shop", "entity.view.x", "cannot-move", "is not an address"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(root, typed, old, new, code, why):
    before = (root / ".mlspec/state/dev.json").read_text()
    failed, _, err = typed("state", "mv", old, new)
    assert failed == 1
    assert f"error[{code}]" in err
    assert why in err
    assert (root / ".mlspec/state/dev.json").read_text() == before
    with Session(root) as session:
        assert session.ledger.claims() == ()
        assert len(session.history()) == 1


def test_a_move_onto_another_is_refused(root, typed):
    write_project(root, [*documents(), {"kind": "entity", "name": "other", "keys": {"other": "int64"}}])
    assert apply(root)[2].ok
    code, _, err = typed("state", "mv", "entity.shop", "entity.other")
    assert code == 1
    assert "the state has a `entity.other` already" in err


def test_what_is_forgotten_goes_on_existing(root, typed):
    code, out, _ = typed("state", "rm", "feature_view.view")
    assert (code, out) == (0, "Forgotten: feature_view.view. What it stood for still exists.\n")
    assert [(str(c.address), c.action.word) for c in plan(root).changes] == [("feature_view.view", "repoint")]
    assert typed("state", "rm", "feature_view.view")[0] == 1


def test_a_state_is_pulled_corrected_and_pushed(root, typed, tmp_path):
    pulled = tmp_path / "pulled.json"
    pulled.write_text(typed("state", "pull")[1])
    raw = json.loads(pulled.read_text())
    raw["records"]["feature_view.view"]["owner"] = "somebody"
    pulled.write_text(json.dumps(raw))
    assert typed("state", "push", str(pulled))[1] == "Pushed: 1 record has changed.\n"
    assert data(typed, "state", "show", "feature_view.view")["owner"] == "somebody"
    code, _, err = typed("state", "push", str(pulled))
    assert code == 1
    assert "error[older-state]" in err
    assert "error[other-lineage]" in _pushed(typed, pulled, raw | {"lineage": "another", "serial": 99})[1]
    assert "error[other-state]" in _pushed(typed, pulled, raw | {"environment": "prod"})[1]
    assert "error[state-damaged]" in _pushed(typed, pulled, {"records": {}})[1]
    assert "error[not-a-state]" in typed("state", "push", "nowhere.json")[2]
    assert len(data(typed, "history")["history"]) == 2
    assert _pushed(typed, pulled, raw | {"lineage": "another", "records": {}}, "--force")[0] == 0
    assert addresses(typed) == []
    with Session(root) as session:
        assert session.recorded()[0].lineage == "another"
        assert not session.applied_after(3).resources


def _pushed(typed, path, raw, *more):
    path.write_text(json.dumps(raw))
    code, _, err = typed("state", "push", str(path), *more)
    return code, err


def test_claims_are_listed_and_broken(root, typed):
    with Session(root) as session:
        with session.ledger.run("apply", ["feature_view.view"], ["source.sales"], about={}) as run:
            (held,) = data(typed, "state", "list")["claims"]
            assert (held["id"], held["writes"], held["gone"]) == (run.claim.id, ["feature_view.view"], False)
            assert "Claimed: feature_view.view, by " in typed("state", "list")[1]
            code, _, err = typed("apply", "--replace", "feature_view.view", "--auto-approve")
            assert code == 1
            assert "`feature_view.view` is claimed by" in err
            assert typed("state", "rm", "entity.shop")[0] == 1
            assert typed("state", "unlock", run.claim.id[:6])[0] == 0
        assert data(typed, "state", "list")["claims"] == []
    assert typed("state", "unlock", "x")[0] == 1


# -- history -----------------------------------------------------------------------------------------------------------


def test_history_tells_what_was_done_and_from_what(root, typed):
    write_project(root, documents(factor=3))
    assert typed("--var", "secret=hidden", "apply", "--auto-approve")[0] == 1, "there is no such variable"
    assert typed("apply", "--auto-approve")[0] == 0
    first, second = data(typed, "history")["history"]
    assert (first["number"], first["verb"], first["changes"]) == (1, "apply", "4 create")
    assert (second["number"], second["result"], second["changes"]) == (2, "applied", "1 rebuild")
    assert second["command"] == "mlspec apply --auto-approve"
    whole = data(typed, "history", "2")
    assert [(c["address"], c["action"], c["reason"]) for c in whole["changes"]] == [
        ("feature_view.view", "rebuild", "changed")
    ]
    assert whole["mlspec"]
    code, out, _ = typed("history")
    assert code == 0
    assert out.splitlines()[0].split() == ["number", "ended", "verb", "who", "result", "changes"]
    assert "feature_view.view" in typed("history", "2")[1]
    assert "error[no-such-run]" in typed("history", "9")[2]


def test_a_failure_is_in_the_history(root, typed):
    write_project(root, documents(factor=3))
    (root / "sales.csv").write_text("id,shop,at,paid\n1,1,2024-01-01 00:00:00,oops\n")
    assert typed("apply", "--auto-approve")[0] == 1
    whole = data(typed, "history", "2")
    assert whole["result"] == "failed"
    assert [f["address"] for f in whole["failed"]] == ["source.sales"]
    assert "feature_view.view" in whole["skipped"]


def test_every_state_of_the_past_can_be_had_again(root):
    kept = {}
    for factor in (3, 4, 2):
        write_project(root, documents(factor=factor) if factor != 4 else documents()[:2])
        assert apply(root)[2].ok
        with Session(root) as session:
            kept[len(session.history())] = {r.address: r.digest for r in session.compiled.desired}
    with Session(root) as session:
        for number, digests in kept.items():
            found = session.applied_after(number)
            assert {r.address: r.digest for r in found} == digests
            seen = set()
            for resource in found:
                assert seen.issuperset(p for p in resource.parents if p in digests)
                seen.add(resource.address)


def test_variables_are_not_in_the_history():
    from mlspec.cli.opening import typed  # noqa: PLC0415 - for this

    assert typed(["--var", "a=secret", "apply", "--var=b=secret", "x=y"]) == "mlspec --var 'a=…' apply '--var=b=…' x=y"
