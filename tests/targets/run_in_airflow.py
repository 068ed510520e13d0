"""Runs rendered DAGs with Airflow, in one process; started with the Python that has it, and an AIRFLOW_HOME of its own.

Reads lines from stdin, each `{"folder", "runs": [{"dag", "conf"}]}` as JSON, for it takes long to start; for each a line
`{"errors": {...}, "runs": [{"ok", "states"}]}` goes to the file descriptor of argv[1].
"""

import json
import os
import sys

from airflow.dag_processing.dagbag import DagBag


def answer(asked):
    plain = {"include_examples": False} if "include_examples" in DagBag.__init__.__code__.co_varnames else {}
    bag = DagBag(asked["folder"], **plain)
    found = {"errors": {str(k): str(v) for k, v in bag.import_errors.items()}, "runs": []}
    for one in asked["runs"]:
        dag = bag.dags.get(one["dag"])
        if dag is None:
            found["runs"].append({"ok": False, "states": {}})
            continue
        run = dag.test(run_conf=one["conf"] or None)
        states = {i.task_id: str(i.state) for i in run.get_task_instances()}
        found["runs"].append({"ok": str(run.state) == "success", "states": states})
    return found


with os.fdopen(int(sys.argv[1]), "w") as answers:
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)
