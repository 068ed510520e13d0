"""What `mlspec init` writes plans, applies, and goes away again."""

import subprocess

import pytest
from command import check_life, mlspec

from mlspec.base.diag import Problems
from mlspec.session import Session


def test_the_starter_applies_at_once(tmp_path):
    said = mlspec(tmp_path, "init", "machines")
    assert "features.yaml" in said.out
    check_life(tmp_path / "machines")


def test_validating_the_starter_finds_nothing_to_mind(tmp_path):
    Session.init(tmp_path / "new")
    for environment in ("dev", "prod"):
        with Session(tmp_path / "new", environment) as session:
            assert session.validate().warnings == ()


def test_git_leaves_out_what_is_not_written_by_people(tmp_path):
    Session.init(tmp_path / "new")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path / "new", check=True)
    for name in (".mlspec/state.json", "change.plan", "features.parquet", "plan.html", "code/__pycache__/train.pyc"):
        done = subprocess.run(["git", "check-ignore", "--quiet", name], cwd=tmp_path / "new", check=False)
        assert done.returncode == 0, name
    status = ["git", "status", "--porcelain", "--ignored", "--untracked-files=all"]
    done = subprocess.run(status, cwd=tmp_path / "new", check=True, capture_output=True, text=True)
    assert "!!" not in done.stdout, "all that was written belongs to the project"


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(Problems) as raised:
        Session.init(tmp_path)
    assert [d.code for d in raised.value.diagnostics] == ["folder-not-empty"]
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_will_do(tmp_path):
    written = Session.init(tmp_path)
    assert sorted(written) == sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())


def test_an_unknown_template_is_named(tmp_path):
    said = mlspec(tmp_path, "init", "x", "--template", "startr", code=1)
    assert "there is no template `startr`" in said.err
    assert "starter" in said.err
