"""The step wrapper as a container starts it: what it reads, what a step sees, what it hands on, how it says that something failed."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mlspec.backends.pipelines._step.task import Task, task_of
from mlspec.backends.pipelines._step.wire import packed, unpack
from mlspec.base.digest import digest_bytes
from mlspec.ir.given import given
from mlspec.ir.workflow import (
    Allowed,
    CommandStep,
    FanOut,
    Mode,
    OfMetric,
    OutputType,
    Secret,
    Sees,
    Source,
    StepParameter,
    Workflow,
)

ROOT = Path(__file__).parents[2]
STEP = CommandStep("fit", ('echo "$MLSPEC_PARAM_N" > "$MLSPEC_OUTPUT_OUT/n"; echo \'{"auc": 0.5}\' > "$MLSPEC_OUTPUT_M"',), outputs=(("m", OutputType.METRICS), ("out", OutputType.ARTIFACT)))  # fmt: skip
OUTPUTS = ("--output=out={0}/out", "--output=m={0}/m.json", "--value=auc={0}/auc")


def start(task: Task | str, *options: str, **variables: str) -> subprocess.CompletedProcess:
    text = task if isinstance(task, str) else packed(task)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "MLSPEC_TASK": text, **variables}
    return subprocess.run(
        [sys.executable, "-m", "mlspec.step", *options], capture_output=True, text=True, check=False, env=environment
    )


def task(step: CommandStep = STEP, **more: object) -> Task:
    return Task(step, "w", **{"parameters": (("n", "1"),), **more})


def outputs(folder: Path) -> list[str]:
    return [option.format(folder) for option in OUTPUTS]


def test_it_hands_on_outputs_metrics_and_values(tmp_path):
    done = start(task(), *outputs(tmp_path), f"--returns={tmp_path}/x/return.json", "--param=n=7")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/n").read_text() == "7\n"
    assert json.loads((tmp_path / "m.json").read_text()) == {"auc": 0.5}
    assert (tmp_path / "auc").read_text() == "0.5"
    assert json.loads((tmp_path / "x/return.json").read_text()) == {"auc": 0.5}
    assert json.loads(done.stdout.splitlines()[-1]) == {"auc": 0.5}


@pytest.mark.parametrize(("line", "code"), [("printf done", 0), ("echo done", 0), ("printf done; exit 3", 1)])
def test_what_follows_the_log_stands_on_a_line_of_its_own(line, code):
    done = start(task(CommandStep("s", (line,))))
    assert (done.returncode, done.stdout) == (code, "done\n" if code else "done\n{}\n"), done.stderr


@pytest.mark.parametrize("default", ["4", "0.5", '"x"', "true"])
def test_a_model_is_trained_with_its_own_parameters_only(default):
    """A target hands them over with every run; others are refused before anything runs."""
    step = CommandStep("s", ("echo ran",))
    other = {"4": "5", "0.5": "0.25", '"x"': '"y"', "true": "false"}[default]
    for text, code, said in ((default, 0, "ran\n{}\n"), (other, 1, "")):
        done = start(task(step, parameters=(("n", default),), trained=True), MLSPEC_PARAM_N=text)
        assert (done.returncode, done.stdout) == (code, said), done.stderr
    assert f"parameter `n` of this run is {other}, and model `w` is trained with {default}" in done.stderr


def test_it_uses_the_standard_library_only():
    code = "import sys\nfrom mlspec.step.__main__ import main\nassert main() == 0\nprint(sorted({m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)))"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "MLSPEC_TASK": packed(task(CommandStep("s", ("true",)))),
    }
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "['__main__', 'mlspec']"


@pytest.mark.parametrize(
    ("text", "default", "seen"),
    [
        ("7", "1", "7"), ("7.0", "1", "7"), ("plain words", '"x"', "plain words"), ('"in \\u007b JSON"', '"x"', "in { JSON"),
        ("7", '"x"', "7"), ("True", "false", "true"), ("-n", '"x"', "-n"), ("a=b", '"x"', "a=b"), ("", '"x"', ""), ("2", "0.5", "2"),
    ],
)  # fmt: skip
def test_a_parameter_of_a_run_is_read_as_what_it_is(text, default, seen, tmp_path):
    step = CommandStep(
        "see", ('printf %s "$MLSPEC_PARAM_N" > "$MLSPEC_OUTPUT_OUT/n"',), outputs=(("out", OutputType.ARTIFACT),)
    )
    for number, (options, variables) in enumerate((([f"--param=n={text}"], {}), ([], {"MLSPEC_PARAM_N": text}))):
        done = start(
            task(step, parameters=(("n", default),)), f"--output=out={tmp_path}/{number}", *options, **variables
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / str(number) / "n").read_text() == seen


@pytest.mark.parametrize(
    ("text", "why"), [("x", "`x` is not a `int64`"), ("9", "`9` is more than 5"), ("1.5", "`1.5` is not a `int64`")]
)
def test_a_parameter_that_does_not_fit_starts_nothing(text, why):
    done = start(
        task(CommandStep("s", ("echo ran",)), allowed=(("n", Allowed("int64", 0.0, 5.0)),)), f"--param=n={text}"
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert f"error: parameter `n`: {why}" in done.stderr


def test_a_metric_becomes_a_parameter(tmp_path):
    step = replace(
        STEP,
        command=('echo "$MLSPEC_PARAM_ROWS" > "$MLSPEC_OUTPUT_OUT/n"; echo "{}" > "$MLSPEC_OUTPUT_M"',),
        parameters=(StepParameter("rows", OfMetric("e", "rows"), Allowed("int64")),),
    )
    for options, variables in ((["--metric=e.rows=1200.0"], {}), ([], {"MLSPEC_METRICS_E": '{"rows": 1200.0}'})):
        done = start(task(step), f"--output=out={tmp_path}/out", *options, **variables)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "out/n").read_text() == "1200\n"
    assert "has no metric `rows` (it has: none)" in start(task(step)).stderr


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (CommandStep("s", ("exit 3",)), "failed with exit code 3"),
        (CommandStep("s", ("kill -9 $$",)), "was ended by signal 9"),
        (CommandStep("s", ("sleep 30",), timeout=0.3), "took longer than 0.3 s"),
        (CommandStep("s", ("/no/such/program", "x")), "could not be started"),
        (CommandStep("s", ("true",), outputs=(("out", OutputType.ARTIFACT),)), "output `out` is empty"),
        (CommandStep("s", ("true",), secrets=(("TOKEN", Secret("kubernetes", "a/b")),)), "needs the secret `TOKEN`"),
        (CommandStep("s", ("true",), code=(("train.py", "0123"),)), "`train.py` is not as it was planned"),
    ],
)  # fmt: skip
def test_what_failed_is_said(step, said, tmp_path):
    done = start(task(step), f"--project={tmp_path}")
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.startswith("error: step `s` of workflow `w`")
    assert start(task(step), f"--project={tmp_path}", "--soft").returncode == 99


def test_code_that_is_as_it_was_planned_runs(tmp_path):
    (tmp_path / "train.py").write_text("x")
    step = CommandStep("s", ("test -f train.py",), code=(("train.py", digest_bytes([b"x"])), ("definition.py", "")))
    assert start(task(step), f"--project={tmp_path}").returncode == 0


def test_a_secret_is_masked_and_given(tmp_path):
    step = CommandStep(
        "s", ('echo "it is $TOKEN"; test "$TOKEN" = hush-hush',), secrets=(("TOKEN", Secret("env", "KEY")),)
    )
    done = start(task(step), "--mask=key", KEY="hush-hush")
    assert done.returncode == 0, done.stderr
    assert "hush" not in done.stdout
    assert start(task(step), TOKEN="hush-hush").returncode == 0  # noqa: S106 - a stand-in


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"workflow": "w"}',
        '{"step": {"is": "commandstep", "name": "s", "command": ["x"], "later": 1}, "workflow": "w"}',
    ],
)
def test_a_task_that_is_not_understood_is_no_failure_of_the_step(text):
    done = start(text)
    assert done.returncode == 2
    assert "the task cannot be understood" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_step_that_is_ended_leaves_nothing_behind(tmp_path):
    beats = tmp_path / "beats"
    step = CommandStep("s", ('(while :; do echo x >> "$B"; sleep 0.05; done) & wait',), env=(("B", str(beats)),))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "MLSPEC_TASK": packed(task(step))}
    process = subprocess.Popen([sys.executable, "-m", "mlspec.step"], env=environment)
    end = time.monotonic() + 60
    while not beats.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    process.terminate()
    assert process.wait(60) == 143
    size = beats.stat().st_size
    time.sleep(0.5)
    assert beats.stat().st_size == size


def test_what_is_kept_is_not_run_again(tmp_path):
    step = replace(STEP, command=("echo ran >&2; " + STEP.command[0],))
    for number in range(2):
        done = start(task(step), f"--cache={tmp_path}/cache", *outputs(tmp_path / str(number)), "--param=n=3")
        assert done.returncode == 0, done.stderr
        assert ("ran" in done.stdout) is (number == 0)
        assert (tmp_path / str(number) / "out/n").read_text() == "3\n"
    assert "ran" in start(task(step), f"--cache={tmp_path}/cache", *outputs(tmp_path / "2"), "--param=n=4").stdout


def test_steps_of_a_run_share_a_folder(tmp_path):
    take = CommandStep(
        "take",
        ('cat "$MLSPEC_INPUT_X/n"; cat "$MLSPEC_INPUT_Y"',),
        (("x", Source("fit", "out")), ("y", Source("fit", "m"))),
    )
    for run in ("manual__2026-01-31T00:00:00+00:00", "../../out"):
        start(task(), f"--store={tmp_path}/store/w", "--output=out=fit/out", "--output=m=fit/m.json", MLSPEC_RUN=run)
        done = start(
            task(take), f"--store={tmp_path}/store/w", "--input=x=fit/out", "--input=y=fit/m.json", MLSPEC_RUN=run
        )
        assert done.stdout.startswith('1\n{"auc": 0.5}'), done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["store"]
    assert len(list((tmp_path / "store/w").iterdir())) == 2
    assert "MLSPEC_RUN" in start(task(), f"--store={tmp_path}").stderr
    assert "input `x` is not at" in start(task(take), f"--store={tmp_path}", "--input=x=fit/out", MLSPEC_RUN="r").stderr


@pytest.mark.parametrize(("mode", "kept"), [(Mode.MAX, "b"), (Mode.MIN, "a")])
def test_the_best_item_is_handed_on(mode, kept, tmp_path):
    for number, (text, auc) in enumerate((("a", 0.1), ("b", 0.9), ("c", 0.9))):
        (tmp_path / f"out-{number}").mkdir()
        (tmp_path / f"out-{number}/f").write_text(text)
        (tmp_path / f"m-{number}.json").write_text(json.dumps({"auc": auc}))
    each = FanOut(tuple((("k", str(i)),) for i in range(3)), 0, "auc", mode)
    gather = task_of(replace(STEP, each=each), Workflow("w", ()), "prod", gather=True)
    inputs = [f"--input=out-{i}={tmp_path}/out-{i}" for i in range(3)] + [
        f"--input=m-{i}={tmp_path}/m-{i}.json" for i in range(3)
    ]
    done = start(gather, *inputs, *outputs(tmp_path / "done"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "done/out/f").read_text() == kept


def test_a_container_gives_its_step_the_parameters_that_it_sees():
    step = CommandStep("a", ("x",), sees=Sees(("n",)))
    workflow = Workflow("w", (step,), (("k", "1"), ("n", "2")))
    task = unpack(Task, json.loads(packed(task_of(step, workflow, "dev"))))
    assert isinstance(task.step, CommandStep)
    assert given(task.as_workflow, task.step, {}) == {"n": "2"}
