"""Runs rendered DAGs with Airflow, in one process; started with the Python that has it, and an AIRFLOW_HOME of its own.

Reads `{"folder", "runs": [{"dag", "conf"}]}` as JSON from stdin; writes `{"errors": {...}, "runs": [{"ok", "states"}]}` to the file in argv[1].
"""

import json
import sys
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag

asked = json.load(sys.stdin)
bag = (
    DagBag(asked["folder"], include_examples=False)
    if "include_examples" in DagBag.__init__.__code__.co_varnames
    else DagBag(asked["folder"])
)
found = {"errors": {str(k): str(v) for k, v in bag.import_errors.items()}, "runs": []}
for one in asked["runs"]:
    dag = bag.dags.get(one["dag"])
    if dag is None:
        found["runs"].append({"ok": False, "states": {}})
        continue
    run = dag.test(run_conf=one["conf"] or None)
    states = {i.task_id: str(i.state) for i in run.get_task_instances()}
    found["runs"].append({"ok": str(run.state) == "success", "states": states})
Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")
