"""Moves, removals and imports: what is called otherwise is not made anew; what is let go stays; what exists is taken over."""

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import layered_project
import pytest
from layered_project import documents, of
from small_projects import actions, apply, plan, read

from mlspec.base.diag import Problems, Severity
from mlspec.plan.file import from_json, to_json
from mlspec.session import Session


@pytest.fixture(scope="module")
def applied(tmp_path_factory):
    """The layered project, applied once."""
    root = tmp_path_factory.mktemp("moves")
    layered_project.write_data(root)
    layered_project.write(root)
    _, _, done = apply(root)
    assert done.ok, done.failed
    return root


@pytest.fixture
def root(applied, tmp_path):
    """A copy of the applied project, to be changed at will."""
    return Path(shutil.copytree(applied, tmp_path / "p"))


def moved(old, new):
    return {"kind": "moved", "name": f"{old}__to__{new}".replace(".", "__"), "from": old, "to": new}


def renamed(old, new, *more):
    """The documents with one of them under another name, everybody speaking of the new one, and the document of the move."""
    kind, _, before = old.partition(".")
    after = new.partition(".")[2]
    text = json.dumps(documents())
    text = text.replace(f'"kind": "{kind}", "name": "{before}"', f'"kind": "{kind}", "name": "{after}"')
    word = {"source": [f'"source": "{before}"'], "feature_view": [f'"{before}.'], "feature_set": [f'"feature_set": "{before}"'],
            "dataset": [f'"dataset": "{before}"'], "model": [f'"model": "{before}"'], "entity": [f'"entities": ["{before}"]'],
            "pipeline": [f'"pipeline": "{before}"'], "deployment": []}[kind]  # fmt: skip
    for one in word:
        text = text.replace(one, one.replace(before, after))
    text = re.sub(rf"(FROM|JOIN) {before}\b", rf"\1 {after}", text)
    return [*json.loads(text), moved(old, new), *more]


def changed(planned):
    return dict(actions(planned))


def test_nothing_is_built_for_a_feature_view_that_is_called_otherwise(root):
    rows = read(root, "dataset.training")
    layered_project.write(root, renamed("feature_view.spend", "feature_view.spending"))
    planned, _, done = apply(root)
    assert done.ok, done.failed
    (change,) = [c for c in planned.changes if c.action.word == "move"]
    assert (str(change.address), change.previous, change.reason) == (
        "feature_view.spending",
        "feature_view.spend",
        "moved",
    )
    assert set(changed(planned).values()) <= {"move", "update"}
    assert all(c.reason in {"moved", "renamed"} for c in planned.changes)
    assert not [c for c in planned.changes if c.consequences]
    assert from_json(to_json(planned)) == planned
    with Session(root) as session:
        assert session.history()[-1].summary == Counter(
            c.action.word for c in planned.changes
        )  # one of each, as planned
    assert plan(root).empty
    assert plan(root, refresh=False).empty
    assert read(root, "feature_view.spending")
    assert read(root, "dataset.training") == rows
    with Session(root) as session:
        assert "feature_view.spend" not in {r["address"] for r in session.state_list()}
        assert "feature_view.spend" not in session.backends.engine.observe().pointers


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("source.people", "source.humans"), ("source.orders", "source.purchases"), ("entity.customer", "entity.client"),
        ("feature_view.windows", "feature_view.frames"), ("feature_set.chosen", "feature_set.taken"), ("dataset.training", "dataset.lessons"),
        ("pipeline.train", "pipeline.school"), ("model.big", "model.large"),
    ],
)  # fmt: skip
def test_nothing_is_built_and_nothing_trained_for_another_name(root, old, new):
    layered_project.write(root, renamed(old, new))
    planned, _, done = apply(root)
    assert done.ok, done.failed
    found = changed(planned)
    assert found[new] == "move"
    assert set(found.values()) <= {"move", "update"}
    led_to = {str(c) for one in planned.changes for c in one.consequences}
    assert led_to <= ({"redeploy"} if old == "model.big" else {"recheck"})
    assert plan(root).empty
    assert plan(root, refresh=False).empty
    with Session(root) as session:
        known = {r["address"] for r in session.state_list()}
    assert old not in known
    assert new in known


