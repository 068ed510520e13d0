"""Pipelines and runs on the command line: by hand, with parameters; listed, shown, logged, and gone on with."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command import REPOSITORY
from small_projects import write_project

from mlspec.cli.main import main

FENCE = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGE = (REPOSITORY / "docs" / "pipelines.md").read_text("utf-8")
EXAMPLES = [
    text
    for text in FENCE.findall(PAGE)
    if "dataset:" not in text and "schedule:" not in text and "kind: pipeline" in text
]

STEPS = {
    "kind": "pipeline", "name": "score", "parameters": {
        "share": {"type": "float64", "default": 0.1, "max": 1}, "who": {"type": "string", "default": "n"}},
    "steps": {
        "fit": {"command": 'echo "try $MLSPEC_PARAM_V"; echo "{\\"auc\\": 0.$MLSPEC_PARAM_V}" > $MLSPEC_OUTPUT_M',
                "outputs": {"m": "metrics"}, "each": {"grid": {"v": [1, 2, 3]}, "keep": {"best": "auc"}}},
        "tell": {"command": 'echo "$MLSPEC_PARAM_WHO $MLSPEC_PARAM_SHARE $MLSPEC_PARAM_AUC"; [ ! -e broken ]', "after": ["fit"],
                 "parameters": {"auc": "${metrics.fit.auc}"}},
    },
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def mlspec(capsys):
    """The command line in this process, which is much faster than one of its own."""

    def run(folder: Path, *words: str, code: int = 0) -> Said:
        capsys.readouterr()
        done = main(["-C", str(folder), *words])
        found = Said(done, *capsys.readouterr())
        assert done == code, found
        return found

    return run


@pytest.fixture
def project(tmp_path: Path, mlspec) -> Path:
    write_project(tmp_path, [STEPS])
    mlspec(tmp_path, "apply", "--auto-approve")
    return tmp_path


def test_a_pipeline_is_run_and_told_of(project: Path, mlspec):
    done = mlspec(project, "run", "pipeline.score", "--param", "share=0.5", "--param", "who=1e3")
    assert "pipeline.score: done" in done.out
    assert "fit[2]: done in" in done.err
    assert mlspec(project, "run", "logs", "latest", "tell").out == "1e3 0.5 0.3\n"
    assert "==> fit[1] <==\ntry 2\n" in mlspec(project, "run", "logs", "latest").out
    assert json.loads(mlspec(project, "run", "logs", "latest", "fit[0]", "--format", "json").out)["logs"] == {
        "fit[0]": "try 1\n"
    }
    (listed,) = json.loads(mlspec(project, "run", "list", "--format", "json").out)
    assert (listed["workflow"], listed["status"]) == ("score", "done")
    shown = json.loads(mlspec(project, "run", "show", listed["id"], "--format", "json").out)
    assert shown["parameters"] == {"share": 0.5, "who": "1e3"}
    assert shown["metrics"] == {"fit": {"auc": 0.3}}
    [search] = shown["searches"]
    assert search["keep"] == {"best": "auc", "mode": "max", "item": 2}
    assert [(i["parameters"], i["metrics"], i["kept"]) for i in search["items"]] == [
        ({"v": n}, {"auc": n / 10}, n == 3) for n in (1, 2, 3)
    ]
    text = mlspec(project, "run", "show", "latest").out
    assert "fit: 3 items, keeps the highest `auc`\nfit           status  took " in text
    assert re.findall(r"^fit\[(\d)\] .*done +[\d.]+ s +(\d) +(0\.\d)\b", text, re.MULTILINE) == [
        (str(n), str(n + 1), f"0.{n + 1}") for n in range(3)
    ]
    assert [line.split()[0] for line in text.splitlines() if " best " in line] == ["fit[2]"]
    assert "parameters: share = 0.5, who = '1e3'" in text
    again = mlspec(project, "run", "pipeline.score", "--param", "share=0.6", "--explain-cache")
    assert "fit[0]: not taken from the cache: parameter `share` differs (0.5 -> 0.6)" in again.err


def test_it_is_said_that_nothing_was_written(tmp_path: Path, mlspec):
    steps = {"first": {"command": "true"}, "second": {"command": "true", "when": "1 > 2"}}
    write_project(tmp_path, [{"kind": "pipeline", "name": "quiet", "steps": steps}])
    mlspec(tmp_path, "apply", "--auto-approve")
    mlspec(tmp_path, "run", "pipeline.quiet")
    said = mlspec(tmp_path, "run", "logs", "latest")
    assert (said.out, said.err.startswith("No step of run `")) == ("", True)
    assert said.err.endswith("` has written anything.\n")
    assert "has written nothing.\n" in mlspec(tmp_path, "run", "logs", "latest", "first").err
    assert "has written nothing: it was skipped.\n" in mlspec(tmp_path, "run", "logs", "latest", "second").err


def test_a_run_that_failed_goes_on(project: Path, mlspec):
    (project / "broken").touch()
    assert (
        "step `tell` of workflow `score` failed with exit code 1"
        in mlspec(project, "run", "pipeline.score", "--param", "who=x", code=1).err
    )
    assert json.loads(mlspec(project, "run", "list", "pipeline.score", "--format", "json").out)[0]["status"] == "failed"
    (project / "broken").unlink()
    mlspec(project, "run", "resume")
    assert mlspec(project, "run", "logs", "latest", "tell").out == "x 0.1 0.3\n" * 2
    assert "is finished" in mlspec(project, "run", "resume", "latest", code=1).err
    changed = json.loads(json.dumps(STEPS).replace("share", "part").replace("SHARE", "PART"))
    write_project(project, [changed])
    assert "nothing in the files is what run" in mlspec(project, "run", "resume", "latest", code=1).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "pipeline.score", "--param", "share=2"), "`share`: `2` is more than 1"),
        (("run", "pipeline.score", "--param", "shore=2"), "did you mean `share`?"),
        (("run", "pipeline.score", "--param", "who=a", "--param", "who=a"), "`--param who=…` is given twice"),
        (("run", "score"), "there is no `score`\nhelp: did you mean `pipeline.score`?"),
        (("run", "list", "score", "x"), "`x` is one word too many"),
        (("run", "logs"), "`logs` of which run?"),
        (("run", "show", "latest", "--follow"), "`--follow` means nothing here"),
        (("run", "--param", "a=1"), "`--param` means nothing here"),
        (("run", "show", "nothing"), "there is no run `nothing`"),
        (("run", "logs", "latest", "nothing"), "has no step `nothing`"),
    ],
)
def test_what_is_refused(project: Path, mlspec, words, said):
    if words[1] == "logs" and len(words) > 2:
        mlspec(project, "run", "pipeline.score")
    assert said in mlspec(project, *words, code=1).err


@pytest.mark.parametrize(
    "more",
    [
        {"command": "echo no > $MLSPEC_OUTPUT_M", "outputs": {"m": "metrics"}},
        {"command": "true", "when": "metrics.a.other > 1"},
        {"command": "true", "parameters": {"n": {"type": "int64", "value": "${metrics.a.x}"}}},
    ],
)
def test_what_is_said_of_a_step_that_failed_has_no_empty_help(tmp_path: Path, mlspec, more: dict[str, Any]):
    measured = {"command": "echo '{\"x\": 1.5}' > $MLSPEC_OUTPUT_M", "outputs": {"m": "metrics"}}
    steps = {"a": measured, "b": more}
    write_project(tmp_path, [{"kind": "pipeline", "name": "p", "steps": steps}])
    mlspec(tmp_path, "apply", "--auto-approve")
    said = mlspec(tmp_path, "run", "pipeline.p", code=1).err
    assert re.search(r"^help: \S", said, re.MULTILINE)
    assert "the run is in " in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_interrupted_leaves_no_process(tmp_path: Path, mlspec, number: int):
    beats = {
        "kind": "pipeline",
        "name": "p",
        "steps": {"a": {"command": "while :; do echo x >> beats; sleep 0.05; done"}},
    }
    write_project(tmp_path, [beats])
    mlspec(tmp_path, "apply", "--auto-approve")
    command = [sys.executable, "-m", "mlspec", "-C", str(tmp_path), "run", "pipeline.p"]
    runner = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, stderr=subprocess.PIPE)
    end = time.monotonic() + 60
    while not (tmp_path / "beats").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    runner.send_signal(number)
    _, said = runner.communicate(timeout=60)
    assert "\ninterrupted; what was finished is recorded\n`mlspec run resume latest` goes on with it\n" in said.decode()
    assert runner.returncode == {signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    size = (tmp_path / "beats").stat().st_size
    time.sleep(0.4)
    assert (tmp_path / "beats").stat().st_size == size
    assert json.loads(mlspec(tmp_path, "run", "list", "--format", "json").out)[0]["status"] == "interrupted"


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda t: re.findall(r"kind: pipeline\nname: (\w+)", t)[0])
def test_the_examples_of_the_page_run(tmp_path: Path, mlspec, text: str):
    write_project(tmp_path, [])
    (tmp_path / "pipeline.yaml").write_text(text)
    mlspec(tmp_path, "apply", "--auto-approve")
    (name,) = re.findall(r"kind: pipeline\nname: (\w+)", text)
    assert f"pipeline.{name}: done" in mlspec(tmp_path, "run", f"pipeline.{name}").out


def test_there_are_examples():
    assert len(EXAMPLES) >= 4
