# Rendered by mlspec from model.churn; edit the spec, not this file
"""A pipeline of mlspec. What it runs is told in TASKS; each task is one start of the step wrapper of mlspec."""

import datetime
import functools
import json
import operator
import shlex

from airflow.sdk import DAG, CronDataIntervalTimetable, Param
from airflow.sdk.exceptions import AirflowSkipException
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import models as k8s

ABOUT = {'dag_id': 'churn-prod-model-74f20e3b-01234567', 'once': True, 'schedule': None, 'params': {'flag': {'default': True, 'type': 'boolean'}, 'mode': {'default': 'fast', 'type': 'string', 'enum': ['fast', 'slow']}, 'n': {'default': 3, 'type': 'integer'}, 'share': {'default': 0.5, 'type': 'number', 'minimum': 0.0, 'maximum': 1.0}}, 'tags': ['mlspec'], 'pods': {'namespace': 'ml', 'service_account': None, 'claim': 'steps', 'store': '/var/lib/mlspec'}}

TASKS = [
    {
        'id': 'rows',
        'needs': [],
        'after': [],
        'when': None,
        'metrics': {},
        'given': [],
        'task': '{"step": {"is": "datasetstep", "name": "rows", "relation": "dataset.churn", "digest": "d1", "format": "csv"}, "workflow": "churn", "parameters": [["flag", "true"], ["mode", "\\"fast\\""], ["n", "3"], ["share", "0.5"]], "allowed": [["mode", {"type": "string", "choices": ["\\"fast\\"", "\\"slow\\""]}], ["share", {"type": "float64", "minimum": 0.0, "maximum": 1.0}]], "version": "0123456789abcdef0123456789abcdef", "environment": "prod", "trained": true}',
        'command': ['python3', '-m', 'mlspec.step', '--store=/var/lib/mlspec/prod/model.churn', '--inherit=*', '--returns=/airflow/xcom/return.json', '--output=data=rows/data'],
        'image': 'ghcr.io/acme/project:1.2',
        'resources': {},
        'secrets': [],
    },
    {
        'id': 'train-0-of-2',
        'needs': ['rows'],
        'after': [],
        'when': None,
        'metrics': {},
        'given': [],
        'task': '{"step": {"is": "commandstep", "name": "train", "command": ["python3 train.py --name \\"it\'s \\u007b\\u007bworkflow.name\\u007d\\u007d \\u0024(id)\\""], "inputs": [["rows", {"step": "rows", "output": "data"}]], "outputs": [["metrics", "metrics"], ["model", "model"]], "env": [["MODE", "on"]], "secrets": [["TOKEN", {"store": "kubernetes", "key": "warehouse/api.token"}]], "code": [["code/train.py", ""]], "image": "ghcr.io/acme/train@sha256:00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff", "timeout": 3600.0, "parameters": [{"name": "rate", "value": {"is": "ofparameter", "name": "share"}, "allowed": {"type": "float64"}}, {"name": "loss", "value": {"is": "written", "json": "\\"log\\""}, "allowed": {"type": "string"}}], "each": {"items": [[["depth", "2"]]], "parallel": 1, "best": "auc"}, "idle_timeout": 300.0, "cache_ttl": 86400.0}, "workflow": "churn", "parameters": [["flag", "true"], ["mode", "\\"fast\\""], ["n", "3"], ["share", "0.5"]], "allowed": [["mode", {"type": "string", "choices": ["\\"fast\\"", "\\"slow\\""]}], ["share", {"type": "float64", "minimum": 0.0, "maximum": 1.0}]], "version": "0123456789abcdef0123456789abcdef", "environment": "prod", "trained": true, "item": 0}',
        'command': ['python3', '-m', 'mlspec.step', '--store=/var/lib/mlspec/prod/model.churn', '--cache=/var/lib/mlspec/cache', '--inherit=*', '--returns=/airflow/xcom/return.json', '--input=rows=rows/data', '--output=metrics=train-0-of-2/metrics.json', '--output=model=train-0-of-2/model'],
        'retries': 3,
        'retry_delay': 30.0,
        'retry_factor': 2.0,
        'retry_max_delay': 600.0,
        'timeout': 3660,
        'image': 'ghcr.io/acme/train@sha256:00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff',
        'resources': {'requests': {'cpu': '500m', 'memory': '1Gi', 'nvidia.com/gpu': '1'}, 'limits': {'cpu': '2', 'memory': '2Gi', 'nvidia.com/gpu': '1'}},
        'secrets': [['TOKEN', 'warehouse', 'api.token']],
    },
    {
        'id': 'train-1-of-2',
        'needs': ['rows', 'train-0-of-2'],
        'after': [],
        'when': None,
        'metrics': {},
        'given': [],
        'task': '{"step": {"is": "commandstep", "name": "train", "command": ["python3 train.py --name \\"it\'s \\u007b\\u007bworkflow.name\\u007d\\u007d \\u0024(id)\\""], "inputs": [["rows", {"step": "rows", "output": "data"}]], "outputs": [["metrics", "metrics"], ["model", "model"]], "env": [["MODE", "on"]], "secrets": [["TOKEN", {"store": "kubernetes", "key": "warehouse/api.token"}]], "code": [["code/train.py", ""]], "image": "ghcr.io/acme/train@sha256:00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff", "timeout": 3600.0, "parameters": [{"name": "rate", "value": {"is": "ofparameter", "name": "share"}, "allowed": {"type": "float64"}}, {"name": "loss", "value": {"is": "written", "json": "\\"log\\""}, "allowed": {"type": "string"}}], "each": {"items": [[["depth", "8"]]], "parallel": 1, "best": "auc"}, "idle_timeout": 300.0, "cache_ttl": 86400.0}, "workflow": "churn", "parameters": [["flag", "true"], ["mode", "\\"fast\\""], ["n", "3"], ["share", "0.5"]], "allowed": [["mode", {"type": "string", "choices": ["\\"fast\\"", "\\"slow\\""]}], ["share", {"type": "float64", "minimum": 0.0, "maximum": 1.0}]], "version": "0123456789abcdef0123456789abcdef", "environment": "prod", "trained": true, "item": 1}',
        'command': ['python3', '-m', 'mlspec.step', '--store=/var/lib/mlspec/prod/model.churn', '--cache=/var/lib/mlspec/cache', '--inherit=*', '--returns=/airflow/xcom/return.json', '--input=rows=rows/data', '--output=metrics=train-1-of-2/metrics.json', '--output=model=train-1-of-2/model'],
        'retries': 3,
        'retry_delay': 30.0,
        'retry_factor': 2.0,
        'retry_max_delay': 600.0,
        'timeout': 3660,
        'image': 'ghcr.io/acme/train@sha256:00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff',
        'resources': {'requests': {'cpu': '500m', 'memory': '1Gi', 'nvidia.com/gpu': '1'}, 'limits': {'cpu': '2', 'memory': '2Gi', 'nvidia.com/gpu': '1'}},
        'secrets': [['TOKEN', 'warehouse', 'api.token']],
    },
    {
        'id': 'train',
        'needs': ['train-0-of-2', 'train-1-of-2'],
        'after': [],
        'when': None,
        'metrics': {},
        'given': [],
        'task': '{"step": {"is": "commandstep", "name": "train", "command": ["python3 train.py --name \\"it\'s \\u007b\\u007bworkflow.name\\u007d\\u007d \\u0024(id)\\""], "inputs": [["rows", {"step": "rows", "output": "data"}]], "outputs": [["metrics", "metrics"], ["model", "model"]], "env": [["MODE", "on"]], "code": [["code/train.py", ""]], "image": "ghcr.io/acme/train@sha256:00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff", "parameters": [{"name": "rate", "value": {"is": "ofparameter", "name": "share"}, "allowed": {"type": "float64"}}, {"name": "loss", "value": {"is": "written", "json": "\\"log\\""}, "allowed": {"type": "string"}}], "each": {"items": [[["depth", "2"]], [["depth", "8"]]], "parallel": 1, "best": "auc"}, "cache_ttl": 86400.0}, "workflow": "churn", "parameters": [["flag", "true"], ["mode", "\\"fast\\""], ["n", "3"], ["share", "0.5"]], "allowed": [["mode", {"type": "string", "choices": ["\\"fast\\"", "\\"slow\\""]}], ["share", {"type": "float64", "minimum": 0.0, "maximum": 1.0}]], "version": "0123456789abcdef0123456789abcdef", "environment": "prod", "trained": true, "gather": true}',
        'command': ['python3', '-m', 'mlspec.step', '--store=/var/lib/mlspec/prod/model.churn', '--inherit=*', '--returns=/airflow/xcom/return.json', '--input=metrics-0=train-0-of-2/metrics.json', '--input=model-0=train-0-of-2/model', '--input=metrics-1=train-1-of-2/metrics.json', '--input=model-1=train-1-of-2/model', '--output=metrics=train/metrics.json', '--output=model=train/model'],
        'image': 'ghcr.io/acme/train@sha256:00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff',
        'resources': {},
        'secrets': [],
    },
    {
        'id': 'check-it',
        'needs': ['train'],
        'after': [],
        'when': ['&&', ['>', ['metric', 'train', 'auc'], ['value', 0.8]], ['in', ['parameter', 'mode'], ['value', 'fast'], ['value', 'slow']]],
        'metrics': {'train': 'train'},
        'given': ['train'],
        'task': '{"step": {"is": "commandstep", "name": "check_it", "command": ["python3", "check.py"], "inputs": [["model", {"step": "train", "output": "model"}]], "outputs": [["metrics", "metrics"]], "parameters": [{"name": "auc", "value": {"is": "ofmetric", "step": "train", "metric": "auc"}, "allowed": {"type": "float64"}}]}, "workflow": "churn", "parameters": [["flag", "true"], ["mode", "\\"fast\\""], ["n", "3"], ["share", "0.5"]], "allowed": [["mode", {"type": "string", "choices": ["\\"fast\\"", "\\"slow\\""]}], ["share", {"type": "float64", "minimum": 0.0, "maximum": 1.0}]], "version": "0123456789abcdef0123456789abcdef", "environment": "prod", "trained": true}',
        'command': ['python3', '-m', 'mlspec.step', '--store=/var/lib/mlspec/prod/model.churn', '--cache=/var/lib/mlspec/cache', '--inherit=*', '--returns=/airflow/xcom/return.json', '--input=model=train/model', '--output=metrics=check-it/metrics.json'],
        'image': 'ghcr.io/acme/project:1.2',
        'resources': {},
        'secrets': [],
    },
    {
        'id': 'register',
        'needs': ['train'],
        'after': [],
        'when': None,
        'metrics': {},
        'given': [],
        'task': '{"step": {"is": "registerstep", "name": "register", "model": "churn", "source": {"step": "train", "output": "model"}, "metrics": {"step": "train", "output": "metrics"}, "gates": [{"metric": "auc", "minimum": 0.7}], "format": "sklearn"}, "workflow": "churn", "parameters": [["flag", "true"], ["mode", "\\"fast\\""], ["n", "3"], ["share", "0.5"]], "allowed": [["mode", {"type": "string", "choices": ["\\"fast\\"", "\\"slow\\""]}], ["share", {"type": "float64", "minimum": 0.0, "maximum": 1.0}]], "version": "0123456789abcdef0123456789abcdef", "environment": "prod", "trained": true}',
        'command': ['python3', '-m', 'mlspec.step', '--store=/var/lib/mlspec/prod/model.churn', '--inherit=*', '--returns=/airflow/xcom/return.json', '--input=model=train/model', '--input=metrics=train/metrics.json'],
        'image': 'ghcr.io/acme/project:1.2',
        'resources': {},
        'secrets': [],
    },
]

