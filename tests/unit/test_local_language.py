"""The local runner honours what a pipeline can say: fan-outs, parameters of steps, backoff, silence, failures, age of the cache."""

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from local_project import ARTIFACT, BEATS, METRICS, Project, command, makes, measures

from mlspec.backends.pipelines._local import process
from mlspec.backends.pipelines._local.guard import Guard
from mlspec.ir.workflow import Allowed, FanOut, Mode, OfMetric, OnError, OutputType, StepParameter, Written

NASTY = [
    "it's",
    'a "b"',
    "two\nlines\n",
    "$(touch hacked)",
    "`id`",
    "{{inputs.x}}",
    "n",
    "1e3",
    "on",
    "",
    " é\\",
    "-n",
    "%s",
]
STOP, SKIP, CONTINUE = OnError


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def each(*values, name="v", **more):
    return FanOut(tuple(((name, json.dumps(value)),) for value in values), **more)


def fits(
    values,
    line='echo "{\\"auc\\": $MLSPEC_PARAM_V}" > $MLSPEC_OUTPUT_M; echo $MLSPEC_PARAM_V > $MLSPEC_OUTPUT_O/v',
    fan=None,
    **more,
):
    return command("fit", line, [("m", METRICS), ("o", ARTIFACT)], each=fan or each(*values, **more))


def test_the_best_item_is_what_later_steps_get(project: Project):
    tell = makes("tell", "cat $MLSPEC_INPUT_O/v", [("o", "fit.o")], when="metrics.fit.auc > 0.5")
    run = project.run(fits([0.3, 0.9, 0.9, 0.1], best="auc"), tell)
    assert {s.name: s.status for s in run.steps} == {"fit": "done", "tell": "done"}
    assert run.metrics == {"fit": {"auc": 0.9}}
    assert project.file("tell/out/f") == "0.9\n"
    assert "fit: keeps item 1, the highest `auc`: auc = 0.9 (v = 0.9)" in project.said
    assert project.run(fits([0.3, 0.9], best="auc", mode=Mode.MIN)).metrics == {"fit": {"auc": 0.3}}


def test_without_it_later_steps_get_a_folder_of_each(project: Project):
    last = makes(
        "last",
        "cd $MLSPEC_INPUT_O; cat 0/v 1/v; cat $MLSPEC_INPUT_M/1/m.json; cat items.json",
        [("o", "fit.o"), ("m", "fit.m")],
    )
    run = project.run(fits([2, 5]), last)
    assert run.metrics == {}
    lines = project.file("last/out/f")
    assert lines.startswith('2\n5\n{"auc": 5}\n')
    assert json.loads(lines.partition("}\n")[2]) == [
        {"item": 0, "parameters": {"v": 2}, "metrics": {"auc": 2.0}}, {"item": 1, "parameters": {"v": 5}, "metrics": {"auc": 5.0}}]  # fmt: skip


def test_each_item_is_cached_by_itself(project: Project):
    counted = 'echo $MLSPEC_PARAM_V >> count; echo $MLSPEC_PARAM_V > $MLSPEC_OUTPUT_O/v; echo "{}" > $MLSPEC_OUTPUT_M'
    assert project.statuses(fits([1, 2], counted)) == {"fit": "done"}
    assert project.statuses(fits([1, 2], counted)) == {"fit": "cached"}
    assert project.statuses(fits([1, 2, 3], counted)) == {"fit": "done"}
    assert sorted((project.root / "count").read_text().split()) == ["1", "2", "3"]


def test_so_many_items_at_a_time(tmp_path: Path):
    project = Project(tmp_path / "p", parallelism=4)
    alone = (
        '[ ! -e busy ] && touch busy && sleep 0.05 && rm busy; echo "{}" > $MLSPEC_OUTPUT_M; echo > $MLSPEC_OUTPUT_O/v'
    )
    project.run(fits([1, 2, 3], f"set -e; {alone}", parallel=1))
    meet = "touch m$MLSPEC_PARAM_V; for i in $(seq 1200); do [ -e m1 ] && [ -e m2 ] && [ -e m3 ] && exit 0; sleep 0.05; done; exit 1"
    assert project.statuses(command("a", meet, each=each(1, 2, 3))) == {"a": "done"}


