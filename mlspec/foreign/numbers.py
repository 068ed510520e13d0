"""Numbers of a foreign file: finite and within 64 bits, or told and left out."""

import math
from typing import Any

from mlspec.foreign.reading import Fields

Number = int | float
_LARGEST = 2**63
_SHOWN = 40


def number(value: Any) -> Number | None:
    """The number that a value is, or that a text says; None where it is no finite one, or one of more than 64 bits."""
    if isinstance(value, str):
        try:
            value = float(value) if any(c in value for c in ".eE") else int(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    sound = -_LARGEST <= value < _LARGEST if isinstance(value, int) else math.isfinite(value)
    return value if sound else None


def finite(one: Fields, key: str, value: Any) -> Number | None:
    """The same, where None is no value, and what is no finite number is told at its field."""
    if value is None:
        return None
    found = number(value)
    if found is None:
        one.say(f"`{str(value)[:_SHOWN]}` is not a finite number", key)
    return found


def whole(one: Fields, key: str, value: Any, least: int = 0, most: int = _LARGEST - 1) -> int | None:
    """The same of a whole number within bounds."""
    found = finite(one, key, value)
    if found is None:
        return None
    if found != int(found) or not least <= found <= most:
        one.say(f"`{found}` is not a whole number from {least} to {most}", key)
        return None
    return int(found)
