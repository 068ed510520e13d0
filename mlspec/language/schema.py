"""JSON Schema of the files, from the very classes that read them."""

from typing import Any

from mlspec.base.registry import Registry
from mlspec.documents.each import FOR_EACH
from mlspec.language.spec import Spec

PROJECT = "project"
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def kind_schema(kinds: Registry[Spec], name: str) -> dict[str, Any]:
    """The schema of the documents of a kind. Raises UnknownName."""
    kind = kinds.get(name)
    schema = kind.model_json_schema(by_alias=True, mode="validation", ref_template="#/$defs/{model}")
    schema["properties"] = {"kind": {"const": name}, **schema["properties"]}
    schema["required"] = ["kind", *schema.get("required", [])]
    if name != PROJECT:
        _for_each(schema)
    return {"$schema": DRAFT, **schema}


def _for_each(schema: dict[str, Any]) -> None:
    """A document with `for_each` may leave its other fields to the entries."""
    entry = {
        "type": ["object", "null"],
        "propertyNames": {"enum": [p for p in schema["properties"] if p not in {"kind", "name"}]},
    }
    names = {
        "type": "array",
        "items": {"type": "string", "pattern": "^[a-z0-9_]+$"},
        "minItems": 1,
        "uniqueItems": True,
    }
    entries = {"type": "object", "propertyNames": names["items"], "additionalProperties": entry, "minProperties": 1}
    schema["properties"][FOR_EACH] = {
        "description": "One document for each entry, called `name_entry`",
        "anyOf": [entries, names],
    }
    required = schema.pop("required")
    schema["if"] = {"required": [FOR_EACH]}
    schema["then"], schema["else"] = {"required": ["kind", "name"]}, {"required": required}


def all_schemas(kinds: Registry[Spec]) -> dict[str, Any]:
    """The schema of any document: one of the kinds."""
    definitions: dict[str, Any] = {}
    choices = []
    for name in kinds.names():
        schema = kind_schema(kinds, name)
        schema.pop("$schema")
        inner = schema.pop("$defs", {})
        definitions.update({f"{name}.{k}": _moved(v, name) for k, v in inner.items()})
        definitions[name] = _moved(schema, name)
        choices.append({"if": {"properties": {"kind": {"const": name}}}, "then": {"$ref": f"#/$defs/{name}"}})
    known = {"type": "object", "required": ["kind"], "properties": {"kind": {"enum": list(kinds.names())}}}
    return {"$schema": DRAFT, "title": "mlspec", **known, "allOf": choices, "$defs": definitions}


def _moved(value: Any, name: str) -> Any:
    """References to the definitions of one kind, now beside those of the others."""
    if isinstance(value, dict):
        moved = {k: _moved(v, name) for k, v in value.items()}
        if isinstance(ref := moved.get("$ref"), str):
            moved["$ref"] = ref.replace("#/$defs/", f"#/$defs/{name}.")
        return moved
    return [_moved(v, name) for v in value] if isinstance(value, list) else value
