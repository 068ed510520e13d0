"""The local runner, with real processes: what steps get and give, what happens when they fail, what is not run again."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from local_project import ARTIFACT, BEATS, METRICS, MODEL, VERSION, Project, command, makes, measures, model_steps

from mlspec.backends.pipelines._local import execution, process
from mlspec.backends.pipelines.local import Local
from mlspec.backends.port import BackendError, Capability, PipelineTarget
from mlspec.base.registry import Registry
from mlspec.ir.workflow import CommandStep, DatasetStep, Gate, RegisterStep, Secret, Source, Workflow

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


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def stops_growing(path: Path) -> bool:
    """Whether nobody writes to a file any more; the processes below write to it every 50 ms."""
    size = path.stat().st_size
    time.sleep(0.4)
    return path.stat().st_size == size


def waited_for(path: Path) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end and not (path.exists() and path.stat().st_size):
        time.sleep(0.02)
    return path.exists()


def test_it_is_found_by_its_file_name():
    assert Registry("mlspec.backends.pipelines", PipelineTarget).get("local") is Local
    assert Capability.COLLECT in Local.capabilities


def test_a_workflow_from_rows_to_a_registered_model(project: Project):
    run = project.run(*model_steps('{"auc": 0.8, "n": 3}', Gate("auc", 0.8)))
    assert [step.status for step in run.steps] == ["done"] * 4
    assert run.metrics == {"evaluate": {"auc": 0.8, "n": 3.0}}
    kept = project.registry.get("delay", VERSION)
    assert kept == run.version
    assert (kept.metrics, kept.lineage) == ({"auc": 0.8, "n": 3.0}, {"dataset.d": "d1"})
    assert (Path(kept.path) / "f").read_text().startswith("d1\n")
    assert {"train: running", "evaluate: running"} <= set(project.said)
    assert any(line.startswith("train: done in 0.") for line in project.said)
    record = project.record()
    assert (record["status"], record["id"], record["version"]) == ("done", run.id, VERSION)
    assert [step["name"] for step in record["steps"]] == ["rows", "train", "evaluate", "register"]


def test_what_is_registered_is_not_trained_again_but_its_gates_are_checked(project: Project):
    first = project.run(*model_steps('{"auc": 0.8}', Gate("auc", 0.7)))
    again = project.run(*model_steps('{"auc": 0.9}', Gate("auc", 0.8)))
    assert [step.status for step in again.steps] == ["cached"] * 4
    assert (again.version, again.metrics) == (first.version, {"evaluate": {"auc": 0.8}})
    assert project.fails(*model_steps('{"auc": 0.9}', Gate("auc", 0.9))).code == "gate-failed"
    (Path(first.version.path) / "f").write_text("damaged")
    assert project.run(*model_steps('{"auc": 0.8}')).version.metrics == {"auc": 0.8}
    assert project.registry.get("delay", VERSION) is not None


@pytest.mark.parametrize("steps", [1, 2])
def test_a_version_has_the_metrics_of_the_output_that_is_named(project: Project, steps: int):
    """Also where its step comes from the cache, and whatever else that step measures."""
    line = "echo '{\"auc\": 0.9}' > $MLSPEC_OUTPUT_M; echo '{\"other\": 0.1}' > $MLSPEC_OUTPUT_N; echo x > $MLSPEC_OUTPUT_OUT/f"
    fit = command("fit", line, [("m", METRICS), ("n", METRICS), ("out", MODEL)])
    if steps == 2:
        assert project.statuses(fit) == {"fit": "done"}
    register = RegisterStep("register", "delay", Source("fit", "out"), Source("fit", "m"), (), "pickle")
    run = project.run(fit, register)
    assert [s.status for s in run.steps] == [["done", "cached"][steps - 1], "done"]
    assert run.version.metrics == {"auc": 0.9}
    assert run.metrics == {"fit": {"auc": 0.9, "other": 0.1}}


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ([Gate("auc", 0.81)], "`auc` is 0.8, at least 0.81 is needed"),
        (
            [Gate("loss", maximum=0.1), Gate("auc", 0.9)],
            "`loss` is 0.2, at most 0.1 is allowed; `auc` is 0.8, at least 0.9",
        ),
        ([Gate("f1", 0.1)], "there is no metric `f1` (there are: `auc`, `loss`)"),
    ],
)
def test_a_gate_that_is_not_met_registers_nothing(project: Project, gates, said):
    error = project.fails(*model_steps('{"auc": 0.8, "loss": 0.2}', *gates))
    assert error.code == "gate-failed"
    assert said in str(error)
    assert project.registry.versions("delay") == ()


def test_independent_steps_run_side_by_side(project: Project):
    meet = "touch {0}; for i in $(seq 200); do [ -e {1} ] && exit 0; sleep 0.05; done; exit 1"
    steps = [
        makes("top"),
        command("left", meet.format("l", "r"), inputs=[("x", "top.out")]),
        command("right", meet.format("r", "l"), inputs=[("x", "top.out")]),
    ]
    assert set(project.statuses(*steps).values()) == {"done"}


def test_one_at_a_time_when_told_so(tmp_path: Path):
    alone = "[ ! -e busy ] && touch busy && sleep 0.1 && rm busy"
    project = Project(tmp_path / "p", parallelism=1)
    assert set(project.statuses(*(command(name, alone) for name in "abc")).values()) == {"done"}


@pytest.mark.parametrize("value", NASTY)
def test_values_arrive_unchanged(project: Project, value: str):
    line = """python -c 'import os; open(os.environ["MLSPEC_OUTPUT_OUT"] + "/f", "w").write(
        os.environ["MLSPEC_PARAM_P"] + "|" + os.environ["E"])'; printf %s "$MLSPEC_PARAM_P" > "$MLSPEC_OUTPUT_OUT/g" """
    step = command("a", line, [("out", ARTIFACT)], env=(("E", value),))
    project.run(step, parameters=(("p", json.dumps(value)),))
    assert project.file("a/out/f") == f"{value}|{value}"
    assert project.file("a/out/g") == value
    assert not (project.root / "hacked").exists()


