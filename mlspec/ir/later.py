"""Fields that came to a form after its release: one that is not used leaves every digest as it was, and old text is still read."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from mlspec.base.value import MISSING, Field, field, fields, is_dataclass

_MARK = "later"
_BESIDE = "beside"


def later(default: Any) -> Any:
    """A field of a frozen form that came later; at its default it has no part in a digest."""
    return field(default=default, metadata={_MARK: True})


def beside(default: Any) -> Any:
    """A later field that is in no digest: the plan finds a change of it in the words of its author."""
    return field(default=default, metadata={_MARK: True, _BESIDE: True})


def is_later(one: Field[Any]) -> bool:
    """Whether a field came later: what was written before does not have it."""
    return bool(one.metadata.get(_MARK))


def described(value: Any) -> Any:
    """A value as JSON for its digest: what `asdict` gives, without the later fields that are not used."""
    if is_dataclass(value):
        found = {}
        kind: Any = type(value)
        for name, unused in _fields(kind):
            item = getattr(value, name)
            if unused is MISSING or item != unused:
                found[name] = described(item)
        return found
    if isinstance(value, tuple | list):
        return [described(item) for item in value]
    if isinstance(value, Mapping):
        return {key: described(item) for key, item in value.items()}
    return value


@cache
def _fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    """Each field with the value at which it is left out; MISSING for one that never is."""
    told = (f for f in fields(kind) if not f.metadata.get(_BESIDE))
    return tuple((f.name, f.default if is_later(f) else MISSING) for f in told)
