"""What the checks of a relation read of it: when none of that has changed, there is nothing to check again."""

from collections.abc import Iterator, Sequence

from mlspec.base.address import Address
from mlspec.base.digest import digest
from mlspec.ir.relation import Column, Relation
from mlspec.ir.resource import column_digest
from mlspec.language.scope import Scope

ROWS = ""
"""The name under which the digest of the rows stands, for what counts them."""

Read = tuple[str, str]
"""A column, or the rows, and its digest."""


def of_columns(relation: Relation, names: Sequence[str], address: str = "") -> Iterator[Read]:
    """Some columns of a relation; by address, if it is another one than what is checked."""
    for name in names:
        found = relation.column(name)
        if found is not None:
            yield f"{address}.{name}" if address else name, column_digest(found)


def of_rows(relation: Relation) -> Read:
    """The rows of a relation, in number."""
    return ROWS, relation.rows_digest


def of_query(name: str, rows: str, columns: Sequence[Column]) -> Read:
    """What a query of its own answers."""
    return name, digest(rows, [(c.name, column_digest(c)) for c in columns])


def of_expression(scope: Scope, text: str, relation: Relation, *path: str | int) -> Iterator[Read]:
    """The columns that an expression reads."""
    known = {c.name: c for c in relation.columns}
    yield from of_columns(relation, sorted(scope.expression(text, known, *path)[2]))


def of_target(scope: Scope, to: str) -> Iterator[Read]:
    """The column of another table in which values must be found: `table.column`."""
    target, _, name = to.partition(".")
    found = scope.lookup(target)
    if isinstance(found, tuple):
        yield from of_columns(scope.relation(Address.parse(found[0])), [name], found[0])
