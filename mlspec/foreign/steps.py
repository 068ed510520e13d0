"""Steps and tasks of a valohai.yaml: kind `step`, and the `each` of whoever runs one many times."""

import re
from dataclasses import dataclass, field
from typing import Any

from mlspec.foreign.commands import Passed, command
from mlspec.foreign.reading import Fields, Names

_TYPES = {"string": "string", "integer": "int64", "float": "float64", "flag": "boolean"}
_EMPTY = {"string": "", "int64": 0, "float64": 0.0, "boolean": False}
_GPU = "nvidia.com/gpu"
_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
ON_CHILD_ERROR = {
    "continue-and-complete": "continue",
    "continue-and-error": "skip_downstream",
    "stop-all-and-error": "stop",
}


@dataclass
class Known:
    """A step as it was taken over: its document, its names of ours, and where its inputs come from if nothing feeds them."""

    document: dict[str, Any]
    inputs: Names = field(default_factory=Names)
    parameters: Names = field(default_factory=Names)
    defaults: dict[str, tuple[str, ...]] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)
    kinds: dict[str, str] = field(default_factory=dict)

    def numbered(self, theirs: str, by: Fields) -> None:
        """Let a parameter that nobody gave a value have its own type again: now somebody does."""
        ours = self.parameters.of(theirs)
        declared, kind = self.document.get("parameters", {}).get(ours), self.kinds.get(ours)
        if declared is not None and kind is not None and declared["type"] != kind:
            declared |= {"type": kind, "default": _EMPTY[kind]}
            by.say(f"parameter `{theirs}` has no default there, and `{_EMPTY[kind]}` here where it is not given")


def taken_step(one: Fields, name: str) -> Known:
    """A step as a document of kind `step`."""
    known = Known({"kind": "step", "name": name})
    document = known.document
    about = [one.text("description"), f"`{one.text('name')}` of valohai.yaml" if one.text("name") != name else ""]
    if said := "; ".join(t for t in about if t):
        document["description"] = said
    if image := one.text("image"):
        document["image"] = image
    inputs = _inputs(one, known)
    passed, parameters = _parameters(one, known)
    lines = [str(line) for line in one.listed("command")]
    if source := one.text("source-path"):
        lines = [f"cd {source}", *lines]
    document["command"] = command(lines, passed, inputs)
    if inputs:
        document["inputs"] = dict.fromkeys((known.inputs.of(n) for n in inputs), "artifact")
    document["outputs"] = {"outputs": "artifact"}
    if parameters:
        document["parameters"] = parameters
    _environment(one, document)
    _resources(one, document)
    for theirs, ours in (("time-limit", "timeout"), ("no-output-timeout", "idle_timeout")):
        if duration := _duration(one, theirs):
            document[ours] = duration
    for output in one.parts("outputs"):
        output.say(
            f"output `{output.text('name')}` is a part of the folder `outputs`, which is all that a step writes", "name"
        )
        output.take("description")
        output.leave("an output")
    one.leave("a step", environment="which machines run it is for the target of the environment", mounts="a target mounts nothing yet",
              stop_condition="the code can end by itself", upload_store="outputs go where the target keeps them", icon="it is for a screen",
              category="it is for a screen", cache_volumes="a target mounts nothing yet", runtime_config_preset="`resources` say what it needs",
              environment_variable_groups="write `env` and `secrets` in the step")  # fmt: skip
    return known


def each_of(task: Fields, known: Known) -> dict[str, Any]:
    """What a task does with a step, as `each`; empty where that cannot be said."""
    kind = task.text("type").lower().replace("-", "_") or "grid_search"
    found: dict[str, Any] = {}
    axes = {p.text("name"): p for p in task.parts("parameters")}
    for name in axes:
        known.numbered(name, task)
    if kind == "manual_search" and ("parameter-sets" in task.data or not axes):
        sets = task.take("parameter-sets", [])
        found["sets"] = [
            {known.parameters.of(str(n)): v for n, v in one.items()} for one in sets if isinstance(one, dict)
        ]
    elif kind == "random_search":
        found = {
            "random": {known.parameters.of(n): _drawn(p) for n, p in axes.items()},
            "count": task.take("execution-count", 1),
        }
    elif kind in {"grid_search", "manual_search"}:
        found["grid"] = {known.parameters.of(n): _listed(p) for n, p in axes.items()}
    else:
        task.say(f"a task of type `{kind}` has no counterpart", "type", "a `random` search with a `seed` can be said")
        return {}
    for axis in axes.values():
        axis.taken.add("rules")
    if (batch := task.take("execution-batch-size")) is not None:
        found["parallel"] = batch
    for axis in axes.values():
        axis.leave("a parameter of a task")
    return found


def _inputs(one: Fields, known: Known) -> dict[str, str]:
    found = {}
    for each in one.parts("inputs"):
        name = each.text("name")
        found[name] = known.inputs.of(name)
        known.defaults[name] = tuple(str(d) for d in each.listed("default"))
        if each.take("optional", default=False) is True:
            known.optional.add(name)
        each.take("description")
        if each.take("keep-directories", "none") not in ("none", False):
            each.say("`keep-directories` is always so: an input is a folder as it was made", "keep-directories")
        each.leave("an input", filename="an input is a folder, with the names that it was made with")
    return found


