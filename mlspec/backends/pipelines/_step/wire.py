"""Frozen dataclasses as JSON for the command line of a container: nothing at its default, no sign that a template would read."""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from mlspec.base.value import MISSING, fields, is_dataclass

T = TypeVar("T")
_PLAIN = frozenset({str, int, float, bool})

_SIGNS = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "{}$%#`\x7f"})
"""What Argo, Kubeflow, Jinja, Kubernetes or a shell might take for theirs; inside of a JSON text all of it can be escaped."""

_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_SIGN = re.compile(r"[{}$%#`\x7f]")


class NotUnderstood(Exception):
    """Data that do not describe what was expected; the message says where."""


def packed(value: Any) -> str:
    """Write a dataclass as one line of JSON in ASCII that every templating language leaves alone."""
    return inert_text(pack(value))


def inert_text(value: Any) -> str:
    """Write a plain value as JSON whose texts hold no brace, dollar, percent, number sign or backtick.

    Its own braces never open in pairs, for between two of them there is a key.
    """
    return _TEXT.sub(
        lambda match: match[0].translate(_SIGNS) if _SIGN.search(match[0]) else match[0], json.dumps(value)
    )


def pack(value: Any) -> Any:
    """A dataclass as plain values, without fields that hold their default; one of several classes carries its name as `is`."""
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, tuple | list):
        return [pack(one) for one in value]
    if isinstance(value, StrEnum):
        return str(value)
    found = {}
    kind: Any = type(value)
    for name, default, tagged in _written(kind):
        given = getattr(value, name)
        if given != default or default is MISSING:
            plain = pack(given)
            found[name] = {"is": type(given).__name__.lower(), **plain} if tagged and given is not None else plain
    return found


def unpack(kind: type[T], data: Any) -> T:
    """Read what `pack` wrote. Raises NotUnderstood."""
    found: T = _unpack(kind, data, kind.__name__.lower())
    return found


@cache
def _written(kind: Any) -> tuple[tuple[str, Any, bool], ...]:
    """Name and default of each field, and whether it may hold one of several classes."""
    return tuple((f.name, f.default, len(_kinds(hint)) > 1) for f, hint in _fields(kind))


@cache
def _fields(kind: Any) -> tuple[tuple[Any, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((f, hints[f.name]) for f in fields(kind))


@cache
def _kinds(hint: Any) -> Mapping[str, Any]:
    """The dataclasses that a hint allows, by name."""
    found = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return {kind.__name__.lower(): kind for kind in found if is_dataclass(kind) and isinstance(kind, type)}


def _unpack(hint: Any, data: Any, where: str) -> Any:
    if get_origin(hint) in (Union, UnionType):
        return _one_of(hint, data, where)
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        if not isinstance(data, list) or (inner[-1] is not ... and len(data) != len(inner)):
            raise NotUnderstood(f"{where}: another list is expected")
        hints = inner[:1] * len(data) if inner[-1] is ... else inner
        return tuple(_unpack(h, one, f"{where}[{i}]") for i, (h, one) in enumerate(zip(hints, data, strict=True)))
    if is_dataclass(hint):
        return _object(hint, data, where)
    try:
        if issubclass(hint, StrEnum):
            return hint(data)
    except (TypeError, ValueError):
        raise NotUnderstood(f"{where}: `{data}` is not known") from None
    if type(data) is hint or (hint is float and type(data) is int):
        return data
    raise NotUnderstood(f"{where}: `{hint.__name__}` is expected")


def _one_of(hint: Any, data: Any, where: str) -> Any:
    if data is None and NoneType in get_args(hint):
        return None
    kinds = _kinds(hint)
    if len(kinds) > 1:
        rest = dict(data) if isinstance(data, dict) else {}
        name = rest.pop("is", "")
        if name not in kinds:
            raise NotUnderstood(f"{where}: `{name}` is not known")
        return _object(kinds[name], rest, where)
    return _unpack(next(one for one in get_args(hint) if one is not NoneType), data, where)


def _object(kind: Any, data: Any, where: str) -> Any:
    known = {f.name: (f, hint) for f, hint in _fields(kind)}
    if not isinstance(data, dict) or (strange := data.keys() - known.keys()):
        raise NotUnderstood(
            f"{where}: `{min(strange)}` is not known" if isinstance(data, dict) else f"{where}: no object"
        )
    if missing := {n for n, (f, _) in known.items() if f.default is MISSING} - data.keys():
        raise NotUnderstood(f"{where}: `{min(missing)}` is missing")
    return kind(**{name: _unpack(known[name][1], one, f"{where}.{name}") for name, one in data.items()})
