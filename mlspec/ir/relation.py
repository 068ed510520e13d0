"""A relation: a query with typed columns, where each column comes from, how it is kept and when its rows are true."""

from dataclasses import dataclass
from enum import StrEnum

from mlspec.ir.columntype import ColumnType
from mlspec.ir.outside import Scan


class Keep(StrEnum):
    """How an engine keeps a relation."""

    VIEW = "view"
    TABLE = "table"


class Boundary(StrEnum):
    """Whether a row of exactly `t` answers a question asked at `t`."""

    INCLUSIVE = "inclusive"
    EXCLUSIVE = "exclusive"


@dataclass(frozen=True, slots=True)
class Origin:
    """A column of another relation that a column is computed from: direct lineage."""

    address: str
    column: str


@dataclass(frozen=True, slots=True)
class Column:
    """One output column. `digest` is of its meaning: its expression, what that reads, and the shape of the rows.

    `words` is the definition as its author put it; `empty` says that it is 0, not NULL, where there is no row.
    """

    name: str
    type: ColumnType
    digest: str
    origins: tuple[Origin, ...] = ()
    words: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Timing:
    """When the rows of a relation are true. No `event_time`: the rows are constant.

    A row answers at `t` when its `available_time` (else its event time) is before `t`, or at it if the boundary is
    inclusive. `ttl` is in microseconds, 0 is for ever.
    """

    event_time: str = ""
    available_time: str = ""
    tie_break: str = ""
    boundary: Boundary = Boundary.INCLUSIVE
    ttl: int = 0


@dataclass(frozen=True, slots=True)
class Relation:
    """What rows there are, as one query in canonical SQL (DuckDB's dialect) over the addresses in `reads`.

    In `query` every table is an address in double quotes; a relation with a `scan` reads it as the table `scan`.
    `unique` are columns that no two rows may share (else `unique_problem`); `spine` a query whose number of rows
    the result must have.
    """

    query: str
    columns: tuple[Column, ...]
    rows_digest: str
    keep: Keep = Keep.TABLE
    keys: tuple[str, ...] = ()
    timing: Timing = Timing()
    reads: tuple[str, ...] = ()
    scan: Scan | None = None
    unique: tuple[str, ...] = ()
    spine: str = ""
    roles: tuple[tuple[str, str], ...] = ()
    """Pairs of column and role in a training dataset: `key`, `time`, `label`, `feature`, `split`, `input`."""
    unknown: bool = False
    """Whether its columns could not be told apart, so that any change of it is a change of all of them."""

    def column(self, name: str) -> Column | None:
        """The column of that name, if there is one."""
        return next((c for c in self.columns if c.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(c.name for c in self.columns)
