"""The fields whose changes are not followed: whether they can be."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlspec.base.diag import Diagnostic, known_names
from mlspec.language.scope import Scope
from mlspec.language.spec import Spec

_NEVER = ("name", "ignore_changes", "protect", "owner")
"""Fields that say which thing it is, and how it is treated: these are always those of the files."""
_UNRECORDED = frozenset({"project", "moved", "removed", "import", "policy"})
"""Kinds of which nothing is recorded that could be kept."""


def ignored(spec: Spec, scope: Scope, data: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """What of `ignore_changes` means nothing. `data` is the document, for where the field is written."""
    if not spec.ignore_changes:
        return
    known = [f.alias or n for n, f in type(spec).model_fields.items() if n not in _NEVER]
    if spec.kind_name() in _UNRECORDED:
        message = f"nothing is recorded of a {spec.kind_name()}, so there is nothing to keep"
        yield scope.error("cannot-ignore", message, "ignore_changes", help="remove it")
        return
    for index, path in enumerate(spec.ignore_changes):
        first = path.partition(".")[0]
        place = ("ignore_changes", index) if isinstance(data.get("ignore_changes"), list) else ("ignore_changes",)
        if first in _NEVER:
            yield scope.error(
                "cannot-ignore", f"a change of `{first}` cannot be ignored", *place, help="remove it from the list"
            )
        elif first not in known or "" in path.split("."):
            yield scope.error("cannot-ignore", f"`{spec.address}` has no field `{path}`", *place,
                              help=known_names(first, known, "field"))  # fmt: skip
