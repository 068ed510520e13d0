"""Rows that ask for features, from wherever a user has them: files, data frames, lists of dictionaries; as Arrow tables."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlspec.backends.outside.arrow import library, logical, physical
from mlspec.backends.outside.explain import explain
from mlspec.backends.outside.heads import LocalFile, groups
from mlspec.backends.outside.reader import checked, reading
from mlspec.backends.port import BackendError, Place
from mlspec.base.address import Address
from mlspec.base.diag import problem
from mlspec.ir.columntype import ColumnType
from mlspec.ir.outside import Scan
from mlspec.ir.relation import Relation
from mlspec.ir.sql.dialect import DIALECT

_FORMATS = {
    ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow", ".csv": "csv", ".tsv": "csv",
    ".json": "json", ".jsonl": "json", ".ndjson": "json",
}  # fmt: skip
_MAGIC = {b"PAR1": ".parquet", b"ARRO": ".arrow"}
_ASKING = Address("spine", "asked")

Types = Mapping[str, ColumnType]


def read_spine(path: Path, needed: Types) -> Any:
    """The rows of a file, `-` for standard input. Texts of CSV and JSON are read as the types that are needed.

    Raises Problems or BackendError.
    """
    if str(path) == "-":
        return _read_input(needed)
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(f"`{s}`" for s in _FORMATS)
        raise problem("unknown-format", f"nothing says what `{path.name}` holds", help=f"let its name end with {known}")
    if not path.is_file():
        raise problem("file-not-usable", f"there is no file `{path}`")
    if kind not in {"csv", "json"}:
        return _arrow(path, kind)
    try:
        return _text(path, kind, needed)
    except BackendError as error:  # the reader calls it as it calls a source
        raise BackendError(str(error).replace(str(_ASKING), path.name), error.help, error.code) from None


def as_arrow(rows: Any) -> Any:
    """A data frame of pandas or polars, an Arrow table, or a list of dictionaries. Raises Problems."""
    pa = library()
    if isinstance(rows, pa.Table):
        return rows
    try:
        if type(rows).__module__.partition(".")[0] == "pandas":
            return pa.Table.from_pandas(rows, preserve_index=False)
        if isinstance(rows, Sequence) and all(isinstance(r, Mapping) for r in rows):
            names = dict.fromkeys(n for r in rows for n in r)
            return pa.table({n: pa.array([r.get(n) for r in rows]) for n in names})
        if hasattr(rows, "__arrow_c_stream__"):
            return pa.table(rows)
    except (pa.ArrowException, TypeError) as error:
        message = f"the spine cannot be read: {str(error).splitlines()[0]}"
        raise problem("wrong-type", message, help="let each column hold values of one type") from None
    known = "a data frame of pandas or polars, an Arrow table, a list of dictionaries, a path, or one SELECT"
    raise problem("wrong-type", f"`{type(rows).__name__}` is no spine", help=f"give {known}")


def types_of(rows: Any, needed: Types) -> dict[str, ColumnType | None]:
    """The logical types of an Arrow table; a column of nothing but NULL is of the type that is needed."""
    pa = library()
    names = rows.column_names
    for name in names:
        if names.count(name) > 1:
            raise problem("duplicate-column", f"the spine has column `{name}` twice", help="rename one of them")
    return {f.name: needed.get(f.name) if pa.types.is_null(f.type) else logical(f.type) for f in rows.schema}


def to_load(rows: Any, types: Mapping[str, ColumnType | None], names: Sequence[str]) -> Any:
    """Some columns of an Arrow table, each in the one form that engines take. Raises Problems."""
    pa = library()
    columns = {}
    for name in names:
        kind = types[name]
        assert kind is not None  # noqa: S101 - was checked
        try:
            columns[name] = rows.column(name).cast(physical(kind), safe=True)
        except pa.ArrowException as error:
            message = f"column `{name}` of the spine does not fit `{kind}`: {str(error).splitlines()[0]}"
            raise problem("unfit-value", message, help="times are exact to the microsecond") from None
    return pa.table(columns)


# -- files -----------------------------------------------------------------------------------------------------------------


def _read_input(needed: Types) -> Any:
    """Standard input, told apart by its first bytes: Parquet, Arrow, else CSV."""
    with tempfile.TemporaryDirectory(prefix="mlspec-") as folder:
        content = sys.stdin.buffer.read()
        path = Path(folder) / f"stdin{_MAGIC.get(content[:4], '.csv')}"
        path.write_bytes(content)
        return read_spine(path, needed)


def _arrow(path: Path, kind: str) -> Any:
    pa = library()
    try:
        if kind == "parquet":
            import pyarrow.parquet as pq  # noqa: PLC0415 - as pyarrow itself

            return pq.ParquetFile(path).read()
        with pa.memory_map(str(path)) as file:
            return pa.ipc.open_file(file).read_all()
    except (pa.ArrowException, OSError) as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise BackendError(f"`{path.name}` cannot be read: {said}", code="source-unreadable") from None


def _text(path: Path, kind: str, needed: Types) -> Any:
    """CSV or JSON, as strictly as sources are read; columns that nobody needs stay what they are."""
    import duckdb  # noqa: PLC0415 - a fifth of a second that only those pay who read

    library()
    folder = path.resolve().parent
    place = Place(folder, folder, "", "")
    options = (("delimiter", "\t" if path.suffix.lower() == ".tsv" else ","), ("header", "true"))
    scan = Scan(kind, (path.name,), options=options if kind == "csv" else (), nulls=("",) if kind == "csv" else ())
    with reading(place) as connection:
        (group,) = groups(connection, scan, [LocalFile(folder / path.name, path.name)])
        kinds = {n: needed.get(n) or group.kind(n) or ColumnType("string") for n in group.names}
        scan = Scan(scan.format, scan.files, options=scan.options, nulls=scan.nulls, declared=tuple(kinds.items()))
        query = checked(connection, _ASKING, scan, place)
        try:
            return connection.sql(query.sql(DIALECT)).to_arrow_table()
        except duckdb.Error as error:
            explain(connection, _ASKING, Relation("", (), "", scan=scan), place, str(error))
            said = str(error).splitlines()[0]
            raise BackendError(f"`{path.name}` cannot be read: {said}", code="source-unreadable") from None
