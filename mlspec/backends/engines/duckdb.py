"""DuckDB: the embedded engine, one file that holds every version of every relation."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mlspec.backends.engines._duckdb.functions import not_there
from mlspec.backends.engines._duckdb.line import DuckLine
from mlspec.backends.engines._duckdb.turn import Turn
from mlspec.backends.engines._warehouse.explained import explained
from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.trees import counted
from mlspec.backends.engines._warehouse.warehouse import Warehouse
from mlspec.backends.outside.confinement import confine
from mlspec.backends.port import BackendError, Capability
from mlspec.base.address import Address
from mlspec.base.digest import digest
from mlspec.base.value import dataclass, field
from mlspec.ir.check import Check
from mlspec.ir.outside import Scan
from mlspec.ir.relation import Relation
from mlspec.ir.sql.dialect import DIALECT
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import DUCKDB


@dataclass
class _Held:
    """The connection to one file: DuckDB shares a file inside a process, so all engines of a file share this too.

    `mode` says whether it writes, and whether it reaches the project's files; then it runs nothing that people wrote.
    """

    lock: threading.RLock = field(default_factory=threading.RLock)
    line: DuckLine | None = None
    mode: tuple[bool, bool] = (False, False)

    def close(self) -> None:
        with self.lock:
            if self.line is not None:
                self.line.close()
                self.line = None


_HELD: dict[Path, _Held] = {}


class DuckDB(Warehouse):
    """Times are in UTC, whatever the machine thinks; definitions cannot reach files, the network or Python variables."""

    @dataclass(frozen=True)
    class Settings:
        """`path` of the database, relative to the project; bounds of memory (`4GB`) and threads, if there must be any."""

        path: str = ".mlspec/warehouse.duckdb"
        memory_limit: str = ""
        threads: int = 0

    settings: Settings
    capabilities: ClassVar = frozenset({Capability.PARTITIONS, Capability.COLLECT})
    traits = DUCKDB

    def __init__(self, settings: Any, place: Any) -> None:
        super().__init__(settings, place)
        self.path: Path = (place.root / settings.path).resolve()
        if self.path.stem.lower() in {self.names.public.lower(), self.names.data.lower()}:
            message = f"`path: {settings.path}` is called like the schema `{self.path.stem}` in it, and DuckDB cannot tell the two apart"
            raise BackendError(message, "call the file something else, such as `warehouse.duckdb`", "invalid-option")
        self._held = _HELD.setdefault(self.path, _Held())
        self.lock = self._held.lock
        self._turn = Turn(self.path, settings.path)

    def refused(self, body: Relation | Check) -> tuple[tuple[str, str], ...]:
        return (*super().refused(body), *not_there(body, self.traits))

    # -- connection ----------------------------------------------------------------------------------------------------

    def line(self, *, write: bool, outside: bool = False) -> DuckLine | None:
        held = self._held
        if not write and held.line is None and not self.path.exists():
            return None
        if held.line is None or (write and not held.mode[0]) or held.mode[1] != outside:
            held.close()
            held.line, held.mode = self._opened(write=write, outside=outside), (write, outside)
        return held.line

    def _opened(self, *, write: bool, outside: bool) -> DuckLine:
        import duckdb  # noqa: PLC0415 - a fifth of a second that a plan without refresh does not pay

        self.path.parent.mkdir(parents=True, exist_ok=True)
        for _ in self._turn.waited():
            try:
                connection = _open(duckdb, self.path, write=write)
            except duckdb.IOException as error:
                refused = self._unopened(str(error))
                if refused.code != "warehouse-busy":
                    raise refused from None
            else:
                break
        else:
            raise refused
        if not connection.execute("SELECT current_setting('lock_configuration')").fetchone()[0]:
            self._configure(connection, outside=outside)
        return DuckLine(connection)

    def _configure(self, connection: Any, *, outside: bool) -> None:
        """Settings, the last of which forbids to change them."""
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        if self.settings.memory_limit:
            connection.execute("SET memory_limit = ?", [self.settings.memory_limit])
        if self.settings.threads:
            connection.execute("SET threads = ?", [self.settings.threads])
        roots = sorted({str(self.place.root), str(self.place.private), str(self.path.parent)}) if outside else []
        confine(connection, roots)

    def _unopened(self, said: str) -> BackendError:
        shown = f"the warehouse `{self.settings.path}` cannot be opened: {_first_lines(said, 1)}"
        if "not a valid DuckDB" in said:
            advice = "put back a copy, or move the file away: the next apply builds everything anew"
            return BackendError(shown, advice, "warehouse-damaged")
        return BackendError(
            shown, "another process holds it: wait for it to end, or plan with `--no-refresh`", "warehouse-busy"
        )

    def await_turn(self, seconds: float, say: Callable[[str], None]) -> None:
        self._turn.patience, self._turn.say = seconds, say

    def rest(self) -> None:
        self._held.close()

    def breathe(self) -> None:
        if self._held.line is not None and self._turn.wanted():
            self._held.close()
            self._turn.give_way()

    def close(self) -> None:
        super().close()
        self._held.close()

    # -- how it differs ------------------------------------------------------------------------------------------------

    def shown(self, scan: Scan) -> "exp.Query | None":
        from mlspec.backends.outside import reader  # noqa: PLC0415 - start-up time: a plan reads no source through it

        return reader.query(scan)

    def scanned(self, line: Line, address: Address, relation: Relation, scan: Scan) -> "exp.Query":
        from mlspec.backends.outside import reader  # noqa: PLC0415 - as above

        assert isinstance(line, DuckLine)  # noqa: S101 - its own
        return reader.checked(line.raw, address, scan, self.place)

    def diagnose(self, line: Line, address: Address, relation: Relation, error: Exception) -> None:
        from mlspec.backends.outside.explain import explain  # noqa: PLC0415 - as above

        assert isinstance(line, DuckLine)  # noqa: S101 - its own
        line.begin_again()
        explain(line.raw, address, relation, self.place, str(error))

    def fingerprint(self, line: Line, table: "exp.Table") -> str:
        assert isinstance(line, DuckLine)  # noqa: S101 - its own
        rows = exp.select(exp.Star()).from_(table).sql(DIALECT)
        try:
            described = line.raw.execute(f"DESCRIBE {rows}").fetchall()
        except Exception:  # noqa: BLE001 - it is not there, which `build` says with the name of the source
            return ""
        summed = f"SELECT count(*), sum(hash(r)) FROM ({rows}) AS r"  # noqa: S608 - a table's name, made by the writer
        found = line.raw.execute(summed).fetchone()
        return digest([row[:2] for row in described], str(found[0]), str(found[1]))

    def row_sums(self, names: Sequence[str]) -> tuple[str, ...]:
        return ("sum(hash(__rows))",)

    def driver_errors(self) -> tuple[type[Exception], ...]:
        import duckdb  # noqa: PLC0415 - loaded already where this can be raised

        return (duckdb.Error,)

    def explain(self, error: Exception) -> BackendError:
        return BackendError(_first_lines(str(error)), code="engine-failed")

    def advice(self, error: Exception) -> str:
        if "Could not convert" in str(error) or "Conversion Error" in str(error):
            return "a value does not fit the declared type: correct the type, the data, or say which texts are NULL (`null_values`)"
        return ""

    @explained
    def export(self, version: str, path: Path, format: str) -> int:  # noqa: A002
        line = self.reading(outside=True)
        kept = self.names.version(version)
        option = "FORMAT parquet, COMPRESSION zstd" if format == "parquet" else "FORMAT csv, HEADER true"
        target = exp.Literal.string(str(path)).sql(DIALECT)
        line.execute(f"COPY {kept.sql(DIALECT)} TO {target} ({option})")
        return line.count(counted(kept))


def _open(library: Any, path: Path, *, write: bool) -> Any:
    try:
        return library.connect(str(path), read_only=not write)
    except library.ConnectionException:  # this process has it open in the other mode; two modes at once cannot be
        return library.connect(str(path), read_only=write)


def _first_lines(text: str, lines: int = 3) -> str:
    kept = [line.strip() for line in text.splitlines() if line.strip(" ^") and not line.startswith("LINE ")]
    return " ".join(kept[:lines])
