"""Commands of a valohai.yaml as shell lines that read their parameters from the environment: nothing is put into the text."""

import re
import shlex
from collections.abc import Callable, Mapping

from mlspec.base.value import dataclass
from mlspec.foreign.quoting import COMMENT, DOUBLE, HERE, LITERAL, SINGLE, quotes

INPUTS, OUTPUTS = "/valohai/inputs", "/valohai/outputs"
_PLACEHOLDER = re.compile(r"\{(parameters|params|(?:parameter|parameter-value):[^{}]+)\}")
_OF_PROGRAM = re.compile(r"/valohai/(?:inputs|outputs)[^\s\"')]*|\bVH_\w+|\b(?:import|from) valohai\b")
_SHELLS = {"sh", "bash", "dash", "ash", "ksh", "zsh"}
_PROGRAMS = {"python": "-c", "perl": "-e", "ruby": "-e", "node": "-e", "Rscript": "-e"}
"""Interpreters, and how they take a program as an argument."""
Say = Callable[[str, str], None]
"""Tells what could not be taken over, and what to do."""


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


def command(
    lines: list[str], passed: Mapping[str, Passed], inputs: Mapping[str, str], say: Say, folder: str = ""
) -> str | list[str]:
    """A shell line, or a program and its arguments where the first line names an interpreter; `inputs` are their names to ours.

    `folder` is where the command runs; empty: where the step does.
    """
    words: list[str] = []
    if lines and lines[0].startswith("#!"):
        interpreter, _, rest = lines[0].removeprefix("#!").strip().partition("\n")
        words, lines = _interpreter(interpreter), [rest, *lines[1:]]
    if words and _plain_name(words[0]) not in _SHELLS:
        return _program(words, "\n".join(lines).strip("\n"), folder, say)
    if folder:
        lines = [f"cd {shlex.quote(folder)}", *lines]
    text = "\n".join(_line(line, passed, inputs, say) for line in lines).strip("\n")
    head = _head(inputs)
    whole = "\n".join([*(["set -e"] if "\n" in text or head else []), *head, text]) + "\n"
    return [*words, "-c", whole] if words else whole


def _interpreter(line: str) -> list[str]:
    words = line.split()
    if words and words[0].endswith("/env"):
        return [w for w in words[1:] if w != "-S"]
    return words


def _plain_name(program: str) -> str:
    """`python` for `/usr/bin/python3.12`."""
    return re.sub(r"[0-9.]+$", "", program.rpartition("/")[2])


def _program(words: list[str], text: str, folder: str, say: Say) -> list[str]:
    """A program that is no shell, as it is: nothing of ours would be expanded in it, so what would have to be is told."""
    name = _plain_name(words[0])
    if name not in _PROGRAMS:
        say(f"how `{name}` takes a program as an argument is not known: `-c` is written", "write the program to a file")
    if folder:
        say("`source-path` is not set for a command that is no shell", "change the folder in the program")
    for what in dict.fromkeys(m[0] for m in (*_PLACEHOLDER.finditer(text), *_OF_PROGRAM.finditer(text))):
        read = "read the variables of the step contract, such as `MLSPEC_PARAM_X`, `MLSPEC_INPUT_X`, `MLSPEC_OUTPUT_OUTPUTS`"
        say(f"`{what}` in a command of `{name}` stays as it is: nothing expands it there", read)
    return [*words, _PROGRAMS.get(name, "-c"), text]


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


def _line(line: str, passed: Mapping[str, Passed], inputs: Mapping[str, str], say: Say) -> str:
    """A line, or several in one block, with variables for folders and parameters, whatever quotes they stand in."""
    lies = quotes(line)
    names = "|".join(re.escape(n) for n in sorted(inputs, key=lambda n: -len(n)) if n)
    places = [rf"{INPUTS}/(?P<input>{names})(?![\w.-])"] if names else []
    pattern = "|".join([_PLACEHOLDER.pattern, *places, rf"(?P<folder>{INPUTS}|{OUTPUTS})(?![\w.-])"])

    def put(match: re.Match[str]) -> str:
        inside, found = lies[match.start()], match.groupdict()
        if inside == COMMENT:
            return match[0]
        placed: str | None
        if match[1]:
            placed = _placed(match[1], passed)
        elif name := found.get("input"):
            placed = f'"${{{variable("INPUT", inputs[name])}}}"'
        else:
            placed = '"${VH_INPUTS_DIR}"' if found["folder"] == INPUTS else '"${MLSPEC_OUTPUT_OUTPUTS}"'
        if placed is None:
            say(f"`{match[0]}` is no parameter of the step: it stays as it is", "")
        elif inside == LITERAL:
            say(
                f"`{match[0]}` in a here-document with a quoted end stays as it is: nothing expands it there",
                "leave the quotes out, or read the variable in the program",
            )
        return match[0] if placed is None or inside == LITERAL else _within(inside, placed)

    return re.sub(pattern, put, line)


def _within(inside: str, placed: str) -> str:
    """What is put in where quotes are open: single ones are closed before it, and opened again; it stays within one word."""
    if inside not in (SINGLE, DOUBLE, HERE) or not placed:
        return placed
    whole = placed if re.fullmatch(r'"[^"]*"', placed) else f'"$(set -- {placed}; printf %s "$*")"'
    return f"'{whole}'" if inside == SINGLE else whole[1:-1]


def _placed(what: str, passed: Mapping[str, Passed]) -> str | None:
    """What stands for a placeholder outside of quotes; None where there is no such parameter."""
    if what in {"parameters", "params"}:
        return " ".join(_passed(one) for one in passed.values())
    kind, _, name = what.partition(":")
    one = passed.get(name)
    if one is None:
        return None
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
        return f"$(printf %s \"${name}\" | tr {shlex.quote(one.several)} '\\n' | sed {shlex.quote(f's|^|{_replacing(before)}|; s|$|{_replacing(after)}|')})"
    whole = f'"{_quoted(before)}${{{name}}}{_quoted(after)}"'
    return f"${{{name}:+{whole}}}" if one.optional else whole


def _quoted(text: str) -> str:
    return re.sub(r'(["\\$`])', r"\\\1", text)


def _replacing(text: str) -> str:
    """Text as `sed` takes it in `s|…|…|`."""
    return re.sub(r"([\\&|\n])", r"\\\1", text)
