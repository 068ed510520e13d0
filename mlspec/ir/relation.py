"""A relation: a query with typed columns, where each column comes from, how it is kept and when its rows are true."""

from enum import StrEnum

from mlspec.base.value import dataclass
from mlspec.ir.columntype import ColumnType
from mlspec.ir.outside import Scan


class Keep(StrEnum):
    """How an engine keeps a relation."""

    VIEW = "view"
    TABLE = "table"
    INCREMENTAL = "incremental"


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
    valid_to: str = ""
    """A row answers only before this time of its own, if it has one; NULL is for ever."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One windowed feature: a function of the rows in a window. Times in microseconds; window 0 is everything so far.

    `value`, `where` and `among` are canonical expressions over the columns of the rows: what is aggregated (empty: the
    rows themselves), which rows count, and of a `ratio` which rows are its denominator. With `hop`, the old end of the
    window moves in steps. `argument` is the fraction of a `percentile`, or the `n` of `last_n` and `distinct_n`.
    """

    name: str
    function: str
    window: int
    type: ColumnType
    offset: int = 0
    hop: int = 0
    value: str = ""
    value_type: ColumnType | None = None
    where: str = ""
    among: str = ""
    argument: float = 0.0


@dataclass(frozen=True, slots=True)
class Windows:
    """How windowed features follow from the rows of another relation, `events`, by the names of its columns.

    Without `available` a row is known when it happens. `order` tells rows of one moment apart, for `first` and `last`.
    `zoned` says that times are instants, not wall-clock times.
    """

    events: str
    keys: tuple[str, ...]
    time: str
    aggregates: tuple[Aggregate, ...]
    available: str = ""
    order: str = ""
    boundary: Boundary = Boundary.EXCLUSIVE
    zoned: bool = False


@dataclass(frozen=True, slots=True)
class Input:
    """What partitions are made of in a relation that is read: those of its `columns` that matter.

    The row of a partition depends on rows by their `time`; those that became `known` in the partition are among them.
    Without a `time`, it depends on all rows. `zoned` says that the times are instants.
    """

    address: str
    columns: tuple[str, ...]
    time: str = ""
    known: str = ""
    zoned: bool = False


@dataclass(frozen=True, slots=True)
class Partitions:
    """How a table is kept in parts by a time `column`: each of `size`, the first from `start` on; all in microseconds.

    The rows of a part are made of the rows of its `inputs` from `lookback` before it begins until it ends, and of no others.
    """

    column: str
    size: int
    start: int
    lookback: int
    inputs: tuple[Input, ...]
    zoned: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """What a relation is made by, whatever its sources hold: equal definitions make equal rows of equal rows.

    `shape` is of which rows there are; `columns` are pairs of name and digest. Rows of one shape can be told apart by
    keys and times, so that columns that are defined alike in two versions can be taken from one to the other.
    """

    digest: str
    shape: str
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is looked up in one relation for every row that asks: `keys` pairs its key columns with those of the asker.

    `features` pairs its columns with their names in the answer; those in `zero` are 0 where there is no row. With
    `windows` they are computed from the events themselves, and the relation need not be kept. `at` is the asker's
    column with the time of the question, if it is another one.
    """

    address: str
    keys: tuple[tuple[str, str], ...]
    features: tuple[tuple[str, str], ...]
    timing: Timing = Timing()
    zero: tuple[str, ...] = ()
    windows: Windows | None = None
    at: str = ""
    tie: ColumnType | None = None
    """The type of the tie break, if there is one."""
    given: str = ""
    """The asker's column that says whether there is an answer at all; without it being true all features are NULL."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """A point-in-time join: to every row of a spine, the values that would have been answered at its time.

    `spine` is a canonical query with these `columns`; `computed` are pairs of name and canonical expression over them.
    The answer has the columns of the spine, the features in the order of the look-ups, then what is computed.
    """

    spine: str
    columns: tuple[str, ...]
    time: str
    lookups: tuple[Lookup, ...] = ()
    computed: tuple[tuple[str, str], ...] = ()
    masked: str = ""
    """Which rows of the answer have lost labels that nobody knew in time: a canonical condition, empty if none could."""


@dataclass(frozen=True, slots=True)
class Relation:
    """What rows there are, as one query in canonical SQL (DuckDB's dialect) over the addresses in `reads`.

    In `query` every table is an address in double quotes; a relation with a `scan` reads it as the table `scan`. With
    `windows` or `as_of` there is no text: an engine gets the formulation that suits it from `ir/sql/formulate.py`.
    `unique` are columns that no two rows may share; the rows of the spine of an `as_of` are its rows, in number too.
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
    windows: Windows | None = None
    as_of: AsOf | None = None
    roles: tuple[tuple[str, str], ...] = ()
    """Pairs of column and role in a training dataset: `key`, `time`, `label`, `feature`, `split`, `input`."""
    unknown: bool = False
    """Whether its columns could not be told apart, so that any change of it is a change of all of them."""
    partitions: Partitions | None = None
    definition: Definition | None = None
    """Of what is kept in partitions: new rows of its sources are put into the version that is there."""

    def column(self, name: str) -> Column | None:
        """The column of that name, if there is one."""
        return next((c for c in self.columns if c.name == name), None)

    @property
    def kept_as(self) -> Keep:
        """What an engine keeps it as: a view, or a table, in partitions or not."""
        return Keep.VIEW if self.keep is Keep.VIEW else Keep.TABLE

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(c.name for c in self.columns)
