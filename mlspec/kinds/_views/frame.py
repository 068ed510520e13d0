"""What the four shapes of a feature view share: its keys, its source, how it reads time."""

from collections.abc import Mapping
from typing import Any

from mlspec.base.diag import Diagnostic, Problems, known_names
from mlspec.base.value import dataclass
from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Boundary, Column, Relation
from mlspec.kinds._views.knowledge import no_history
from mlspec.language.scope import Scope


@dataclass(frozen=True)
class Frame:
    """What all shapes share: the view's name, its keys with their types, its source, and how time is read."""

    scope: Scope
    name: str
    keys: Mapping[str, ColumnType]
    source: Any
    boundary: Boundary | None
    ttl: int
    known_in_advance: bool = False


def check_keys(frame: Frame, columns: dict[str, Column], what: str) -> list[Diagnostic]:
    """What is wrong with the keys in some columns."""
    found = []
    for name, kind in frame.keys.items():
        have = columns.get(name)
        if have is None:
            help_ = known_names(name, columns, "column")
            found.append(
                frame.scope.error(
                    "missing-key",
                    f"{what} has no column `{name}`, the key of `{frame.name}`",
                    "entities",
                    help=help_,
                )
            )
        elif not have.type.joins(kind):
            message = f"key `{name}` is `{have.type}` in {what}, `{kind}` in its entity"
            found.append(
                frame.scope.error("key-type-mismatch", message, "entities", help="declare one type, or cast the column")
            )
    return found


def read_source(frame: Frame) -> tuple[Relation, dict[str, Column], str]:
    """The rows of the source, its columns by name, and how to call it. Raises Problems."""
    relation = frame.scope.relation(frame.source)
    columns = {c.name: c for c in relation.columns}
    what = f"source `{frame.source}`"
    problems = check_keys(frame, columns, what)
    if not frame.known_in_advance:
        problems += no_history(frame.scope, (str(frame.scope.address(frame.source)),), frame.name, "source")
    if problems:
        raise Problems(problems)
    return relation, columns, what
