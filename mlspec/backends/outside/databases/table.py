"""What is asked of a table of another database."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from mlspec.ir.columntype import ColumnType

Declared = tuple[tuple[str, ColumnType], ...]


class Table(ABC):
    """One table, through a connection that only reads. Methods raise BackendError."""

    copies = "csv"
    """The format of its copies: in CSV every value is in quotes, so that NULL is not the empty text; bytes are hexadecimal."""

    @abstractmethod
    def columns(self) -> Mapping[str, str]:
        """The columns with their types, as DuckDB calls them; empty where there is no such type."""

    @abstractmethod
    def content(self, declared: Declared) -> str:
        """The digest of what the declared columns hold, in any order of rows."""

    @abstractmethod
    def copy(self, declared: Declared, path: Path) -> None:
        """Write the declared columns to a file."""
