"""What warehouses in the cloud do alike: sources are their own tables, sessions are in UTC, nothing is loaded from here."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mlspec.backends.engines._connector.line import ConnectorLine
from mlspec.backends.engines._connector.opening import connector
from mlspec.backends.engines._warehouse.explained import explained
from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.warehouse import Warehouse
from mlspec.backends.outside.fitting import fits
from mlspec.backends.port import BackendError
from mlspec.base.address import Address
from mlspec.base.diag import known_names
from mlspec.base.digest import digest
from mlspec.ir.check import Check
from mlspec.ir.columntype import ColumnType
from mlspec.ir.outside import Scan
from mlspec.ir.relation import Relation
from mlspec.ir.sql.dialect import DIALECT, column, data_type
from mlspec.ir.sql.formulate import written
from mlspec.ir.sql.glot import exp

_LONGEST_ERROR = 300


class Connector(Warehouse):
    """`library` is the module of the connector, `example` how a table is named."""

    library: ClassVar[str]
    example: ClassVar[str] = "schema.table"

    def __init__(self, settings: Any, place: Any) -> None:
        super().__init__(settings, place)
        self._line: ConnectorLine | None = None

    @abstractmethod
    def opened(self) -> ConnectorLine:
        """A line, with its session in UTC."""

    @abstractmethod
    def summed(self, table: exp.Table, columns: tuple[str, ...]) -> str:
        """A query of two values that change when rows of a table do, whatever their order."""

    def line(self, *, write: bool, outside: bool = False) -> ConnectorLine:
        if self._line is None:
            self._line = self._connected()
        return self._line

    def _connected(self) -> ConnectorLine:
        connector(self.traits.dialect, self.library)
        try:
            return self.opened()
        except BackendError:
            raise
        except Exception as error:  # noqa: BLE001 - connectors let through whatever their transport raises
            message = f"the warehouse of the engine `{self.traits.dialect}` cannot be reached: {self.explain(error)}"
            advice = "see that its settings are right, and that it can be reached from here"
            raise BackendError(message, advice, "warehouse-unreachable") from None

    @explained
    def columns(self, tables: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """As `content`: nothing is known where there is no connection."""
        try:
            return self.line(write=False).described(tables) if tables else {}
        except BackendError:
            return {}

    @explained
    def content(self, table: str) -> str:
        """What the table holds; nothing is known where there is no connection, so that rendering needs none."""
        try:
            line = self.line(write=False)
        except BackendError:
            return ""
        return self.fingerprint(line, exp.to_table(table, dialect=DIALECT))

    def refused(self, body: Relation | Check) -> tuple[tuple[str, str], ...]:
        if isinstance(body, Relation) and body.scan is not None and not body.scan.inside:
            return ((_NO_FILES, _TABLE), *super().refused(body))
        return super().refused(body)

    def close(self) -> None:
        super().close()
        with self.lock:
            if self._line is not None:
                self._line.close()
                self._line = None

    def shown(self, scan: Scan) -> exp.Query | None:
        return _selected(scan) if scan.inside else None

    def scanned(self, line: Line, address: Address, relation: Relation, scan: Scan) -> exp.Query:
        if not scan.inside:
            raise BackendError(f"`{address}`: {_NO_FILES}", _TABLE, "unsupported-by-backend")
        query = _selected(scan)
        try:
            there = line.ask(exp.select(exp.Star()).from_(exp.to_table(scan.table, dialect=DIALECT)).limit(0))
        except self.driver_errors() as error:
            message = f"`{address}` cannot be read: {self.explain(error)}"
            raise BackendError(
                message, f"name the table as the engine does: `{self.example}`", "source-unreadable"
            ) from None
        for name, declared in scan.declared:
            _refuse_misfit(address, name, declared, dict(zip(there.names, there.types, strict=True)))
        return query

    def fingerprint(self, line: Line, table: exp.Table) -> str:
        try:
            there = line.ask(exp.select(exp.Star()).from_(table.copy()).limit(0))
        except self.driver_errors():
            return ""  # it is not there, which `build` says with the name of the source
        found = line.fetch(self.summed(table, there.names)).rows[0]
        return digest(there.names, there.types, [str(v) for v in found])

    def driver_errors(self) -> tuple[type[Exception], ...]:
        """Nothing of a connector that was never loaded."""
        loaded = sys.modules.get(self.library)
        return (loaded.Error,) if loaded is not None else ()

    def explain(self, error: Exception) -> BackendError:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return BackendError(" ".join(lines)[:_LONGEST_ERROR] or type(error).__name__, code="engine-failed")

    def text(self, table: exp.Table) -> str:
        """The name of a table, as the engine writes it."""
        return written(exp.select(exp.Star()).from_(table.copy()), self.traits).partition(" FROM ")[2]

    def quoted(self, name: str) -> str:
        """The name of a column, as the engine writes it."""
        return column(name).sql(self.traits.dialect)


_NO_FILES = "it reads what lies outside the warehouse, and nothing is loaded into that from here"
_TABLE = "load it with the warehouse's own tools, and declare the source as a `table:`"


def _selected(scan: Scan) -> exp.Query:
    names = [exp.alias_(exp.cast(column(n), data_type(t)), n, quoted=True) for n, t in scan.declared]
    return exp.select(*names).from_(exp.to_table(scan.table, dialect=DIALECT))


def _refuse_misfit(address: Address, name: str, declared: ColumnType, there: dict[str, str]) -> None:
    if name not in there:
        message = f"`{address}` declares column `{name}`, which the data does not have"
        raise BackendError(message, known_names(name, there, "column"), "missing-column")
    try:
        have = ColumnType.parse(there[name])
    except ValueError:
        return
    if not fits(have, declared, loose=False):
        raise BackendError(
            f"column `{name}` of `{address}` is `{have}` in the data, declared as `{declared}`",
            f"declare `{have}`, or cast it in a source with `query`", "schema-mismatch",
        )  # fmt: skip
