"""Files on this machine, for engines elsewhere: read as strictly as DuckDB reads them, written as it writes them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlspec.backends.outside.confinement import confine
from mlspec.backends.port import BackendError, Place
from mlspec.base.address import Address
from mlspec.ir.columntype import ColumnType
from mlspec.ir.outside import Scan
from mlspec.ir.relation import Relation
from mlspec.ir.sql.dialect import DIALECT
from mlspec.ir.sql.glot import exp

Said = Callable[[str, ColumnType], "exp.Expr"]
"""How a column is said in the copy."""


@contextmanager
def copied(address: Address, relation: Relation, scan: Scan, place: Place, said: Said, options: str) -> Iterator[Path]:
    """A copy of the rows of a scan, read strictly, in one file that is gone afterwards. Raises BackendError.

    `options` are those of DuckDB's COPY (`FORMAT parquet`).
    """
    import duckdb  # noqa: PLC0415 - a fifth of a second that only a build pays

    from mlspec.backends.outside import reader  # noqa: PLC0415 - as above
    from mlspec.backends.outside.explain import explain  # noqa: PLC0415 - as above

    place.private.mkdir(parents=True, exist_ok=True)
    with reader.reading(place) as connection, TemporaryDirectory(dir=place.private) as folder:
        path = Path(folder) / "rows"
        try:
            rows = reader.checked(connection, address, scan, place)
            wanted = [exp.alias_(said(n, t), n, quoted=True) for n, t in scan.declared]
            query = exp.select(*wanted).from_(rows.subquery("scan")).sql(DIALECT)
            connection.execute(f"COPY ({query}) TO {exp.Literal.string(str(path)).sql(DIALECT)} ({options})")
        except duckdb.Error as error:
            explain(connection, address, relation, place, str(error))
            first = str(error).splitlines()[0]
            raise BackendError(f"`{address}` cannot be read: {first}", code="source-unreadable") from None
        yield path


def write(batches: Iterable[Any], path: Path, kind: str) -> int:
    """Write Arrow record batches to a file (`parquet` or `csv`) in their order; returns the number of rows."""
    import duckdb  # noqa: PLC0415 - as above
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only engines elsewhere need it

    parts = iter(batches)
    first = next(parts)  # there is always one, if of no rows: it says the columns
    rows = 0

    def counted() -> Iterator[Any]:
        nonlocal rows
        for batch in chain([first], parts):
            rows += batch.num_rows
            yield batch

    with closing(duckdb.connect(":memory:")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET threads = 1")  # one stream of rows, in its order
        connection.execute("SET enable_progress_bar = false")
        confine(connection, [str(path.parent)])
        connection.register("exported", pa.RecordBatchReader.from_batches(first.schema, counted()))
        option = "FORMAT parquet, COMPRESSION zstd" if kind == "parquet" else "FORMAT csv, HEADER true"
        target = exp.Literal.string(str(path)).sql(DIALECT)
        connection.execute(f"COPY exported TO {target} ({option})")
    return rows
