"""The flights model, trained on this machine and by Airflow: `python tests/bench/flights_on_airflow.py --airflow-python /path/to/python`.

The project of `specs/` is applied twice, by the local runner and for an environment whose pipelines run in Airflow; the rendered DAG is run there, with a
registry of its own. All that training and evaluation have measured must be the same. `--small` takes three weeks of flights, few features and few trees.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE.parent), str(HERE / "targets")]

from running import in_airflow, launcher  # noqa: E402 - found by the line above

from mlspec.session import Session  # noqa: E402 - as above

SPECS = HERE.parent / "specs"
MODEL = "model.flight_delay"
ELSEWHERE = """\
environments:
  airflow:
    engine: {{type: duckdb, path: .mlspec/warehouse.duckdb}}
    model_registry: {{type: file, path: .mlspec/models-of-airflow}}   # nothing that was trained here is known there
    deploy_target: {{type: kubernetes, path: deploy, namespace: flights-airflow}}
    pipeline_target: {{type: airflow, run: processes, project: {root}, store: {store}, command: [{wrapper}]}}
"""
FEW = (
    ("  - flight_history.*\n", ""),
    ("  - schedule_density.*\n", ""),
    ("  - aircraft_last_leg.*\n  - aircraft_activity.*\n", ""),
    ("test_from: 2013-10-01T04:00:00Z", "test_from: 2013-10-05T04:00:00Z"),
    ("incomplete_windows: 0.08", "incomplete_windows: 0.99"),
    ("max_iter: {type: int64, default: 150,", "max_iter: {type: int64, default: 5,"),
    ("auc: {min: 0.74, max: 0.85}", "auc: {min: 0.5}"),
    ("    command: python code/train.py\n", "    command: python code/train.py\n    env: {OMP_NUM_THREADS: '1'}\n"),
    (
        "    command: python code/evaluate.py\n",
        "    command: python code/evaluate.py\n    env: {OMP_NUM_THREADS: '1'}\n",
    ),
    ("  log_loss: {max: 0.47}\n", ""),
    ("  calibration_gap: {max: 0.02}\n", ""),
    ("  auc_jfk: {min: 0.72}\n  auc_ewr: {min: 0.72}\n  auc_lga: {min: 0.72}\n", ""),
)
DAYS = {"flights": "sched_dep_ts", "weather": "obs_hour"}


@dataclass
class Trained:
    """What came of it on one target: the version, the metrics by step, how its tasks ended, seconds."""

    version: str
    metrics: dict[str, dict[str, float]]
    states: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def project(folder: Path, *, small: bool) -> Path:
    """A copy of the reference project with an environment for Airflow; a small one holds the days around the first of October."""
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / "specs"
    shutil.copytree(SPECS, root, ignore=shutil.ignore_patterns(".mlspec", "deploy", "pipelines", "__pycache__"))
    said = ELSEWHERE.format(root=root, store=folder / "store", wrapper=launcher(folder))
    exchange(root / "mlspec.yaml", [("environments:\n", said)])
    if small:
        exchange(root / "training" / "training.yaml", FEW)
        for name, column in DAYS.items():
            path = root / "data" / f"{name}.parquet"
            rows = f"SELECT * FROM '{SPECS}/data/{name}.parquet' WHERE {column} >= '2013-09-24 04:00+00' AND {column} < '2013-10-15 04:00+00'"
            duckdb.sql(f"SET TimeZone = 'UTC'; COPY ({rows}) TO '{path}' (FORMAT parquet)")
    return root


def exchange(path: Path, words: "list[tuple[str, str]] | tuple[tuple[str, str], ...]") -> None:
    text = path.read_text("utf-8")
    for old, new in words:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


def applied(root: Path, environment: str) -> tuple[set[str], set[str]]:
    """Apply; what was done, and what waits for a run elsewhere."""
    with Session(root, environment) as session:
        found = session.apply(session.plan(select=[MODEL]), on_event=lambda event: None)
    assert found.ok, found.failed
    return {str(c.address) for c in found.done}, {str(w.address) for w in found.waiting}


def registered(root: Path, environment: str) -> tuple[str, dict[str, float]]:
    with Session(root, environment) as session:
        [found] = session.show(MODEL)["versions"]
    return found["version"], dict(found["metrics"])


def here(root: Path) -> Trained:
    """Trained by the local runner, within an apply."""
    began = time.perf_counter()
    applied(root, "dev")
    with Session(root, "dev") as session:
        training = dict(session.run_told("latest").metrics["train"])
    version, metrics = registered(root, "dev")
    return Trained(version, {"train": training, "evaluate": metrics}, seconds=time.perf_counter() - began)


def there(root: Path, python: str) -> Trained:
    """Trained by Airflow from the rendered DAG, by a run that registers the version."""
    began, folder = time.perf_counter(), root.parent
    assert MODEL in applied(root, "airflow")[1], "it is to be trained elsewhere"
    dag = root / "pipelines" / "airflow" / MODEL / "dag.py"
    (folder / "dags").mkdir()
    shutil.copy(dag, folder / "dags")
    [name] = re.findall(r"'dag_id': '([^']+)'", dag.read_text("utf-8"))
    answer = in_airflow(python, folder, {"folder": str(folder / "dags"), "runs": [{"dag": name, "conf": {}}]})
    assert answer["errors"] == {}
    [run] = answer["runs"]
    assert run["ok"], (run["states"], (folder / "airflow.log").read_text()[-3000:])
    version, metrics = registered(root, "airflow")
    measured = {"train": of_training(folder / "store"), "evaluate": metrics}
    return Trained(version, measured, run["states"], time.perf_counter() - began)


def of_training(store: Path) -> dict[str, float]:
    """What training has measured in Airflow, as it was handed on."""
    read = [json.loads(p.read_text("utf-8")) for p in sorted(store.rglob("metrics.json"))]
    return next(found for found in read if "train_auc" in found)


def compared(folder: Path, python: str, *, small: bool) -> tuple[Trained, Trained]:
    """What came of both; the folder is new, or empty."""
    root = project(folder, small=small)
    return here(root), there(root, python)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--airflow-python", required=True, help="the Python that has Airflow")
    parser.add_argument("--small", action="store_true", help="three weeks of flights, few features, few trees")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        local, airflow = compared(Path(folder) / "run", options.airflow_python, small=options.small)
    print(f"version {local.version[:8]} on the local runner, {airflow.version[:8]} in Airflow")
    different = 0
    for step, metrics in local.metrics.items():
        for name in sorted(metrics | airflow.metrics[step]):
            one, other = metrics.get(name), airflow.metrics[step].get(name)
            different += one != other
            print(f"{step:9} {name:18} {one!s:22} {'=' if one == other else other}")
    print(f"{different} different; {local.seconds:.0f} s with all that it needs, {airflow.seconds:.0f} s in Airflow")
    return 1 if different or local.version != airflow.version else 0


if __name__ == "__main__":
    sys.exit(main())