SIGNS = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}


def value(node, params, metrics):
    sign, *of = node
    if sign == "value":
        return of[0]
    if sign == "metric":
        return metrics[of[0]][of[1]]
    if sign == "parameter":
        return params[of[0]]
    if sign == "&&":
        return all(value(one, params, metrics) for one in of)
    if sign == "||":
        return any(value(one, params, metrics) for one in of)
    found = [value(one, params, metrics) for one in of]
    if sign == "in":
        return found[0] in found[1:]
    if sign == "!":
        return not found[0]
    return -found[0] if len(found) == 1 else SIGNS[sign](*found)


def look(context, task):
    """Leave a task out whose condition is false, that needs what was left out, or whose run was due while one before went on."""
    run, instance = context["dag_run"], context["ti"]
    schedule = ABOUT["schedule"]
    decides = task["after"] or not task["needs"]  # every other task is left out with what it needs
    if schedule and schedule["skip"] and decides and run.run_type == "scheduled":
        before = instance.get_previous_dagrun()
        if before and before.end_date and run.data_interval_end and before.end_date > run.data_interval_end:
            raise AirflowSkipException("the run before was still going on when this one was due")
    for name in task["needs"] if task["after"] else ():
        if instance.xcom_pull(task_ids=name) is None:
            raise AirflowSkipException("needs what `%s` makes, which was left out" % name)
    if task["when"]:
        metrics = {step: instance.xcom_pull(task_ids=name) for step, name in task["metrics"].items()}
        if not value(task["when"], context["params"], metrics):
            raise AirflowSkipException("its condition is false")


