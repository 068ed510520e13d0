"""A bound of a metric: a number, or what another version of the model has, as in `champion - 0.005`."""

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from mlspec.ir.workflow import Relative
from mlspec.language.words import wrong

_RELATIVE = re.compile(r"([a-z][a-z0-9_]{0,62})(?:\s*([-+*])\s*([0-9]+(?:\.[0-9]+)?))?")
_HELP = "write a number, or an alias with what may be lost or must be gained: `champion - 0.005`, `champion * 1.02`"


def _bound(value: Any) -> Any:
    """Read a number, `alias`, `alias - 0.005`, `alias * 0.98`, or a list of these. Raises PydanticCustomError."""
    if isinstance(value, list | tuple):
        if not value:
            raise wrong("invalid-gate", "an empty list is no bound", help=_HELP)
        return tuple(_one(item) for item in value)
    return _one(value)


def _one(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and _finite(value):
        return value
    match = _RELATIVE.fullmatch(value) if isinstance(value, str) else None
    if match is None or not _finite(match[3] or 0):
        raise wrong("invalid-gate", "`{text}` is not a bound", text=str(value), help=_HELP)
    return value


def _finite(value: Any) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


Bound = Annotated[Any, BeforeValidator(_bound, json_schema_input_type=float | str | list[float | str])]
"""A number, the name of an alias with a number added, taken away or multiplied by, or several of these, which all count."""


def numbers(bound: Any) -> list[float]:
    """The bounds that are numbers."""
    return [one for one in _each(bound) if not isinstance(one, str)]


def relatives(name: str, bound: Any) -> tuple[Relative, ...]:
    """The bounds that follow from another version; `name` is `min` or `max`."""
    return tuple(_relative(name, one) for one in _each(bound) if isinstance(one, str))


def _each(bound: Any) -> tuple[Any, ...]:
    if bound is None:
        return ()
    return bound if isinstance(bound, tuple) else (bound,)


def _relative(name: str, text: str) -> Relative:
    match = _RELATIVE.fullmatch(text)
    alias, sign, number = match.groups() if match else (text, None, None)
    amount = float(number or 0)
    if sign == "*":
        return Relative(name, alias, factor=amount, words=text)
    return Relative(name, alias, shift=-amount if sign == "-" else amount, words=text)
