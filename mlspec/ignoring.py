"""Fields whose changes are not followed (`ignore_changes`): what was recorded of them takes the place of what the files say."""

import json
from collections.abc import Mapping
from typing import Any

from mlspec.choosing import refactoring
from mlspec.compile.project import Compiled
from mlspec.state.model import Record, State

FIELD = "ignore_changes"


def ignores(compiled: Compiled) -> bool:
    """Whether any document ignores changes."""
    return any(FIELD in r.about for r in compiled.desired if not r.address.part)


def kept_back(compiled: Compiled, state: State) -> dict[str, dict[tuple[str | int, ...], Any]]:
    """From addresses to the paths of which something else is recorded, and what that is; None where it was nothing.

    Of what is not recorded yet everything is as the files say.
    """
    before = {new: old for old, new in refactoring(compiled).moves.items()}
    found: dict[str, dict[tuple[str | int, ...], Any]] = {}
    for resource in compiled.desired:
        if resource.address.part or FIELD not in resource.about:
            continue
        record = state.get(resource.address) or state.get(before.get(resource.address, resource.address))
        for text in resource.about[FIELD] if record else ():
            path: tuple[str | int, ...] = tuple(text.split("."))
            then = _recorded(record, path)
            if then != _at(_every(resource.words, resource.about), path):
                found.setdefault(str(resource.address), {})[path] = then
    return found


def told(kept: Mapping[str, Mapping[tuple[str | int, ...], Any]]) -> tuple[str, ...]:
    """What is kept, in words."""
    return tuple(
        f"`{'.'.join(map(str, path))}` of `{address}` stays as it was applied ({_shown(value)}): its changes are ignored"
        for address, values in kept.items()
        for path, value in values.items()
    )


def _recorded(record: Record | None, path: tuple[str | int, ...]) -> Any:
    return _at(_every(record.words, record.about), path) if record else None


def _every(words: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    """A document as it was written; what is about a part of it stands apart, and is put to it."""
    made = dict(words)
    for key, value in about.items():
        old = made.get(key)
        made[key] = (
            _every(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else made.get(key, value)
        )
    return made


def _at(data: Any, path: tuple[str | int, ...]) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data


def _shown(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
