"""The fields whose changes are not followed: whether they can be."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from mlspec.base.diag import Diagnostic, known_names
from mlspec.language.scope import Scope
from mlspec.language.spec import Spec

_NEVER = ("name", "ignore_changes", "protect", "owner", "knobs")
"""Fields that say which thing it is, and how it is treated: these are always those of the files."""


def ignored(spec: Spec, scope: Scope, data: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """What of `ignore_changes` means nothing. `data` is the document as it was written."""
    if not spec.ignore_changes:
        return
    if type(spec).lower is Spec.lower:
        message = f"nothing is recorded of `{spec.address}`, so there is nothing to keep"
        yield scope.error("cannot-ignore", message, "ignore_changes", help="remove it")
        return
    for index, path in enumerate(spec.ignore_changes):
        place = ("ignore_changes", index) if isinstance(data.get("ignore_changes"), list) else ("ignore_changes",)
        names = path.split(".")
        if names[0] in _NEVER:
            message = f"a change of `{names[0]}` cannot be ignored"
            yield scope.error("cannot-ignore", message, *place, help="remove it from the list")
        elif wrong := _unknown(type(spec), names, data):
            message, help_ = wrong
            yield scope.error("cannot-ignore", f"`{spec.address}` {message.format(path=path)}", *place, help=help_)


def _unknown(model: type[BaseModel], names: list[str], data: Any) -> tuple[str, str] | None:
    """Why a path leads nowhere, and what to do; names below a free mapping are anybody's."""
    models: list[type[BaseModel]] = [model]
    for name in names:
        fields = {f.alias or n: f for m in models for n, f in m.model_fields.items()}
        if not name or (models and name not in fields):
            return "has no field `{path}`", known_names(name, [f for f in fields if f not in _NEVER], "field")
        if isinstance(data, list | tuple):
            return "has a list where `{path}` leads into it", "name the list: all of it stays as it was applied"
        models = list(_models(fields[name].annotation)) if name in fields else []
        data = data.get(name) if isinstance(data, Mapping) else None
    return None


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The parts that a field may be; none where any of what it may be has names of its own choice."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif getattr(annotation, "__origin__", None) is not dict:
        for inner in get_args(annotation):
            yield from _models(inner)
