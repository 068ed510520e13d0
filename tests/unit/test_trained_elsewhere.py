"""A model that is trained where its pipeline is rendered to: written by one apply, made by its own steps, found by the next plan.

The steps are started as the DAG file starts them, one after the other; nothing else of Airflow is needed for that.
"""

import ast
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import smallest
from small_projects import actions, apply, plan

from mlspec.backends.pipelines._step.task import Task
from mlspec.backends.pipelines._step.wire import unpack
from mlspec.base.diag import Problems
from mlspec.cli.views import events
from mlspec.session import Session
from mlspec.step.failed import Failed
from mlspec.step.whole import register

ROOT = Path(__file__).parents[2]


def project(root: Path, **target: object) -> Path:
    documents = {json.dumps(d, sort_keys=True): d for d in smallest.documents("deployment")}
    smallest.write_data(root)
    options = {"type": "airflow", "run": "processes", "project": str(root), "store": str(root / "store")}
    options["command"] = [sys.executable, "-m", "mlspec.step"]
    smallest.write_blocks(
        root, list(documents.values()), deploy_target="kubernetes", pipeline_target={**options, **target}
    )
    return root


def tasks(root: Path, folder: str) -> list[dict]:
    """What a DAG file says of its tasks."""
    (path,) = root.glob(f"pipelines/*/{folder}/dag.py")
    named = {n.targets[0].id: n.value for n in ast.parse(path.read_text()).body if isinstance(n, ast.Assign)}
    return ast.literal_eval(named["TASKS"])


def run_dag(root: Path, folder: str, run: str, **parameters: object) -> list[subprocess.CompletedProcess]:
    """Start the steps of a DAG file in their order, until one fails."""
    given = {f"MLSPEC_PARAM_{name.upper()}": json.dumps(value) for name, value in parameters.items()}
    done = []
    for task in tasks(root, folder):
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "MLSPEC_TASK": task["task"], "MLSPEC_RUN": run, **given}
        done.append(subprocess.run(task["command"], env=variables, capture_output=True, text=True, check=False))
        if done[-1].returncode:
            break
    return done


def test_it_is_written_made_and_found(tmp_path):
    root = project(tmp_path / "shop")
    _, _, done = apply(root)
    assert [(str(w.address), w.code) for w in done.waiting] == [("model.big", "trained-elsewhere")]
    assert done.ok, "nothing is wrong"
    assert {str(s.address) for s in done.skipped if s.later} >= {"deployment.live"}
    assert events.applied(done).endswith(
        f"found by a later apply: model.big, {', '.join(str(s.address) for s in done.skipped)}."
    )
    assert [w["code"] for w in events.applied_data(done)["waiting"]] == ["trained-elsewhere"]
    assert ("model.big", "create") in actions(plan(root))

    ran = run_dag(root, "model.big", "scheduled__2026-01-31T03:00:00+00:00", depth=4)
    assert [r.returncode for r in ran] == [0, 0, 0], [r.stderr for r in ran]
    assert "registered version" in ran[-1].stderr
    assert json.loads(ran[1].stdout.splitlines()[-1]) == {"auc": 0.9, "f1": 0.8}

    _, _, done = apply(root)
    assert done.ok, done.failed
    assert actions(plan(root)) == []
    with Session(root) as session:
        (version,) = session.backends.registry.versions("big")
    assert version.metrics == {"auc": 0.9, "f1": 0.8}
    assert version.lineage
    assert list(version.certificates)
    assert list(Path(version.path).rglob("dataset.json"))

    _, _, gone = apply(root, destroy=True)
    assert gone.ok, gone.failed
    assert not (root / "pipelines").exists()


def test_a_run_of_the_pipeline_itself_makes_the_model_with_its_parameters(tmp_path):
    root = project(tmp_path / "shop")
    apply(root)
    ran = run_dag(root, "pipeline.train", "manual__1", depth=4, alpha=0.25)
    assert [r.returncode for r in ran] == [0, 0, 0], [r.stderr for r in ran]
    assert apply(root)[2].ok
    ran = run_dag(root, "pipeline.train", "manual__2", depth=5)
    assert ran[-1].returncode == 1
    assert "with those of this run there are 0 (models of the pipeline: `model.big`)" in ran[-1].stderr


def test_a_run_with_other_parameters_makes_nothing_of_the_model(tmp_path):
    root = project(tmp_path / "shop")
    apply(root)
    (failed,) = run_dag(root, "model.big", "r", depth=5)
    assert failed.returncode == 1
    assert "parameter `depth` of this run is 5, and model `big` is trained with 4" in failed.stderr
    (text,) = (t["task"] for t in tasks(root, "model.big") if t["id"] == "register")
    task = unpack(Task, json.loads(text))
    others = tuple((name, "5" if name == "depth" else value) for name, value in task.parameters)
    (tmp_path / "metrics.json").write_text('{"auc": 0.9, "f1": 0.8}')
    (tmp_path / "model").mkdir()
    (tmp_path / "model/f").write_text("x")
    with pytest.raises(Failed, match="other parameters than version"):
        register(replace(task, parameters=others), root, tmp_path / "model", tmp_path / "metrics.json")
    with Session(root) as session:
        assert session.backends.registry.versions("big") == ()


def test_a_project_that_is_not_what_was_rendered_fails_and_registers_nothing(tmp_path):
    root = project(tmp_path / "shop")
    apply(root)
    text = (root / "specs.yaml").read_text()
    (root / "specs.yaml").write_text(text.replace("paid > 9 AS big", "paid > 8 AS big"))
    (failed,) = run_dag(root, "model.big", "r")
    assert "describes `model.big` otherwise than it was rendered" in failed.stderr
    (failed,) = run_dag(root, "pipeline.train", "r")
    assert "has not been applied" in failed.stderr
    (root / "specs.yaml").write_text("kind: [")
    (failed,) = run_dag(root, "model.big", "r")
    assert "has problems" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_what_the_target_cannot_take_is_said_at_its_field(tmp_path):
    root = project(tmp_path / "shop", run="pods")
    with pytest.raises(Problems) as caught, Session(root) as session:
        session.plan()
    said = [d for d in caught.value.diagnostics if d.code == "invalid-option"]
    assert said
    assert "`store_claim`" in said[0].message