def test_parameters_that_are_no_strings_arrive_as_json(project: Project):
    step = makes("a", 'printf "%s|" "$MLSPEC_PARAM_A" "$MLSPEC_PARAM_B" "$MLSPEC_PARAM_C" "$MLSPEC_PARAM_D"')
    project.run(step, parameters=(("a", "1.50"), ("b", "true"), ("c", "null"), ("d", '["x y", 1]')))
    assert project.file("a/out/f") == '1.50|true|null|["x y", 1]|'
    assert project.record()["parameters"]["d"] == ["x y", 1]


def test_a_list_is_a_program_with_its_arguments(project: Project):
    code = "import sys, os; print(sys.argv[1:], os.getcwd(), sys.executable)"
    project.run(CommandStep("a", ("python", "-c", code, "$HOME", "*", "a b")))
    assert project.file("a.log").startswith(f"['$HOME', '*', 'a b'] {project.root.resolve()} {sys.prefix}")


def test_little_is_inherited(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET", "hidden")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    project.run(makes("a", "env"))
    seen = dict(line.split("=", 1) for line in project.file("a/out/f").splitlines() if "=" in line)
    assert "AWS_SECRET" not in seen
    assert seen["PYTHONHASHSEED"] == "7"
    assert seen["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_retries_until_it_works(project: Project):
    line = 'echo x >> tries; [ $(wc -l < tries) -ge 3 ] && echo y > "$MLSPEC_OUTPUT_OUT/f"'
    step = command("a", line, [("out", ARTIFACT)], retries=2, retry_delay=0.05)
    assert project.statuses(step) == {"a": "done"}
    assert "--- attempt 3 of 3 ---" in project.file("a.log")
    assert "attempt 2 of 3 in 0.05 s" in "\n".join(project.said)


def test_a_failure_stops_what_depends_on_it_and_nothing_else(project: Project):
    steps = [
        command("bad", "for i in $(seq 30); do echo line $i >&2; done; exit 3", [("out", ARTIFACT)]),
        command("child", "touch child", inputs=[("x", "bad.out")]),
        makes("good", "sleep 0.2; echo"),
        command("after", "touch after", inputs=[("x", "good.out")]),
    ]
    error = project.fails(*steps)
    assert str(error) == "step `bad` of workflow `w` failed with exit code 3"
    assert "| line 16\n" in error.help
    assert "| line 30\n" in error.help
    assert "| line 15\n" not in error.help
    log = error.help.partition("the whole log is ")[2].splitlines()[0]
    assert (project.root / log).read_text().startswith("line 1\n")
    assert (project.root / "after").exists()
    assert not (project.root / "child").exists()
    statuses = {step["name"]: step["status"] for step in project.record()["steps"]}
    assert statuses == {"bad": "failed", "child": "not run", "good": "done", "after": "done"}


def test_a_program_that_is_not_there(project: Project):
    assert "step `a` of workflow `w` could not be started" in str(project.fails(CommandStep("a", ("nothere_", "x"))))


def test_timeout_ends_the_children_of_children(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "GRACE", 0.3)
    step = command("a", f"trap '' TERM; (trap '' TERM; {BEATS}) & {BEATS} & wait", timeout=0.5)
    assert "step `a` of workflow `w` took longer than 0.5 s" in str(project.fails(step))
    assert stops_growing(project.root / "beats")


def test_what_a_step_leaves_in_the_background_does_not_outlive_it(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "GRACE", 0.3)
    assert project.statuses(command("a", f"{BEATS} & sleep 0.2; echo last")) == {"a": "done"}
    assert project.file("a.log") == "last\n"
    assert stops_growing(project.root / "beats")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_when_mlspec_is_ended(tmp_path: Path, number: int):
    script = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it starts in the background
sys.path.insert(0, {str(Path(__file__).parent)!r})
from local_project import *
Project(Path(sys.argv[1])).run(command("a", BEATS + " & " + BEATS))
"""
    beats = tmp_path / "beats"
    runner = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stderr=subprocess.PIPE)
    assert waited_for(beats)
    runner.send_signal(number)
    runner.communicate(timeout=20)
    assert runner.returncode != 0
    end = time.monotonic() + 60
    while not stops_growing(beats):
        assert time.monotonic() < end
    if number == signal.SIGINT:
        record = json.loads(next(tmp_path.glob(".mlspec/runs/dev/*/run.json")).read_text())
        assert record["status"] == "interrupted"


@pytest.mark.parametrize(("metrics", "status"), [('{"auc": 0.8}', "done"), ('{"auc": 0.6}', "skipped")])
def test_a_condition_decides_and_what_depends_on_it_follows(project: Project, metrics: str, status: str):
    steps = [
        makes("a", when="metrics.m.auc > 0.7 && parameters.mode == 'full'"),
        command("b", "true", inputs=[("x", "a.out")]),
        measures("m", metrics),
    ]
    assert project.statuses(*steps, parameters=(("mode", '"full"'),)) == {"m": "done", "a": status, "b": status}


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("metrics.m.auc >", "it ends too early"),
        ("metrics.m.f1 > 1", "there is no 'f1'; there is `metrics.m.auc`"),
        ("metrics.m.auc", "it is `0.8`, neither true nor false"),
        ("parameters.x > 'a'", "No such overload"),
        ("nothing > 1", "Undefined variable"),
    ],
)
def test_a_condition_that_cannot_be_evaluated(project: Project, when: str, why: str):
    steps = [measures("m", '{"auc": 0.8}'), command("a", "touch ran", inputs=[("m", "m.m")], when=when)]
    error = project.fails(*steps, parameters=(("x", "1"),))
    assert "the condition of step `a` cannot be evaluated" in str(error)
    assert why in str(error)
    assert not (project.root / "ran").exists()


def test_equal_steps_are_not_run_again(project: Project):
    data, a = DatasetStep("d", "dataset.d", "d1"), makes("a", inputs=[("x", "d.data")], code=(("a.py", "c1"),))
    b = command("b", "cat $MLSPEC_INPUT_A/f", inputs=[("a", "a.out")])
    assert project.statuses(data, a, b) == {"d": "done", "a": "done", "b": "done"}
    first = project.file("a/out/f")
    assert project.statuses(data, a, b) == {"d": "cached", "a": "cached", "b": "done"}
    assert (project.file("a/out/f"), project.exports) == (first, 1)
    changes = [
        replace(a, code=(("a.py", "c2"),)),
        replace(a, env=(("X", "1"),)),
        replace(a, command=(a.command[0] + " #",)),
        replace(a, cache=False),
    ]
    for changed in changes:
        assert project.statuses(data, changed)["a"] == "done"
    assert project.statuses(data, a, parameters=(("p", "1"),))["a"] == "done"
    assert project.statuses(replace(data, digest="d2"), a) == {"d": "done", "a": "done"}


@pytest.mark.parametrize("damage", ["change", "lose", "entry"])
def test_what_is_damaged_in_the_cache_is_made_again(project: Project, damage: str):
    project.run(makes("a"))
    (kept,) = project.root.glob(".mlspec/cache/dev/*/out/f")
    match damage:
        case "change":
            kept.write_text("other")
        case "lose":
            kept.unlink()
        case "entry":
            (kept.parents[1] / "entry.json").write_text("{")
    assert project.statuses(makes("a")) == {"a": "done"}
    assert project.statuses(makes("a")) == {"a": "cached"}
    assert project.file("a/out/f") != "other"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"auc": NaN}', "metric `auc` of output `m` must be a finite number, it is NaN"),
        ('{"auc": 1e999}', "it is infinite"),
        ('{"a": {"b": 1}}', "metric `a` of output `m` must be a finite number, it is an object"),
        ('{"a": "1"}', "it is a string"),
        ('{"a": true}', "it is a boolean"),
        ('{"a": 1, "a": 2}', "`a` is there twice"),
        ("[1]", "must be one JSON object, it is a list"),
        ("{", "is not JSON"),
    ],
)
def test_metrics_are_one_flat_object_of_finite_numbers(project: Project, text: str, why: str):
    error = project.fails(measures("a", text))
    assert str(error).startswith("step `a` of workflow `w` failed: metric")
    assert why in str(error)


def test_outputs_must_be_there(project: Project):
    assert "metrics output `m` was not written" in str(project.fails(command("a", "true", [("m", METRICS)])))
    assert "output `o` is empty" in str(project.fails(command("a", "true", [("o", MODEL)])))


def test_secrets_arrive_and_are_not_logged(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOKEN", 'p$w"rd-7')
    step = makes(
        "a",
        "printf %s \"$T\"; printf 'is p$w' >&2; sleep 0.15; printf '\"rd-7.' >&2",
        secrets=(("T", Secret("env", "TOKEN")),),
    )
    project.run(step)
    assert project.file("a/out/f") == 'p$w"rd-7'
    assert project.file("a.log") == "is ***."
    assert "rd-7" not in project.file("run.json")
    monkeypatch.setenv("TOKEN", "another")
    assert project.statuses(step) == {"a": "cached"}


def test_missing_secrets_are_named_before_anything_runs(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TOKEN", raising=False)
    monkeypatch.setenv("EMPTY", "")
    secrets = (("T", Secret("env", "TOKEN")), ("E", Secret("env", "EMPTY")))
    error = project.fails(command("a", "touch ran"), command("b", "true", secrets=secrets))
    assert error.code == "secret-missing"
    assert "`EMPTY` (step `b`), `TOKEN` (step `b`)" in str(error)
    assert not (project.root / "ran").exists()


def test_only_the_newest_runs_are_kept(tmp_path: Path):
    project = Project(tmp_path / "p", keep_runs=2)
    runs = [project.run(makes("a")).id for _ in range(4)]
    assert runs == sorted(runs)
    assert sorted(path.name for path in project.root.glob(".mlspec/runs/dev/*")) == runs[2:]
    assert project.statuses(makes("a")) == {"a": "cached"}


def test_the_description_is_published_and_withdrawn(project: Project):
    workflow = Workflow("w", model_steps("{}", Gate("auc", 0.5)), (("p", '"x"'),), version=VERSION)
    (artifact,) = project.local.render(workflow)
    described = json.loads(artifact.text)
    assert artifact.path == "pipelines/w.json"
    assert [step["needs"] for step in described["steps"]] == [[], ["rows"], ["train"], ["evaluate", "train"]]
    outcome = project.local.publish(workflow)
    (kept,) = project.root.glob(".mlspec/pipelines/dev/w.json")
    assert kept.read_text() == artifact.text
    project.local.withdraw(outcome.outputs)
    project.local.withdraw(outcome.outputs)
    assert not kept.exists()


def test_a_long_step_is_mentioned_again(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(execution, "HEARTBEAT", 0.1)
    project.run(command("a", "sleep 0.35"))
    assert project.said.count("a: running for 0 s") >= 2


def test_closing_ends_a_run_in_another_thread(project: Project):
    with ThreadPoolExecutor() as pool:
        run = pool.submit(project.run, command("a", BEATS), command("b", "true", inputs=[("a", "a.none")]))
        assert waited_for(project.root / "beats")
        project.local.close()
        with pytest.raises(BackendError, match="the run of workflow `w` was stopped"):
            run.result(timeout=10)
    assert stops_growing(project.root / "beats")


def test_all_that_failed_is_told(project: Project):
    error = project.fails(command("a", "exit 1"), command("b", "kill -9 $$"))
    assert str(error) == "step `a` of workflow `w` failed with exit code 1"
    assert "step `b` failed too: step `b` of workflow `w` was ended by signal 9" in error.help


def test_an_export_that_fails_fails_its_step(project: Project):
    def refuse(*_: object) -> None:
        raise BackendError("the warehouse is away")

    project.tools = replace(project.tools, export=refuse)
    error = project.fails(DatasetStep("d", "dataset.d", "d1"), command("a", "touch ran"))
    assert str(error) == "step `d` of workflow `w` failed: the warehouse is away"
    assert (project.root / "ran").exists()
    assert [step["error"] for step in project.record()["steps"]] == [str(error), ""]


def test_steps_that_wait_for_each_other_are_refused(project: Project):
    error = project.fails(command("a", "true", inputs=[("x", "b.o")]), command("b", "true", inputs=[("x", "a.o")]))
    assert "steps of workflow `w` wait for each other" in str(error)
