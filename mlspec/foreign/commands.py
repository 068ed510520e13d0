"""Commands of a valohai.yaml as shell lines that read their parameters from the environment: nothing is put into the text."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

INPUTS, OUTPUTS = "/valohai/inputs", "/valohai/outputs"
_PLACEHOLDER = re.compile(r"\{(parameters|params|(?:parameter|parameter-value):[^{}]+)\}")
_SHELLS = {"sh", "bash"}


@dataclass(frozen=True)
class Passed:
    """How a parameter gets into a command: `form` with `{v}` for its value, or what stands for a flag that is on, or off."""

    name: str
    form: str = ""
    flag: bool = False
    on: str = ""
    off: str = ""
    optional: bool = False
    several: str = ""
    """Between the values that a text holds, each of which is passed by itself."""


def command(lines: list[str], passed: Mapping[str, Passed], inputs: Mapping[str, str]) -> str | list[str]:
    """A shell line, or a program and its arguments where the first line names an interpreter; `inputs` are their names to ours."""
    interpreter = ""
    if lines and lines[0].startswith("#!"):
        interpreter, _, rest = lines[0].removeprefix("#!").strip().partition("\n")
        lines = [rest, *lines[1:]]
    text = "\n".join(_line(line, passed, inputs) for line in lines).strip("\n")
    words = shlex.split(interpreter)
    if words and words[0].endswith("/env"):
        words = words[1:]
    if words and words[0].rpartition("/")[2] not in _SHELLS:
        return [*words, "-c", text]
    head = _head(inputs)
    whole = "\n".join([*(["set -e"] if "\n" in text or head else []), *head, text]) + "\n"
    return [*words, "-c", whole] if words else whole


def variable(kind: str, name: str) -> str:
    """The variable of the step contract."""
    return f"MLSPEC_{kind}_{name.upper()}"


def _head(inputs: Mapping[str, str]) -> list[str]:
    """What `valohai-utils` looks at, so that code which uses it finds its files."""
    found = ['export VH_OUTPUTS_DIR="$MLSPEC_OUTPUT_OUTPUTS"']
    if inputs:
        found.append('export VH_INPUTS_DIR="$(mktemp -d)"')
        found += [
            f'ln -s "${variable("INPUT", ours)}" "$VH_INPUTS_DIR"/{shlex.quote(n)}'
            for n, ours in sorted(inputs.items())
        ]
    return found


def _line(line: str, passed: Mapping[str, Passed], inputs: Mapping[str, str]) -> str:
    for name, ours in sorted(inputs.items(), key=lambda pair: -len(pair[0])):
        line = line.replace(f"{INPUTS}/{name}", f"${{{variable('INPUT', ours)}}}")
    line = line.replace(OUTPUTS, "${MLSPEC_OUTPUT_OUTPUTS}").replace(f"{INPUTS}", "${VH_INPUTS_DIR}")
    return _PLACEHOLDER.sub(lambda match: _within(_quotes(line[: match.start()]), _placed(match[1], passed)), line)


def _quotes(before: str) -> str:
    """The quotes in which a line is after this much of it."""
    inside, escaped = "", False
    for char in before:
        if escaped:
            escaped = False
        elif char == "\\" and inside != "'":
            escaped = True
        elif char == inside:
            inside = ""
        elif char in "'\"" and not inside:
            inside = char
    return inside


def _within(inside: str, placed: str) -> str:
    """What is put in where quotes are open: they are closed before it, and opened again."""
    if inside == '"' and re.fullmatch(r'"[^"]*"', placed):
        return placed[1:-1]
    return f"{inside}{placed}{inside}" if inside else placed


def _placed(what: str, passed: Mapping[str, Passed]) -> str:
    if what in {"parameters", "params"}:
        return " ".join(_passed(one) for one in passed.values())
    kind, _, name = what.partition(":")
    one = passed.get(name)
    if one is None:
        return "{" + what + "}"
    return f'"${variable("PARAM", one.name)}"' if kind == "parameter-value" else _passed(one)


def _passed(one: Passed) -> str:
    name = variable("PARAM", one.name)
    if one.flag:
        branches = (
            f'if [ "${name}" = true ]; then printf %s {shlex.quote(one.on)}; else printf %s {shlex.quote(one.off)}; fi'
        )
        return f"$({branches})"
    before, _, after = one.form.partition("{v}")
    if one.several:
        return f"$(printf %s \"${name}\" | tr {shlex.quote(one.several)} '\\n' | sed {shlex.quote(f's|^|{before}|; s|$|{after}|')})"
    whole = f'"{_quoted(before)}${{{name}}}{_quoted(after)}"'
    return f"${{{name}:+{whole}}}" if one.optional else whole


def _quoted(text: str) -> str:
    return re.sub(r'(["\\$`])', r"\\\1", text)