@pytest.mark.parametrize("value", NASTY)
def test_values_arrive_unchanged(project: Project, value: str):
    line = 'printf \'%s|%s\' "$MLSPEC_PARAM_OWN" "$MLSPEC_PARAM_V" > $MLSPEC_OUTPUT_OUT/f'
    own = StepParameter("own", Written(json.dumps(value)), Allowed("string"))
    project.run(command("a", line, [("out", ARTIFACT)], parameters=(own,), each=each(value)))
    assert project.file("a.items/0/out/f") == f"{value}|{value}"
    assert not (project.root / "hacked").exists()


def test_a_metric_becomes_a_parameter(project: Project):
    rows = StepParameter("rows", OfMetric("count", "rows"), Allowed("int64", minimum=1))
    tell = makes("tell", 'echo "$MLSPEC_PARAM_ROWS"', parameters=(rows,))
    assert project.statuses(measures("count", '{"rows": 12}'), tell) == {"count": "done", "tell": "done"}
    assert project.file("tell/out/f") == "12\n"
    error = project.fails(measures("count", '{"rows": 0}'), tell)
    assert "step `tell` of workflow `w` cannot be given what it asks for: parameter `rows`: `0` is less than 1" in str(
        error
    )
    error = project.fails(measures("count", '{"lines": 0}'), tell)
    assert "step `count` has no metric `rows` (it has: `lines`)" in str(error)


def test_it_waits_longer_and_longer(project: Project):
    project.fails(command("a", "exit 1", retries=3, retry_delay=0.02, retry_factor=4.0, retry_max_delay=0.1))
    assert [line.rpartition(" in ")[2] for line in project.said if "attempt" in line] == ["0.02 s", "0.08 s", "0.1 s"]


def test_silence_ends_a_step(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "GRACE", 0.3)
    talks = command("talks", "for i in 1 2 3; do sleep 0.2; echo $i; done", idle_timeout=60.0)
    error = project.fails(talks, command("silent", "echo x; sleep 200", idle_timeout=0.4, timeout=200.0))
    assert str(error) == "step `silent` of workflow `w` wrote nothing for 0.4 s and was ended"
    assert {s["name"]: s["status"] for s in project.record()["steps"]} == {"talks": "done", "silent": "failed"}


def test_who_writes_is_not_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """By a clock that only goes on when something is written: each time six seconds, of ten that it may be silent."""

    class Clock:
        now = 0.0

        def feed(self, piece: bytes) -> bytes:
            self.now += 6.0
            return piece

        def flush(self) -> bytes:
            return b""

    clock = Clock()
    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=time.sleep))
    wanted = process.Command(
        ("sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.05; done"),
        tmp_path,
        {"PATH": os.environ["PATH"]},
        0.0,
        10.0,
    )
    with Guard("x") as guard:
        assert process.run_command(wanted, tmp_path / "log", clock, guard) == 0
    assert (tmp_path / "log").read_text() == "1\n2\n3\n4\n5\n"


def chain(fate, **more):
    return [
        command("bad", "exit 1", [("out", ARTIFACT), ("m", METRICS)], on_error=fate),
        command("needs", "true", inputs=[("x", "bad.out")]),
        command("asks", "true", when="metrics.bad.m > 1"),
        command("comes", "true", after=("bad",)),
        command("later", "true", after=("comes",)),
        command("beside", "true"),
    ]


@pytest.mark.parametrize(
    ("fate", "found"),
    [
        (SKIP, {"needs": "not run", "asks": "not run", "comes": "not run", "later": "not run", "beside": "done"}),
        (CONTINUE, {"needs": "skipped", "asks": "skipped", "comes": "done", "later": "done", "beside": "done"}),
        (STOP, {"needs": "not run", "asks": "not run", "comes": "not run", "later": "not run", "beside": "not run"}),
    ],
)
def test_what_a_failure_means(tmp_path: Path, fate, found):
    project = Project(tmp_path / "p", parallelism=1)
    if fate is CONTINUE:
        assert project.statuses(*chain(fate)) == {"bad": "failed", **found}
        (said,) = [line for line in project.said if line.startswith("bad: failed after")]
        assert said.endswith(", the run goes on without it")
        assert project.record()["status"] == "done"
    else:
        assert project.fails(*chain(fate)).code == "step-failed"
    assert {s["name"]: s["status"] for s in project.record()["steps"]} == {"bad": "failed", **found}


def test_what_the_workflow_says_of_failures(tmp_path: Path):
    project = Project(tmp_path / "p", parallelism=1)
    project.fails(command("a", "exit 1"), command("b", "touch b"), on_error=STOP)
    assert not (project.root / "b").exists()
    assert project.statuses(command("a", "exit 1"), command("b", "true", after=("a",)), on_error=CONTINUE) == {
        "a": "failed",
        "b": "done",
    }


