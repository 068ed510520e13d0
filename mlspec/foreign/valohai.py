"""A valohai.yaml in the words of mlspec: its steps, tasks and pipelines; what has no counterpart is told with its place."""

import re
from typing import Any

from mlspec.backends.manifest import manifest_text
from mlspec.base.diag import Diagnostic
from mlspec.base.value import dataclass
from mlspec.foreign.pipelines import Making
from mlspec.foreign.reading import Fields, Names, read_list
from mlspec.foreign.searches import each_of
from mlspec.foreign.steps import ON_CHILD_ERROR, Known, taken_step

_BRACES = re.compile(r"(\$\{[^{}]*\})")
_OF_RUN = re.compile(r"\$\{(parameters|metrics)\.[^{}]+\}")
_LEFT_OUT = {
    "endpoint": "a `model` and a `deployment` say what is served",
    "deployment": "a `deployment` says what is served, and the environment where",
}


@dataclass(frozen=True)
class Imported:
    """The documents as YAML, and what could not be taken over."""

    text: str
    documents: tuple[dict[str, Any], ...]
    said: tuple[Diagnostic, ...]


def from_valohai(text: str, shown: str) -> Imported:
    """Read the text of a valohai.yaml; `shown` is its name in messages. Raises Problems."""
    reading = read_list(text, shown)
    found: dict[str, list[Fields]] = {}
    for index, entry in enumerate(reading.document.data["items"]):
        for kind, data in entry.items() if isinstance(entry, dict) else ():
            path = (index, kind)
            if kind in {"step", "task", "pipeline"} and isinstance(data, dict):
                found.setdefault(kind, []).append(Fields(reading, data, path))
            else:
                reading.say(path, f"`{kind}` is left out", _LEFT_OUT.get(kind, ""), key=True)
    names, pipelines = Names(), Names()
    steps = {one.text("name"): taken_step(one, names.of(one.text("name"))) for one in found.get("step", [])}
    tasks = {one.text("name"): one for one in found.get("task", [])}
    made = [Making(one, steps, tasks).document(pipelines.of(one.text("name"))) for one in found.get("pipeline", [])]
    made += [_alone(one, steps, pipelines) for name, one in tasks.items() if "type" not in one.taken]
    for one in tasks.values():
        one.leave("a task", optimization_target_metric="`keep: {best: …}` hands on the best item only", maximum_queued_executions="`parallel` bounds how many run",
                  engine="", stop_condition="", reuse_children="what is unchanged is taken from the cache")  # fmt: skip
    documents = tuple(_escaped(d) for d in (*(known.document for known in steps.values()), *made) if d)
    said = tuple(sorted(reading.said, key=lambda d: (d.span.line, d.span.column) if d.span else (0, 0)))
    return Imported(manifest_text(*documents) if documents else "", documents, said)


def _escaped(value: Any) -> Any:
    """The same with `${…}` as text, but for what is of a run."""
    match value:
        case str() if not _OF_RUN.fullmatch(value):
            return _BRACES.sub(r"$\1", value)
        case dict():
            return {key: _escaped(item) for key, item in value.items()}
        case list():
            return [_escaped(item) for item in value]
    return value


def _alone(task: Fields, steps: dict[str, Known], names: Names) -> dict[str, Any]:
    """A task that no pipeline runs is a pipeline of one step, if nothing feeds that."""
    known = steps.get(task.text("step"))
    name = task.text("name")
    if known is None or known.inputs.known:
        why = (
            "its step takes inputs: use it in a pipeline, with the `each` of the task"
            if known
            else "there is no such step"
        )
        task.say(f"task `{name}` is left out", "step", why)
        task.taken |= set(task.data)
        return {}
    each = each_of(task, known)
    step: dict[str, Any] = {"use": known.document["name"], **({"each": each} if each else {})}
    if error := ON_CHILD_ERROR.get(task.text("on-child-error")):
        step["on_error"] = error
    return {"kind": "pipeline", "name": names.of(name), "steps": {known.document["name"]: step}}
