"""Tables of a SQLite file. Its columns hold what they like, so each value is compared with the declared type."""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mlspec.backends.outside.databases.table import Declared, Table
from mlspec.backends.port import BackendError, Place
from mlspec.base.digest import digest
from mlspec.ir.columntype import ColumnType
from mlspec.ir.outside import Scan

_HELD: Mapping[str, tuple[type, ...]] = {
    "boolean": (int,), "int32": (int,), "int64": (int,), "float32": (int, float), "float64": (int, float), "decimal": (int, float),
    "bytes": (bytes,),
}  # fmt: skip
"""What a value of a declared type is in SQLite; every other type is text."""
_WORDS = {int: "an integer", float: "a real", str: "a text", bytes: "a blob"}


class SQLiteTable(Table):
    """A table of a file of the project."""

    def __init__(self, connection: sqlite3.Connection, table: str, shown: str) -> None:
        self._connection, self._table, self._shown = connection, table, shown

    @classmethod
    @contextmanager
    def opened(cls, scan: Scan, path: str, place: Place) -> Iterator["SQLiteTable"]:
        """Open the file, for reading only."""
        address = f"{(place.root / path).resolve().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(address, uri=True)) as connection:
                connection.execute("BEGIN")  # what is looked at and what is copied are one state
                yield cls(connection, scan.table, path)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise BackendError(
                f"`{scan.table}` of `{path}` cannot be read: {error}", code="source-unreadable"
            ) from None

    def columns(self) -> Mapping[str, str]:
        described = self._connection.execute(f"SELECT * FROM {self._table} LIMIT 0").description  # noqa: S608 - a plain name
        return {str(d[0]): "" for d in described}

    def _rows(self, declared: Declared) -> Iterator[tuple[Any, ...]]:
        names = ", ".join('"' + n.replace('"', '""') + '"' for n, _ in declared)
        yield from self._connection.execute(f"SELECT {names} FROM {self._table}")  # noqa: S608 - quoted

    def content(self, declared: Declared) -> str:
        total, count = 0, 0
        for row in self._rows(declared):
            total += int.from_bytes(
                hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest(), "big"
            )
            count += 1
        return digest([n for n, _ in declared], count, str(total % (1 << 128)))

    def copy(self, declared: Declared, path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(_quoted(n) for n, _ in declared) + "\n")
            for number, row in enumerate(self._rows(declared), 1):
                file.write(",".join(self._text(v, d, number) for v, d in zip(row, declared, strict=True)) + "\n")

    def _text(self, value: Any, declared: tuple[str, ColumnType], number: int) -> str:
        name, kind = declared
        if value is None:
            return ""
        fits = isinstance(value, _HELD.get(kind.name, (str,)))
        if not fits or (kind.name == "boolean" and value not in {0, 1}):
            message = f"column `{name}` holds {_WORDS[type(value)]}, which is no `{kind}`: row {number:,} of `{self._table}` in `{self._shown}`"
            raise BackendError(message, "correct the type, or the data", "unfit-value", ("columns", name))
        return _quoted(value.hex() if isinstance(value, bytes) else str(value))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
