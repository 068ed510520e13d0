"""A document becomes a spec: pydantic judges, the document says where."""

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from mlspec.base.diag import Diagnostic, Report, Span, did_you_mean, known_names
from mlspec.base.loading import without_plugins
from mlspec.base.registry import Registry, UnknownName
from mlspec.base.value import dataclass
from mlspec.documents.document import Document, Path
from mlspec.language.spec import Spec
from mlspec.language.sql import Bindings


@dataclass(frozen=True)
class Bound:
    """A spec, and the document that it was made of."""

    spec: Spec
    document: Document


def bind(document: Document, kinds: Registry[Spec], bindings: Bindings, report: Report) -> Bound | None:
    """The spec of a document; None, and the reasons in the report, when it is none."""
    with without_plugins():
        kind = _kind(document, kinds, report)
        if kind is None:
            return None
        if not kind.__pydantic_complete__:
            kind.model_rebuild()
    traps = [*(_secret(document, path) for path in _secrets(document.data, ())), *_folded(document, document.data, ())]
    if traps:  # nothing else is said of the document: it would show the secret, or be about SQL that nobody meant
        report.add(*traps)
        return None
    data = {k: v for k, v in document.data.items() if k != "kind"}
    try:
        spec = kind.model_validate(data, context=bindings)
    except ValidationError as error:
        report.add(*(_diagnostic(document, kind, e) for e in _meant(document, error.errors())))
        return None
    return Bound(spec, document)


def _kind(document: Document, kinds: Registry[Spec], report: Report) -> type[Spec] | None:
    written = document.data.get("kind")
    if not isinstance(written, str):
        what = "a document needs a `kind`" if "kind" not in document.data else "`kind` must be a word"
        report.add(
            Diagnostic("missing-kind", what, document.span(("kind",)), help=f"kinds are {', '.join(kinds.names())}")
        )
        return None
    try:
        return kinds.get(written)
    except UnknownName as error:
        help_ = known_names(written, error.known, "kind")
        report.add(Diagnostic("unknown-kind", f"unknown kind `{written}`", document.span(("kind",)), help=help_))
        return None


def _meant(document: Document, errors: list[Any]) -> Iterator[Any]:
    """One error for a value that may be of several types: the one of the type that was meant, else what all expect."""
    errors = [_too_large(e) for e in errors]
    paths = [_path(document.data, e["loc"]) for e in errors]
    for index, error in enumerate(errors):
        path = paths[index]
        if error["type"] == "too_short" and any(p[: len(path)] == path and p != path for p in paths):
            continue  # items that are wrong are not counted
        if not error["type"].endswith("_type"):
            others = [e["type"] for e, p in zip(errors, paths, strict=True) if p == path]
            if error["type"] in {"literal_error", _NOT_FINITE} and any("-" in t for t in others):
                continue
            yield error
            continue
        below = [
            e for e, p in zip(errors, paths, strict=True) if p[: len(path)] == path and not e["type"].endswith("_type")
        ]
        same = [i for i, p in enumerate(paths) if p == path and errors[i]["type"] in _EXPECTED]
        if not below and index == same[0]:
            expected = dict.fromkeys(_EXPECTED[errors[i]["type"]] for i in same)
            yield {**error, "expected": " or ".join(expected)}


_NOT_FINITE = "finite_number"


def _too_large(error: Any) -> Any:
    """A whole number that no float can hold is of the right type: it is the value that is wrong."""
    if error["type"] == "float_type" and type(error["input"]) is int:
        return {**error, "type": _NOT_FINITE, "msg": "Input should be a number that 64 bits can hold"}
    return error


_EXPECTED = {
    "string_type": "a string", "int_type": "a whole number", "float_type": "a number", "bool_type": "true or false",
    "dict_type": "a mapping", "model_type": "a mapping", "list_type": "a list", "tuple_type": "a list",
    "int_from_float": "a whole number", "model_attributes_type": "a mapping",
}  # fmt: skip


def _diagnostic(document: Document, kind: type[Spec], error: Any) -> Diagnostic:
    path = _path(document.data, error["loc"])
    last = error["loc"][-1] if error["loc"] else ""
    if error["input"] is None and error["type"] not in {"missing", "extra_forbidden"} and error["loc"]:
        return _wrong_type(document, path, _EXPECTED.get(error["type"], "a value"), None)
    what = f"{kind.kind_name()} `{document.data.get('name', '?')}`"
    match error["type"]:
        case "missing":
            return Diagnostic(
                "missing-field", f"{what} has no `{last}`{_inside(path)}", document.span(path), help=f"add `{last}:`"
            )
        case "extra_forbidden":
            fields = sorted(_fields(kind, path[:-1]))
            return Diagnostic("unknown-key", f"unknown key `{last}` in {what}", document.key_span(path), "not a key here",
                              did_you_mean(str(last), fields) or f"keys here: {', '.join(f'`{f}`' for f in fields)}")  # fmt: skip
        case "literal_error" | "enum":
            expected = str(error["ctx"].get("expected", ""))
            known = re.findall(r"'([^']*)'", expected) or [expected]
            if isinstance(error["input"], dict | list):
                return _wrong_type(document, path, f"one of {', '.join(f'`{k}`' for k in known)}", error["input"])
            return Diagnostic("unknown-value", f"`{document.written(path) or error['input']}` is not a value of `{_key(path)}`",
                              document.span(path), help=known_names(str(error["input"]), known, "value"))  # fmt: skip
        case name if name in _EXPECTED:
            return _wrong_type(document, path, error.get("expected", _EXPECTED[name]), error["input"])
        case name if "-" in name:
            context = error.get("ctx", {})
            span = document.key_span(path) if last == "[key]" else document.span(path)
            if "file" in context:
                span = Span(context["file"], int(context["line"]))
            return Diagnostic(name, error["msg"], span, help=str(context.get("help", "")))
        case _:
            message = _plain(error)
            return Diagnostic(
                "invalid-value", f"`{_key(path)}`: {message[:1].lower()}{message[1:]}", document.span(path)
            )


