"""Why reading failed: the value that does not fit, or the line that has too few or too many, with its file."""

import csv
import io
import re
from typing import Any

from mlspec.backends.outside.fitting import unfit
from mlspec.backends.outside.heads import Group, groups, opened
from mlspec.backends.outside.local import located
from mlspec.backends.outside.reader import FILE, of_path, raw, rows
from mlspec.backends.port import BackendError, Place
from mlspec.base.address import Address
from mlspec.ir.columntype import ColumnType
from mlspec.ir.outside import Scan
from mlspec.ir.relation import Relation
from mlspec.ir.sql.dialect import DIALECT, column
from mlspec.ir.sql.glot import exp

_RAGGED = re.compile(r"Line: (\d+).*?Expected Number of Columns: (\d+) Found: (\d+).*?file = (.*?)\n", re.DOTALL)
_LINE = re.compile(r"CSV Error on Line: (\d+)(.*?)file = (.*?)\n", re.DOTALL)
_PII = "pii"
_SHOWN = 60
_PLAIN_TEXT = "correct the type, the data, or say which texts are NULL (`null_values`)"


def explain(connection: Any, address: Address, relation: Relation, place: Place, said: str) -> None:
    """Raise BackendError with the value or the line because of which reading failed, if it can be found.

    `said` is what DuckDB said; values of columns with the tag `pii` are not shown.
    """
    scan = relation.scan
    if scan is None or scan.inside:
        return
    local, files = located(scan, place)
    shown = {str(f.path): f.shown for f in files}
    _line(address, said, shown)
    hidden = {c.words for c in relation.columns if _PII in c.tags}
    for group in groups(connection, local, files):
        for name, kind in local.declared:
            found = _first_unfit(connection, local, group, name, kind)
            if found is not None:
                value, path, count = found
                where = _where(local, group, name, value, path, shown.get(path, path))
                what = f"a value (not shown: `{_PII}`)" if name in hidden else f"`{value[:_SHOWN]}`"
                more = f", and {count - 1:,} more like it" if count > 1 else ""
                message = f"column `{name}` of `{address}` holds {what}, which is no `{kind}`: {where}{more}"
                raise BackendError(message, _advice(kind, value, scan), "unfit-value", ("columns", name))


def _line(address: Address, said: str, shown: dict[str, str]) -> None:
    if match := _RAGGED.search(said):
        line, wanted, have = (int(match[i]) for i in (1, 2, 3))
        message = (
            f"`{address}`: line {line} of `{shown.get(match[4], match[4])}` has {have} values, the header {wanted}"
        )
        raise BackendError(
            message, "a value that holds the delimiter must be quoted; no row is left out", "ragged-rows", ("files",)
        )
    if (match := _LINE.search(said)) and "Could not convert" not in said:
        why = "a quote that is not closed, or text around one" if "quote" in match[2] else "it cannot be read"
        message = f"`{address}`: line {match[1]} of `{shown.get(match[3], match[3])}`: {why}"
        raise BackendError(
            message, "a quote inside a quoted value is doubled; files are UTF-8", "source-unreadable", ("files",)
        )
    if "state machine" in said:
        message = f"`{address}` cannot be read: its lines do not all end alike"
        raise BackendError(message, "use one kind of line ends", "source-unreadable", ("files",))


def _first_unfit(connection: Any, scan: Scan, group: Group, name: str, kind: ColumnType) -> tuple[str, str, int] | None:
    """The first value of a column that does not fit, the path of its file, and how many there are."""
    if kind.name in {"array", "struct", "bytes"}:
        return None
    value = of_path(name) if name in scan.partitions else exp.cast(raw(name, scan), "VARCHAR")
    first, path = (exp.Anonymous(this="first", expressions=[e]) for e in (value.copy(), column(FILE)))
    counted = exp.select(first, path, exp.Count(this=exp.Star()))
    asked = counted.from_(rows(group, scan, named=True)).where(unfit(value, kind)).sql(DIALECT)
    try:
        found = connection.execute(asked).fetchone()
    except Exception:  # noqa: BLE001 - then DuckDB's own words must do
        return None
    return (str(found[0]), str(found[1]), int(found[2])) if found[2] else None


def _advice(kind: ColumnType, value: str, scan: Scan) -> str:
    if kind.name == "timestamp" and ":" in value and re.search(r"[A-Za-z+-]", value[11:]):
        return "it has a time zone: declare `timestamptz`"
    if kind.name == "timestamptz" and re.match(r"\d+-\d+-\d+", value):
        return "it has no time zone: declare `timestamp`, and say `timezone` if it is not UTC"
    return _PLAIN_TEXT if scan.format == "csv" else "correct the type, or the data"


def _where(scan: Scan, group: Group, name: str, value: str, path: str, shown: str) -> str:
    """The file, with the line of a CSV file on which a record with that value ends, where it can be told."""
    if scan.format != "csv" or name not in group.names or path.endswith(".zst"):
        return f"`{shown}`"
    at, options = group.names.index(name), dict(scan.options)
    with opened(path) as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as lines:
        records = csv.reader(lines, delimiter=options["delimiter"])
        if options["header"] == "true":
            next(records, None)
        line = next((records.line_num for r in records if len(r) > at and r[at] == value), 0)
    return f"line {line} of `{shown}`" if line else f"`{shown}`"
