"""Rows from outside, read strictly: declared columns must be there, with types that fit; no row is lost silently.

An engine that cannot read files itself opens a `reading` connection, asks for the `checked` query and runs it; when that
fails, `explain` of the module beside this one turns what DuckDB says into what people can act on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mlspec.backends.outside.confinement import confine
from mlspec.backends.outside.fitting import fits, from_text
from mlspec.backends.outside.heads import Group, LocalFile, groups, json_call, listed, text
from mlspec.backends.outside.local import located
from mlspec.backends.port import BackendError, Place
from mlspec.base.address import Address
from mlspec.base.diag import known_names
from mlspec.ir.columntype import ColumnType
from mlspec.ir.outside import Mismatch, Scan
from mlspec.ir.sql.dialect import DIALECT, column, data_type
from mlspec.ir.sql.glot import exp, sqlglot

FILE = "__file"
"""The column that holds the path of a row's file, where paths have values in them."""
_NO_NULL = "\x01no text is null\x01"
"""DuckDB passes over values beyond the last column if they are NULL; so nothing is NULL until it has been read."""


@contextmanager
def reading(place: Place) -> Iterator[Any]:
    """A DuckDB in memory that reaches the project's files and nothing else, for engines that are none."""
    import duckdb  # noqa: PLC0415 - a fifth of a second that only those pay who read

    with closing(duckdb.connect(":memory:")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        confine(connection, sorted({str(place.root), str(place.private)}))
        yield connection


def query(scan: Scan) -> exp.Query:
    """The query that reads the declared columns, as it is shown: heads of files are looked at when it is run."""
    if scan.table:
        return _cast(exp.to_table(scan.table, dialect=DIALECT), scan)
    names = tuple(n for n, _ in scan.declared if n not in scan.partitions)
    return _select(Group(tuple(LocalFile(Path(f), f) for f in scan.files), names, {}), scan)


def checked(connection: Any, address: Address, scan: Scan, place: Place) -> exp.Query:
    """The query, after what it reads was compared with what was declared. Raises BackendError."""
    if scan.inside:
        return _checked_table(connection, address, scan)
    local, files = located(scan, place)
    found = groups(connection, local, files)
    _refuse(address, local, found)
    made: exp.Query = _select(found[0], local)
    for group in found[1:]:
        made = exp.union(made, _select(group, local), distinct=False)
    return made


def _checked_table(connection: Any, address: Address, scan: Scan) -> exp.Select:
    rows = exp.to_table(scan.table, dialect=DIALECT)
    try:
        described = connection.execute(f"DESCRIBE {exp.select(exp.Star()).from_(rows).sql(DIALECT)}").fetchall()
    except Exception as error:  # noqa: BLE001 - whatever DuckDB says of a table
        said = str(error).splitlines()[0].rstrip(".")
        raise BackendError(f"`{address}` cannot be read: {said}", code="source-unreadable", at=("table",)) from None
    return compared_table(address, scan, {str(row[0]): str(row[1]) for row in described})


def compared_table(address: Address, scan: Scan, types: Mapping[str, str]) -> exp.Select:
    """The query of a table of the warehouse that has these columns, of types in DuckDB's words. Raises BackendError."""
    _refuse(address, scan, [Group((LocalFile(Path(scan.table), scan.table),), tuple(types), types)])
    return _cast(exp.to_table(scan.table, dialect=DIALECT), scan)


def _refuse(address: Address, scan: Scan, found: list[Group]) -> None:
    wrong = next(mismatches(str(address), scan, found), None)
    if wrong is not None:
        raise BackendError(wrong.message, wrong.help, wrong.code, ("columns", wrong.column))


def mismatches(address: str, scan: Scan, found: list[Group]) -> Iterator[Mismatch]:
    """Declared columns that are not there, or not of their type; each once, with the first file that shows it."""
    several = sum(len(g.files) for g in found) > 1
    told: set[str] = set()
    for group in found:
        where = f"`{group.files[0].shown}`" if several else "the data"
        for name, declared in scan.declared:
            wrong = None if name in told else _mismatch(address, scan, group, (name, declared), where)
            if wrong is not None:
                told.add(name)
                yield wrong


def _mismatch(address: str, scan: Scan, group: Group, column_: tuple[str, ColumnType], where: str) -> Mismatch | None:
    name, declared = column_
    if name in scan.partitions:
        if name not in group.names:
            return None
        message = f"column `{name}` of `{address}` stands in the path and in {where} too"
        return Mismatch("ambiguous-column", message, "take it out of `hive_partitions`, or out of the files", name)
    if name not in group.names:
        message = f"`{address}` declares column `{name}`, which {where} does not have"
        return Mismatch("missing-column", message, known_names(name, group.names, "column"), name)
    have = group.kind(name)
    if have is None or fits(have, declared, loose=scan.format == "json"):
        return None
    message = f"column `{name}` of `{address}` is `{have}` in {where}, declared as `{declared}`"
    if {have.name, declared.name} == {"timestamp", "timestamptz"}:
        has = "has no time zone" if have.name == "timestamp" else "has a time zone"
        zone = ", and say `timezone` if it is not UTC" if have.name == "timestamp" else ""
        return Mismatch("schema-mismatch", message, f"the data {has}: declare `{have}`{zone}", name)
    return Mismatch("schema-mismatch", message, f"declare `{have}`, or cast it in a source with `query`", name)


# -- the query -------------------------------------------------------------------------------------------------------------


def _cast(rows: exp.Expr, scan: Scan) -> exp.Select:
    names = [exp.alias_(exp.cast(column(n), data_type(t)), n, quoted=True) for n, t in scan.declared]
    return exp.select(*names).from_(rows)


def _select(group: Group, scan: Scan) -> exp.Select:
    wanted = [exp.alias_(_value(name, kind, scan, group), name, quoted=True) for name, kind in scan.declared]
    return exp.select(*wanted).from_(rows(group, scan, named=bool(scan.partitions)))


def _value(name: str, kind: ColumnType, scan: Scan, group: Group) -> exp.Expr:
    if name in scan.partitions:
        return from_text(of_path(name), kind)
    value = raw(name, scan)
    have = group.kind(name)
    is_text = not group.types.get(name) if have is None else have.name == "string"
    if not is_text or (scan.format != "csv" and have is None):
        return exp.cast(value, data_type(kind))
    if kind.name == "bytes" and ("bytes", "hex") in scan.options:
        return exp.Anonymous(this="unhex", expressions=[value])
    if kind.name in {"array", "struct"}:
        return exp.cast(exp.cast(value, "JSON"), data_type(kind))
    return from_text(value, kind)


def raw(name: str, scan: Scan) -> exp.Expr:
    """A value as it stands there; of CSV, NULL for the texts that mean it."""
    found = column(name)
    if scan.format != "csv" or "quoted_nulls" in dict(scan.options) or not scan.nulls:
        return found
    if len(scan.nulls) == 1:
        return exp.func("NULLIF", found, exp.Literal.string(scan.nulls[0]))
    return exp.Case(ifs=[exp.If(this=found.isin(*scan.nulls), true=exp.null())], default=found.copy())


def of_path(name: str) -> exp.Expr:
    """The value that a path gives to a column: `day=2024-01-01/`, percent signs decoded, NULL as Hive writes it."""
    found = text(rf".*/{re.escape(name)}=([^/]*)/")
    said = f"NULLIF(url_decode(regexp_extract(\"{FILE}\", {found}, 1)), '__HIVE_DEFAULT_PARTITION__')"
    tree: exp.Expr = sqlglot.parse_one(said, dialect=DIALECT)
    return tree


def rows(group: Group, scan: Scan, *, named: bool) -> exp.Expr:
    """All rows of some files, raw; `named` with the path of each one's file."""
    call = _call(group, scan)
    if named:
        call = f"{call[:-1]}, filename = '{FILE}')"
    tree = sqlglot.parse_one(f"SELECT * FROM {call}", dialect=DIALECT)  # noqa: S608 - every part is a literal made by the writer
    source: exp.Expr = (tree.args.get("from_") or tree.args["from"]).this
    return source


def _call(group: Group, scan: Scan) -> str:
    paths = [f.path for f in group.files]
    if scan.format == "parquet":
        return f"read_parquet({listed(paths)}, hive_partitioning = false)"
    if scan.format == "json":
        return json_call(paths)
    options = dict(scan.options)
    own = "quoted_nulls" in options  # a copy that was written by this house
    columns = ", ".join(f"{text(n)}: 'VARCHAR'" for n in group.names)
    wanted = [
        listed(paths), "auto_detect = false", f"columns = {{{columns}}}", f"delim = {text(options['delimiter'])}", "quote = '\"'",
        "escape = '\"'", f"header = {options['header']}", f"nullstr = {listed(scan.nulls if own else [_NO_NULL])}",
        f"allow_quoted_nulls = {'false' if own else 'true'}", "strict_mode = true", "null_padding = false",
        "ignore_errors = false", "hive_partitioning = false",
    ]  # fmt: skip
    return f"read_csv({', '.join(wanted)})"
