"""Rolling back points to what an earlier run has left, whole and exactly, and refuses what it cannot bring back."""

import json
import shutil

import jsonschema
import pytest
import smallest
from small_projects import write_csv, write_project

from mlspec.base.diag import Problems
from mlspec.cli.main import main
from mlspec.plan.file import from_json, to_json
from mlspec.session import Session

COLUMNS = {"customer": "int64", "amount": "int64", "at": "timestamptz"}
SOURCE = {
    "kind": "source",
    "name": "orders",
    "files": "orders.csv",
    "event_time": "at",
    "columns": COLUMNS,
    "checks": [{"not_null": ["customer"]}],
}
ENTITY = {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}}
ROWS = [[c, 3 * c + d, f"2024-01-{d:02d}T10:00:00Z"] for c in (1, 2) for d in range(1, 6)]


def spend(window, name="spend"):
    return {"kind": "feature_view", "name": name, "entities": ["customer"], "source": "orders", "materialize": "table",
            "aggregations": [{"function": "sum", "column": "amount", "name": "paid", "window": window}]}  # fmt: skip


def applied(root, *documents):
    write_project(root, [SOURCE, ENTITY, *documents])
    return apply(root)


def apply(root):
    with Session(root) as session:
        done = session.apply(session.plan(), on_event=lambda _: None)
        assert done.ok, done.failed
    return recorded(root)


def recorded(root):
    with Session(root) as session:
        return {str(r.address): (r.digest, r.outputs.get("version")) for r in session.recorded()[0]}


def rolled_back(root, number=None, **options):
    with Session(root) as session:
        planned = session.rollback(number, **options)
        done = session.apply(planned, on_event=lambda _: None)
        assert done.ok, done.failed
        return planned.plan


def refused(root, number=None, **options):
    with Session(root) as session, pytest.raises(Problems) as problems:
        session.rollback(number, **options)
    return [d.message for d in problems.value.diagnostics]


@pytest.fixture
def root(tmp_path):
    write_csv(tmp_path / "orders.csv", COLUMNS, ROWS)
    return tmp_path


def test_the_last_run_is_undone_by_pointing(root):
    before = applied(root, spend("7d"))
    after = applied(root, spend("3d"), spend("1d", "more"))
    plan = rolled_back(root)
    assert [(str(c.address), c.action.word) for c in plan.changes] == [
        ("feature_view.spend", "repoint"),
        ("feature_view.more", "delete"),
    ]
    assert [c.reason for c in plan.changes] == ["changed", "not_then"]
    assert recorded(root) == before
    with Session(root) as session:
        assert [p.verb for p in session.history()] == ["apply", "apply", "rollback"]
        assert session.rollback(1).plan.empty
    assert refused(root) == ["`feature_view.more` would be built: what it was then is not kept any more"]
    rolled_back(root, build=True)  # what was undone is done again; what was deleted is gone, and made anew
    assert recorded(root) == after


