"""A pipeline runs when one of its triggers has a new version, once, and whenever that did not come to its end."""

from pathlib import Path

import pytest
from small_projects import actions, apply, plan, write_csv, write_project

from mlspec.base.diag import Problems
from mlspec.base.value import replace
from mlspec.plan.file import to_json
from mlspec.plan.triggered import moved
from mlspec.session import Session

SOURCE = {
    "kind": "source",
    "name": "rows",
    "files": "rows.csv",
    "columns": {"id": "int64", "x": "float64", "at": "timestamp"},
    "event_time": "at",
}
ENTITY = {"kind": "entity", "name": "thing", "keys": {"id": "int64"}}
VIEW = {
    "kind": "feature_view",
    "name": "views",
    "entities": ["thing"],
    "event_time": "at",
    "materialize": "table",
    "sql": "SELECT id, at, x * 2 AS y FROM rows",
}


def report(**more) -> dict:
    return {
        "kind": "pipeline",
        "name": "report",
        "steps": {"tell": {"command": 'echo ran >> "$NOTES"', "env": {"NOTES": "{notes}"}, "cache": False}},
        **more,
    }


def write(root: Path, *documents, triggers=("feature_view.views",), rows=1) -> Path:
    said = report(**({"triggers": list(triggers)} if triggers else {}))
    said["steps"]["tell"]["env"]["NOTES"] = str(root / "notes")
    write_csv(root / "rows.csv", ["id", "x", "at"], [[n, n, f"2024-01-0{n + 1} 00:00:00"] for n in range(rows)])
    return write_project(root, documents or (SOURCE, ENTITY, VIEW, said))


def ran(root: Path) -> int:
    return len((root / "notes").read_text().split()) if (root / "notes").exists() else 0


def of_the_report(planned):
    return next((c for c in planned.changes if c.address.kind == "pipeline"), None)


def test_it_runs_with_each_new_version_and_no_other_time(tmp_path):
    write(tmp_path)
    planned, _, _ = apply(tmp_path)
    assert of_the_report(planned).consequences == ("run",)
    assert (ran(tmp_path), plan(tmp_path).changes) == (1, ())
    write(tmp_path, rows=2)
    planned = plan(tmp_path)
    change = of_the_report(planned)
    assert (change.action.word, change.reason, change.consequences) == ("update", "triggered", ("run",))
    assert {c[-1] for c in change.causes} == {"pipeline.report"}
    assert change.causes[0][0].startswith("source.rows")
    step = next(s for s in to_json(planned)["steps"] if s["address"] == "pipeline.report")
    assert (step["does"], step["after"]) == ("run", ["feature_view.views"])
    apply(tmp_path)
    assert (ran(tmp_path), plan(tmp_path).changes) == (2, ())


def test_what_is_there_when_it_is_declared_starts_nothing(tmp_path):
    write(tmp_path, SOURCE, ENTITY, VIEW)
    apply(tmp_path)
    write(tmp_path)
    planned, _, _ = apply(tmp_path)
    assert (actions(planned), of_the_report(planned).consequences, ran(tmp_path)) == (
        [("pipeline.report", "create")],
        (),
        0,
    )
    write(tmp_path, triggers=("feature_view.views", "source.rows"))
    apply(tmp_path)
    assert (ran(tmp_path), plan(tmp_path).changes) == (0, ())
    write(tmp_path, triggers=("source.rows",), rows=3)
    apply(tmp_path)
    assert (ran(tmp_path), plan(tmp_path).changes) == (1, ())


def test_without_triggers_it_is_only_published(tmp_path):
    write(tmp_path, triggers=())
    apply(tmp_path)
    write(tmp_path, triggers=(), rows=2)
    assert of_the_report(plan(tmp_path)) is None
    assert ran(tmp_path) == 0


def test_a_run_that_fails_is_due_until_it_has_run(tmp_path):
    write(tmp_path)
    apply(tmp_path)
    (tmp_path / "notes").unlink()
    (tmp_path / "notes").mkdir()
    write(tmp_path, rows=2)
    _, events, _ = apply(tmp_path)
    assert any(type(e).__name__ == "Failed" for e in events)
    (tmp_path / "notes").rmdir()
    planned, _, _ = apply(tmp_path)
    assert actions(planned) == [("pipeline.report", "update")]
    assert (ran(tmp_path), plan(tmp_path).changes) == (1, ())


def test_what_is_only_called_otherwise_starts_nothing(tmp_path):
    write(tmp_path)
    apply(tmp_path)
    moved = {"kind": "moved", "name": "m", "from": "feature_view.views", "to": "feature_view.seen"}
    said = report(triggers=["feature_view.seen"])
    said["steps"]["tell"]["env"]["NOTES"] = str(tmp_path / "notes")
    write(tmp_path, SOURCE, ENTITY, {**VIEW, "name": "seen"}, said, moved)
    apply(tmp_path)
    assert (ran(tmp_path), plan(tmp_path).changes) == (1, ())
    write_csv(tmp_path / "rows.csv", ["id", "x", "at"], [[9, 9, "2024-01-09 00:00:00"]])
    apply(tmp_path)
    assert (ran(tmp_path), plan(tmp_path).changes) == (2, ())


def test_a_trigger_that_is_not_known_any_more_starts_nothing(tmp_path):
    write(tmp_path)
    apply(tmp_path)
    with Session(tmp_path) as session:
        desired, (state, _) = session.compiled.desired, session.recorded()
        rest = {a: r for a, r in desired.resources.items() if a.kind != "feature_view"}
        resource = next(r for r in desired if r.address.kind == "pipeline")
        for record in (None, state.get(resource.address)):
            assert moved(resource, record, replace(desired, resources=rest), state) == ()


def test_a_saved_plan_runs_it_too(tmp_path):
    write(tmp_path)
    with Session(tmp_path) as session:
        session.save(session.plan(), tmp_path / "p.json")
    with Session(tmp_path) as session:
        session.apply(session.load(tmp_path / "p.json"), on_event=lambda _: None)
    assert (ran(tmp_path), plan(tmp_path).changes) == (1, ())


def test_a_pipeline_that_registers_a_model_has_none(tmp_path):
    said = report(triggers=["source.rows"])
    said["steps"] |= {
        "fit": {"command": "true", "outputs": {"model": "model", "metrics": "metrics"}},
        "keep": {"register": {"model": "fit.model", "metrics": "fit.metrics"}},
    }
    write(tmp_path, SOURCE, ENTITY, VIEW, said)
    with pytest.raises(Problems) as caught:
        plan(tmp_path)
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == (
        "invalid-trigger",
        "`report` registers a model, and is run when that model changes",
    )
    assert found.span.line
