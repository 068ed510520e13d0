"""Where rows lie that somebody else keeps: an object store, another database; and what was seen there."""

from collections.abc import Sequence

from mlspec.base.digest import digest
from mlspec.base.value import dataclass
from mlspec.ir.columntype import ColumnType
from mlspec.ir.workflow import Secret


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """How a bucket is reached. `secrets` are pairs of what it is (`access_key_id`, …) and where its value is found."""

    endpoint: str = ""
    region: str = ""
    anonymous: bool = False
    secrets: tuple[tuple[str, Secret], ...] = ()


@dataclass(frozen=True, slots=True)
class Database:
    """Another database: a file (`path`), or a server with a name, a user and a reference to a password."""

    type: str
    path: str = ""
    host: str = ""
    port: int = 0
    name: str = ""
    user: str = ""
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """Rows that lie outside the engine: files, objects, or a table that somebody else keeps.

    `options` are pairs of a format's options (`delimiter`, `header`); `nulls` are the texts that mean NULL.
    `snapshot` is the digest of what is there; `declared` the types as they are there. `partitions` are the declared
    columns that stand in the paths (`day=2024-01-01/`). With a `store` the files are URLs, and `tags` what tells their
    versions apart; with a `database` the table is there. `undeclared` columns are there too, and are passed over;
    `there` are pairs of all columns that were seen and their types, none where a look does not tell them.
    """

    format: str = ""
    files: tuple[str, ...] = ()
    table: str = ""
    options: tuple[tuple[str, str], ...] = ()
    nulls: tuple[str, ...] = ()
    snapshot: str = ""
    declared: tuple[tuple[str, ColumnType], ...] = ()
    partitions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    store: ObjectStore | None = None
    database: Database | None = None
    undeclared: tuple[str, ...] = ()
    there: tuple[tuple[str, str], ...] = ()

    @property
    def inside(self) -> bool:
        """Whether it is a table of the very warehouse, so that the engine itself reads it."""
        return bool(self.table) and self.database is None


def held(scan: Scan, contents: Sequence[str]) -> str:
    """The snapshot of files that hold this; where they lie counts as far as it says something of their rows."""
    return digest(list(contents), scan.files) if scan.partitions else digest(list(contents))


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What is there does not fit what was declared; `column` is the declared one that is meant, if one is."""

    code: str
    message: str
    help: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look from outside found, without reading rows; `undeclared` are columns that nobody asked for, `there` all with their types."""

    files: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    snapshot: str = ""
    undeclared: tuple[str, ...] = ()
    there: tuple[tuple[str, str], ...] = ()
    problems: tuple[Mismatch, ...] = ()