def test_a_plan_that_leads_back_is_whole(root, monkeypatch, capsys):
    before = applied(root, spend("7d"))
    applied(root, spend("3d"))
    with Session(root) as session:
        planned = session.rollback(1)
        data = to_json(planned.plan)
        assert from_json(json.loads(json.dumps(data))) == planned.plan
        jsonschema.validate(data, session.schema("plan"))
    monkeypatch.chdir(root)
    assert main(["rollback", "1", "-o", "back.plan", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["back_to"] == 1
    assert main(["apply", "back.plan", "--auto-approve"]) == 0
    assert "environment dev, back to run 1" in capsys.readouterr().out
    assert recorded(root) == before
    assert main(["rollback", "--auto-approve", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"]


def test_what_was_deleted_comes_back_and_what_was_moved_gets_its_name_again(root):
    before = applied(root, spend("7d"), spend("1d", "gone"))
    moved = {"kind": "moved", "name": "costs", "from": "feature_view.spend", "to": "feature_view.costs"}
    applied(root, spend("7d", "costs"), moved)
    assert "feature_view.gone" not in recorded(root)
    plan = rolled_back(root, 1, build=True)
    assert {str(c.address): c.action.word for c in plan.changes} == {
        "feature_view.spend": "move",
        "feature_view.gone": "create",
    }
    assert recorded(root) == before


def test_tables_of_data_files_that_are_others_now_are_pointed_to(root):
    before = applied(root, spend("7d"))
    write_csv(root / "orders.csv", COLUMNS, [*ROWS, [3, 1, "2024-01-09T10:00:00Z"]])
    after = apply(root)
    assert after["source.orders"] != before["source.orders"]
    rolled_back(root, 1)
    assert recorded(root) == before
    with Session(root) as session:
        raw = session.backends.engine.line(write=True).raw
        assert raw.execute("SELECT count(*) FROM dev.orders").fetchone() == (len(ROWS),)


def test_what_is_not_kept_any_more_is_built_only_from_what_it_was_made_of(root):
    before = applied(root, spend("7d"))
    data = (root / "orders.csv").read_bytes()
    write_csv(root / "orders.csv", COLUMNS, [*ROWS, [3, 1, "2024-01-09T10:00:00Z"]])
    apply(root)
    with Session(root) as session:
        assert session.gc(grace=0.0, dry_run=False).gone
    said = refused(root, 1)
    assert "`feature_view.spend` would be built: what it was then is not kept any more" in said
    assert "`source.orders` cannot be built as it was: `orders.csv` is something else now" in refused(
        root, 1, build=True
    )
    (root / "orders.csv").write_bytes(data)
    rolled_back(root, 1, build=True)
    assert recorded(root) == before


def test_what_the_history_does_not_tell_is_left_alone(root):
    applied(root, spend("7d"))
    applied(root, spend("3d"), spend("1d", "more"))
    with Session(root) as session:
        raw = json.loads(session.state_pull())
    shutil.rmtree(root / ".mlspec" / "state")
    with Session(root) as session:
        session.state_push(json.dumps(raw))
    applied(root, spend("3d"), spend("2d", "more"))
    said = refused(root, 1)
    assert "`feature_view.more` is recorded, but the history does not say what it was then" in said
    plan = rolled_back(root, 1, exclude=["kind:feature_view", "kind:source", "kind:entity"])
    assert plan.empty
    assert any("was recorded then, but not what it was" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("number", "why"), [(None, "nothing has been applied yet"), (3, "nothing has been applied yet")]
)
def test_without_a_history_there_is_no_way_back(root, number, why):
    write_project(root, [SOURCE, ENTITY])
    assert refused(root, number) == [why]
    applied(root)
    assert refused(root, 9) == ["the history has no number 9"]
    assert refused(root) == ["there was nothing before the last run"]


def test_what_is_protected_is_not_rolled_back_away(root):
    applied(root, spend("7d"))
    applied(root, spend("7d"), {**spend("1d", "more"), "protect": True})
    (said,) = refused(root)
    assert "`feature_view.more` is protected" in said


def served(root):
    return {a: v for a, v in recorded(root).items() if a.startswith(("model.", "deployment."))}


def test_a_deployment_serves_the_model_of_that_time_again(root):
    documents = smallest.documents("deployment")
    smallest.write_data(root)
    smallest.write_blocks(root, documents)
    apply(root)
    before = served(root)
    next(d for d in documents if d["kind"] == "model")["parameters"]["depth"] = 7
    smallest.write_blocks(root, documents)
    apply(root)
    assert served(root) != before
    plan = rolled_back(root)
    assert {c.action.word for c in plan.changes} == {"repoint", "update"}, "nothing is trained"
    assert served(root) == before
    with Session(root) as session:
        session.backends.registry.remove("big")
        said = refused(root, 2)
    assert any("would be built" in line for line in said)
