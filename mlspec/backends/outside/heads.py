"""What files say of their columns before any row is read: the header of a CSV file, the footer of a Parquet file."""

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from mlspec.backends.port import BackendError
from mlspec.base.value import dataclass
from mlspec.ir.columntype import ColumnType
from mlspec.ir.outside import Scan
from mlspec.ir.sql.dialect import DIALECT, from_sql
from mlspec.ir.sql.glot import exp

_LINES = 200
"""A header is not longer, even if its names have line breaks."""


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine, and how it is called before people."""

    path: Path
    shown: str


@dataclass(frozen=True)
class Group:
    """Files with the same columns. `types` are DuckDB's, and what they mean; without any, all is text."""

    files: tuple[LocalFile, ...]
    names: tuple[str, ...]
    types: Mapping[str, str]

    def kind(self, name: str) -> ColumnType | None:
        """The logical type of a column; None where it is text, or where there is no such type."""
        return from_sql(exp.DataType.build(self.types[name], dialect=DIALECT)) if self.types.get(name) else None


def groups(connection: Any, scan: Scan, files: Iterable[LocalFile]) -> list[Group]:
    """The files, those of the same columns together, in their order. Raises BackendError for one that cannot be read."""
    read = {"csv": lambda c, f: _csv(c, scan, f), "parquet": _parquet, "json": _json}[scan.format]
    found: dict[tuple[tuple[str, str], ...], list[LocalFile]] = {}
    for columns, some in read(connection, list(files)):
        found.setdefault(columns, []).extend(some)
    return [Group(tuple(f), tuple(n for n, _ in c), {n: t for n, t in c if t}) for c, f in found.items()]


Columns = tuple[tuple[str, str], ...]


def _csv(connection: Any, scan: Scan, files: list[LocalFile]) -> Iterator[tuple[Columns, list[LocalFile]]]:
    options = dict(scan.options)
    if options["header"] == "false":
        standing = [n for n, _ in scan.declared if n not in scan.partitions]
        yield tuple((n, "") for n in standing), files
        return
    for file in files:
        names = _header(connection, file, options["delimiter"])
        double = next((n for i, n in enumerate(names) if n in names[:i]), None)
        if double is not None and double in dict(scan.declared):
            raise BackendError(
                f"the header of `{file.shown}` has column `{double}` twice", "rename one of them", "source-unreadable"
            )
        yield tuple((n, "") for n in _apart(names, dict(scan.declared))), [file]


def _apart(names: list[str], wanted: Mapping[str, ColumnType]) -> list[str]:
    """Names that stand there twice, also but for case, and are not read, are told apart by their place."""
    folded = [n.casefold() for n in names]
    return [
        n if n in wanted or folded.count(f) == 1 else f"{n} ({i})"
        for i, (n, f) in enumerate(zip(names, folded, strict=True), 1)
    ]


def _header(connection: Any, file: LocalFile, delimiter: str) -> list[str]:
    try:
        first = next(csv.reader(io.StringIO(_beginning(connection, file.path), newline=""), delimiter=delimiter), None)
    except UnicodeDecodeError:
        raise BackendError(f"`{file.shown}` is not UTF-8", "convert it", "source-unreadable") from None
    except (OSError, EOFError, csv.Error) as error:
        raise BackendError(f"`{file.shown}` cannot be read: {error}", code="source-unreadable") from None
    if not first or first == [""]:
        raise BackendError(f"`{file.shown}` is empty, it has not even a header",
                           "say `header: false` and list all columns in their order, if it never has one", "source-unreadable")  # fmt: skip
    return first


def _beginning(connection: Any, path: Path) -> str:
    if path.suffix == ".zst":
        call = "read_csv(?, auto_detect = false, columns = {'line': 'VARCHAR'}, header = false, delim = '\x01', quote = '', escape = '')"
        lines = f"SELECT line FROM {call} LIMIT {_LINES}"  # noqa: S608 - a number of ours
        found = connection.execute(lines, [str(path)]).fetchall()
        return "\n".join(str(line or "") for (line,) in found).removeprefix("\ufeff")
    with opened(path) as file:
        beginning = b"".join(line for line, _ in zip(file, range(_LINES), strict=False))
    return beginning.decode("utf-8-sig")


def opened(path: Path | str) -> BinaryIO:
    """A file, unpacked if its name ends with `.gz`."""
    found: Any = gzip.open(path, "rb") if str(path).endswith(".gz") else Path(path).open("rb")  # noqa: SIM115 - handed on
    return found  # type: ignore[no-any-return]


def _parquet(connection: Any, files: list[LocalFile]) -> Iterator[tuple[Columns, list[LocalFile]]]:
    """One question for the footers of all; the types of DuckDB are asked for once for each footer."""
    footers: dict[tuple[Any, ...], list[LocalFile]] = {}
    for file in files:
        statement = "SELECT name, type, type_length, repetition_type, num_children, converted_type, scale, precision, logical_type FROM parquet_schema(?)"
        rows = _run(connection, file, statement, str(file.path))
        footers.setdefault(tuple(tuple(map(str, row)) for row in rows), []).append(file)
    for some in footers.values():
        described = _run(
            connection, some[0], "DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning = false)", str(some[0].path)
        )
        yield tuple((str(row[0]), str(row[1])) for row in described), some


def _json(connection: Any, files: list[LocalFile]) -> Iterator[tuple[Columns, list[LocalFile]]]:
    """JSON has no head: all of it is looked at, so that no key is overlooked that only some rows have."""
    call = json_call([f.path for f in files])
    described = _run(connection, files[0], f"DESCRIBE SELECT * FROM {call}")  # noqa: S608 - made by the writer
    yield tuple((str(row[0]), str(row[1])) for row in described), files


def json_call(paths: Iterable[Path | str]) -> str:
    """How JSON is read: times are texts, which are looked at one by one."""
    return (
        f"read_json({listed(paths)}, maximum_depth = -1, sample_size = -1, map_inference_threshold = -1, "
        "dateformat = 'none', timestampformat = 'none', hive_partitioning = false)"
    )


def listed(paths: Iterable[Path | str]) -> str:
    """A list of texts for DuckDB."""
    return "[" + ", ".join(text(str(p)) for p in paths) + "]"


def text(value: str) -> str:
    """A text for DuckDB."""
    return exp.Literal.string(value).sql(DIALECT)


def _run(connection: Any, file: LocalFile, statement: str, *values: str) -> list[Any]:
    try:
        found: list[Any] = connection.execute(statement, list(values)).fetchall()
    except Exception as error:  # noqa: BLE001 - whatever DuckDB says of a file
        said = str(error).splitlines()[0].replace(str(file.path), file.shown).rstrip(".")
        raise BackendError(f"`{file.shown}` cannot be read: {said}", code="source-unreadable") from None
    return found
