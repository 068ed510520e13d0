"""Loads rendered DAGs as Airflow does, and tells what it made of them; started with the Python that has it.

Reads the name of a folder as JSON from stdin; writes `{"errors", "dags"}` to the file in argv[1].
"""

import json
import sys
import types
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowSkipException


def told(task):
    found = {
        "class": type(task).__name__,
        "upstream": sorted(task.upstream_task_ids),
        "retries": task.retries,
        "retry_delay": task.retry_delay.total_seconds(),
        "factor": task.retry_exponential_backoff,
        "longest": task.max_retry_delay and task.max_retry_delay.total_seconds(),
        "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
        "rule": getattr(task.trigger_rule, "value", task.trigger_rule),
    }
    if found["class"] == "KubernetesPodOperator":
        variables = {
            v.name: v.value_from and [v.value_from.secret_key_ref.name, v.value_from.secret_key_ref.key]
            for v in task.env_vars
        }
        resources = task.container_resources
        found |= {
            "image": task.image, "variables": variables, "resources": resources and {"requests": resources.requests, "limits": resources.limits},
            "namespace": task.namespace, "claim": task.volumes[0].persistent_volume_claim.claim_name, "command": task.cmds + task.arguments,
        }  # fmt: skip
    return found


def left_out(task, scheduled, before_ended, due):
    """Whether a task of a run is left out for the run before, given when that has ended and what it needs was made."""
    run = types.SimpleNamespace(run_type="scheduled" if scheduled else "manual", data_interval_end=due)
    before = types.SimpleNamespace(end_date=before_ended) if before_ended is not None else None
    instance = types.SimpleNamespace(get_previous_dagrun=lambda: before, xcom_pull=lambda task_ids: {})
    try:
        task._pre_execute_hook({"dag_run": run, "ti": instance, "params": {}})
    except AirflowSkipException:
        return True
    return False


def decides(dag):
    """The tasks that Airflow starts though what is before them was skipped, or that have nothing before them."""
    return [t for t in dag.tasks if not t.upstream_task_ids or told(t)["rule"] != "all_success"]


bag = DagBag(json.load(sys.stdin))
dags, CASES = {}, ((True, 2, 1), (True, 1, 2), (True, None, 1), (False, 2, 1))
for name, dag in bag.dags.items():
    dags[name] = {
        "schedule": str(dag.schedule) if isinstance(dag.schedule, str) or dag.schedule is None else type(dag.schedule).__name__,
        "catchup": dag.catchup, "start": str(dag.start_date), "active": dag.max_active_runs,
        "params": {key: dag.params.get_param(key).schema for key in dag.params},
        "tasks": {t.task_id: told(t) for t in dag.tasks},
        "left_out": {t.task_id: [left_out(t, *case) for case in CASES] for t in decides(dag)},
    }  # fmt: skip
errors = {str(k): str(v) for k, v in bag.import_errors.items()}
Path(sys.argv[1]).write_text(json.dumps({"errors": errors, "dags": dags}), encoding="utf-8")