def variables(task):
    """What the step wrapper is told. Values of a run come in as JSON, in which nothing can be taken for something else."""
    as_json = r' | tojson | replace("$", "\\u0024") }}'
    found = {"MLSPEC_TASK": task["task"], "MLSPEC_RUN": "{{ run_id }}"}
    for name in ABOUT["params"]:
        found["MLSPEC_PARAM_" + name.upper()] = "{{ params['" + name + "']" + as_json
    for step in task["given"]:
        found["MLSPEC_METRICS_" + step.upper()] = "{{ ti.xcom_pull(task_ids='" + task["metrics"][step] + "')" + as_json
    return found


def common(task):
    found = {
        "task_id": task["id"],
        "pre_execute": functools.partial(look, task=task),
        "trigger_rule": "none_failed" if task["after"] else "all_success",
        "skip_on_exit_code": 99,
    }
    if task.get("retries"):
        found["retries"] = task["retries"]
        found["retry_delay"] = datetime.timedelta(seconds=task["retry_delay"])
        found["retry_exponential_backoff"] = task["retry_factor"]
        if task["retry_max_delay"]:
            found["max_retry_delay"] = datetime.timedelta(seconds=task["retry_max_delay"])
    else:
        found["retries"] = 0
    if task.get("timeout"):
        found["execution_timeout"] = datetime.timedelta(seconds=task["timeout"])
    return found