def test_a_chain_of_moves_is_gone_through_and_may_stay(root):
    layered_project.write(root, renamed("feature_view.spend", "feature_view.spending"))
    assert apply(root)[2].ok
    chain = [moved("feature_view.spend", "feature_view.spending"), moved("feature_view.spending", "feature_view.money")]
    found = [d for d in renamed("feature_view.spend", "feature_view.money") if d["kind"] != "moved"]
    layered_project.write(root, [*found, *chain])
    planned, _, done = apply(root)
    assert done.ok, done.failed
    (change,) = [c for c in planned.changes if c.action.word == "move"]
    assert (str(change.address), change.previous) == ("feature_view.money", "feature_view.spending")
    assert plan(root).empty


def test_what_is_moved_and_changed_is_made_anew_and_its_old_name_goes(root):
    found = renamed("feature_view.spend", "feature_view.spending")
    of(found, "feature_view.spending")["sql"] = layered_project.SPEND.replace("net * 2", "net * 3")
    layered_project.write(root, found)
    planned, _, done = apply(root)
    assert done.ok, done.failed
    assert changed(planned)["feature_view.spending"] == "rebuild"
    assert (
        next(c for c in planned.changes if str(c.address) == "feature_view.spending").previous == "feature_view.spend"
    )
    assert plan(root).empty
    with Session(root) as session:
        pointers = session.backends.engine.observe().pointers
    assert "feature_view.spend" not in pointers
    assert "feature_view.spending" in pointers


def test_after_a_move_everything_can_be_changed_and_destroyed(root):
    layered_project.write(root, renamed("feature_view.clean", "feature_view.tidy"))
    assert apply(root)[2].ok
    found = renamed("feature_view.clean", "feature_view.tidy")
    of(found, "feature_view.tidy")["sql"] = layered_project.CLEAN.replace("discount AS net", "2 * discount AS net")
    layered_project.write(root, found)
    assert apply(root)[2].ok
    assert plan(root).empty
    assert apply(root, destroy=True)[2].ok
    with Session(root) as session:
        assert session.state_list() == []
        there = session.backends.engine.observe()
    assert (dict(there.versions), dict(there.pointers)) == ({}, {})


def test_a_move_that_was_not_recorded_is_finished(root):
    layered_project.write(root, renamed("feature_view.spend", "feature_view.spending"))
    kept = {
        p: p.read_bytes() for p in (root / ".mlspec").rglob("*") if p.is_file() and "state" in p.parent.name + p.name
    }
    assert apply(root)[2].ok
    for path, text in kept.items():  # as if the machine had stopped between what was done and what was noted
        path.write_bytes(text)
    planned, _, done = apply(root)
    assert done.ok, done.failed
    assert changed(planned)["feature_view.spending"] in {"move", "repoint"}
    assert plan(root).empty


def test_what_is_removed_without_being_destroyed_is_forgotten_and_stays(root):
    without = [d for d in documents() if d["name"] != "big_live"]
    layered_project.write(root, [*without, {"kind": "removed", "name": "live", "address": "deployment.big_live"}])
    there = sorted(p for p in root.rglob("*") if "big_live" in str(p) and p.is_file())
    planned, _, done = apply(root)
    assert done.ok
    assert actions(planned) == [("deployment.big_live", "forget")]
    assert plan(root).empty
    assert sorted(p for p in root.rglob("*") if "big_live" in str(p) and p.is_file()) == [
        p for p in there if p.exists()
    ]


