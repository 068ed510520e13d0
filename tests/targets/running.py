"""Runs the pipelines of `cases.py` on a target, and says what could be seen: which steps saw what, and how it ended."""

import atexit
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import IO

import in_argo
import pytest
import yaml

from mlspec.backends.pipelines.airflow import Airflow
from mlspec.backends.pipelines.argo import Argo
from mlspec.backends.pipelines.kubeflow import Kubeflow
from mlspec.backends.pipelines.local import Local
from mlspec.backends.port import BackendError, Place, Tools
from mlspec.backends.registries.file import File

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Seen:
    """What a run left: whether it ended well, and what is in the file of each step that ran."""

    ok: bool
    steps: dict[str, str]


def python_with(variable: str) -> str:
    """The Python of a virtual environment that a variable names; skips, loudly, without one."""
    found = os.environ.get(variable, "")
    if not found or not Path(found).exists():
        pytest.skip(f"{variable} does not name a Python that has what is needed (see .ci/run)")
    return found


def launcher(folder: Path) -> str:
    """A program that starts the step wrapper of this working copy, whatever Python runs the orchestrator."""
    path = folder / "step-wrapper"
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m mlspec.step "$@"\n')
    path.chmod(0o755)
    return str(path)


def seen(ok: bool, witness: Path) -> Seen:  # noqa: FBT001 - it is what was seen
    return Seen(ok, {path.name: path.read_text() for path in sorted(witness.iterdir())})


def make_place(root: Path) -> Place:
    root.mkdir(parents=True, exist_ok=True)
    return Place(root, root / ".mlspec", "test", "cases")


def folders(root: Path, name: str) -> tuple[Path, Path]:
    """Where a case works, and where its steps note what they saw."""
    work, witness = root / name, root / name / "witness"
    witness.mkdir(parents=True, exist_ok=True)
    return work, witness


def on_local(cases, root: Path) -> dict[str, Seen]:
    found = {}
    for name, case in cases.items():
        work, witness = folders(root, name)
        where = make_place(work / "project")
        workflow = case.workflow(name, witness)
        values = tuple(
            (key, json.dumps(case.given[key]) if key in case.given else text) for key, text in workflow.parameters
        )
        target, tools = (
            Local(Local.Settings(), where),
            Tools(lambda *_: None, File(File.Settings(), where), lambda _: None),
        )
        ok = True
        for _ in range(case.runs):
            try:
                target.run(replace(workflow, parameters=values), tools)
            except BackendError:
                ok = False
        found[name] = seen(ok, witness)
    return found


def on_kubeflow(cases, root: Path) -> dict[str, Seen]:
    python, asked, names = python_with("MLSPEC_KFP"), [], []
    root.mkdir(parents=True, exist_ok=True)
    for name, case in cases.items():
        work, witness = folders(root, name)
        settings = Kubeflow.Settings(
            image="python:3", command=(launcher(root),), project=str(work), cache=str(work / "cache")
        )
        (artifact,) = Kubeflow(settings, make_place(work)).render(case.workflow(name, witness))
        (work / "pipeline.yaml").write_text(artifact.text, encoding="utf-8")
        one = {"file": str(work / "pipeline.yaml"), "root": str(work / "root"), "arguments": dict(case.given)}
        asked += [one] * case.runs
        names += [name] * case.runs
    done = subprocess.run(
        [python, str(HERE / "run_in_kfp.py")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
    )
    ends = dict(zip(names, json.loads(done.stdout), strict=True))
    (root / "said.json").write_text(json.dumps(ends, indent=1))
    return {name: seen(ends[name]["ok"], root / name / "witness") for name in cases}


def on_argo(cases, root: Path) -> dict[str, Seen]:
    found = {}
    for name, case in cases.items():
        work, witness = folders(root, name)
        settings = Argo.Settings(
            image="python:3", command=(launcher(root),), project=str(work), cache=str(work / "cache")
        )
        rendered = Argo(settings, make_place(work)).render(case.workflow(name, witness))
        spec = yaml.safe_load(rendered[0].text)["spec"]
        given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in case.given.items()}
        ends = [in_argo.Argo(spec, given, work / f"run{number}").run() for number in range(case.runs)]
        found[name] = seen(ends[-1], witness)
    return found


def on_airflow(cases, root: Path) -> dict[str, Seen]:
    python = python_with("MLSPEC_AIRFLOW")
    dags, runs, names = root / "dags", [], []
    dags.mkdir(parents=True, exist_ok=True)
    for name, case in cases.items():
        work, witness = folders(root, name)
        settings = Airflow.Settings(
            run="processes", command=(launcher(root),), project=str(work), store=str(work / "store")
        )
        target, workflow = Airflow(settings, make_place(work)), case.workflow(name, witness)
        (artifact,) = target.render(workflow)
        (dags / f"{name}.py").write_text(artifact.text, encoding="utf-8")
        runs += [{"dag": target.object_name(workflow), "conf": dict(case.given)}] * case.runs
        names += [name] * case.runs
    answer = in_airflow(python, root, {"folder": str(dags), "runs": runs})
    assert answer["errors"] == {}
    ends = dict(zip(names, answer["runs"], strict=True))
    (root / "said.json").write_text(json.dumps(ends, indent=1))
    return {name: seen(ends[name]["ok"], root / name / "witness") for name in cases}


def airflow_home(python: str, root: Path, *, database: bool = True) -> dict[str, str]:
    """The environment of an Airflow of its own, with a database where one is needed."""
    home = root / "airflow-home"
    variables = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "PYTHON"))},
        "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"), "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }  # fmt: skip
    if database and not home.exists():
        program = Path(python).parent / "airflow"
        subprocess.run([program, "db", "migrate"], env=variables, capture_output=True, check=True)
    return variables


def in_airflow(python: str, root: Path, asked) -> dict:
    """Run the DAGs of a folder in the one Airflow of this process, which takes long to start."""
    started, answers, log = _airflow(python, root.parent)
    assert started.stdin is not None
    dags = root.parent / "airflow" / "dags"  # where it looks for them
    shutil.rmtree(dags, ignore_errors=True)
    shutil.copytree(asked["folder"], dags)
    asked = {**asked, "folder": str(dags)}
    before = log.stat().st_size
    started.stdin.write(json.dumps(asked) + "\n")
    started.stdin.flush()
    answer = answers.readline()
    said = log.read_bytes()[before:].decode("utf-8", "replace")
    (root / "airflow.log").write_text(said)
    assert answer, said[-3000:]
    return json.loads(answer)


@cache
def _airflow(python: str, folder: Path) -> tuple[subprocess.Popen[str], IO[str], Path]:
    """A process that runs DAGs, where its answers are read, and its log; it ends with this one."""
    variables, log = airflow_home(python, folder / "airflow"), folder / "airflow.log"
    reading, writing = os.pipe()
    with log.open("wb") as file:
        started = subprocess.Popen(
            [python, str(HERE / "run_in_airflow.py"), str(writing)],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
            env=variables,
            cwd=folder,
            pass_fds=[writing],
        )
    os.close(writing)
    atexit.register(started.kill)
    return started, os.fdopen(reading), log
