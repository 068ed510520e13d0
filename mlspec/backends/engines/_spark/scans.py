"""Rows from outside: files and other databases through the strict reader on this machine, tables where Spark is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlspec.backends.engines._spark.arrow import frame_of
from mlspec.backends.engines._spark.line import logical
from mlspec.backends.outside import reader
from mlspec.backends.outside.explain import explain
from mlspec.backends.outside.fitting import fits
from mlspec.backends.port import BackendError, Place
from mlspec.base.address import Address
from mlspec.base.diag import known_names
from mlspec.ir.columntype import ColumnType
from mlspec.ir.outside import Scan
from mlspec.ir.relation import Relation
from mlspec.ir.sql.dialect import DIALECT, column, data_type
from mlspec.ir.sql.glot import exp


@contextmanager
def copied(address: Address, relation: Relation, scan: Scan, place: Place) -> Iterator[Path]:
    """A Parquet file with the rows of a scan, read strictly; gone afterwards. Raises BackendError."""
    import duckdb  # noqa: PLC0415 - a fifth of a second that only a build pays

    place.private.mkdir(parents=True, exist_ok=True)
    with reader.reading(place) as connection, TemporaryDirectory(dir=place.private) as folder:
        path = Path(folder) / "rows.parquet"
        target = exp.Literal.string(str(path)).sql(DIALECT)
        try:
            rows = reader.checked(connection, address, scan, place).sql(DIALECT)
            connection.execute(f"COPY ({rows}) TO {target} (FORMAT parquet)")
        except duckdb.Error as error:
            explain(connection, address, relation, place, str(error))
            first = str(error).splitlines()[0]
            raise BackendError(f"`{address}` cannot be read: {first}", code="source-unreadable") from None
        yield path


def sent(session: Any, path: Path) -> Any:
    """The rows of a file here as a frame there."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - heavy, and only a build on a server needs it

    return frame_of(session, pq.read_table(path))


def of_table(session: Any, address: Address, scan: Scan) -> exp.Query:
    """A query of the declared columns of a table that somebody else keeps. Raises BackendError."""
    rows = exp.to_table(scan.table, dialect=DIALECT)
    try:
        fields = session.table(rows.sql("spark")).schema.fields
    except Exception:  # noqa: BLE001 - Spark's own, and what a catalog makes of it
        raise BackendError(
            f"`{address}` cannot be read: there is no table `{scan.table}`",
            "name it as Spark does: `schema.table`, or `catalog.schema.table`",
            "source-unreadable",
        ) from None
    there = {f.name: logical(f.dataType.simpleString()) for f in fields}
    for name, declared in scan.declared:
        if name not in there:
            message = f"`{address}` declares column `{name}`, which the data does not have"
            raise BackendError(message, known_names(name, there, "column"), "missing-column")
        _refuse_misfit(address, name, there[name], declared)
    names = [exp.alias_(exp.cast(column(n), data_type(t)), n, quoted=True) for n, t in scan.declared]
    return exp.select(*names).from_(rows)


def _refuse_misfit(address: Address, name: str, there: str, declared: ColumnType) -> None:
    try:
        have = ColumnType.parse(there)
    except ValueError:
        return
    if not fits(have, declared, loose=False):
        raise BackendError(
            f"column `{name}` of `{address}` is `{have}` in the data, declared as `{declared}`",
            f"declare `{have}`, or cast it in a source with `query`",
            "schema-mismatch",
        )
