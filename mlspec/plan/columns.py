"""What has become of the columns of a resource, and how far that reaches."""

from collections.abc import Mapping

from mlspec.ir.relation import Relation
from mlspec.ir.resource import Resource, told_columns
from mlspec.plan.change import ColumnChange, Impact
from mlspec.state.model import Record

_OF_COLUMNS = {
    "added": {Impact.ADDITIVE}, "removed": {Impact.CONTRACT}, "renamed": {Impact.CONTRACT}, "changed": {Impact.COLUMN},
    "retyped": {Impact.COLUMN, Impact.CONTRACT},
}  # fmt: skip
_OF_INPUTS = {**_OF_COLUMNS, "added": {Impact.CONTRACT}}
"""Of a model or a service, and of what a check reads: one more is another contract."""


def column_changes(resource: Resource, record: Record) -> tuple[ColumnChange, ...]:
    """The columns that differ from those recorded: of its own, or of what it reads; a new name alone is a renaming."""
    before, after = record.columns, told_columns(resource.body)
    renamed = _renamed(before, after)
    found = [ColumnChange(n, "removed") for n in sorted(before) if n not in after and n not in renamed.values()]
    for name, told in after.items():
        if name in renamed:
            found.append(ColumnChange(name, "renamed", before=renamed[name], after=name))
        elif name not in before:
            found.append(ColumnChange(name, "added"))
        elif before[name] != told:
            types = _type(before[name]), _type(told)
            found.append(
                ColumnChange(name, "retyped", *types) if types[0] != types[1] else ColumnChange(name, "changed")
            )
    return tuple(found)


def _renamed(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """From new name to old, where one column has gone and one has come, and both mean the same."""
    gone = [n for n in before if n not in after]
    come = [n for n in after if n not in before]
    lost, made = [before[n] for n in gone], [after[n] for n in come]
    return {
        new: gone[lost.index(after[new])] for new in come if lost.count(after[new]) == 1 and made.count(after[new]) == 1
    }


def _type(told: str) -> str:
    return told.partition(" ")[2]


def impacts(resource: Resource, record: Record, columns: tuple[ColumnChange, ...]) -> tuple[Impact, ...]:
    """How far a change of meaning reaches. What is not told by rows or columns is how the thing is kept, or what it promises."""
    body = resource.body
    if isinstance(body, Relation) and body.unknown:
        return (Impact.UNKNOWN,)
    table = _OF_COLUMNS if resource.form in {"relation", "fact"} else _OF_INPUTS
    found = {impact for c in columns for impact in table[c.change]}
    if isinstance(body, Relation) and body.rows_digest != record.rows_digest:
        found = (found - {Impact.COLUMN}) | {Impact.ROW_SHAPE}
    return tuple(sorted(found)) or (Impact.CONTRACT,)
