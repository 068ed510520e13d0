"""PostgreSQL (14 or later): versions in one schema of a database, public names in another, builds in one transaction."""

import threading
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

from mlspec.backends.engines._postgres import types
from mlspec.backends.engines._postgres.connect import connect
from mlspec.backends.engines._postgres.line import PostgresLine
from mlspec.backends.engines._warehouse import files
from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.warehouse import Warehouse
from mlspec.backends.outside import reader
from mlspec.backends.port import BackendError, Capability
from mlspec.base.address import Address
from mlspec.base.digest import digest
from mlspec.base.value import dataclass, field
from mlspec.ir.outside import Scan
from mlspec.ir.relation import Keep, Relation
from mlspec.ir.sql.dialect import DIALECT, column, to_sql
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import POSTGRES

_COPIED = "FORMAT csv, HEADER false, FORCE_QUOTE *"
_LISTED = frozenset({"array", "struct", "json", "bytes"})


class Postgres(Warehouse):
    """Every worker has a connection of its own; what reads does so in transactions that cannot write."""

    @dataclass(frozen=True)
    class Settings:
        """Where the server is, by `dsn` or part by part; `password` names a variable, never the value.

        `schema_prefix` goes before the names of all schemas, so that several projects may share a database; `role` is taken
        on after the log-in.
        """

        dsn: str = ""
        host: str = ""
        port: int = 0
        database: str = ""
        user: str = ""
        password: dict[str, str] = field(default_factory=dict)
        role: str = ""
        schema_prefix: str = ""
        connect_timeout: int = 10

    settings: Settings
    capabilities: ClassVar = frozenset({Capability.PARTITIONS, Capability.COLLECT})
    traits = POSTGRES

    def __init__(self, settings: Any, place: Any) -> None:
        super().__init__(settings, place)
        self.prefix = settings.schema_prefix
        self.lock = nullcontext()
        self._mine = threading.local()
        self._lines: list[PostgresLine] = []

    def line(self, *, write: bool, outside: bool = False) -> PostgresLine:
        line: PostgresLine | None = getattr(self._mine, "line", None)
        if line is None or line.raw.closed:
            line = PostgresLine(connect(self.settings), self.names.data)
            self._mine.line = line
            self._lines.append(line)
        return line

    def close(self) -> None:
        super().close()
        while self._lines:
            self._lines.pop().close()

    # -- rows from outside ---------------------------------------------------------------------------------------------

    def scanned(self, line: Line, address: Address, relation: Relation, scan: Scan) -> "exp.Query":
        assert isinstance(line, PostgresLine)  # noqa: S101 - its own
        if scan.inside:
            found = self._columns(line, exp.to_table(scan.table, dialect=DIALECT))
            if not found:
                raise BackendError(f"`{address}` cannot be read: there is no table `{scan.table}`, or nobody let us read it",
                                   code="source-unreadable", at=("table",))  # fmt: skip
            return reader.compared_table(address, scan, found)
        raw = line.temporary("__rows", dict(scan.declared))
        with files.copied(address, relation, scan, self.place, types.said, _COPIED) as path:
            line.copy_in(raw.sql("postgres"), path)
        return exp.select(*[column(n) for n, _ in scan.declared]).from_(raw)

    def _columns(self, line: PostgresLine, table: "exp.Table") -> dict[str, str]:
        """The columns of a table, with their types in DuckDB's words; nothing where it is not there."""
        name = ".".join(exp.to_identifier(p.name, quoted=True).sql("postgres") for p in table.parts)
        query = (
            "SELECT attname, atttypid, atttypmod FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass(%s) "
            "AND attnum > 0 AND NOT attisdropped AND has_table_privilege(attrelid, 'SELECT') ORDER BY attnum"
        )
        found = line.raw.execute(query, [name]).fetchall()
        kinds = {n: types.logical(oid, *types.sizes(mod)) for n, oid, mod in found}
        return {n: to_sql(k) if k else "UNION(unknown INTEGER)" for n, k in kinds.items()}

    def fingerprint(self, line: Line, table: "exp.Table") -> str:
        assert isinstance(line, PostgresLine)  # noqa: S101 - its own
        columns = self._columns(line, table)
        if not columns:
            return ""
        quoted = ".".join(exp.to_identifier(p.name, quoted=True).sql("postgres") for p in table.parts)
        query = f"SELECT count(*), {', '.join(_sums(columns, 't'))} FROM {quoted} AS t"  # noqa: S608 - quoted names
        found = line.fetch(query).rows[0]
        return digest(sorted(columns.items()), [str(v) for v in found])

    def row_sums(self, names: Sequence[str]) -> tuple[str, ...]:
        return _sums(names, "__rows")

    # -- how it differs ------------------------------------------------------------------------------------------------

    def settle(self, line: Line, relation: Relation, made: "exp.Table") -> None:
        """An index for the look-up of the last row before a moment, and statistics."""
        if relation.keep is Keep.VIEW:
            return
        timing = relation.timing
        times = [n for n in (timing.event_time, timing.available_time, timing.tie_break) if n]
        wanted = list(dict.fromkeys((*relation.keys, *times))) if times or relation.unique else []
        kinds = {c.name: c.type.name for c in relation.columns}
        name = made.sql("postgres")
        if relation.keys and wanted and not any(kinds.get(n) in _LISTED for n in wanted):
            parts = ", ".join(_ordered(n, times) for n in wanted)
            line.execute(f"CREATE INDEX ON {name} ({parts})")
        line.execute(f"ANALYZE {name}")

    def driver_errors(self) -> tuple[type[Exception], ...]:
        import psycopg  # noqa: PLC0415 - loaded already where this can be raised

        return (psycopg.Error,)

    def explain(self, error: Exception) -> BackendError:
        about: Any = getattr(error, "diag", None)
        said = (about and about.message_primary) or (str(error).strip().splitlines() or [type(error).__name__])[0]
        detail = f" ({about.message_detail.splitlines()[0]})" if about and about.message_detail else ""
        return BackendError(f"{said}{detail}", _ADVICE.get(getattr(error, "sqlstate", "") or "", ""), "engine-failed")

    def advice(self, error: Exception) -> str:
        return self.explain(error).help


_ADVICE = {
    "42501": "grant it to the user of the warehouse: it makes schemas, tables and views",
    "2BP01": "somebody has built on what must go: drop that first",
    "22P02": "a value does not fit the declared type: correct the type or the data",
    "22003": "a value does not fit the declared type: correct the type or the data",
    "22012": "divide by `NULLIF(x, 0)`",
    "40P01": "two applies met: apply again",
}


def _sums(names: Iterable[str], rows: str) -> tuple[str, str]:
    """The halves of the digest of each row, added up."""
    row = f"md5(CAST(ROW({', '.join(column(n, rows).sql('postgres') for n in names)}) AS TEXT))"
    first, second = (f"sum(CAST(CAST('x' || substr({row}, {at}, 16) AS BIT(64)) AS BIGINT))" for at in (1, 17))
    return first, second


def _ordered(name: str, times: list[str]) -> str:
    quoted = exp.to_identifier(name, quoted=True).sql("postgres")
    return f"{quoted} DESC NULLS LAST" if name in times else quoted
