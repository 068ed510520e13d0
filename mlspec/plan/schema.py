"""JSON Schema of what `mlspec plan --format json` prints, and of the state."""

from typing import Any

from mlspec.plan.change import FORMAT_VERSION, Action, Consequence, Impact
from mlspec.plan.drift import WHATS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
STEPS = (
    "build",
    "expand",
    "contract",
    "point",
    "train",
    "adopt",
    "publish",
    "run",
    "deploy",
    "check",
    "record",
    "delete",
    "forget",
    "move",
    "import",
)
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_FLAG = {"type": "boolean"}


def _object(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _list(item: Any) -> dict[str, Any]:
    return {"type": "array", "items": item}


def _one_of(values: Any) -> dict[str, Any]:
    return {"enum": list(values)}


def plan_schema() -> dict[str, Any]:
    """The schema of a plan in JSON, format version 1."""
    field = _object(path=_list(_TEXT), before={}, after={}, cost=_TEXT)
    column = _object(
        name=_TEXT, change=_one_of(("added", "removed", "changed", "retyped", "renamed")), before=_TEXT, after=_TEXT
    )
    column["required"] = ["name", "change"]
    estimate = _object(rows=_COUNT, bytes=_COUNT, partitions=_COUNT, due=_COUNT, reads=_FLAG)
    estimate["required"] = ["rows", "bytes"]
    evidence = _object(
        environment=_TEXT, digest=_TEXT, checks=_COUNT, checked_at=_TEXT,
        metrics={"type": "object", "additionalProperties": {"type": "number"}}, differs=_list(_TEXT),
    )  # fmt: skip
    change = _object(
        address=_TEXT, form=_one_of(("relation", "workflow", "service", "alias", "check", "fact")), action=_one_of(a.word for a in Action),
        symbol=_one_of(a.value for a in Action), reason=_object(code=_TEXT, paths=_list(_list(_TEXT))), direct=_FLAG,
        impacts=_list(_one_of(i.value for i in Impact)), consequences=_list(_one_of(c.value for c in Consequence)),
        fields=_list(field), columns=_list(column), causes=_list(_list(_TEXT)), owner=_TEXT, protect=_FLAG, version=_TEXT,
        estimate={"anyOf": [{"type": "null"}, estimate]}, tags=_list(_TEXT), previous=_TEXT, existing=_TEXT, evidence=evidence, after=_list(_TEXT),
    )  # fmt: skip
    change["required"].remove("evidence")
    why = _object(address=_TEXT, reason=_TEXT, because=_list(_TEXT))
    review = _object(team=_TEXT, role=_TEXT, reviewers=_list(_TEXT), addresses=_list(_TEXT), why=_list(why))
    verdict = _object(
        policy=_TEXT, enforce=_one_of(("deny", "approve", "warn")), address=_TEXT, message=_TEXT, approvers=_list(_TEXT)
    )
    accepted = _object(by=_one_of(("acknowledge", "ignore_changes")), reason=_TEXT, until=_TEXT)
    drift = _object(
        address=_TEXT, what=_one_of(WHATS), subject=_TEXT, recorded={}, observed={}, desired={}, help=_TEXT,
        learned={"type": ["object", "null"]}, acknowledged={"anyOf": [{"type": "null"}, accepted]},
    )  # fmt: skip
    breaking = _object(
        deployment=_TEXT, owner=_TEXT, feature=_TEXT, address=_TEXT, column=_TEXT,
        change=_one_of(("removed", "renamed", "retyped")), after=_TEXT, moves=_FLAG, version=_TEXT,
    )  # fmt: skip
    untouched = _object(
        address=_TEXT, code=_one_of(("other_columns", "same_version", "pinned", "not_selected")), version=_TEXT, details=_list(_TEXT),
    )  # fmt: skip
    step = _object(key=_TEXT, address=_TEXT, does=_one_of(STEPS), after=_list(_TEXT), artifacts=_list(_TEXT))
    plan = _object(
        format_version={"const": FORMAT_VERSION}, project=_TEXT, environment=_TEXT,
        state=_object(lineage=_TEXT, serial=_COUNT, digest=_TEXT, records={"type": "object", "additionalProperties": _TEXT}), specs_digest=_TEXT, destroy=_FLAG, changes=_list(change),
        unchanged=_COUNT, summary={"type": "object", "additionalProperties": _COUNT}, reviews=_list(review),
        verdicts=_list(verdict), notes=_list(_TEXT), skipped=_list(_TEXT),
        excluded=_list(_TEXT), drift=_list(drift), refresh_only=_FLAG, reviews_required=_FLAG, promoted_from=_TEXT, back_to=_COUNT,
        against=_TEXT,
        breaking=_list(breaking), untouched=_list(untouched), steps=_list(step),
    )  # fmt: skip
    plan["required"].remove("promoted_from")
    plan["required"].remove("back_to")
    plan["properties"]["artifacts"] = {"type": "object", "additionalProperties": _TEXT}  # with `--explain`
    return {"$schema": DRAFT, "title": "mlspec plan", **plan}


def state_schema() -> dict[str, Any]:
    """The schema of a state file, format version 2."""
    words = {"type": "object"}
    record = _object(
        address=_TEXT, form=_TEXT, digest=_TEXT, backend=_TEXT, columns={"type": "object", "additionalProperties": _TEXT},
        rows_digest=_TEXT, words=words, about=words, parents=_list(_TEXT), owner=_TEXT, protect=_FLAG, outputs=words,
    )  # fmt: skip
    record["required"] = ["form", "digest"]
    state = _object(
        format_version={"const": 2}, lineage=_TEXT, project=_TEXT, environment=_TEXT, serial=_COUNT,
        records={"type": "object", "additionalProperties": record},
    )  # fmt: skip
    return {"$schema": DRAFT, "title": "mlspec state", **state}
