"""Environments and variables laid over documents; every value keeps the place that it came from."""

import re
from collections.abc import Mapping
from typing import Any

from mlspec.base.diag import Diagnostic, Report, known_names
from mlspec.base.value import dataclass, replace
from mlspec.documents.document import Document, Origin, Path

_REFERENCE = re.compile(r"\$?\$\{([^{}]*)\}")
_ESCAPE = "$$"
"""`$${x}` is the text `${x}`, as a shell may need it."""
_HEADS = ("vars", "env", "parameters", "metrics")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_RUN = re.compile(r"\s*(parameters\.[a-z][a-z0-9_]*|metrics\.[a-z][a-z0-9_]*\..+?)\s*")
"""What only a run knows; it stands alone, as a parameter of a step."""
_NAME = re.compile(r"\s*(vars|env)\.([A-Za-z_][A-Za-z0-9_]*)\s*")


@dataclass(frozen=True)
class Values:
    """What `${vars.x}`, `${env.X}` and `${environment}` mean."""

    environment: str
    vars: Mapping[str, Any]
    env: Mapping[str, str]


def overlay(document: Document, patch: Mapping[str, Any], origin: Origin, at: Path) -> Document:
    """Lay a patch over a document: mappings are merged, null removes, everything else is replaced; `at` is the patch's path."""
    data, laid = _merge(document.data, patch, origin, at, ())
    return replace(document, data=data, laid={**document.laid, **laid})


def _merge(
    data: Mapping[str, Any], patch: Mapping[str, Any], origin: Origin, at: Path, path: Path
) -> tuple[dict[str, Any], dict[Path, tuple[Origin, Path]]]:
    merged = dict(data)
    laid: dict[Path, tuple[Origin, Path]] = {}
    for key, value in patch.items():
        here, there = (*path, key), (*at, key)
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            merged[key], below = _merge(old, value, origin, there, here)
            laid.update(below)
        elif value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
            laid[here] = (origin, there)
    return merged, laid


def put_back(document: Document, values: Mapping[Path, Any]) -> Document:
    """A document in which these paths hold these values, as a whole; None removes what is there. Their places stay."""
    data = document.data
    for path, value in values.items():
        data = _put(data, path, value)
    return replace(document, data=data)


def _put(data: Any, path: Path, value: Any) -> dict[str, Any]:
    held = dict(data) if isinstance(data, Mapping) else {}
    key = str(path[0])
    new = _put(held.get(key), path[1:], value) if path[1:] else value
    if new is None or (path[1:] and not new and value is None):
        held.pop(key, None)
    else:
        held[key] = new
    return held


def substitute(document: Document, values: Values, report: Report) -> Document:
    """Put values in the place of `${vars.x}` and `${env.X}`; a scalar that is nothing else takes the value's type."""

    def walk(value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {k: walk(v, (*path, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [walk(v, (*path, i)) for i, v in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return _replace(value, document, path, values, report)
        return value

    return replace(document, data=walk(document.data, ()))


def _replace(text: str, document: Document, path: Path, values: Values, report: Report) -> Any:
    whole = None if text.startswith(_ESCAPE) else _REFERENCE.fullmatch(text)
    if whole and _OF_RUN.fullmatch(whole[1]) and path[:1] == ("steps",) and path[2:3] == ("parameters",):
        return text
    if whole:
        return _lookup(whole, document, path, values, report)
    return _REFERENCE.sub(lambda m: str(_lookup(m, document, path, values, report)), text)


def _meant(inside: str, path: Path) -> str:
    """What was meant by a reference that means nothing here, as far as its words tell."""
    from difflib import get_close_matches  # noqa: PLC0415 - start-up time

    head, _, rest = inside.partition(".")
    if rest and (close := get_close_matches(head, _HEADS, n=1)):
        return f"did you mean `${{{close[0]}.{rest}}}`?"
    if path[:1] == ("steps",) or path[:1] in {("command",), ("env",)}:
        if _VARIABLE.fullmatch(inside):
            return f"write `${inside}` for a variable of the shell, or `$${{{inside}}}` for the text itself"
        return f"`$${{{inside}}}` is the text itself; `${{vars.name}}`, `${{env.NAME}}` and `${{environment}}` are what there is"
    return "`${vars.name}`, `${env.NAME}` and `${environment}` are what there is"


def _lookup(match: re.Match[str], document: Document, path: Path, values: Values, report: Report) -> Any:
    if match[0].startswith(_ESCAPE):
        return match[0][1:]
    inside = match[1].strip()
    span = document.text_span(path, 1, match.start() + 1, match.end() - match.start())
    if inside == "environment":
        return values.environment
    name = _NAME.fullmatch(inside)
    if inside == "each":
        message, help_ = "`${each}` stands in no document with `for_each`", "add `for_each:`, or write the value"
        report.add(Diagnostic("unknown-variable", message, span, help=help_))
        return match[0]
    if name is None and _OF_RUN.fullmatch(inside):
        message = f"`{match[0]}` is known in a run only: a parameter of a step can be just that"
        help_ = "a command reads `$MLSPEC_PARAM_<NAME>`; write `parameters: {name: " + match[0] + "}` in the step"
        report.add(Diagnostic("unknown-variable", message, span, help=help_))
        return match[0]
    if name is None:
        help_ = _meant(inside, path)
        report.add(Diagnostic("unknown-variable", f"`{match[0]}` means nothing", span, help=help_))
        return match[0]
    known: Mapping[str, Any] = values.vars if name[1] == "vars" else values.env
    if name[2] in known:
        return known[name[2]]
    if name[1] == "env":
        message, help_ = f"environment variable `{name[2]}` is not set", f"set `{name[2]}` before running mlspec"
    else:
        message = f"there is no variable `{name[2]}` in environment `{values.environment}`"
        help_ = known_names(name[2], known, "variable")
    report.add(Diagnostic("unknown-variable", message, span, help=help_))
    return match[0]
