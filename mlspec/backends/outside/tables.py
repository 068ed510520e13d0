"""A table of another database: looked at where it is, and copied to this machine once for each content that it has."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from mlspec.backends.outside.databases.duckdb import DuckDBTable
from mlspec.backends.outside.databases.postgres import PostgresTable
from mlspec.backends.outside.databases.sqlite import SQLiteTable
from mlspec.backends.outside.databases.table import Table
from mlspec.backends.outside.heads import Group, LocalFile
from mlspec.backends.port import BackendError, Place
from mlspec.base.digest import digest
from mlspec.base.value import asdict, replace
from mlspec.ir.outside import Database, Scan

_COPY = (("delimiter", ","), ("header", "true"), ("quoted_nulls", "false"), ("bytes", "hex"))


@contextmanager
def _opened(scan: Scan, place: Place) -> Iterator[Table]:
    database = scan.database or Database("")
    match database.type:
        case "sqlite":
            near: AbstractContextManager[Table] = SQLiteTable.opened(scan, database.path, place)
        case "duckdb":
            near = DuckDBTable.opened(scan, database.path, place)
        case _:
            near = PostgresTable.opened(scan, database)
    with near as table:
        yield table


def looked_at(scan: Scan, place: Place) -> tuple[Group, str]:
    """The columns of the table, and the digest of what the declared ones hold; none while one is missing."""
    with _opened(scan, place) as table:
        columns = table.columns()
        group = Group((LocalFile(Path(scan.table), scan.table),), tuple(columns), columns)
        whole = all(n in columns for n, _ in scan.declared)
        return group, table.content(scan.declared) if whole else ""


def extracted(scan: Scan, place: Place) -> tuple[Scan, list[LocalFile]]:
    """The scan of a copy of the table, and the copy. Raises BackendError if the table is not what was planned."""
    database = asdict(scan.database or Database(""))
    folder = place.private / "tables" / digest(database, scan.table)[:16]
    names = [n for n, _ in scan.declared]
    path = folder / f"{digest(scan.snapshot, names, [str(t) for _, t in scan.declared])[:16]}"
    found = next((p for p in (path.with_suffix(".csv"), path.with_suffix(".parquet")) if p.is_file()), None)
    if found is None:
        with _opened(scan, place) as table:
            if table.content(scan.declared) != scan.snapshot:
                raise BackendError(f"`{scan.table}` has changed since the plan was made", "plan again", "files-changed")
            shutil.rmtree(folder, ignore_errors=True)  # copies that nobody will ask for again
            folder.mkdir(parents=True)
            found = path.with_suffix(f".{table.copies}")
            part = found.with_suffix(".part")
            table.copy(scan.declared, part)
            part.replace(found)
    format_ = found.suffix.removeprefix(".")
    nulls = ("",) if format_ == "csv" else ()
    copied = replace(
        scan, format=format_, options=_COPY if format_ == "csv" else (), nulls=nulls, database=None, table=""
    )
    return copied, [LocalFile(found, scan.table)]
