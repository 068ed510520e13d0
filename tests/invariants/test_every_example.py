"""What holds for every example, in each of its environments that can be had here: applied, there is nothing left to do."""

import shutil
from pathlib import Path

import pytest

from mlspec.session import Session

EXAMPLES = Path(__file__).parents[2] / "examples"
ENVIRONMENTS = [("churn", "dev"), ("two_environments", "dev"), ("two_environments", "prod")]


def test_no_example_is_left_out():
    assert {p.name for p in EXAMPLES.iterdir() if p.is_dir()} == {name for name, _ in ENVIRONMENTS}


@pytest.mark.parametrize(("name", "environment"), ENVIRONMENTS)
def test_nothing_is_left_to_do(tmp_path, name, environment):
    root = shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=shutil.ignore_patterns(".mlspec", "*.duckdb"))
    with Session(root, environment) as session:
        planned = session.plan()
        done = session.apply(planned, approved_by=[r.team for r in planned.plan.reviews], on_event=lambda _: None)
        assert done.ok, done.failed
    for refresh in (True, False):
        with Session(root, environment) as session:
            assert session.plan(refresh=refresh).plan.changes == ()
