"""What a source scans: the table, the files or the objects that it names, and what was seen of them."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, known_names
from mlspec.base.value import dataclass, replace
from mlspec.documents.project import OutsideProject
from mlspec.ir.columntype import ColumnType
from mlspec.ir.outside import Mismatch, Scan, held
from mlspec.kinds._sources.places import DatabaseSpec, SourceFiles, StoreSpec
from mlspec.language.scope import Scope


class Said(Protocol):
    """What is asked of the spec of a source."""

    @property
    def columns(self) -> Mapping[str, Any]:
        """Its columns, as declared."""

    @property
    def files(self) -> SourceFiles | None:
        """Where its files are, if it reads some."""

    @property
    def table(self) -> str | None:
        """The table that it reads, if it is one."""

    @property
    def database(self) -> DatabaseSpec | None:
        """The database of the table, if it is another one than the warehouse."""

    @property
    def address(self) -> Address:
        """Its address."""

    @property
    def place(self) -> str:
        """Which field says where its rows are."""


@dataclass(frozen=True)
class Scanning:
    """A source, with what its spec sees of the project."""

    source: Said
    scope: Scope

    def whence(self, scan: Scan) -> tuple[str, ...]:
        """Where the rows come from, whatever they are now."""
        place = scan.database
        there = (place.type, place.path, place.host, str(place.port), place.name) if place else ()
        return (str(self.source.address), self.source.files.path if self.source.files else scan.table, *there)

    def folded(self) -> Iterator[Diagnostic]:
        """Names in the data that differ only by case: engines do not agree on which of them is meant."""
        first: dict[str, str] = {}
        for name, declared in self.source.columns.items():
            origin = declared.origin or name
            other = first.setdefault(origin.casefold(), name)
            if other != name:
                message = f"columns `{other}` and `{name}` are read from names that differ only by case, or not at all"
                yield self.scope.error(
                    "duplicate-column", message, "columns", name, key=True, help="rename one of them in the data"
                )

    def scan(self) -> Scan:
        wanted = self._wanted_table() if self.source.files is None else self._wanted_files(self.source.files)
        seen = self.scope.outside(str(self.source.address), wanted)
        found = replace(
            wanted,
            files=seen.files,
            tags=seen.tags,
            snapshot=seen.snapshot,
            undeclared=seen.undeclared,
            there=seen.there,
        )
        if problems := [*(self._told(p) for p in seen.problems), *self._partitions(found.files)]:
            raise Problems(problems)
        return found

    def _told(self, wrong: Mismatch) -> Diagnostic:
        where = ("columns", wrong.column) if wrong.column else (self.source.place,)
        return self.scope.error(wrong.code, wrong.message, *where, key=True, help=wrong.help)

    @property
    def _declared(self) -> tuple[tuple[str, ColumnType], ...]:
        return tuple((c.origin or n, c.type) for n, c in self.source.columns.items())

    def _wanted_table(self) -> Scan:
        """The table to be read, before anybody looked whether it is there."""
        if self.source.database is None:
            return Scan(table=self.source.table or "", declared=self._declared)
        if problems := list(self.source.database.check(self.scope)):
            raise Problems(problems)
        if self.source.database.path:
            self._found(self.source.database.path, "database")
        return Scan(table=self.source.table or "", declared=self._declared, database=self.source.database.lower())

    def _wanted_files(self, files: SourceFiles) -> Scan:
        """The files or objects to be read, with what those of the project hold."""
        found = (files.path,) if files.remote else self._found(files.path, "files")
        kind, delimiter = files.said(found[0])
        problems = list(files.check(self.scope, kind))
        if not kind:
            problems = [self.scope.error("unknown-format", f"the format of `{found[0]}` is not known by its name", "files",
                                    help="say `format: parquet`, `csv` or `json`")]  # fmt: skip
        if problems:
            raise Problems(problems)
        text = kind == "csv"
        options = (("delimiter", delimiter), ("header", "true" if files.header else "false")) if text else ()
        partitions = tuple(
            self.source.columns[n].origin or n for n in files.hive_partitions if n in self.source.columns
        )
        store = (files.store or StoreSpec()).lower() if files.remote else None
        nulls = files.null_values if text else ()
        scan = Scan(kind, found, "", options, nulls, "", self._declared, partitions, (), store)
        content = [] if files.remote else [self.scope.files.content(f) for f in found]
        return replace(scan, snapshot=held(scan, content))

    def _found(self, path: str, field: str) -> tuple[str, ...]:
        try:
            found = self.scope.files.glob(path)
        except OutsideProject:
            raise Problems([self.scope.error("outside-project", f"`{path}` lies outside the project", field)]) from None
        if not found:
            raise Problems([self.scope.error("missing-file", f"no file matches `{path}`", field,
                                        help="paths are relative to the folder of `mlspec.yaml`")])  # fmt: skip
        return found

    def _partitions(self, found: tuple[str, ...]) -> Iterator[Diagnostic]:
        for index, name in enumerate(self.source.files.hive_partitions if self.source.files else ()):
            path = ("files", "hive_partitions", index)
            if name not in self.source.columns:
                message = f"`{name}` stands in the path, but is not declared in `columns`"
                yield self.scope.error(
                    "unknown-column", message, *path, help=known_names(name, self.source.columns, "column")
                )
                continue
            key = self.source.columns[name].origin or name
            without = next((f for f in found if not any(p.startswith(f"{key}=") for p in f.split("/")[:-1])), None)
            if without is not None:
                yield self.scope.error("invalid-source", f"the path of `{without}` has no folder `{key}=…`", *path)
