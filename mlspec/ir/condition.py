"""Conditions in CEL, the Common Expression Language; the only door to its library."""

import re
import sys
import types
from collections.abc import Collection, Mapping
from typing import Any

_MEMBER = r"""\s*(?:\.\s*(\w+)|\[\s*(['"])(\w+)\2\s*\])"""
_METRICS = re.compile(rf"(?<![\w.])metrics{_MEMBER}")
_PARAMETERS = re.compile(rf"(?<![\w.])parameters{_MEMBER}")
_TEXT = re.compile(r"""(\[\s*)?("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""")
_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)\s*,")
_FOREIGN = re.compile(r"(?<![\w.])(and|or|not)(?!\w)|(?<![=!<>])(=)(?!=)")
_CEL = {"and": "&&", "or": "||", "not": "!", "=": "=="}
_UNEXPECTED = re.compile(r"Syntax error: (?:mismatched|extraneous) input '(.+?)' expecting .*")


class ConditionProblem(Exception):
    """A condition that cannot be read, or has no answer for these values; `help` says what to write instead."""

    def __init__(self, message: str, help: str = "") -> None:  # noqa: A002 - as of a diagnostic
        super().__init__(message)
        self.help = help


def _library() -> Any:
    # The package imports its interactive prompt at once, which costs half a second; nobody prompts here.
    sys.modules.setdefault("cel.cli", types.ModuleType("cel.cli"))
    import cel  # noqa: PLC0415 - loaded only where there is a condition

    return cel


def compile_condition(text: str) -> None:
    """Check that a condition can be read, and is one: of literals only, its answer is known. Raises ConditionProblem."""
    try:
        program = _library().compile(text)
    except ValueError as error:
        if foreign := _FOREIGN.search(_without_texts(text)):
            sign = foreign[1] or foreign[2]
            raise ConditionProblem(f"`{sign}` is no operator of CEL", f"write `{_CEL[sign]}`") from None
        raise ConditionProblem(_reason(error)) from None
    if not program.variables():
        holds(text, {})


def unbound(text: str, known: Collection[str]) -> tuple[str, ...]:
    """The names that a condition, which can be read, has from nowhere: neither known nor bound by itself."""
    bound = {match[1] for match in _BOUND.finditer(_without_texts(text))}
    return tuple(sorted(set(_library().compile(text).variables()) - bound - set(known)))


def measured_by(text: str) -> tuple[str, ...]:
    """The steps whose metrics a condition reads, as far as it names them: `metrics.step` or `metrics['step']`."""
    return _members(_METRICS, text)


def parameters_of(text: str) -> tuple[str, ...]:
    """The parameters that a condition reads, as far as it names them: `parameters.name` or `parameters['name']`."""
    return _members(_PARAMETERS, text)


def _members(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    found = pattern.finditer(_without_texts(text))
    return tuple(dict.fromkeys(match[1] or match[3] for match in found))


def _without_texts(text: str) -> str:
    """The expression with its texts emptied, but for those that stand in brackets as the name of a member."""
    return _TEXT.sub(lambda m: m[0] if m[1] else '""', text)


def holds(text: str, values: Mapping[str, Any]) -> bool:
    """Whether a condition is true. Raises ConditionProblem, also when it is neither true nor false."""
    try:
        answer = _library().evaluate(text, dict(values))
    except KeyError as error:
        raise ConditionProblem(f"there is no {error}") from None
    except Exception as error:  # noqa: BLE001 - the library has no error class of its own
        raise ConditionProblem(_reason(error)) from None
    if not isinstance(answer, bool):
        raise ConditionProblem(f"it is `{answer!r}`, neither true nor false")
    return answer


def _reason(error: Exception) -> str:
    text = str(error)
    _, found, after = text.partition("ERROR: <input>:")
    said = after.splitlines()[0].partition(": ")[2] if found else text.splitlines()[0]
    if unexpected := _UNEXPECTED.fullmatch(said):
        return "it ends too early" if unexpected[1] == "<EOF>" else f"`{unexpected[1]}` is not expected there"
    return said
