"""What is rendered, as Kubeflow and Airflow themselves read it: a workflow that uses every field of the form, one with a schedule, a model."""

import json
import subprocess
from dataclasses import replace

import pytest
import running
from rendered_workflows import FULL, MODEL, SCHEDULE, SMALL, make, texts

from mlspec.ir.workflow import CommandStep, OnError, Overlap, Workflow


@pytest.mark.slow
@pytest.mark.xdist_group("targets")
def test_kubeflow_reads_every_field(tmp_path):
    python = running.python_with("MLSPEC_KFP")
    workflows = {"full": FULL, "model": MODEL, "small": SMALL}
    for name, workflow in workflows.items():
        (text,) = texts(make("kubeflow", tmp_path), workflow).values()
        (tmp_path / f"{name}.yaml").write_text(text)
    wrong = (tmp_path / "full.yaml").read_text().replace("maxRetryCount", "maxRetries")
    (tmp_path / "wrong.yaml").write_text(wrong)
    asked = [str(tmp_path / f"{name}.yaml") for name in (*workflows, "wrong")]
    done = subprocess.run(
        [python, str(running.HERE / "check_in_kfp.py")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    *said, of_wrong = json.loads(done.stdout)
    assert said == [""] * len(workflows)
    assert "maxRetries" in of_wrong


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    python, root = running.python_with("MLSPEC_AIRFLOW"), tmp_path_factory.mktemp("loaded")
    folder = root / "dags"
    folder.mkdir()
    soft = (CommandStep("a", ("x",), retries=2, on_error=OnError.CONTINUE), CommandStep("b", ("y",), after=("a",)))
    workflows = {
        "full": replace(FULL, schedule=SCHEDULE), "model": MODEL, "soft": Workflow("soft", soft),
        "queue": replace(SMALL, name="queue", schedule=replace(SCHEDULE, overlap=Overlap.QUEUE, catchup=True)),
        "late": Workflow("late", (CommandStep("a", ("x",)), CommandStep("b", ("y",), after=("a",))), schedule=SCHEDULE),
        "allow": replace(SMALL, name="allow", schedule=replace(SCHEDULE, overlap=Overlap.ALLOW)),
    }  # fmt: skip
    for name, workflow in workflows.items():
        (text,) = texts(make("airflow", root, start_date="2026-01-31", service_account="runs"), workflow).values()
        (folder / f"{name}.py").write_text(text)
    variables = running.airflow_home(python, root, database=False)
    done = subprocess.run(
        [python, str(running.HERE / "check_in_airflow.py"), str(root / "told.json")], input=json.dumps(str(folder)), capture_output=True, text=True,
        env=variables, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    found = json.loads((root / "told.json").read_text())
    assert found["errors"] == {}
    return {name.partition("-prod")[0].partition("-model")[0]: dag for name, dag in found["dags"].items()}


@pytest.mark.slow
@pytest.mark.xdist_group("targets")
def test_airflow_makes_pods_of_it(loaded):
    dag = loaded["churn-train"]
    assert {task["class"] for task in dag["tasks"].values()} == {"KubernetesPodOperator"}
    item = dag["tasks"]["train-0-of-2"]
    assert item["image"] == "ghcr.io/acme/train@sha256:00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff"
    assert item["resources"]["limits"] == {"cpu": "2", "memory": "2Gi", "nvidia.com/gpu": "1"}
    assert item["variables"]["TOKEN"] == ["warehouse", "api.token"]
    assert (item["retries"], item["retry_delay"], item["factor"], item["longest"], item["timeout"]) == (
        3,
        30,
        2,
        600,
        3660,
    )
    assert (item["namespace"], item["claim"]) == ("ml", "steps")
    assert dag["tasks"]["train-1-of-2"]["upstream"] == ["rows", "train-0-of-2"]
    assert dag["tasks"]["tidy"]["rule"] == "none_failed"
    assert dag["tasks"]["check-it"]["upstream"] == ["train"]
    assert dag["params"]["mode"] == {"type": "string", "enum": ["fast", "slow"]}
    assert dag["params"]["share"] == {"type": "number", "minimum": 0, "maximum": 1}


@pytest.mark.slow
@pytest.mark.xdist_group("targets")
def test_airflow_starts_it_when_it_should(loaded):
    dag = loaded["churn-train"]
    assert (dag["schedule"], dag["catchup"], dag["active"]) == ("CronDataIntervalTimetable", False, 1)
    assert loaded["late"]["left_out"] == {name: [True, False, False, False] for name in "ab"}
    assert (loaded["queue"]["catchup"], loaded["queue"]["active"]) == (True, 1)
    assert loaded["queue"]["start"].startswith("2026-01-31")
    assert loaded["queue"]["left_out"] == {"only": [False] * 4}
    assert loaded["allow"]["active"] > 1
    assert loaded["churn"]["schedule"] == "@once"
    assert (loaded["soft"]["schedule"], loaded["soft"]["tasks"]["a"]["retries"]) == ("None", 0)
    assert "--soft" in loaded["soft"]["tasks"]["a"]["command"]
