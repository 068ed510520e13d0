"""Promotion points to what another environment has applied and shown to be sound, and refuses what it has not."""

import json
import shutil
from pathlib import Path

import jsonschema
import pytest
import smallest
from small_projects import write_csv, write_project

from mlspec.base.diag import Problems
from mlspec.cli.main import main
from mlspec.plan.file import from_json, to_json
from mlspec.session import Session

SOURCE = {"kind": "source", "name": "orders", "files": "orders.csv", "event_time": "at", "checks": [{"not_null": ["customer"]}],
          "columns": {"customer": "int64", "amount": "int64", "at": "timestamptz"}}  # fmt: skip
ENTITY = {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}}
ROWS = [[c, 3 * c + d, f"2024-01-{d:02d}T10:00:00Z"] for c in (1, 2) for d in range(1, 6)]


def spend(window):
    return {"kind": "feature_view", "name": "spend", "entities": ["customer"], "source": "orders", "materialize": "table",
            "aggregations": [{"function": "sum", "column": "amount", "name": "paid", "window": window}]}  # fmt: skip


def written(root, window, **prod):
    write_project(root, [SOURCE, ENTITY, spend(window)])
    return with_prod(root, **prod)


def with_prod(root, **prod):
    project = json.loads((root / "mlspec.yaml").read_text())
    project["environments"]["prod"] = {**project["environments"]["dev"], **prod}
    (root / "mlspec.yaml").write_text(json.dumps(project))
    return root


def applied(root, environment):
    with Session(root, environment) as session:
        assert session.apply(session.plan(), on_event=lambda _: None).ok


@pytest.fixture
def root(tmp_path):
    write_csv(tmp_path / "orders.csv", SOURCE["columns"], ROWS)
    return written(tmp_path, "7d")


def promoted(root, **options):
    with Session(root, "prod") as session:
        planned = session.promote("dev", **options)
        return planned.plan, session.apply(planned, on_event=lambda _: None)


def refused(root, **options):
    with Session(root, "prod") as session, pytest.raises(Problems) as problems:
        session.promote("dev", **options)
    return {d.message for d in problems.value.diagnostics}


def versions(root, environment):
    with Session(root, environment) as session:
        return {str(r.address): r.outputs.get("version") for r in session.recorded()[0]}


def test_what_was_applied_is_pointed_to_with_its_evidence(root):
    applied(root, "dev")
    planned, done = promoted(root)
    assert done.ok, done.failed
    assert planned.promoted_from == "dev"
    assert {c.action.word for c in planned.changes if c.form == "relation"} == {"repoint"}
    found = {str(c.address): c.evidence for c in planned.changes}
    assert all(e.environment == "dev" and e.digest for e in found.values())
    assert found["source.orders"].checks == 1
    assert found["source.orders"].checked_at
    assert versions(root, "prod") == versions(root, "dev")
    with Session(root, "prod") as session:
        assert session.plan().plan.empty
    data = to_json(planned)
    assert from_json(json.loads(json.dumps(data))) == planned
    with Session(root) as session:
        jsonschema.validate(data, session.schema("plan"))


def test_what_was_not_applied_there_is_refused(root):
    assert "`feature_view.spend` was not applied in `dev`" in refused(root)
    applied(root, "dev")
    written(root, "3d")
    assert refused(root) == {"`feature_view.spend` was applied in `dev` otherwise than the files describe it now"}
    applied(root, "dev")
    assert promoted(root)[1].ok


def test_what_is_something_else_there_is_refused_or_built(root):
    applied(root, "dev")
    written(root, "7d", overrides={"feature_view.spend": {"windows": ["3d"]}})
    other = {**spend("7d"), "windows": ["3d"]}
    del other["aggregations"][0]["window"]
    written(root, "7d", overrides={"feature_view.spend": {"aggregations": other["aggregations"], "windows": ["3d"]}})
    (said,) = refused(root)
    assert said == "`feature_view.spend` is something else in `dev`: overrides or variables make it differ"
    planned, done = promoted(root, build=True)
    assert done.ok
    found = {str(c.address): c.evidence for c in planned.changes}
    assert found["source.orders"].digest
    assert found["feature_view.spend"].digest == ""
    assert "windows" in found["feature_view.spend"].differs


