"""The text of the DAG file: what it does is the same for every workflow, what it does it with is a literal that Python wrote."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from mlspec.backends.pipelines._airflow.code import ABOVE, BELOW, GRAPH, IMPORTS, START
from mlspec.backends.pipelines._rendered import container
from mlspec.backends.pipelines._rendered.condition import as_json
from mlspec.backends.pipelines._rendered.tasks import Planned
from mlspec.backends.pipelines._step.wire import packed
from mlspec.base.value import replace
from mlspec.ir.workflow import Allowed, CommandStep, OnError, OutputType, Overlap, Schedule, Workflow

Json = dict[str, Any]
_TYPES = {"string": "string", "int64": "integer", "float64": "number", "boolean": "boolean"}


def dag_source(tasks: Sequence[Planned], workflow: Workflow, name: str, settings: Any, first: str) -> str:
    """The whole file. No value of a user stands in it other than as a literal."""
    about = {
        "dag_id": name,
        "once": workflow.run_on_apply,
        "schedule": _schedule(workflow.schedule, settings) if workflow.schedule else None,
        "params": {key: _param(workflow, key, text) for key, text in workflow.parameters},
        "tags": ["mlspec"],
    }
    if settings.run == "pods":
        about["pods"] = {
            "namespace": settings.namespace,
            "service_account": settings.service_account or None,
            "claim": settings.store_claim,
            "store": settings.store,
        }
    listed = "".join(_literal(_task(one, workflow, settings)) for one in tasks)
    data = f"ABOUT = {about!r}\n\nTASKS = [\n{listed}]\n"
    parts = [
        f"# {first}",
        ABOVE.strip(),
        IMPORTS[settings.run],
        "",
        data,
        BELOW.strip(),
        "",
        "",
        START[settings.run].strip(),
        "",
        "",
        GRAPH.strip(),
        "",
    ]
    return "\n".join(parts)


def _literal(task: Json) -> str:
    lines = "".join(f"        {key!r}: {value!r},\n" for key, value in task.items())
    return f"    {{\n{lines}    }},\n"


def _schedule(schedule: Schedule, settings: Any) -> Json:
    return {
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "catchup": schedule.catchup,
        "start_date": settings.start_date or None,
        "max_active_runs": None if schedule.overlap is Overlap.ALLOW else 1,
        "skip": schedule.overlap is Overlap.SKIP,
    }


def _param(workflow: Workflow, name: str, text: str) -> Json:
    value = json.loads(text)
    allowed = dict(workflow.allowed).get(name)
    found: Json = {"default": value, "type": _TYPES[allowed.type] if allowed else _type(value)}
    return found | (_limits(allowed) if allowed else {})


def _limits(allowed: Allowed) -> Json:
    found: Json = {}
    if allowed.minimum is not None:
        found["minimum"] = allowed.minimum
    if allowed.maximum is not None:
        found["maximum"] = allowed.maximum
    if allowed.choices:
        found["enum"] = [json.loads(choice) for choice in allowed.choices]
    return found


def _type(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
    return "string"


def _task(one: Planned, workflow: Workflow, settings: Any) -> Json:
    step = one.step
    soft = workflow.fate(step) is OnError.CONTINUE
    found: Json = {
        "id": one.name,
        "needs": [*one.needs, *((one.lane,) if one.lane else ())],
        "after": list(one.follows),
        "when": as_json(one.when) if one.when else None,
        "metrics": {r.step: r.task for r in (*one.values, *one.asks)},
        "given": sorted({r.step for r in one.values}),
        "task": packed(one.task if not soft else _with_attempts(one)),
        "command": [*container.wrapper(settings), *_options(one, workflow, settings, soft=soft)],
    }
    if isinstance(step, CommandStep):
        if step.retries and not soft:
            found["retries"] = step.retries
            found["retry_delay"] = float(step.retry_delay)
            found["retry_factor"] = float(step.retry_factor) if step.retry_factor != 1 else 0
            found["retry_max_delay"] = float(step.retry_max_delay) or None
        if step.timeout and not soft:
            found["timeout"] = container.deadline(step)
    if settings.run == "pods":
        found["image"] = container.image_of(step, settings)
        found["resources"] = container.resources_of(step)
        found["secrets"] = [
            [v["name"], v["valueFrom"]["secretKeyRef"]["name"], v["valueFrom"]["secretKeyRef"]["key"]]
            for v in container.secret_variables(step)
        ]
    return found


def _with_attempts(one: Planned) -> Any:
    """A step whose failure skips what needs it: Airflow would skip at the first failure, so the wrapper makes the attempts."""
    step, task = one.step, one.task
    if not isinstance(step, CommandStep) or not isinstance(task.step, CommandStep):
        return task
    inner = replace(
        task.step, retries=step.retries, retry_delay=step.retry_delay, retry_factor=step.retry_factor,
        retry_max_delay=step.retry_max_delay,
    )  # fmt: skip
    return replace(task, step=inner)


def _options(one: Planned, workflow: Workflow, settings: Any, *, soft: bool) -> Iterator[str]:
    yield f"--store={container.checked(settings.store, 'store')}/{one.task.environment}/{'model' if workflow.run_on_apply else 'pipeline'}.{workflow.name}"
    if isinstance(one.step, CommandStep) and one.step.cache and one.outputs and not one.gathers:
        yield f"--cache={settings.store}/cache"
    if settings.project:
        yield f"--project={container.checked(settings.project, 'project')}"
    if settings.run == "pods":
        yield "--inherit=*"
        yield "--returns=/airflow/xcom/return.json"
    else:
        yield from (f"--inherit={container.checked(name, 'inherit')}" for name in settings.inherit)
        yield "--mask=key"
    if soft:
        yield "--soft"
    for feed in one.feeds:
        yield f"--input={feed.name}={_path(feed.task, feed.output, feed.type)}"
    for name, kind in one.outputs:
        yield f"--output={name}={_path(one.name, name, kind)}"


def _path(task: str, output: str, kind: OutputType) -> str:
    return f"{task}/{output}" + (".json" if kind is OutputType.METRICS else "")
