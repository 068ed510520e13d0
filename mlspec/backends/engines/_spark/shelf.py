"""Where the rows of versions lie: Parquet in a folder that Spark writes, or tables of a server's catalog."""

import shutil
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlspec.backends.engines._spark.arrow import arrow_of
from mlspec.backends.engines._spark.notes import Note
from mlspec.ir.relation import Column, Keep
from mlspec.ir.sql.dialect import data_type

ORDER = "__order"
"""The column of a table on a server that says in which order its rows were made."""

_NOT_OURS = frozenset({"default"})


def _is_of(name: str, version: str) -> bool:
    """Whether a folder or table holds rows of a version: its name, and what tells one making from another."""
    return name.startswith(f"{version}__m") and len(name) == len(version) + 11


def _another(version: str) -> str:
    return f"{version}__m{uuid.uuid4().hex[:8]}"


def schema(columns: Sequence[tuple[str, str]]) -> str:
    """Columns and their types in Spark's words, as its reader takes them."""
    return ", ".join(f"`{name}` {kind}" for name, kind in columns)


def spark_columns(columns: Sequence[Column]) -> list[tuple[str, str]]:
    """The names of columns, and their types in Spark's words."""
    return [(c.name, data_type(c.type).sql("spark").replace("JSON", "STRING")) for c in columns]


class Shelf(ABC):
    """Keeps rows; `session` answers the session when it is needed, and not before."""

    @abstractmethod
    def there(self, notes: Mapping[str, Note]) -> set[str]:
        """The versions of which what their notes speak of is really there."""

    def shown(self, schema: str) -> set[str] | None:
        """The public names that others can read; None where nobody can."""
        return None

    @abstractmethod
    def write(self, version: str, frame: Any) -> dict[str, Any]:
        """Keep the rows of a frame; answers where, for the note of the version."""

    @abstractmethod
    def open(self, session: Any, note: Note) -> Any:
        """The rows that a note of a table speaks of."""

    @abstractmethod
    def in_order(self, session: Any, note: Note) -> Iterator[Any]:
        """The same as Arrow record batches, in the order in which they were made."""

    @abstractmethod
    def sweep(self, version: str, note: Note | None) -> None:
        """Remove rows of a version that its note does not speak of."""

    def selected(self, note: Note) -> str:
        """The query of the rows of a table for others, where they can ask it."""
        return ""

    def publish(self, version: str, query: str) -> None:  # noqa: B027 - a folder has no names for others
        """Let others ask for a version by its name."""

    def show(self, schema: str, name: str, version: str) -> None:  # noqa: B027 - a folder has no names for others
        """Let the public name mean a version, where others can read it."""

    def hide(self, schema: str, name: str) -> None:  # noqa: B027 - a folder has no names for others
        """Take the public name away."""

    def tidy(self, schema: str) -> None:  # noqa: B027 - a folder has no names for others
        """Remove what is left of an environment that has no public names any more."""


class Folder(Shelf):
    """A folder of Parquet files a table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def there(self, notes: Mapping[str, Note]) -> set[str]:
        return {
            v for v, n in notes.items() if n["keep"] == Keep.VIEW or (self.folder / n["folder"] / "_SUCCESS").exists()
        }

    def write(self, version: str, frame: Any) -> dict[str, Any]:
        name = _another(version)
        self.folder.mkdir(parents=True, exist_ok=True)
        frame.write.parquet((self.folder / name).as_uri(), compression="zstd")
        return {"folder": name}

    def open(self, session: Any, note: Note) -> Any:
        return session.read.schema(schema(note["columns"])).parquet((self.folder / note["folder"]).as_uri())

    def in_order(self, session: Any, note: Note) -> Iterator[Any]:
        import pyarrow.parquet as pq  # noqa: PLC0415 - heavy, and only what reads rows here needs it

        for path in sorted((self.folder / note["folder"]).glob("part-*.parquet")):
            yield from pq.ParquetFile(path).iter_batches()

    def sweep(self, version: str, note: Note | None) -> None:
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                if _is_of(path.name, version) and not (note and note.get("folder") == path.name):
                    shutil.rmtree(path, ignore_errors=True)


class Tables(Shelf):
    """A table of the server's catalog each, behind a view that has the name of the version."""

    def __init__(self, schema_: str, session: Any) -> None:
        self.schema, self.session = schema_, session

    def _run(self, statement: str) -> list[Any]:
        return list(self.session().sql(statement).collect())

    def _there(self, schema: str) -> list[str]:
        if schema not in [row[0] for row in self._run("SHOW SCHEMAS")]:
            return []
        return [row[1] for row in self._run(f"SHOW TABLES IN `{schema}`") if not row[2]]

    def there(self, notes: Mapping[str, Note]) -> set[str]:
        kept = set(self._there(self.schema))
        return {v for v, n in notes.items() if v in kept and (n["keep"] == Keep.VIEW or n["table"] in kept)}

    def shown(self, schema: str) -> set[str] | None:
        return set(self._there(schema))

    def write(self, version: str, frame: Any) -> dict[str, Any]:
        from pyspark.sql.connect.functions import monotonically_increasing_id  # noqa: PLC0415 - heavy

        name = _another(version)
        self._run(f"CREATE SCHEMA IF NOT EXISTS `{self.schema}`")
        frame.withColumn(ORDER, monotonically_increasing_id()).write.saveAsTable(f"`{self.schema}`.`{name}`")
        return {"table": name}

    def _named(self, note: Note) -> str:
        return f"`{self.schema}`.`{note['table']}`"

    def selected(self, note: Note) -> str:
        columns = ", ".join(f"`{name}`" for name, _ in note["columns"])
        return f"SELECT {columns} FROM {self._named(note)}"  # noqa: S608 - names of ours

    def publish(self, version: str, query: str) -> None:
        self._run(f"CREATE SCHEMA IF NOT EXISTS `{self.schema}`")
        self._run(f"CREATE OR REPLACE VIEW `{self.schema}`.`{version}` AS {query}")

    def open(self, session: Any, note: Note) -> Any:
        return session.table(self._named(note)).drop(ORDER)

    def in_order(self, session: Any, note: Note) -> Iterator[Any]:
        yield from arrow_of(session.table(self._named(note)).orderBy(ORDER).drop(ORDER)).to_batches()

    def sweep(self, version: str, note: Note | None) -> None:
        for name in self._there(self.schema):
            if _is_of(name, version) and not (note and note.get("table") == name):
                self._run(f"DROP TABLE IF EXISTS `{self.schema}`.`{name}`")
        if note is None:
            self._run(f"DROP VIEW IF EXISTS `{self.schema}`.`{version}`")

    def show(self, schema: str, name: str, version: str) -> None:
        if schema not in _NOT_OURS:
            self._run(f"CREATE SCHEMA IF NOT EXISTS `{schema}`")
        self._run(f"CREATE OR REPLACE VIEW `{schema}`.`{name}` AS SELECT * FROM `{self.schema}`.`{version}`")  # noqa: S608 - ours

    def hide(self, schema: str, name: str) -> None:
        if schema in [row[0] for row in self._run("SHOW SCHEMAS")]:
            self._run(f"DROP VIEW IF EXISTS `{schema}`.`{name}`")

    def tidy(self, schema: str) -> None:
        for one in (schema, self.schema):
            if one not in _NOT_OURS and one in [row[0] for row in self._run("SHOW SCHEMAS")] and not self._there(one):
                self._run(f"DROP SCHEMA IF EXISTS `{one}`")