def test_what_would_have_to_be_built_is_refused(root):
    applied(root, "dev")
    written(root, "7d", engine={"type": "duckdb", "path": ".mlspec/elsewhere.duckdb"})
    assert "`source.orders` would be built here: `prod` does not keep it where `dev` does" in refused(root)
    planned, done = promoted(root, build=True)
    assert done.ok, done.failed
    assert {c.action.word for c in planned.changes if c.form == "relation"} == {"create"}


def test_checks_that_failed_there_are_remembered(root):
    applied(root, "dev")
    with Session(root) as session:
        raw = session.backends.engine.line(write=True).raw
        name = versions(root, "dev")["source.orders"]
        raw.execute(f"UPDATE mlspec_data.{name} SET customer = NULL WHERE amount = 4")
        (ran,) = session.run_checks("source.orders")
        assert not ran.checks[0].passed
    (said,) = refused(root)
    assert said.startswith("`source.orders/checks` did not pass in `dev`")


def test_what_dev_still_has_is_not_deleted(root):
    applied(root, "dev")
    assert promoted(root)[1].ok
    write_project(root, [SOURCE, ENTITY])
    with_prod(root)
    assert refused(root) == {"`feature_view.spend` would be deleted here, and `dev` still has it"}
    applied(root, "dev")
    planned, done = promoted(root)
    assert [c.action.word for c in planned.changes] == ["delete"]
    assert done.ok


def test_an_environment_is_not_promoted_to_itself(root, capsys):
    with Session(root) as session, pytest.raises(Problems) as problems:
        session.promote("dev")
    assert problems.value.diagnostics[0].code == "same-environment"
    assert main(["-C", str(root), "promote", "dev"]) == 1
    assert "not-two-environments" in capsys.readouterr().err


def test_on_the_command_line(root, capsys):
    applied(root, "dev")
    where = ["-C", str(root)]
    assert main([*where, "promote", "--from", "dev", "--to", "prod", "-o", str(root / "p.plan")]) == 0
    said = capsys.readouterr().out
    assert "environment prod, promoted from dev" in said
    assert "applied there, 1 check passed" in said
    assert versions(root, "prod") == {}
    assert main([*where, "apply", "-e", "prod", str(root / "p.plan")]) == 0
    assert versions(root, "prod") == versions(root, "dev")
    assert main([*where, "promote", "dev", "prod"]) == 0
    assert "No changes" in capsys.readouterr().out


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("trained")
    smallest.write_data(root)
    for document in [smallest.project()]:
        (root / "mlspec.yaml").write_text(json.dumps(document))
    (root / "specs.json.yaml").write_text("\n---\n".join(json.dumps(d) for d in smallest.documents("deployment")))
    with_prod(root, overrides={"deployment.live": {"replicas": {"min": 3, "max": 9}}})
    applied(root, "dev")
    return root


def test_a_model_with_its_gates_and_a_deployment_that_runs_otherwise(trained, tmp_path):
    root = Path(shutil.copytree(trained, tmp_path / "p"))
    planned, done = promoted(root)
    assert done.ok, done.failed
    found = {str(c.address): (c.action.word, c.evidence) for c in planned.changes}
    assert found["model.big"][0] == "repoint"
    assert found["model.big"][1].metrics == {"auc": 0.9, "f1": 0.8}
    assert found["deployment.live"][1].digest == ""
    assert set(found["deployment.live"][1].differs) == {"replicas.min", "replicas.max"}
    assert found["deployment.live"][1].metrics == {"auc": 0.9, "f1": 0.8}
    assert versions(root, "prod")["model.big"] == versions(root, "dev")["model.big"]


def test_a_gate_that_is_higher_here(trained, tmp_path):
    root = Path(shutil.copytree(trained, tmp_path / "p"))
    with_prod(root, overrides={"model.big": {"gates": {"auc": {"min": 0.95}}}})
    assert any("does not pass its gate `auc`" in said for said in refused(root))
    assert any("does not pass its gate `auc`" in said for said in refused(root, build=True))
