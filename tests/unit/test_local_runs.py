"""What the local runner remembers of runs, why something is not taken from the cache, and going on with a run that was broken off."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from local_project import ARTIFACT, Project, command, makes, measures

from mlspec.backends.pipelines import local
from mlspec.backends.pipelines._local import history, remembered
from mlspec.backends.port import BackendError
from mlspec.ir.cachekey import cache_key
from mlspec.ir.given import given
from mlspec.ir.resource import body_digest
from mlspec.ir.workflow import CommandStep, FanOut, Sees, Source, Workflow

CHAIN = """
import sys
sys.path.insert(0, {here!r})
from test_local_runs import *
Project(Path(sys.argv[1]), parallelism=3).run(*STEPS)
"""
KEY_OF_BEFORE = "03e0c53a696b8076aeaaa896e2dbbca9"
JOURNAL = ".mlspec/runs/dev/*/journal.jsonl"
NOTED = "echo {0} >> count; sleep 0.0{1}; (cat $MLSPEC_INPUT_X/f 2>/dev/null; echo {0}) > $MLSPEC_OUTPUT_OUT/f"


def noted(name: str, parent: str = "", *, tenths: int = 3, **more) -> CommandStep:
    inputs = [("x", f"{parent}.out")] if parent else []
    return command(name, NOTED.format(name, tenths), [("out", ARTIFACT)], inputs, **more)


AFTER = (("a", ()), ("b", ("a",)))
ITEMS = FanOut(tuple((("v", str(i)),) for i in range(4)))
STEPS = (
    noted("a"),
    noted("b", "a"),
    noted("c", "a", tenths=5),
    replace(noted("d", "b"), each=ITEMS),
    command(
        "e",
        "echo e >> count; while [ ! -e ready ]; do sleep 0.02; done; cat $MLSPEC_INPUT_C/f $MLSPEC_INPUT_D/*/f > $MLSPEC_OUTPUT_OUT/f",
        [("out", ARTIFACT)],
        [("c", "c.out"), ("d", "d.out")],
    ),
)
NOTES = 16
"""Lines of the journal before the last step, which waits, can end: eight begin, seven of them and the whole fan-out end."""
WANTED = "a\nc\n" + "a\nb\nd\n" * 4


def broken_off(root: Path, notes: int) -> None:
    """Run the steps in a process of their own, and kill it when its journal has so many lines; the next run of them can end."""
    script = CHAIN.format(here=str(Path(__file__).parent))
    runner = subprocess.Popen([sys.executable, "-c", script, str(root)], stderr=subprocess.PIPE)
    while sum(path.read_text().count("\n{") for path in root.glob(JOURNAL)) < notes:
        assert runner.poll() is None, runner.communicate()
        time.sleep(0.005)
    runner.send_signal(signal.SIGKILL)
    runner.communicate()
    (root / "ready").touch()


def finished(root: Path) -> list[str]:
    """The steps that were certainly over when the runner was killed."""
    found = []
    for path in root.glob(JOURNAL):
        for line in path.read_text().splitlines():
            if line.startswith("{") and line.endswith("}"):
                read = json.loads(line)
                found += [read["step"]] * (
                    read["status"] == "done" and (read["item"] is not None or read["step"] != "d")
                )
    return found


@pytest.mark.parametrize("again", ["resume", "run"])
def test_what_was_finished_is_not_run_again_after_a_crash(tmp_path: Path, again: str):
    moment = random.Random(again)
    for turn in range(3):
        root = tmp_path / str(turn)
        broken_off(root, moment.randint(1, NOTES))
        project = Project(root, parallelism=3)
        end = time.monotonic() + 60
        while any(run.status == "running" for run in project.local.runs()):
            assert time.monotonic() < end
            time.sleep(0.05)
        over = finished(root)
        before = (root / "count").read_text().split() if (root / "count").exists() else []
        assert [run.status for run in project.local.runs()] == ["lost"]
        if again == "resume":
            done = project.local.resume("latest", Workflow("w", STEPS, version="ab" * 16), project.tools)
        else:
            done = project.run(*STEPS)
        assert {s.status for s in done.steps} <= {"done", "cached"}
        kept = {line.partition(":")[0] for line in project.said if line.endswith(": finished before, and kept")}
        assert {name for name in kept if "[" not in name} == (set(over) - {"d"} if again == "resume" else set())
        assert project.file("e/out/f") == WANTED
        rerun = (root / "count").read_text().split()[len(before) :]
        assert Counter(rerun) + Counter(over) <= Counter("abcdddde"), (rerun, over)


def test_a_run_whose_runner_was_just_killed_can_go_on_at_once(tmp_path: Path):
    broken_off(tmp_path, NOTES)
    project = Project(tmp_path, parallelism=3)
    project.local.resume("latest", Workflow("w", STEPS, version="ab" * 16), project.tools)
    assert project.file("e/out/f") == WANTED


@pytest.mark.parametrize(("module", "name"), [(history.RunFolder, "hold"), (local, "read_run")])
def test_of_two_that_go_on_with_a_run_at_once_one_does(project: Project, monkeypatch, module: object, name: str):
    """The other one comes between: before this one has the run, and it is finished then, or after that, and it is refused."""
    steps = tuple(command(n, f"echo {n} >> count; [ -e ready ]", after=after, cache=False) for n, after in AFTER)
    project.fails(*steps)
    (project.root / "ready").touch()
    whole, ended, inner = Workflow("w", steps, version="ab" * 16), [], getattr(module, name)

    def resume() -> str:
        try:
            return "".join(f"{s.name} " for s in project.local.resume("latest", whole, project.tools).steps)
        except BackendError as error:
            return f"{error.code}: {str(error).partition('` ')[2]}"

    def between(*arguments):
        monkeypatch.setattr(module, name, inner)
        ended.append(resume())
        return inner(*arguments)

    monkeypatch.setattr(module, name, between)
    ended.append(resume())
    assert ended == (
        ["a b ", "not-resumable: is finished"] if name == "hold" else ["not-resumable: is still going on", "a b "]
    )
    assert (project.root / "count").read_text().split() == ["a", "a", "b"]


def test_a_run_tells_what_it_was_made_with(project: Project):
    for words in ("init -q .", "-c user.name=x -c user.email=x@x commit -q --allow-empty -m x"):
        subprocess.run(["git", *words.split()], cwd=project.root, check=True)
    steps = (measures("m", '{"n": 3}'), makes("a", inputs=[("m", "m.m")]))
    run = project.run(*steps, parameters=(("p", '"x"'),))
    (record,) = project.local.runs("w")
    assert (record.id, record.workflow, record.status, record.parameters) == (run.id, "w", "done", {"p": "x"})
    assert record.digest == body_digest(Workflow("w", steps, (("p", '"x"'),), version="ab" * 16))
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=project.root, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert (record.made_with["revision"], record.made_with["python"]) == (head, sys.version.split()[0])
    assert len(record.made_with["packages"]) == 32
    told = project.local.told(run.id[:20])
    m, a = told.steps
    assert (m.name, m.metrics, a.inputs["m"], a.parameters) == ("m", {"n": 3.0}, m.outputs["m"], {"p": '"x"'})
    assert project.local.told("latest") == told
    assert project.local.log("latest", "a").name == "a.log"


def test_a_run_that_another_process_takes_away_meanwhile(project: Project, monkeypatch):
    project.run(makes("a"))
    [kept] = project.local.runs()
    project.fails(command("a", "exit 1"))
    gone = project.root / ".mlspec" / "runs" / "dev" / project.local.runs()[0].id
    there = local.run_folders(gone.parent)
    shutil.rmtree(gone)
    monkeypatch.setattr(local, "run_folders", lambda *_: there)
    monkeypatch.setattr(remembered, "run_folders", lambda *_: there)
    assert [r.id for r in project.local.runs()] == [kept.id]
    with pytest.raises(BackendError, match=f"run `{gone.name}` is not kept any more"):
        project.local.told("latest")
    with pytest.raises(BackendError, match=f"run `{gone.name}` is not kept any more"):
        project.local.resume(gone.name, Workflow("w", ()), project.tools)


def test_a_run_that_goes_on_is_not_taken_away(project: Project):
    project.fails(command("a", "exit 1"))
    [record] = project.local.runs()
    runs = project.root / ".mlspec" / "runs" / "dev"
    held = history.RunFolder(runs / record.id, "w", 0.0).hold()
    assert held is not None
    project.local = local.Local(local.Local.Settings(keep_runs=1), project.local.place)
    project.run(makes("a"))
    assert record.id in {r.id for r in project.local.runs()}
    os.close(held)
    project.run(makes("a"))
    assert record.id not in {r.id for r in project.local.runs()}


def test_the_newest_run_stands_first(project: Project):
    runs = [project.run(makes("a")).id for _ in range(3)]
    assert [r.id for r in project.local.runs()] == runs[::-1]
    assert project.local.runs("other") == ()


@pytest.mark.parametrize("name", ["2", "nothing"])
def test_a_run_that_is_not_there(project: Project, name: str):
    project.run(makes("a"))
    project.run(makes("a"))
    with pytest.raises(BackendError) as caught:
        project.local.told(name)
    assert caught.value.code == "unknown-run"


def test_a_failed_run_goes_on_where_it_failed(project: Project):
    steps = [makes("a", "echo a >> count; echo 1", cache=False), command("b", "[ -e ready ]", inputs=[("x", "a.out")])]
    project.fails(*steps)
    (project.root / "ready").touch()
    workflow = Workflow("w", tuple(steps), version="ab" * 16)
    run = project.local.resume("latest", workflow, project.tools)
    assert [s.status for s in run.steps] == ["done", "done"]
    assert (project.root / "count").read_text() == "a\n"
    assert [r.status for r in project.local.runs()] == ["done"]
    for changed, why in [
        (workflow, "is finished"),
        (replace(workflow, parameters=(("p", "1"),), version="cd" * 16), "is not what it was"),
    ]:
        with pytest.raises(BackendError, match=why) as caught:
            project.local.resume("latest", changed, project.tools)
        assert caught.value.code == "not-resumable"


def test_what_was_damaged_meanwhile_is_made_again(project: Project):
    steps = [makes("a", "echo a >> count; echo 1", cache=False), command("b", "[ -e ready ]", inputs=[("x", "a.out")])]
    project.fails(*steps)
    (project.root / "ready").touch()
    next(project.root.glob(".mlspec/runs/dev/*/a/out/f")).write_text("other")
    project.local.resume("latest", Workflow("w", tuple(steps), version="ab" * 16), project.tools)
    assert (project.root / "count").read_text() == "a\na\n"


def test_it_is_said_why_something_is_not_taken_from_the_cache(project: Project):
    project.tools = replace(project.tools, explain=True)
    a = makes("a", code=(("a.py", "c1"),), env=(("E", "1"),))

    def why(step, **more):
        project.said.clear()
        project.run(step, **more)
        return [line.partition("not taken from the cache: ")[2] for line in project.said if "not taken" in line]

    assert why(a, parameters=(("p", "1"),)) == ["it has not been run before"]
    assert why(a, parameters=(("p", "1"),)) == []
    assert why(a, parameters=(("p", "2"),)) == ["parameter `p` differs (1 -> 2)"]
    changed = replace(a, code=(("a.py", "c2"), ("b.py", "c1")), command=("true; " + a.command[0],), env=())
    assert why(changed, parameters=(("p", "2"),)) == [
        "command differs, code `a.py` differs, code `b.py` is new, env `E` is gone"
    ]
    (entry, *_) = sorted(project.root.glob(".mlspec/cache/dev/*/out/f"), key=os.path.getmtime, reverse=True)
    entry.write_text("other")
    assert why(changed, parameters=(("p", "2"),)) == ["what is kept has been changed"]
    told = project.local.told("latest")
    assert told.steps[0].why == "what is kept has been changed"


def test_a_parameter_that_a_step_does_not_see_runs_nothing_anew(project: Project):
    steps = (
        makes("prepare", sees=Sees()),
        makes("fit", "echo $MLSPEC_PARAM_N$MLSPEC_PARAM_K", sees=Sees(("n",))),
        makes("all"),
    )
    project.run(*steps, parameters=(("k", "1"), ("n", "1")))
    assert project.file("fit/out/f") == "1\n"
    found = project.statuses(*steps, parameters=(("k", "2"), ("n", "1")))
    assert found == {"prepare": "cached", "fit": "cached", "all": "done"}
    project.tools = replace(project.tools, explain=True)
    found = project.statuses(*steps, parameters=(("k", "2"), ("n", "2")))
    assert found == {"prepare": "cached", "fit": "done", "all": "done"}
    assert "fit: not taken from the cache: parameter `n` differs (1 -> 2)" in project.said


def test_a_step_that_sees_all_is_kept_under_the_key_of_before():
    step = command("a", "true", [("o", ARTIFACT)])
    workflow = Workflow("w", (step,), (("k", "1"), ("n", "2")))
    assert cache_key(step, given(workflow, step, {}), {}) == KEY_OF_BEFORE
    listed = replace(step, sees=Sees(("k", "n")))
    assert cache_key(listed, given(workflow, listed, {}), {}) == KEY_OF_BEFORE


def test_inputs_that_differ_are_named(project: Project):
    project.tools = replace(project.tools, explain=True)
    b = makes("b", "cat $MLSPEC_INPUT_X/f", [("x", "a.out")])
    project.run(makes("a", "echo 1"), b)
    project.run(makes("a", "echo 2"), b)
    assert "b: not taken from the cache: input `x` differs" in project.said
    assert Source("a", "out") == b.inputs[0][1]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")
