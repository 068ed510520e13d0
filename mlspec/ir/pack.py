"""Forms as compact text and back, for what mlspec itself keeps between two runs; `codec` is for what others read too."""

import json
import sys
from collections.abc import Callable
from enum import StrEnum
from functools import cache, partial
from operator import attrgetter
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from mlspec.base.address import Address
from mlspec.base.value import dataclass, fields, is_dataclass
from mlspec.ir.alias import Alias
from mlspec.ir.check import Check
from mlspec.ir.columntype import ColumnType
from mlspec.ir.fact import Fact
from mlspec.ir.outside import Scan, Seen
from mlspec.ir.relation import Relation
from mlspec.ir.service import Service
from mlspec.ir.workflow import Workflow

_ROOTS = (Relation, Workflow, Service, Alias, Check, Fact, Scan, Seen)
_TYPE, _ADDRESS = "~type", "~address"


@dataclass(frozen=True)
class _Class:
    """How the values of a class are written: by position; `words` reads enumerations again, at their places."""

    kind: type
    values: Callable[[Any], Any]
    single: bool
    words: tuple[tuple[int, Callable[[Any], Any]], ...]


def pack(value: Any) -> str:
    """A form, or a part of one, as text: equal values give equal text."""
    return json.dumps(value, default=_plain, separators=(",", ":"), ensure_ascii=False)


def unpack(text: str | bytes) -> Any:
    """What `pack` wrote. Raises ValueError, LookupError or TypeError on anything else."""
    return json.loads(text, object_hook=_built)


def _plain(value: Any) -> Any:
    if type(value) is ColumnType:
        return {_TYPE: str(value)}
    if type(value) is Address:
        return {_ADDRESS: str(value)}
    known = _class(type(value).__name__)
    values = known.values(value)
    return {type(value).__name__: (values,) if known.single else values}


def _built(data: dict[str, Any]) -> Any:
    ((name, values),) = data.items()
    if name == _TYPE:
        return _column_type(values)
    if name == _ADDRESS:
        return Address.parse(values)
    known = _class(name)
    made = [_frozen(v) if type(v) is list else v for v in values]
    for place, word in known.words:
        made[place] = word(made[place])
    return known.kind(*made)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if type(value) is list else value


@cache
def _column_type(text: str) -> ColumnType:
    return ColumnType.parse(text)


@cache
def _class(name: str) -> _Class:
    """How the values of a class that a form may hold are written. Raises LookupError for any other."""
    kind = _kinds()[name]
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind)]
    words = tuple((i, w) for i, n in enumerate(names) if (w := _word(hints[n])))
    return _Class(kind, attrgetter(*names), len(names) == 1, words)


@cache
def _kinds() -> dict[str, type]:
    """The classes of the modules that forms are made in, by name: `pack` writes no others, and there are no two of one name."""
    found: dict[str, type] = {}
    for root in _ROOTS:
        for value in vars(sys.modules[root.__module__]).values():
            if isinstance(value, type) and is_dataclass(value) and value not in {ColumnType, Address}:
                found[value.__name__] = value
    return found


def _word(hint: Any) -> Callable[[Any], Any] | None:
    """How the enumerations in a value of this type are read; None where there are none."""
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    inner = tuple(_word(a) for a in get_args(hint) if a not in {NoneType, Ellipsis})
    if not any(inner):
        return None
    if get_origin(hint) is tuple:
        return partial(_words, inner, get_args(hint)[-1] is ...)
    return partial(_optional, next(w for w in inner if w))


def _words(readers: tuple[Callable[[Any], Any] | None, ...], alike: bool, values: Any) -> Any:  # noqa: FBT001 - bound above
    each = readers * len(values) if alike else readers
    return tuple(read(v) if read else v for read, v in zip(each, values, strict=True))


def _optional(read: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else read(value)