def _plain(error: Any) -> str:
    if error["type"] == "too_short":
        return f"at least {error['ctx']['min_length']} is needed"
    return (
        str(error["msg"]).removeprefix("Value error, ").replace("Input should", "must").replace("String should", "must")
    )


def _wrong_type(document: Document, path: Path, expected: str, value: Any) -> Diagnostic:
    key, span = _key(path), document.span(path)
    if value is None:
        return Diagnostic("empty-value", f"`{key}` is empty; expected {expected}", document.key_span(path))
    if expected == "a string" and isinstance(value, bool | int | float):
        written = document.written(path)
        help_ = f'quote it: `"{written}"`' + (" to keep it as it is written" if str(value) != written else "")
        return Diagnostic(
            "wrong-type", f"`{key}`: `{written}` is a {_type_name(value)} in YAML, expected a string", span, help=help_
        )
    return Diagnostic("wrong-type", f"`{key}`: expected {expected}, found {_shown(value)}", span)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f'the string "{value[:40]}"' if isinstance(value, str) else f"the {_type_name(value)} `{value}`"


def _type_name(value: Any) -> str:
    return "boolean" if isinstance(value, bool) else "number"


def _key(path: Path) -> str:
    words = [str(p) for p in path if isinstance(p, str)]
    return words[-1] if words else "document"


def _inside(path: Path) -> str:
    return f" in `{_key(path)}`" if path else ""


def _path(data: Any, loc: tuple[str | int, ...]) -> Path:
    """The part of pydantic's location that is a path in the data: names of unions and functions are left out."""
    path: list[str | int] = []
    for position, part in enumerate(loc):
        if isinstance(data, dict) and str(part) in data:
            data = data[str(part)]
            path.append(str(part))
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
            path.append(part)
        elif position == len(loc) - 1:
            break
    return tuple(path)


def _fields(kind: Any, path: Path) -> set[str]:
    """The keys that are allowed at a path of a kind."""
    models = [kind]
    for part in path:
        found: list[Any] = []
        for model in models:
            if isinstance(model, type) and issubclass(model, BaseModel):
                field = next((f for n, f in model.model_fields.items() if (f.alias or n) == part), None)
                found.extend(_models(field.annotation) if field else [])
            else:
                found.append(model)
        models = found or models
    return {
        f.alias or n
        for m in models
        if isinstance(m, type) and issubclass(m, BaseModel)
        for n, f in m.model_fields.items()
    }


def _models(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


_SECRET_KEY = re.compile(
    r"(password|passwd|secret|token|api_?key|access_?key|private_?key|credentials?)$", re.IGNORECASE
)
_SECRET_VALUE = re.compile(
    r"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|[a-z][a-z0-9+]*://[^/\s:@${}]+:[^/\s:@${}]+@|gh[pousr]_[A-Za-z0-9]{30,}|"
    r"xox[abprs]-[A-Za-z0-9-]{10,}|sk-[A-Za-z0-9_-]{20,}"
)


def _secrets(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, item in value.items():
            if (
                isinstance(item, str)
                and item
                and _SECRET_KEY.search(key)
                and path[-1:] != ("columns",)
                and "columns" not in path
            ):
                yield (*path, key)
            else:
                yield from _secrets(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _secrets(item, (*path, index))
    elif isinstance(value, str) and _SECRET_VALUE.search(value):
        yield path


def _secret(document: Document, path: Path) -> Diagnostic:
    help_ = "write a reference, as in `secrets: {PASSWORD: {env: PASSWORD}}`; and change the secret: it is in your history now"
    return Diagnostic(
        "secret-literal", f"`{_key(path)}` looks like a secret", document.span(path), help=help_, secret=True
    )


def _folded(document: Document, value: Any, path: Path) -> Iterator[Diagnostic]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _folded(document, item, (*path, key))
    elif (
        isinstance(value, str)
        and path
        and path[-1] in {"sql", "query"}
        and "--" in value
        and document.style(path) == ">"
    ):
        message = "a `--` comment in a folded block (`>`) swallows the rest of the SQL"
        yield Diagnostic("folded-sql-comment", message, document.span(path), help="use `|` instead of `>`")
