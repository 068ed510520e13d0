"""What `ignore_changes` names stays as it was applied, and everything else is followed."""

import json

import pytest
import smallest

from mlspec.cli.main import main
from mlspec.session import Session


def written(root, **deployment):
    documents = smallest.documents("deployment")
    next(d for d in documents if d["kind"] == "deployment").update(deployment)
    smallest.write_data(root)
    smallest.write_blocks(root, documents)


def planned(root):
    with Session(root) as session:
        return session.plan().plan


def applied(root):
    with Session(root) as session:
        done = session.apply(session.plan(), on_event=lambda _: None)
        assert done.ok, done.failed
        return session.recorded()[0]


def words(state):
    return next(r for r in state if str(r.address) == "deployment.live").words


@pytest.fixture
def root(tmp_path):
    written(tmp_path, ignore_changes=["replicas", "resources.memory", "env"])
    applied(tmp_path)
    return tmp_path


def test_a_change_of_it_is_not_followed_and_said(root):
    written(root, ignore_changes=["replicas", "resources.memory", "env"], replicas={"min": 5, "max": 9},
            resources={"cpu": "500m", "memory": "8Gi"}, env={"NEW": "1"})  # fmt: skip
    plan = planned(root)
    assert plan.changes == ()
    assert [n for n in plan.notes if "ignored" in n] == [
        '`replicas` of `deployment.live` stays as it was applied ({"max": 3, "min": 1}): its changes are ignored',
        '`resources.memory` of `deployment.live` stays as it was applied ("1Gi"): its changes are ignored',
        '`env` of `deployment.live` stays as it was applied ({"A": "1", "B": "2"}): its changes are ignored',
    ]


def test_what_is_beside_it_is_followed(root):
    written(root, ignore_changes=["replicas", "resources.memory", "env"], replicas={"min": 5, "max": 9},
            resources={"cpu": "2", "memory": "8Gi"}, image="registry.example/shop:2")  # fmt: skip
    (change,) = planned(root).changes
    assert {f.path for f in change.fields} == {("image",), ("resources", "cpu")}
    found = words(applied(root))
    assert (found["replicas"], found["resources"], found["image"]) == (
        {"min": 1, "max": 3},
        {"cpu": "2", "memory": "1Gi"},
        "registry.example/shop:2",
    )
    assert planned(root).empty
    manifest = "".join(p.read_text() for p in (root / "deploy").rglob("*.yaml"))
    assert "1Gi" in manifest
    assert "8Gi" not in manifest


def test_what_was_not_there_stays_away_and_what_was_stays(root):
    written(root, ignore_changes=["description", "replicas", "env"], description="new words")
    found = planned(root)
    assert {f.path[0] for c in found.changes for f in c.fields} == {"ignore_changes"}
    documents = smallest.documents("deployment")
    live = next(d for d in documents if d["kind"] == "deployment")
    del live["env"]
    live["ignore_changes"] = ["replicas", "resources.memory", "env"]
    smallest.write_blocks(root, documents)
    assert planned(root).changes == ()


def test_without_it_the_files_are_followed_again(root):
    written(root, replicas={"min": 5, "max": 9})
    (change,) = planned(root).changes
    assert ("replicas", "min") in {f.path for f in change.fields}


def test_what_is_new_is_as_the_files_say(tmp_path):
    written(tmp_path, ignore_changes=["replicas"], replicas={"min": 2, "max": 4})
    assert words(applied(tmp_path))["replicas"] == {"min": 2, "max": 4}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (["replica"], "`deployment.live` has no field `replica`"),
        (["name"], "a change of `name` cannot be ignored"),
        (["replicas..min"], "`deployment.live` has no field `replicas..min`"),
        (["resources.memry"], "`deployment.live` has no field `resources.memry`"),
    ],
)
def test_what_cannot_be_ignored_is_said_with_its_place(tmp_path, monkeypatch, capsys, fields, said):
    written(tmp_path, ignore_changes=fields)
    monkeypatch.chdir(tmp_path)
    assert main(["validate"]) == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert "specs.yaml:" in shown


def test_the_plan_says_it_to_programs_too(root, monkeypatch, capsys):
    written(root, ignore_changes=["replicas", "resources.memory", "env"], replicas={"min": 5, "max": 9})
    monkeypatch.chdir(root)
    assert main(["plan", "--detailed-exitcode"]) == 0
    assert "its changes are ignored" in capsys.readouterr().out
    assert main(["plan", "--format", "json"]) == 0
    assert any("its changes are ignored" in n for n in json.loads(capsys.readouterr().out)["notes"])
