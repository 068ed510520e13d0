"""JSON Schemas: of every document, of a kind, of plans and of states."""

from typing import Any

from mlspec.base.diag import known_names, problem
from mlspec.base.registry import Registry, UnknownName


def schema(kinds: Registry[Any], what: str | None = None) -> dict[str, Any]:
    """The JSON Schema of every document, of a kind, of a `plan` or of a `state`. Raises Problems."""
    from mlspec.language.schema import all_schemas, kind_schema  # noqa: PLC0415 - start-up time
    from mlspec.plan.schema import plan_schema, state_schema  # noqa: PLC0415 - start-up time

    if what == "plan":
        return plan_schema()
    if what == "state":
        return state_schema()
    if what is None:
        return all_schemas(kinds)
    try:
        return kind_schema(kinds, what)
    except UnknownName as error:
        help_ = known_names(what, (*error.known, "plan", "state"), "schema")
        raise problem("unknown-kind", f"unknown kind `{what}`", help=help_) from None