def test_what_is_removed_and_destroyed_is_deleted(root):
    without = [d for d in documents() if d["name"] != "big_live"]
    gone = {"kind": "removed", "name": "live", "address": "deployment.big_live", "destroy": True}
    layered_project.write(root, [*without, gone])
    assert actions(plan(root)) == [("deployment.big_live", "delete")]


WRONG = {
    "still described": ([moved("feature_view.spend", "feature_view.habits")], "invalid-move"),
    "to nothing": ([moved("feature_view.old", "feature_view.nothing")], "invalid-move"),
    "another kind": ([moved("source.old", "feature_view.spend")], "invalid-move"),
    "two places": ([moved("feature_view.old", "feature_view.spend"), moved("feature_view.old", "feature_view.habits")], "ambiguous-move"),
    "two things": ([moved("feature_view.old", "feature_view.spend"), moved("feature_view.older", "feature_view.spend")], "ambiguous-move"),
    "a circle": ([moved("feature_view.a", "feature_view.b"), moved("feature_view.b", "feature_view.a")], "invalid-move"),
    "removed and described": ([{"kind": "removed", "name": "x", "address": "model.big"}], "invalid-removal"),
    "imported and not described": ([{"kind": "import", "name": "x", "address": "model.no", "version": "a/12345678"}], "invalid-import"),
    "imported by nothing": ([{"kind": "import", "name": "x", "address": "model.big"}], "invalid-import"),
    "imported from a table": ([{"kind": "import", "name": "x", "address": "model.big", "table": "t"}], "invalid-import"),
    "imported, and no such thing": ([{"kind": "import", "name": "x", "address": "team.shop", "table": "t"}], "invalid-import"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_go_together_is_said_with_its_place(root, name):
    more, code = WRONG[name]
    layered_project.write(root, [*documents(), *more])
    with Session(root) as session, pytest.raises(Problems) as caught:
        session.validate()
    found = [d for d in caught.value.diagnostics if d.severity is Severity.ERROR]
    assert {d.code for d in found} == {code}
    assert all(d.span for d in found)
    if code == "ambiguous-move" or name == "a circle":
        assert all(d.notes and all(n.span for n in d.notes) for d in found)


# -- imports -------------------------------------------------------------------------------------------------------------


def with_table(root, columns="customer, country, born"):
    """A table that somebody else has made in the warehouse."""
    with Session(root) as session:
        line, _ = session.backends.engine.writing()
        line.execute("CREATE SCHEMA IF NOT EXISTS legacy")
        rows = "SELECT 1::BIGINT AS customer, 'x' AS country, 1990::BIGINT AS born, 7 AS more"
        line.execute(f"CREATE TABLE legacy.persons AS SELECT {columns} FROM ({rows})")


def another(name):
    sql = "SELECT customer, country, born FROM people"
    return {"kind": "feature_view", "name": name, "entities": ["customer"], "sql": sql}


def test_a_table_is_taken_over_instead_of_being_built(root):
    with_table(root, "*")
    taken = {"kind": "import", "name": "x", "address": "feature_view.persons", "table": "legacy.persons"}
    layered_project.write(root, [*documents(), another("persons"), taken])
    planned, _, done = apply(root)
    assert done.ok, done.failed
    assert actions(planned) == [("feature_view.persons", "import")]
    assert planned.changes[0].existing == "legacy.persons"
    assert plan(root).empty
    assert read(root, "feature_view.persons") == [{"customer": 1, "country": "x", "born": 1990}]
    layered_project.write(root, [*documents(), another("persons")])  # the document may go, too
    assert plan(root).empty


@pytest.mark.parametrize(("columns", "said"), [("customer, country", "no column `born`"), ("customer, country, 'x' AS born", "`born` is `string`"), ("", "no table")])  # fmt: skip
def test_a_table_that_is_something_else_is_refused_by_the_plan(root, columns, said):
    if columns:
        with_table(root, columns)
    taken = {"kind": "import", "name": "x", "address": "feature_view.persons", "table": "legacy.persons"}
    layered_project.write(root, [*documents(), another("persons"), taken])
    with pytest.raises(Problems) as caught:
        plan(root)
    (found,) = caught.value.diagnostics
    assert (found.code, found.span is not None) == ("invalid-import", True)
    assert said in found.message


def test_a_registered_version_is_taken_over_instead_of_being_trained(root):
    with Session(root) as session:
        (version,) = session.backends.registry.versions("big")
    second = {**of(documents(), "model.big"), "name": "second", "parameters": {}}
    second["gates"] = {"auc": {"min": 0.1}}
    taken = {"kind": "import", "name": "x", "address": "model.second", "version": f"big/{version.version[:8]}"}
    layered_project.write(root, [*documents(), second, taken])
    planned, _, done = apply(root)
    assert done.ok, done.failed
    assert actions(planned) == [("model.second", "import")]
    assert plan(root).empty
    with Session(root) as session:
        assert session.backends.registry.versions("second")[0].files_digest == version.files_digest
    layered_project.write(
        root,
        [*documents(), {**second, "name": "third"}, {**taken, "address": "model.third", "version": "big/00000000"}],
    )
    with pytest.raises(Problems) as caught:
        plan(root)
    assert "begin with `00000000`" in caught.value.diagnostics[0].message


# -- suggestions ---------------------------------------------------------------------------------------------------------


def test_what_is_only_called_otherwise_is_suggested_to_be_moved(root):
    found = [d for d in renamed("feature_view.spend", "feature_view.spending") if d["kind"] != "moved"]
    layered_project.write(root, found)
    notes = [n for n in plan(root).notes if "moved" in n]
    assert len(notes) == 1
    assert "{kind: moved, from: feature_view.spend, to: feature_view.spending}" in notes[0]
    changed_too = [d for d in found if d["name"] != "spending"]
    sql = layered_project.SPEND.replace("net * 2", "net * 3")
    layered_project.write(root, [*changed_too, {**of(found, "feature_view.spending"), "sql": sql}])
    assert not [n for n in plan(root).notes if "moved" in n]


def test_a_deployment_that_is_called_otherwise_is_rolled_out_and_the_old_one_goes(root):
    layered_project.write(root, renamed("deployment.big_live", "deployment.api"))
    planned, _, done = apply(root)
    assert done.ok, done.failed
    (change,) = planned.changes
    assert (str(change.address), change.previous, [str(c) for c in change.consequences]) == (
        "deployment.api",
        "deployment.big_live",
        ["redeploy"],
    )
    assert plan(root).empty
    assert not [p for p in root.rglob("*") if p.is_file() and "big_live" in p.name and not p.name.endswith(".doc.yaml")]


def test_a_table_in_partitions_is_filled_from_the_one_that_is_there(root):
    kept = {"incremental": {"partition": "1d", "start": "2024-01-01", "lookback": "1d"}}
    daily = {"kind": "feature_view", "name": "daily", "entities": ["customer"], "event_time": "at", "tie_break": "id",
             "sql": "SELECT customer, at, id, amount FROM orders", "materialize": kept}  # fmt: skip
    layered_project.write(root, [*documents(), daily])
    assert apply(root)[2].ok
    rows = read(root, "feature_view.daily")
    layered_project.write(
        root, [*documents(), {**daily, "name": "each_day"}, moved("feature_view.daily", "feature_view.each_day")]
    )
    planned, _, done = apply(root)
    assert done.ok, done.failed
    (change,) = planned.changes
    assert (change.action.word, change.reason, change.previous) == ("rebuild", "moved", "feature_view.daily")
    assert read(root, "feature_view.each_day") == rows
    assert plan(root).empty
    with Session(root) as session:
        there = session.backends.engine.observe()
    assert not [v for v in there.versions if v.startswith("daily__")]
    assert "feature_view.daily" not in there.pointers
