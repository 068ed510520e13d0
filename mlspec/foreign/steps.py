"""Steps and tasks of a valohai.yaml: kind `step`, and the `each` of whoever runs one many times."""

import re
from typing import Any

from mlspec.base.value import dataclass, field
from mlspec.foreign.commands import Passed, command
from mlspec.foreign.numbers import finite, whole
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
    passed: dict[str, Passed] = field(default_factory=dict)

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
    known.passed = passed
    source = one.text("source-path")
    document["command"] = command(lines, passed, inputs, one.at("command"), source)
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
        between = _between(each)
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
            said["default"] = _as(each, "default", kind, default)
        for bound in ("min", "max"):
            if kind in {"int64", "float64"} and (value := finite(each, bound, each.take(bound))) is not None:
                said[bound] = value
        if choices := each.listed("choices"):
            said["choices"] = [_as(each, "choices", kind, c) for c in choices]
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


def _between(each: Fields) -> str:
    """The one character between several values of a parameter."""
    found = str(each.take("multiple-separator", ","))
    if len(found) == 1 and found not in "\\\n":
        return found
    each.say(f"`{found}` cannot stand between values: `,` does", "multiple-separator")
    return ","


def _as(one: Fields, key: str, kind: str, value: Any) -> Any:
    """A value of the type that it is declared with; one that cannot be is told."""
    if value is None:
        return _EMPTY[kind]
    if kind == "string":
        return value if isinstance(value, str) else str(value)
    if kind == "boolean":
        return value is True or str(value).lower() in {"true", "yes", "on", "1"}
    number = finite(one, key, value)
    if number is None:
        return _EMPTY[kind]
    if kind == "int64" and number != int(number):
        one.say(f"`{value}` is no whole number: `{int(number)}` is written", key)
    return float(number) if kind == "float64" else int(number)


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
            if (number := finite(bounds, theirs, value)) is not None:
                found[ours] = f"{number:g}{unit}"
        bounds.leave(f"`{what}`")
    devices = asked.part("devices")
    if (gpus := whole(devices, _GPU, devices.take(_GPU))) is not None:
        found["gpu"] = gpus
    devices.leave("`devices`")
    asked.leave("`resources`")
    if found:
        document["resources"] = found


def _duration(one: Fields, key: str) -> str:
    written = one.take(key)
    if written is None:
        return ""
    if type(written) is int and 0 < written < _UNITS["w"] * 1000:
        return f"{written}s"
    parts = re.findall(r"\b([0-9]{1,9})\s*([wdhms])", re.sub(r"([a-z])([0-9])", r"\1 \2", str(written).lower()))
    seconds = sum(int(n) * _UNITS[u] for n, u in parts)
    if not seconds or re.sub(r"[0-9]+\s*[wdhms][a-z]*|[\s,]", "", str(written).lower()):
        one.say(f"`{written}` is not read as a duration", key, "write it as in `1h30m`")
        return ""
    return "".join(f"{n}{u}" for n, u in parts)
