"""Bodies and resources as JSON and back, for saved plans, by the type hints of their frozen dataclasses."""

import math
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from mlspec.base.address import Address
from mlspec.base.value import fields, is_dataclass
from mlspec.ir.later import is_later
from mlspec.ir.resource import FORMS, Resource

T = TypeVar("T")


def encode(value: Any) -> Any:
    """Write a form or a part of one as JSON, with every field; one of several classes carries its name.

    The name is lower case, under `form` where the class is a form, else under `type`. Raises ValueError for what
    JSON cannot hold.
    """
    return _encode(type(value), value)


def decode(kind: type[T], data: Any) -> T:
    """Read what `encode` wrote. Raises ValueError, with its place, at an unknown, missing or wrong value."""
    value: T = _decode(kind, data, kind.__name__.lower())
    return value


def encode_resource(resource: Resource) -> dict[str, Any]:
    """Write a resource as JSON, addresses as text; its words must be JSON themselves (a tuple comes back as a list)."""
    encoded: dict[str, Any] = encode(resource)
    return encoded


def decode_resource(data: Any) -> Resource:
    """Read what `encode_resource` wrote. Raises ValueError as `decode` does."""
    return decode(Resource, data)


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind)}


@cache
def _choices(hint: Any) -> tuple[str, Mapping[str, Any]]:
    """Find the key that tells the classes of a union apart, and the classes by name; None tells itself."""
    kinds = {kind.__name__.lower(): kind for kind in get_args(hint) if kind is not NoneType}
    return ("form" if kinds == FORMS else "type"), kinds


def _encode(hint: Any, value: Any) -> Any:
    match value:
        case Address() | StrEnum():
            return str(value)
        case float() if not math.isfinite(value):
            raise ValueError(f"`{value}` is not a number in JSON")
        case None | str() | bool() | int() | float():
            return value
        case tuple() | list():
            return [_encode(item_hint, item) for item_hint, item in zip(_items(hint, len(value)), value, strict=True)]
        case Mapping() if all(isinstance(key, str) for key in value):
            inner = (get_args(hint) or (str, Any))[1]
            return {key: _encode(inner, item) for key, item in value.items()}
        case _ if is_dataclass(value):
            kind: Any = type(value)
            tag, kinds = _choices(hint) if get_origin(hint) in (Union, UnionType) else ("", {})
            named = {tag: kind.__name__.lower()} if len(kinds) > 1 else {}
            return named | {name: _encode(h, getattr(value, name)) for name, h in _hints(kind).items()}
    raise ValueError(f"`{type(value).__name__}` is not JSON")


def _items(hint: Any, length: int) -> tuple[Any, ...]:
    """Give each item of a tuple its hint: `tuple[X, ...]` has as many as there are, `tuple[X, Y]` its own."""
    inner = get_args(hint) or (Any, ...)
    return inner[:1] * length if inner[-1] is ... else inner


def _decode(hint: Any, data: Any, where: str) -> Any:
    origin = get_origin(hint)
    if hint is Any:
        return data
    if origin in (Union, UnionType):
        return _decode_choice(hint, data, where)
    if origin is tuple:
        data = _checked(list, data, where)
        hints = _items(hint, len(data))
        if len(hints) != len(data):
            raise ValueError(f"{where}: {len(hints)} items expected, {len(data)} found")
        return tuple(_decode(h, d, f"{where}[{i}]") for i, (h, d) in enumerate(zip(hints, data, strict=True)))
    if origin is Mapping:
        inner = get_args(hint)[1]
        return {key: _decode(inner, d, f"{where}.{key}") for key, d in _checked(dict, data, where).items()}
    if hint is Address:
        return _parsed(Address.parse, data, where)
    if is_dataclass(hint):
        return _decode_fields(hint, _checked(dict, data, where), where)
    if issubclass(hint, StrEnum):
        return _parsed(hint, data, where)
    return _checked(hint, data, where)


def _decode_choice(hint: Any, data: Any, where: str) -> Any:
    if data is None and NoneType in get_args(hint):
        return None
    tag, kinds = _choices(hint)
    if len(kinds) == 1:
        return _decode(next(iter(kinds.values())), data, where)
    rest = dict(_checked(dict, data, where))
    name = rest.pop(tag, None)
    if not isinstance(name, str) or name not in kinds:
        raise ValueError(f"{where}: `{tag}` must be one of {', '.join(kinds)}, not {name!r}")
    return _decode(kinds[name], rest, where)


def _decode_fields(kind: Any, data: Mapping[str, Any], where: str) -> Any:
    hints = _hints(kind)
    needed = {f.name for f in fields(kind) if not is_later(f)}
    for problem, names in (("unknown", data.keys() - hints.keys()), ("missing", needed - data.keys())):
        if names:
            raise ValueError(f"{where}: `{min(names)}` is {problem}")
    return kind(**{name: _decode(hint, data[name], f"{where}.{name}") for name, hint in hints.items() if name in data})


def _parsed(read: Any, data: Any, where: str) -> Any:
    try:
        return read(_checked(str, data, where))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _checked(kind: type, data: Any, where: str) -> Any:
    # 1 is a fine float and stays the int that it was, for the digest of the body tells them apart; True is neither
    if type(data) is kind or (kind is float and type(data) is int):
        return data
    raise ValueError(f"{where}: {kind.__name__} expected, {type(data).__name__} found")
