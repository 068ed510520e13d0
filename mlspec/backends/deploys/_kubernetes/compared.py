"""What was sent against what came back: fields that a cluster dropped, and fields that somebody else has changed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlspec.backends import cluster
from mlspec.backends.port import BackendError

Json = dict[str, Any]
_OF_THE_SERVER = frozenset(
    {"managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink", "deletionTimestamp"}
)
_KEYS = ("name", "containerPort", "port", "key", "type", "mountPath")
"""By what the items of a list are told apart; by their place where they have none of these."""


def dropped(sent: Any, found: Any, path: str = "") -> Iterator[str]:
    """The fields that were sent and are not in the answer: an old server drops what it does not know without a word."""
    if isinstance(sent, Mapping):
        there = found if isinstance(found, Mapping) else {}
        for key, value in sent.items():
            here = f"{path}.{key}" if path else str(key)
            if key not in there and not _nothing(value):
                yield here
            elif key in there:
                yield from dropped(value, there[key], here)
    elif isinstance(sent, Sequence) and not isinstance(sent, str):
        there_too = found if isinstance(found, Sequence) and not isinstance(found, str) else []
        for index, item in enumerate(sent):
            other = _like(item, index, there_too)
            here = f"{path}[{_called(item, index)}]"
            if other is None and item is not None:
                yield here
            else:
                yield from dropped(item, other, here)


def changed(found: Any, wanted: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where an object is not as it would be if it were applied again: path, what is wanted, what is there."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for key in sorted(found.keys() | wanted.keys()):
            if (path == "metadata" and key in _OF_THE_SERVER) or (not path and key == "status"):
                continue
            yield from changed(found.get(key), wanted.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for index, (one, other) in enumerate(zip(found, wanted, strict=True)):
            yield from changed(one, other, f"{path}[{_called(other, index)}]")
    elif found != wanted and not _same_amount(found, wanted):
        yield path, wanted, found


def managers(live: Json, ours: str) -> list[str]:
    """Who else has written to an object, the latest last; the parts of the cluster itself are left out."""
    entries = live.get("metadata", {}).get("managedFields") or ()
    others = [e for e in entries if e.get("manager") != ours and e.get("subresource") in (None, "")]
    named = sorted(others, key=lambda e: str(e.get("time", "")))
    return list(dict.fromkeys(str(e.get("manager", "")) for e in named if e.get("manager")))


def _nothing(value: Any) -> bool:
    return value is None or value in ("", False, 0) or (isinstance(value, Mapping | list | tuple) and not value)


def _called(item: Any, index: int) -> str:
    if isinstance(item, Mapping):
        return next((str(item[k]) for k in _KEYS if k in item), str(index))
    return str(index)


def _like(item: Any, index: int, others: Sequence[Any]) -> Any:
    key = next((k for k in _KEYS if k in item), None) if isinstance(item, Mapping) else None
    if key is None:
        return others[index] if index < len(others) else None
    return next((o for o in others if isinstance(o, Mapping) and o.get(key) == item[key]), None)


def _same_amount(one: Any, other: Any) -> bool:
    """Whether two texts are the same quantity: a server writes `1000m` as `1`."""
    try:
        return cluster.quantity(str(one), "") == cluster.quantity(str(other), "")
    except BackendError:
        return False
