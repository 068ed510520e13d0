"""Writes a state as JSON text, and reads it back from this and every earlier format."""

import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from mlspec.base.address import Address
from mlspec.base.value import MISSING, fields
from mlspec.state.model import Record, State

FORMAT = 2
"""The format that is written. Format N is reached from N - 1 by `migrations/vNNNN.py`."""


class StateError(Exception):
    """A state cannot be read or written; `message` says why, `help` what to do."""

    def __init__(self, message: str, help: str = "", code: str = "state-damaged") -> None:  # noqa: A002
        self.message, self.help, self.code = message, help, code
        super().__init__(message)


def encode(state: State) -> str:
    """Write a state as text: equal states give equal text. Raises StateError for what JSON cannot hold."""
    raw = {
        "format_version": FORMAT,
        **{f.name: getattr(state, f.name) for f in fields(State) if f.name != "records"},
        "records": {str(address): record_to_json(record) for address, record in state.records.items()},
    }
    try:
        text = json.dumps(raw, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False, default=plain)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise StateError(
            f"the state cannot be written as JSON: {error}",
            "the outputs and words of a record are JSON",
            "state-not-json",
        ) from None
    return text + "\n"


def decode(text: str) -> State:
    """Read a state from its text, bringing it up from an older format where need be. Raises StateError."""
    raw = _current(_parse(text))
    raw.pop("format_version")
    listed = _mapping(raw.pop("records", {}), "`records`")
    records = {r.address: r for r in (_record(name, record) for name, record in listed.items())}
    return State(**_values(_STATE, raw, "the state"), records=records)


def record_from_json(address: str, raw: Any, version: int) -> Record:
    """Read a record by itself, as a format had it. Raises StateError."""
    if version != FORMAT:
        raw = _current({"format_version": version, "records": {address: raw}})["records"][address]
    return _record(address, raw)


def _record(name: str, raw: Any) -> Record:
    where = f"record `{name}`"
    address = _address(name, where)
    return Record(address=address, **_values(_RECORD, raw, where))


def record_to_json(record: Record) -> dict[str, Any]:
    """A record without its address; addresses in it and mappings of other types are left to the writer."""
    return {f.name: getattr(record, f.name) for f in fields(Record) if f.name != "address"}


def plain(value: object) -> object:
    """What JSON has no form of by itself: mappings of other types, and addresses. Raises TypeError for anything else."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Address):
        return str(value)
    raise TypeError(f"`{type(value).__name__}` is not JSON")


def _damaged(why: str) -> StateError:
    return StateError(f"the state is damaged: {why}", "put back an earlier copy")


def _parse(text: str) -> dict[str, Any]:
    if not text.strip():
        raise _damaged("it is empty")
    try:
        raw = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise _damaged("it is nested too deep") from None
    except ValueError as error:
        raise _damaged(f"it is not JSON ({error})") from None
    return dict(_mapping(raw, "the state"))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key `{next(n for n in names if names.count(n) > 1)}` is there twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"`{name}` is no number")


def _current(raw: dict[str, Any]) -> dict[str, Any]:
    version = raw.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise _damaged("its `format_version` is not a number")
    if version > FORMAT:
        raise StateError(
            f"the state has format {version}, and this version of mlspec reads no format above {FORMAT}",
            "use the version of mlspec that wrote it, or a newer one",
            "state-too-new",
        )
    for number in range(version + 1, FORMAT + 1):
        module = importlib.import_module(f"mlspec.state.migrations.v{number:04}")
        try:
            raw = module.migrate(raw)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(f"it cannot be brought from format {number - 1} to {number} ({error!r})") from None
    return raw


class _Wrong(Exception):
    """A value is not what it should be: `inside` says where in it, and `why` what it is not."""

    def __init__(self, why: str, inside: str = "") -> None:
        self.why, self.inside = why, inside
        super().__init__(why)


def _values(expected: "_Fields", raw: Any, where: str) -> dict[str, Any]:
    readers, _, sound = expected
    raw = _mapping(raw, where)
    shape = (*raw, *map(type, raw.values()))
    deep = sound.get(shape)
    if deep is None:
        deep = sound[shape] = _deep(expected, raw, where)
    found = dict(raw)
    name = ""
    try:
        for name in deep:
            found[name] = readers[name](raw[name])
    except _Wrong as wrong:
        raise _damaged(f"{wrong.inside}`{name}` of {where}{wrong.why}") from None
    return found


def _deep(expected: "_Fields", raw: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """The fields of which the type alone does not tell that they are as they should be, once all others are."""
    readers, required, _ = expected
    if not raw.keys() <= readers.keys():
        raise _damaged(f"{where} has `{min(raw.keys() - readers.keys())}`, which format {FORMAT} does not know")
    if not raw.keys() >= required:
        raise _damaged(f"{where} has no `{min(required - raw.keys())}`")
    for name, value in raw.items():
        try:
            readers[name](value)
        except _Wrong as wrong:
            raise _damaged(f"{wrong.inside}`{name}` of {where}{wrong.why}") from None
    return tuple(name for name in raw if readers[name] not in _BY_TYPE)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong(" is not text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(" is neither true nor false")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _Wrong(" is not a whole number")
    return value


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _damaged(f"{where} is not an object")
    return value


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(" is not an object")
    return value


_TEXT = frozenset({str})


def _texts(value: Any) -> Mapping[str, str]:
    found = _object(value)
    if not _TEXT.issuperset(map(type, found.values())):
        key = next(k for k, item in found.items() if not isinstance(item, str))
        raise _Wrong(" is not text", f"`{key}` in ")
    return found


def _address(value: Any, where: str) -> Address:
    try:
        return Address.parse(value)
    except (ValueError, TypeError) as error:
        raise _damaged(f"{where}: {error}") from None


def _addresses(value: Any) -> tuple[Address, ...]:
    if not isinstance(value, list):
        raise _Wrong(" is not a list")
    try:
        return tuple(Address.parse(_text(item)) for item in value)
    except ValueError as error:
        raise _Wrong(f": {error}") from None


_Reader = Callable[[Any], Any]
_Fields = tuple[Mapping[str, _Reader], frozenset[str], dict[tuple[Any, ...], tuple[str, ...]]]
"""How each field is read, which must be there; and of names and types that were seen in a row, which fields are to be looked into."""
_BY_TYPE = frozenset({_text, _flag, _object})
"""Readers that look at the type of a value alone, and hand it on."""

_READERS: Mapping[Any, _Reader] = {
    str: _text,
    bool: _flag,
    int: _number,
    Mapping[str, str]: _texts,
    Mapping[str, Any]: _object,
    tuple[Address, ...]: _addresses,
}


def _fields(cls: type[Record | State], elsewhere: str) -> _Fields:
    hints = get_type_hints(cls)
    listed = [f for f in fields(cls) if f.name != elsewhere]
    required = frozenset(f.name for f in listed if f.default is MISSING and f.default_factory is MISSING)
    return {f.name: _READERS[hints[f.name]] for f in listed}, required, {}


_STATE = _fields(State, "records")
_RECORD = _fields(Record, "address")
