"""`validate` looks at the other environments too: at their backends, and at what those refuse."""

import json

import pytest
from small_projects import write_csv, write_project

from mlspec.base.diag import Problems
from mlspec.cli.main import main
from mlspec.planned import Beside
from mlspec.session import Session

NIGHTLY = {"kind": "pipeline", "name": "nightly", "steps": {"a": {"command": "true"}}}
SCHEDULED = {"pipeline.nightly": {"schedule": "0 3 * * *"}}
ARGO = {"type": "argo", "image": "i:1"}


def project(root, prod, *documents):
    write_project(root, documents or [NIGHTLY])
    said = json.loads((root / "mlspec.yaml").read_text())
    said["environments"]["prod"] = prod
    (root / "mlspec.yaml").write_text(json.dumps(said))
    return root


@pytest.mark.parametrize(
    ("prod", "code", "said"),
    [
        ({"pipeline_target": "argoo"}, "unknown-backend", "there is no pipeline target `argoo`"),
        ({"engine": {"type": "postgres", "hostt": "x"}}, "unknown-key", "the engine `postgres` has no option `hostt`"),
        ({"deploy_target": {"type": "kubernetes", "path": 3}}, "wrong-type", "`path`: expected str, found `3`"),
        ({"overrides": SCHEDULED}, "unsupported-by-backend", "the pipeline target `local` cannot honour `schedule` of `pipeline.nightly`"),
        ({"pipeline_target": "argo"}, "no-image", "step `a` has no image"),
        ({"overrides": {"pipeline.nightly": {"shedule": "0 3 * * *"}}}, "unknown-key", "`shedule`"),
    ],
)  # fmt: skip
def test_what_another_environment_cannot_do_is_told_with_its_name(tmp_path, prod, code, said):
    with Session(project(tmp_path, prod)) as session, pytest.raises(Problems) as caught:
        session.validate()
    [found] = caught.value.diagnostics
    assert found.code == code
    assert found.message.startswith("in environment `prod`: ")
    assert said in found.message


def test_what_was_checked_is_told(tmp_path, capsys):
    root = project(tmp_path, {"pipeline_target": ARGO, "overrides": SCHEDULED})
    assert main(["-C", str(root), "validate"]) == 0
    assert "Valid: 1 pipeline, 1 project (environments `dev`, `prod`)\n" in capsys.readouterr().out
    assert main(["-C", str(root), "-e", "prod", "validate", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["others"] == [{"environment": "dev", "why_not": ""}]


ORDERS = {"kind": "source", "name": "orders", "files": "orders.csv", "columns": {"id": "int64"}}


def test_what_is_read_elsewhere_is_not_looked_at(tmp_path, capsys):
    write_csv(tmp_path / "orders.csv", ("id",), [[1]])
    there = {"source.orders": {"files": "s3://bucket.invalid/orders.csv"}, **SCHEDULED}
    root = project(tmp_path, {"overrides": there}, ORDERS, NIGHTLY)
    assert main(["-C", str(root), "validate"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("(environment `dev`)")
    assert second == (
        "Of environment `prod` only the backends and their options: `source.orders` is read from elsewhere there "
        "(`mlspec validate -e prod` checks all)"
    )


def test_a_warehouse_that_cannot_be_reached_is_asked_nothing(tmp_path):
    write_csv(tmp_path / "orders.csv", ("id",), [[1]])
    root = project(tmp_path, {"engine": {"type": "postgres", "host": "warehouse.invalid"}}, ORDERS, NIGHTLY)
    with Session(root) as session:
        assert session.validate().others == (Beside("prod"),)
    project(
        root, {"engine": {"type": "postgres", "host": "warehouse.invalid"}, "overrides": SCHEDULED}, ORDERS, NIGHTLY
    )
    with Session(root) as session, pytest.raises(Problems, match=r"in environment `prod`: .*schedule"):
        session.validate()


def test_a_variable_that_only_one_environment_has(tmp_path):
    named = {**NIGHTLY, "steps": {"a": {"command": "true", "env": {"REGION": "${vars.region}"}}}}
    root = project(tmp_path, {}, named)
    said = json.loads((root / "mlspec.yaml").read_text())
    said["environments"]["dev"] = {"vars": {"region": "eu"}}
    (root / "mlspec.yaml").write_text(json.dumps(said))
    with Session(root) as session, pytest.raises(Problems, match=r"in environment `prod`: .*region"):
        session.validate()


def _never(*_, **__):
    raise AssertionError("it is compiled again")


def test_what_was_found_is_known_until_the_files_say_something_else(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGE", "i:1")
    root = project(tmp_path, {"pipeline_target": {"type": "argo", "image": "${env.IMAGE}"}})
    with Session(root) as session:
        assert [o.environment for o in session.validate().others] == ["prod"]
    with monkeypatch.context() as patch, Session(root) as session:
        for compiles in ("mlspec.session.compile_project", "mlspec.compile.partly.compile_partly"):
            patch.setattr(compiles, _never)
        assert [o.environment for o in session.validate().others] == ["prod"]
    monkeypatch.setenv("IMAGE", "I i")
    with Session(root) as session, pytest.raises(Problems, match="in environment `prod`"):
        session.validate()
    monkeypatch.setenv("IMAGE", "i:1")
    project(root, {"pipeline_target": "argo"})
    with Session(root) as session, pytest.raises(Problems, match="in environment `prod`"):
        session.validate()


def test_a_template_of_another_environment_is_looked_at_again(tmp_path):
    source = {**ORDERS, "event_time": "at", "columns": {"id": "int64", "at": "timestamp"}}
    entity = {"kind": "entity", "name": "order", "keys": {"id": "int64"}}
    view = {
        "kind": "feature_view",
        "name": "seen",
        "entities": ["order"],
        "event_time": "at",
        "sql": "SELECT id, at FROM orders",
    }
    write_csv(tmp_path / "orders.csv", ("id", "at"), [[1, "2024-01-01 00:00:00"]])
    root = project(
        tmp_path, {"overrides": {"feature_view.seen": {"sql": {"file": "prod.sql.j2"}}}}, source, entity, view
    )
    (root / "prod.sql.j2").write_text("SELECT id, at, 1 AS more FROM orders")
    with Session(root) as session:
        assert session.validate().others == (Beside("prod"),)
    (root / "prod.sql.j2").write_text("SELECT id, at, nothing FROM orders")
    with Session(root) as session, pytest.raises(Problems, match=r"in environment `prod`: .*nothing"):
        session.validate()
