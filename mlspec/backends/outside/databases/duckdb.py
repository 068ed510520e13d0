"""Tables of another DuckDB file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mlspec.backends.outside.confinement import confine
from mlspec.backends.outside.databases.table import Declared, Table
from mlspec.backends.outside.heads import text
from mlspec.backends.port import BackendError, Place
from mlspec.base.digest import digest
from mlspec.ir.outside import Scan
from mlspec.ir.sql.dialect import DIALECT, column
from mlspec.ir.sql.glot import exp

_OTHER = "other"


class DuckDBTable(Table):
    """A table of a file of the project."""

    copies = "parquet"

    def __init__(self, connection: Any, table: str) -> None:
        parts = table.split(".")
        schema = parts[-2] if len(parts) > 1 else "main"
        self._connection = connection
        self._table = exp.table_(parts[-1], db=schema, catalog=_OTHER, quoted=True)

    @classmethod
    @contextmanager
    def opened(cls, scan: Scan, path: str, place: Place) -> Iterator[DuckDBTable]:
        """Attach the file, for reading only."""
        import duckdb  # noqa: PLC0415 - a fifth of a second that only those pay who read

        try:
            with closing(duckdb.connect(":memory:")) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                connection.execute(f"ATTACH {text(str(place.root / path))} AS {_OTHER} (READ_ONLY)")
                confine(connection, sorted({str(place.root), str(place.private)}))
                yield cls(connection, scan.table)
        except duckdb.Error as error:
            said = str(error).splitlines()[0].replace(str(place.root / path), path).rstrip(".")
            raise BackendError(f"`{scan.table}` of `{path}` cannot be read: {said}", code="source-unreadable") from None

    def columns(self) -> Mapping[str, str]:
        rows = exp.select(exp.Star()).from_(self._table).sql(DIALECT)
        return {str(row[0]): str(row[1]) for row in self._connection.execute(f"DESCRIBE {rows}").fetchall()}

    def _selected(self, declared: Declared) -> str:
        return exp.select(*[column(n) for n, _ in declared]).from_(self._table).sql(DIALECT)

    def content(self, declared: Declared) -> str:
        summed = f"SELECT count(*), sum(hash(r))::VARCHAR FROM ({self._selected(declared)}) AS r"  # noqa: S608 - quoted
        count, total = self._connection.execute(summed).fetchone()
        return digest([n for n, _ in declared], count, total)

    def copy(self, declared: Declared, path: Path) -> None:
        self._connection.execute(f"COPY ({self._selected(declared)}) TO {text(str(path))} (FORMAT parquet)")
