"""Two revisions of the files compared: no state, no warehouse, and data that git does not keep is no difference."""

import subprocess

import battery_project
import pytest
from battery_project import SQL
from small_projects import actions, write_project

from mlspec.base.diag import Problems
from mlspec.cli.main import main
from mlspec.session import Session


def git(root, *arguments):
    subprocess.run(["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false", *arguments],
                   check=True, capture_output=True)  # fmt: skip


@pytest.fixture
def root(tmp_path):
    """A repository in a folder of which the project lies; its data is not kept."""
    root = tmp_path / "work" / "shop"
    root.mkdir(parents=True)
    battery_project.write_data(root)
    write_project(root, battery_project.documents())
    (root / ".gitignore").write_text("*.csv\n.mlspec\n")
    git(tmp_path / "work", "init", "-b", "main")
    git(tmp_path / "work", "add", "-A")
    git(tmp_path / "work", "commit", "-m", "one")
    return root


def against(root, revision, **wish):
    with Session(root) as session:
        return session.plan_against(revision, **wish).plan


def test_what_was_not_edited_is_not_different(root):
    assert actions(against(root, "main")) == []


def test_what_was_edited_is_told_to_the_column_and_nothing_is_written(root):
    found = battery_project.documents()
    next(d for d in found if d["name"] == "final")["sql"] = SQL["final"].replace("r.score * 2", "r.score * 3")
    found.append({"kind": "team", "name": "new", "role": "platform"})
    write_project(root, found)
    planned = against(root, "HEAD")
    assert dict(actions(planned)) == {
        "feature_view.final": "rebuild", "dataset.rich_rows": "rebuild", "model.rich_model": "rebuild",
        "deployment.rich_live": "update", "team.new": "create",
    }  # fmt: skip
    change = next(c for c in planned.changes if str(c.address) == "feature_view.final")
    assert [(c.name, c.change) for c in change.columns] == [("best", "changed")]
    assert planned.against == "HEAD"
    assert not [p for p in (root / ".mlspec").glob("*") if p.name != "cache"]
    assert [a for a, _ in actions(against(root, "HEAD", select=["feature_view.final"]))] == ["feature_view.final"]


def test_it_says_against_what(root, capsys):
    assert main(["-C", str(root), "plan", "--against", "main"]) == 0
    assert capsys.readouterr().out.startswith("Plan for small, environment dev, against main\n")


@pytest.mark.parametrize("revision", ["mian", "--all", "main:nothing", ""])
def test_a_revision_that_is_not_there_is_said(root, revision):
    with pytest.raises(Problems) as caught:
        against(root, revision)
    assert [d.code for d in caught.value.diagnostics] == ["unknown-revision"]


def test_a_project_that_is_not_kept_in_git_is_said(tmp_path):
    write_project(tmp_path / "loose", battery_project.documents())
    battery_project.write_data(tmp_path / "loose")
    with pytest.raises(Problems) as caught:
        against(tmp_path / "loose", "main")
    assert [d.code for d in caught.value.diagnostics] == ["no-git"]


def test_nothing_of_it_can_be_saved(root, capsys):
    assert main(["-C", str(root), "plan", "--against", "main", "-o", "x.plan"]) == 1
    assert "meaningless-option" in capsys.readouterr().err
