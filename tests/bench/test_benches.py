"""The benches at a small size: every contender gives the same answer. Seconds are never asserted."""

import random

import contest
import data
import killed_runs
import plans
import point_in_time
import projects
import pytest
import rendering
import steps
import windows
from measure import differences

pytestmark = pytest.mark.slow
SMALL = data.Shape(spine=2_000, events=10_000, keys=200)


def agree(entries):
    assert not [(e.name, e.best.error) for e in entries if e.best.error]
    assert {e.name: e.differs for e in entries} == {e.name: 0 for e in entries}


def test_latest_values_agree(tmp_path):
    folder = data.write(SMALL, tmp_path)
    entries = contest.hold(point_in_time.contenders(folder, SMALL.views), folder, 1)
    agree(entries)
    assert {e.best.rows for e in entries} == {SMALL.spine}


@pytest.mark.parametrize("functions", sorted(windows.FUNCTIONS))
def test_windows_agree(functions, tmp_path):
    folder = data.write(SMALL, tmp_path)
    found = windows.contenders(folder, functions, part=3)
    entries = contest.hold(found, folder, 1, part=[windows.REFERENCE])
    agree(entries)
    assert {e.best.rows for e in entries if e.name != windows.REFERENCE} == {SMALL.spine}


def test_an_apply_makes_all_rows(tmp_path):
    folder = data.write(SMALL, tmp_path)
    projects.write_project(folder, projects.latest(SMALL.views), "500MB")
    cost = point_in_time.applied(folder)
    assert not cost.error
    assert cost.rows == SMALL.spine


def test_plans_are_as_they_should_be(tmp_path):
    took = {t.what: t.said for t in plans.measured(tmp_path, 20, "", 1)}
    assert "No changes" in took["unchanged"]
    assert "No changes" in took["cold"]
    assert "feature_view" in took["one changed, layer 4"]


def test_steps_run_in_every_way(tmp_path):
    assert set(steps.measured(10, 1)) == set(steps.CONTENDERS)


def test_a_run_that_is_killed_comes_to_the_same(tmp_path):
    assert killed_runs.tried(tmp_path / "p", random.Random(3)) in {"a step", "the runner"}


def test_every_target_renders_many_steps():
    found = rendering.measured(200)
    assert [one["target"] for one in found] == list(rendering.TARGETS)
    assert all(one["mb"] for one in found)


def test_data_is_the_same_again(tmp_path):
    one, other = data.write(SMALL, tmp_path / "one"), data.write(SMALL, tmp_path / "other")
    for name in ("spine", "view0", "view2"):
        assert differences(one / f"{name}.parquet", other / f"{name}.parquet") == 0
