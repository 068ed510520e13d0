"""Spark: in this process with Parquet in a folder, or on a server by Spark Connect with tables in its catalog."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from mlspec.backends.engines._spark import scans, session
from mlspec.backends.engines._spark.catalog import SparkCatalog
from mlspec.backends.engines._spark.line import SparkLine
from mlspec.backends.engines._spark.locks import file_locks, unlocked
from mlspec.backends.engines._spark.notes import Files, Views
from mlspec.backends.engines._spark.shelf import Folder, Tables
from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.warehouse import Warehouse
from mlspec.backends.found import Size
from mlspec.backends.port import BackendError, Capability, Physical
from mlspec.base.address import Address
from mlspec.base.digest import digest
from mlspec.base.value import dataclass, field
from mlspec.ir.outside import Scan
from mlspec.ir.relation import Relation
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import SPARK

_FOLDER = ".mlspec/spark-warehouse"
_SCAN = "__scan"
"""What the rows of a scan are called while a version is made of them."""


class Spark(Warehouse):
    """Times are in UTC; what overflows or does not fit is an error. Spark starts when something must be computed."""

    @dataclass(frozen=True)
    class Settings:
        """Either `master` (where Spark runs) and `warehouse` (a folder, relative to the project), or `remote` (`sc://…`).

        `config` are settings of Spark's own (`spark.driver.memory`).
        """

        master: str = "local[*]"
        warehouse: str = _FOLDER
        remote: str = ""
        config: Mapping[str, Any] = field(default_factory=dict)

    settings: Settings
    capabilities: ClassVar = frozenset({Capability.COLLECT})
    traits = SPARK

    def __init__(self, settings: Any, place: Any) -> None:
        super().__init__(settings, place)
        session.refuse(settings.config)
        if settings.remote and (settings.warehouse, settings.master) != (_FOLDER, "local[*]"):
            raise BackendError(
                "`remote` goes with neither `master` nor `warehouse`: the server has its own",
                "remove them, or `remote`",
                "invalid-option",
            )
        self.folder: Path = (place.root / settings.warehouse).resolve()
        self._session: Any = None
        self._line: SparkLine | None = None

    # -- connection ----------------------------------------------------------------------------------------------------

    def session(self) -> Any:
        """Spark's session, started if it was not."""
        if self._session is None:
            self._session = session.opened(self.settings.master, self.settings.remote, self.settings.config)
        return self._session

    def line(self, *, write: bool, outside: bool = False) -> SparkLine:
        if self._line is None:
            data = self.names.data
            if self.settings.remote:
                views = Views(data, self._rows, self._rows)
                self._line = SparkLine(self.session, data, views, Tables(data, self.session), unlocked)
            else:
                notes, locks = Files(self.folder / "notes"), file_locks(self.folder / "locks")
                self._line = SparkLine(self.session, data, notes, Folder(self.folder / "data"), locks)
        return self._line

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.session().sql(statement).collect()]

    def catalog(self, line: Line) -> SparkCatalog:
        assert isinstance(line, SparkLine)  # noqa: S101 - its own
        return SparkCatalog(line, self.names)

    def close(self) -> None:
        super().close()
        with self.lock:
            if self._line is not None and self._session is not None:
                self._line.close()
                if self.settings.remote:
                    self._session.stop()
            self._line = self._session = None

    # -- how it differs ------------------------------------------------------------------------------------------------

    def _fill(self, line: Line, made: "exp.Table", relation: Relation, query: "exp.Select") -> None:
        assert isinstance(line, SparkLine)  # noqa: S101 - its own
        line.keep(made.name, relation, query)

    def stand_for(self, line: Line, version: str, what: "exp.Table", relation: Relation | None) -> None:
        assert isinstance(line, SparkLine)  # noqa: S101 - its own
        line.stand_for(version, what, relation)

    def _made(self, line: Line, address: Address, relation: Relation, physical: Physical) -> Size:
        """While the rows of a scan are on their way they lie in a file beside."""
        assert isinstance(line, SparkLine)  # noqa: S101 - its own
        scan = relation.scan
        if scan is None or (scan.table and scan.database is None):
            return super()._made(line, address, relation, physical)
        with scans.copied(address, relation, scan, self.place) as path:
            session = line.session()
            line.show(_SCAN, scans.sent(session, path) if self.settings.remote else session.read.parquet(path.as_uri()))
            return super()._made(line, address, relation, physical)

    def scanned(self, line: Line, address: Address, relation: Relation, scan: Scan) -> "exp.Query":
        assert isinstance(line, SparkLine)  # noqa: S101 - its own
        if scan.table and scan.database is None:
            return scans.of_table(line.session(), address, scan)
        return exp.select(exp.Star()).from_(exp.to_table(_SCAN))

    def fingerprint(self, line: Line, table: "exp.Table") -> str:
        assert isinstance(line, SparkLine)  # noqa: S101 - its own
        try:
            fields = line.session().table(table.sql("spark")).schema.fields
        except self.driver_errors():
            return ""  # it is not there, which `build` says with the name of the source
        parts = ", ".join(f"`{f.name}`, `{f.name}` IS NULL" for f in fields)
        summed = f"SELECT count(*), sum(CAST(xxhash64({parts}) AS DECIMAL(38, 0))) FROM {table.sql('spark')}"  # noqa: S608
        found = line.fetch(summed).rows[0]
        return digest([(f.name, f.dataType.simpleString()) for f in fields], str(found[0]), str(found[1]))

    def driver_errors(self) -> tuple[type[Exception], ...]:
        from py4j.protocol import Py4JError  # noqa: PLC0415 - loaded already where these can be raised
        from pyspark.errors import PySparkException  # noqa: PLC0415 - as above

        return (PySparkException, Py4JError)

    def explain(self, error: Exception) -> BackendError:
        return BackendError(_said(error), code="engine-failed")

    def advice(self, error: Exception) -> str:
        if "CAST_INVALID_INPUT" in str(error):
            return "a value does not fit the declared type: correct the type, or the data"
        return ""


def _said(error: Exception) -> str:
    """The first sentence of what Spark says, without its advice to turn errors off."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = lines[0] if lines else type(error).__name__
    for noise in (" SQLSTATE:", " If necessary set ", " To tolerate ", " Use `try_"):
        first = first.split(noise)[0]
    return first.rstrip(". ")[:300]