@pytest.mark.parametrize(("fate", "runs"), [(SKIP, "0123"), (STOP, "01"), (CONTINUE, "0123")])
def test_items_that_fail(tmp_path: Path, fate, runs):
    project = Project(tmp_path / "p", parallelism=1)
    line = 'touch ran$MLSPEC_PARAM_V; [ $MLSPEC_PARAM_V != 1 ] && echo > $MLSPEC_OUTPUT_O/v && echo "{}" > $MLSPEC_OUTPUT_M'
    step = command("fit", line, [("m", METRICS), ("o", ARTIFACT)], each=each(0, 1, 2, 3), on_error=fate)
    last = makes("last", "ls $MLSPEC_INPUT_O", [("o", "fit.o")])
    if fate is CONTINUE:
        assert project.statuses(step, last) == {"fit": "done", "last": "done"}
        assert project.file("last/out/f").split() == ["0", "2", "3", "items.json"]
    else:
        assert str(project.fails(step, last)) == "step `fit[1]` of workflow `w` failed with exit code 1"
    assert "".join(str(n) for n in range(4) if (project.root / f"ran{n}").exists()) == runs


def test_when_all_items_fail_nothing_is_left_out(project: Project):
    step = command("fit", "exit 3", [("o", ARTIFACT)], each=each(0, 1), on_error=CONTINUE)
    assert project.statuses(step, command("b", "true", inputs=[("o", "fit.o")])) == {"fit": "failed", "b": "skipped"}


def test_the_best_needs_its_metric(project: Project):
    error = project.fails(fits([1], best="f1"))
    assert "step `fit` of workflow `w` keeps the best `f1`, and item 0 has no such metric" in str(error)
    assert error.help.startswith("it has: `auc`")


def test_what_is_too_old_is_made_again(project: Project):
    assert project.statuses(makes("a", cache_ttl=3600.0)) == {"a": "done"}
    assert project.statuses(makes("a", cache_ttl=3600.0)) == {"a": "cached"}
    (entry,) = project.root.glob(".mlspec/cache/dev/*/entry.json")
    kept = json.loads(entry.read_text())
    entry.write_text(json.dumps(kept | {"at": kept["at"] - 3700}))
    assert project.statuses(makes("a")) == {"a": "cached"}
    assert project.statuses(makes("a", cache_ttl=3600.0)) == {"a": "done"}
    assert project.statuses(makes("a", cache_ttl=3600.0)) == {"a": "cached"}


def test_a_long_chain_of_skipped_steps(project: Project):
    first = command("s0", "true", [("o", ARTIFACT)], when="false")
    steps = [first, *(command(f"s{i}", "true", [("o", ARTIFACT)], [("x", f"s{i - 1}.o")]) for i in range(1, 1500))]
    assert set(project.statuses(*steps).values()) == {"skipped"}


def test_a_process_that_left_its_group_does_not_outlive_the_run(project: Project):
    away = f"import os, subprocess; subprocess.Popen(['sh', '-c', {BEATS!r}], start_new_session=True)"
    project.run(command("a", f'python -c "{away}"; while [ ! -s beats ]; do sleep 0.02; done'))
    size = (project.root / "beats").stat().st_size
    time.sleep(0.2)
    assert (project.root / "beats").stat().st_size == size


def test_metrics_of_items_are_files_of_their_own(project: Project):
    step = command("fit", "echo '{\"a\": 1}' > $MLSPEC_OUTPUT_M", [("m", OutputType.METRICS)], each=each("x"))
    assert project.statuses(step) == {"fit": "done"}
    assert json.loads(project.file("fit/m/0/m.json")) == {"a": 1}


def test_a_condition_sees_a_parameter_as_its_type_has_it(project: Project):
    asks = command("asks", "true", when="parameters.rate * 2.0 > 1.0")
    found = project.statuses(asks, parameters=(("rate", "1"),), allowed=(("rate", Allowed("float64")),))
    assert found == {"asks": "done"}


def test_what_a_step_says_that_it_measures_has_to_be_there(project: Project):
    said = project.fails(measures("m", '{"auc": 0.5}', measures=("auc", "f1")))
    assert "metric `f1`, which the step says that it measures, is not there (there are: `auc`)" in str(said)
    assert project.statuses(measures("m", '{"auc": 0.5, "more": 1}', measures=("auc",))) == {"m": "done"}
