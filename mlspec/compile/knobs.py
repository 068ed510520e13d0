"""Which fields of a document an environment may override, where the document says that (`knobs`)."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlspec.base.diag import Diagnostic, known_names
from mlspec.documents.document import Document, Path

FIELD = "knobs"


def not_knobs(document: Document, head: Document, environment: str) -> Iterator[Diagnostic]:
    """The overrides of a document that lie on none of its knobs; nothing where it names none, for then every field is one."""
    kind, name = document.data.get("kind"), document.data.get("name")
    defaults = _at(head.data, ("defaults", str(kind)))
    knobs = document.data.get(FIELD, defaults.get(FIELD) if isinstance(defaults, Mapping) else None)
    at: Path = ("environments", environment, "overrides", f"{kind}.{name}")
    patch = _at(head.data, at)
    if not isinstance(knobs, list) or not isinstance(patch, Mapping):
        return
    for path in _paths(patch, ()):
        field = ".".join(path)
        if not any(field == knob or field.startswith(f"{knob}.") for knob in knobs):
            message = (
                f"environment `{environment}` may not override `{field}` of `{kind}.{name}`: it is none of its knobs"
            )
            help_ = (
                known_names(field, [str(k) for k in knobs], "knob")
                or f"change it for all environments, or add it to `{FIELD}`"
            )
            yield Diagnostic("not-a-knob", message, head.key_span((*at, *path)), help=help_)


def _paths(patch: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in patch.items():
        if isinstance(value, Mapping) and value:
            yield from _paths(value, (*path, str(key)))
        else:
            yield (*path, str(key))


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
    return data