def _parameters(one: Fields, known: Known) -> tuple[dict[str, Passed], dict[str, Any]]:
    passed, declared = {}, {}
    for each in one.parts("parameters"):
        name = each.text("name")
        ours = known.parameters.of(name)
        kind = _TYPES.get(each.text("type") or "string", "string")
        several, default = str(each.take("multiple", "none") or "none"), each.take("default")
        if each.take("optional", default=False) is True and default is not None:
            each.say(f"`{name}` has a default, and so always a value", "optional")
        optional = default is None
        between = str(each.take("multiple-separator", ","))
        if several != "none" or isinstance(default, list):
            kind = "string"
            default = between.join(str(d) for d in default) if isinstance(default, list) else default
        known.kinds[ours] = kind
        if optional and kind != "boolean":
            if kind != "string":
                each.say(f"`{name}` has no default: here it is text, empty where it is not given", "type")
            kind, default = "string", ""
        said: dict[str, Any] = {"type": kind}
        if default is not None or kind == "boolean":
            said["default"] = _as(kind, default)
        for bound in ("min", "max"):
            if kind in {"int64", "float64"} and (value := each.take(bound)) is not None:
                said[bound] = value
        if choices := each.listed("choices"):
            said["choices"] = [_as(kind, c) for c in choices]
        if description := each.text("description"):
            said["description"] = description
        form = each.text("pass-as") or f"--{name}={{v}}"
        on = (each.text("pass-true-as") or each.text("pass-as") or f"--{name}").replace("{name}", name)
        off = each.text("pass-false-as").replace("{name}", name)
        passed[name] = Passed(
            ours,
            form.replace("{name}", name),
            kind == "boolean",
            on,
            off,
            optional,
            between if several == "repeat" else "",
        )
        declared[ours] = said
        each.leave("a parameter", category="it is for a screen", widget="it is for a screen")
    return passed, declared


def _as(kind: str, value: Any) -> Any:
    """A value of the type that it is declared with."""
    if value is None:
        return _EMPTY[kind]
    if kind == "string":
        return value if isinstance(value, str) else str(value)
    if kind == "boolean":
        return value is True or str(value).lower() in {"true", "yes", "on", "1"}
    return float(value) if kind == "float64" and type(value) is int else value


def _environment(one: Fields, document: dict[str, Any]) -> None:
    env = {}
    for each in one.parts("environment-variables"):
        name, default = each.text("name"), each.take("default")
        each.take("description")
        optional = each.take("optional", default=False)
        if default is not None:
            env[name] = str(default)
        elif not optional:
            each.say(
                f"`{name}` has no value in the file",
                "name",
                f"write it in `env`, or as a secret: `secrets: {{{name}: {{env: {name}}}}}`",
            )
        each.leave("a variable")
    if env:
        document["env"] = env


def _resources(one: Fields, document: dict[str, Any]) -> None:
    found: dict[str, Any] = {}
    asked = one.part("resources")
    for what, unit in (("cpu", ""), ("memory", "M")):
        bounds = asked.part(what)
        for theirs, ours in (("min", what), ("max", f"{what}_limit")):
            value = bounds.take(theirs)
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[ours] = f"{value:g}{unit}"
            elif value is not None:
                bounds.say(f"`{value}` is not a number", theirs)
        bounds.leave(f"`{what}`")
    devices = asked.part("devices")
    if (gpus := devices.take(_GPU)) is not None:
        found["gpu"] = gpus
    devices.leave("`devices`")
    asked.leave("`resources`")
    if found:
        document["resources"] = found


def _duration(one: Fields, key: str) -> str:
    written = one.take(key)
    if written is None:
        return ""
    if isinstance(written, int):
        return f"{written}s"
    parts = re.findall(r"([0-9]+)\s*([wdhms])", str(written).lower())
    seconds = sum(int(n) * _UNITS[u] for n, u in parts)
    if not seconds or re.sub(r"[0-9]+\s*[wdhms][a-z]*|[\s,]", "", str(written).lower()):
        one.say(f"`{written}` is not read as a duration", key, "write it as in `1h30m`")
        return ""
    return "".join(f"{n}{u}" for n, u in parts)


def _listed(axis: Fields) -> Any:
    style, rules = axis.text("style") or "multiple", axis.take("rules", {})
    match style, rules:
        case "linear", {"start": first, "end": last}:
            return {"range": [first, last, rules.get("step", 1)]}
        case "logspace", {"start": first, "end": last} if rules.get("count", rules.get("step")):
            base, count = rules.get("base", 10), int(rules.get("count", rules.get("step")))
            width = (last - first) / max(count - 1, 1)
            return [float(f"{base ** (first + i * width):.12g}") for i in range(count)]
        case "single", {"value": value}:
            return [value]
        case _, {"items": list(values)}:
            return values
        case _, list(values):
            return values
    axis.say(f"the values of style `{style}` are not read", "rules", "write them as a list in `grid`")
    return [0]


def _drawn(axis: Fields) -> Any:
    style, rules = axis.text("style") or "random", axis.take("rules", {})
    match style, rules:
        case "random", {"min": low, "max": high}:
            if (
                rules.get("distribution", "Uniform").lower() not in {"uniform", "loguniform"}
                or rules.get("seed") is not None
            ):
                axis.say(
                    "of a draw, only its bounds and `uniform` or `log_uniform` are taken over",
                    "rules",
                    "the `seed` is one for the whole search",
                )
            whole = isinstance(low, int) and isinstance(high, int) and rules.get("integerify")
            by = "log_uniform" if rules.get("distribution", "").lower() == "loguniform" else "uniform"
            return {"integers" if whole else by: [low, high]}
    found = _listed(axis)
    return Spread(found).values if isinstance(found, dict) else found


@dataclass(frozen=True)
class Spread:
    """A range, where only a list can stand."""

    said: dict[str, Any]

    @property
    def values(self) -> list[Any]:
        """All of them."""
        first, last, step = self.said["range"]
        return [first + i * step for i in range(int((last - first) / step) + 1)]
