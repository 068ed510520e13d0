"""Conditions in CEL, the Common Expression Language; the only door to its library."""

import re
import sys
import types
from collections.abc import Collection, Iterator, Mapping
from typing import Any

_MEMBER = r"""\s*(?:\.\s*(\w+)|\[\s*(['"])(\w+)\2\s*\])"""
_METRICS = re.compile(rf"(?<![\w.])metrics{_MEMBER}")
_METRIC = re.compile(rf"(?<![\w.])metrics{_MEMBER}{_MEMBER.replace(chr(92) + '2', chr(92) + '5')}")
_PARAMETERS = re.compile(rf"(?<![\w.])parameters{_MEMBER}")
_TEXT = re.compile(r"""(\[\s*)?("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""")
_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)\s*,")
_FOREIGN = re.compile(r"(?<![\w.])(and|or|not)(?!\w)|(?<![=!<>])(=)(?!=)")
_EXTREMES = (-1e300, 1e300)
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


def metrics_in(text: str) -> tuple[tuple[str, str], ...]:
    """The metrics that a condition reads, as far as it names them, as step and name."""
    found = _METRIC.finditer(_without_texts(text))
    return tuple(dict.fromkeys((m[1] or m[3], m[4] or m[6]) for m in found))


def parameters_of(text: str) -> tuple[str, ...]:
    """The parameters that a condition reads, as far as it names them: `parameters.name` or `parameters['name']`."""
    return _members(_PARAMETERS, text)


def _members(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    found = pattern.finditer(_without_texts(text))
    return tuple(dict.fromkeys(match[1] or match[3] for match in found))


def _without_texts(text: str) -> str:
    """The expression with its texts emptied, but for those that stand in brackets as the name of a member."""
    return _TEXT.sub(lambda m: m[0] if m[1] else '""', text)


def mistyped(text: str, parameters: Mapping[str, Collection[Any]]) -> str:
    """Why an operator of a condition has no answer, whatever is measured: CEL calculates with numbers of one type only.

    Metrics are doubles; `parameters` gives for each some values that it may have. Each is tried low and high, so that what
    stands beside a decision is looked at too; what depends on anything else than types is not told.
    """
    asked: dict[tuple[str, ...], tuple[Any, ...]] = dict.fromkeys(metrics_in(text), _EXTREMES)
    asked |= {(name,): tuple(parameters[name]) for name in parameters_of(text) if parameters.get(name)}
    program = _library().compile(text)
    for values in _tries(asked):
        context: dict[str, dict[str, Any]] = {"metrics": {}, "parameters": {}}
        for name, value in values.items():
            where = context["metrics"].setdefault(name[0], {}) if len(name) > 1 else context["parameters"]
            where[name[-1]] = value
        try:
            program.execute(context)
        except TypeError as error:
            return str(error).partition(" CEL does not")[0].rstrip(".")
        except Exception:  # noqa: BLE001, S110 - of these values, not of their types
            pass
    return ""


def _tries(asked: Mapping[tuple[str, ...], tuple[Any, ...]]) -> Iterator[dict[tuple[str, ...], Any]]:
    """All the first values, all the last ones, and each of them with one that is another."""
    for base in (0, -1):
        values = {name: some[base] for name, some in asked.items()}
        yield values
        for name, some in asked.items():
            yield from (values | {name: one} for one in some)


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
