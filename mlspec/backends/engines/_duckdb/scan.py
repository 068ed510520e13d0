"""Rows from outside, read strictly: declared columns must be there, with types that fit; no row is lost silently."""

from pathlib import Path
from typing import Any

from sqlglot import exp, parse_one

from mlspec.backends.port import BackendError
from mlspec.base.address import Address
from mlspec.base.diag import known_names
from mlspec.ir.columntype import NUMBERS, ColumnType
from mlspec.ir.relation import Scan
from mlspec.ir.sql.dialect import DIALECT, column, data_type, from_sql


def query(scan: Scan, root: Path | None = None) -> exp.Select:
    """The query that reads the declared columns, each under its own name and type."""
    names = [exp.alias_(exp.cast(column(n), data_type(t)), n, quoted=True) for n, t in scan.declared]
    return exp.select(*names).from_(_rows(scan, root))


def _rows(scan: Scan, root: Path | None) -> exp.Expr:
    if scan.table:
        return exp.to_table(scan.table, dialect=DIALECT)
    call = _call(scan, root)
    tree = parse_one(f"SELECT * FROM {call}", dialect=DIALECT)  # noqa: S608 - every part is a literal made by the writer
    source: exp.Expr = (tree.args.get("from_") or tree.args["from"]).this
    return source


def _call(scan: Scan, root: Path | None) -> str:
    files = ", ".join(_text(str(root / f) if root else f) for f in scan.files)
    if scan.format == "parquet":
        return f"read_parquet([{files}])"
    if scan.format == "json":
        return f"read_json([{files}], maximum_depth = -1)"
    options = dict(scan.options)
    nulls = ", ".join(_text(n) for n in scan.nulls)
    wanted = [
        f"[{files}]", "all_varchar = true", f"delim = {_text(options['delimiter'])}", "quote = '\"'", "escape = '\"'",
        f"header = {options['header']}", f"nullstr = [{nulls}]", "strict_mode = true", "null_padding = false", "ignore_errors = false",
    ]  # fmt: skip
    if options["header"] == "false":
        names = ", ".join(_text(n) for n, _ in scan.declared)
        wanted.append(f"names = [{names}]")
    return f"read_csv({', '.join(wanted)})"


def _text(value: str) -> str:
    return exp.Literal.string(value).sql(DIALECT)


def checked(connection: Any, address: Address, scan: Scan, root: Path) -> exp.Select:
    """The query, after what it reads was compared with what was declared. Raises BackendError."""
    reading = exp.select(exp.Star()).from_(_rows(scan, root)).sql(DIALECT)
    try:
        described = connection.execute(f"DESCRIBE {reading}").fetchall()
    except Exception as error:  # noqa: BLE001 - whatever DuckDB says of a file
        said = str(error).splitlines()[0].replace(f"{root}/", "").rstrip(".")
        help_ = "some lines have too many or too few values, or another delimiter" if scan.format == "csv" else ""
        raise BackendError(f"`{address}` cannot be read: {said}", help_, "source-unreadable") from None
    found = {str(row[0]): str(row[1]) for row in described}
    for name, declared in scan.declared:
        if name not in found:
            raise BackendError(
                f"`{address}` declares column `{name}`, which the data does not have",
                known_names(name, found, "column"),
                "missing-column",
            )
        have = from_sql(exp.DataType.build(found[name], dialect=DIALECT))
        if scan.format != "csv" and have is not None and not _fits(have, declared):
            raise BackendError(f"column `{name}` of `{address}` is `{have}` in the data, declared as `{declared}`",
                               f"declare `{have}`, or cast it in a source with `query`", "schema-mismatch")  # fmt: skip
    if scan.format == "csv":
        _count_lines(connection, address, scan, root, reading)
    return query(scan, root)


def _fits(have: ColumnType, declared: ColumnType) -> bool:
    if have.name in NUMBERS and declared.name in NUMBERS:
        return True
    texts = {"string", "json"}
    return have.name == declared.name or {have.name, declared.name} <= texts or (have.name, declared.name) in {
        ("string", "date"), ("string", "timestamp"), ("string", "timestamptz"), ("date", "timestamp"),
    }  # fmt: skip


def _count_lines(connection: Any, address: Address, scan: Scan, root: Path, reading: str) -> None:
    """A CSV file has as many rows as lines; a reader that skipped some must not go unnoticed."""
    rows = int(connection.execute(f"SELECT count(*) FROM ({reading})").fetchone()[0])  # noqa: S608 - made above
    header = dict(scan.options)["header"] == "true"
    lines = sum(_lines(root / f) - (1 if header else 0) for f in scan.files)
    if rows < lines:
        raise BackendError(f"`{address}`: {lines:,} lines of data, but only {rows:,} rows can be read",
                           "some lines have too many or too few values, or another delimiter", "ragged-rows")  # fmt: skip


def _lines(path: Path) -> int:
    """Lines that hold something, a line break inside quotes not counted."""
    count, quoted = 0, False
    with path.open("rb") as file:
        for line in file:
            if not quoted and line.strip():
                count += 1
            if line.count(b'"') % 2:
                quoted = not quoted
    return count
