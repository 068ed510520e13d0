"""What a relation promises, asserted on its rows before anybody believes them."""

from __future__ import annotations

from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.trees import counted
from mlspec.backends.engines._warehouse.values import plain
from mlspec.backends.port import BackendError
from mlspec.base.address import Address
from mlspec.ir.relation import Relation
from mlspec.ir.sql.dialect import column
from mlspec.ir.sql.glot import exp

SAMPLE_ROWS = 3
ASKED = Address("spine", "asked")


def spine(line: Line, address: Address, asking: exp.Query, rows: int) -> None:
    """As many rows as ask. Raises BackendError."""
    asked = line.count(counted(asking))
    if asked != rows:
        raise BackendError(f"`{address}` has {rows:,} rows, its labels have {asked:,}: a join lost or doubled some",
                           "a feature view without event time must have one row for each key", "spine-changed")  # fmt: skip


def unique(line: Line, address: Address, relation: Relation, made: exp.Table, inside: exp.Expr | None = None) -> None:
    """No two rows that nothing tells apart, among those `inside` if that is said. Raises BackendError."""
    if not relation.unique:
        return
    keys = [column(n) for n in relation.unique]
    seen = dict.fromkeys((*relation.keys, relation.timing.event_time, relation.timing.available_time))
    known: list[exp.Expr] = [
        column(n).is_(exp.null()).not_() for n in seen if n
    ]  # a row without one of them never answers
    known += [inside] if inside is not None else []
    more = exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1))
    doubled = exp.select(*keys).from_(made).where(*known).group_by(*keys).having(more)
    found = line.ask(doubled.limit(SAMPLE_ROWS)).rows
    if found:
        names = ", ".join(relation.unique)
        shown = "; ".join(", ".join(str(plain(v)) for v in row) for row in found)
        raise BackendError(f"`{address}` has several rows for one ({names}): nothing says which is the latest, as for {shown}",
                           "declare `tie_break`, or make the rows unique", "ambiguous-latest")  # fmt: skip
