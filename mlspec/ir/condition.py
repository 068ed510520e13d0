"""Conditions in CEL, the Common Expression Language; the only door to its library."""

import re
import sys
import types
from collections.abc import Mapping
from typing import Any

_METRICS = re.compile(r"""\bmetrics\s*(?:\.\s*(\w+)|\[\s*(['"])(\w+)\2\s*\])""")


class ConditionProblem(Exception):
    """A condition that cannot be read, or has no answer for these values."""


def _library() -> Any:
    # The package imports its interactive prompt at once, which costs half a second; nobody prompts here.
    sys.modules.setdefault("cel.cli", types.ModuleType("cel.cli"))
    import cel  # noqa: PLC0415 - loaded only where there is a condition

    return cel


def compile_condition(text: str) -> None:
    """Check that a condition can be read. Raises ConditionProblem."""
    try:
        _library().compile(text)
    except ValueError as error:
        raise ConditionProblem(_reason(error)) from None


def measured_by(text: str) -> tuple[str, ...]:
    """The steps whose metrics a condition reads, as far as it names them: `metrics.step` or `metrics['step']`."""
    return tuple(match[1] or match[3] for match in _METRICS.finditer(text))


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
    return after.splitlines()[0].partition(": ")[2] if found else text.splitlines()[0]
