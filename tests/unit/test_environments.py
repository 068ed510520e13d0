"""Two environments side by side: what differs as applied and as described, down to the column."""

import json

import pytest
from small_projects import write_csv, write_project

from mlspec.base.diag import Problems
from mlspec.cli.main import main
from mlspec.session import Session

SOURCE = {"kind": "source", "name": "orders", "files": "orders.csv", "event_time": "at",
          "columns": {"customer": "int64", "amount": "int64", "at": "timestamptz"}}  # fmt: skip
ENTITY = {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}}
SPEND = {"kind": "feature_view", "name": "spend", "entities": ["customer"], "source": "orders", "materialize": "table",
         "aggregations": [{"function": "sum", "column": "amount", "name": "paid", "window": "7d"}]}  # fmt: skip
MORE = {"function": "count", "name": "number", "window": "7d"}


@pytest.fixture
def root(tmp_path):
    write_csv(tmp_path / "orders.csv", SOURCE["columns"], [[1, 3, "2024-01-01T10:00:00Z"]])
    return written(tmp_path, [SOURCE, ENTITY, SPEND])


def written(root, documents):
    write_project(root, documents)
    project = json.loads((root / "mlspec.yaml").read_text())
    overrides = {"feature_view.spend": {"description": "in production"}}
    project["environments"]["prod"] = {"overrides": overrides}
    (root / "mlspec.yaml").write_text(json.dumps(project))
    return root


def applied(root, environment):
    with Session(root, environment) as session:
        assert session.apply(session.plan(), on_event=lambda _: None).ok


def test_what_differs_as_applied(root):
    applied(root, "prod")
    written(
        root, [SOURCE, ENTITY, {**SPEND, "aggregations": [*SPEND["aggregations"], MORE]}, {**SPEND, "name": "other"}]
    )
    applied(root, "dev")
    with Session(root, "prod") as session:
        found = session.diff("dev")
    assert [(str(d.address), d.status) for d in found.differences] == [
        ("feature_view.other", "only_second"),
        ("feature_view.spend", "different"),
    ]
    spend = found.differences[1]
    assert [(c.name, c.change) for c in spend.columns] == [("number", "added")]
    assert ("aggregations", "number") in [f.path for f in spend.fields]
    assert spend.versions[0] != spend.versions[1]
    assert found.same == 2


def test_what_differs_as_described(root):
    with Session(root) as session:
        found = session.diff("prod", desired=True)
    (one,) = found.differences
    assert (str(one.address), one.status) == ("feature_view.spend", "words")
    assert [(f.path, f.after) for f in one.fields] == [(("description",), "in production")]


def test_what_cannot_be_compared(root):
    applied(root, "dev")
    for other, code in (("dev", "same-environment"), ("pord", "unknown-environment"), ("prod", "not-applied")):
        with Session(root) as session, pytest.raises(Problems) as problems:
            session.diff(other)
        assert problems.value.diagnostics[0].code == code


def test_on_the_command_line(root, capsys):
    applied(root, "dev")
    written(root, [SOURCE, ENTITY, {**SPEND, "aggregations": [*SPEND["aggregations"], MORE]}])
    applied(root, "prod")
    where = ["-C", str(root), "diff", "dev", "prod"]
    assert main(where) == 0
    said = capsys.readouterr().out
    assert "~ feature_view.spend" in said
    assert "columns: number added" in said
    assert "1 different; 2 the same." in said
    assert main([*where, "--exit-code", "--format", "json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert [d["status"] for d in found["differences"]] == ["different"]
    assert main([*where, "--format", "markdown"]) == 0
    assert "| `~` | `feature_view.spend` | different |" in capsys.readouterr().out
    assert main([*where, "--desired", "--exit-code"]) == 0


def test_a_saved_plan_knows_its_environment(tmp_path, capsys):
    root = write_project(tmp_path, [{"kind": "team", "name": "core", "role": "platform"}])
    head = json.loads((root / "mlspec.yaml").read_text())
    (root / "mlspec.yaml").write_text(json.dumps(head | {"environments": {"dev": {}, "prod": {}}}))
    saved = str(tmp_path / "prod.plan")
    assert main(["-C", str(root), "plan", "-e", "prod", "-o", saved]) == 0
    assert main(["-C", str(root), "-e", "dev", "apply", saved]) == 1
    assert "the plan is for environment `prod`" in capsys.readouterr().err
    assert main(["-C", str(root), "apply", saved]) == 0
    with Session(root, "prod") as session:
        assert session.plan().plan.empty
    assert main(["-C", str(root), "-e", "prod", "destroy"]) == 1
    assert "mlspec plan --destroy -o FILE" in capsys.readouterr().err