def start(task):
    secrets = [
        k8s.V1EnvVar(name=name, value_from=k8s.V1EnvVarSource(secret_key_ref=k8s.V1SecretKeySelector(name=holder, key=key)))
        for name, holder, key in task["secrets"]
    ]
    plain = [k8s.V1EnvVar(name=name, value=held) for name, held in variables(task).items()]
    claim = k8s.V1PersistentVolumeClaimVolumeSource(claim_name=ABOUT["pods"]["claim"])
    return KubernetesPodOperator(
        name=task["id"],
        namespace=ABOUT["pods"]["namespace"],
        service_account_name=ABOUT["pods"]["service_account"],
        image=task["image"],
        cmds=task["command"][:1],
        arguments=task["command"][1:],
        env_vars=plain + secrets,
        container_resources=k8s.V1ResourceRequirements(**task["resources"]) if task["resources"] else None,
        volumes=[k8s.V1Volume(name="store", persistent_volume_claim=claim)],
        volume_mounts=[k8s.V1VolumeMount(name="store", mount_path=ABOUT["pods"]["store"])],
        do_xcom_push=True,
        **common(task),
    )


def options():
    found = {"dag_id": ABOUT["dag_id"], "tags": ABOUT["tags"], "catchup": False, "schedule": "@once" if ABOUT["once"] else None}
    found["params"] = {
        name: Param(one["default"], **{key: held for key, held in one.items() if key != "default"})
        for name, one in ABOUT["params"].items()
    }
    schedule = ABOUT["schedule"]
    if schedule:
        found["schedule"] = CronDataIntervalTimetable(schedule["cron"], timezone=schedule["timezone"])
        found["catchup"] = schedule["catchup"]
        if schedule["start_date"]:
            day = datetime.date.fromisoformat(schedule["start_date"])
            found["start_date"] = datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.timezone.utc)
        if schedule["max_active_runs"]:
            found["max_active_runs"] = schedule["max_active_runs"]
    return found


with DAG(**options()) as dag:
    made = {}
    for one in TASKS:
        made[one["id"]] = start(one)
        for name in one["needs"] + one["after"]:
            made[name] >> made[one["id"]]
