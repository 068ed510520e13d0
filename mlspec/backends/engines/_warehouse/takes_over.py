"""What a warehouse holds already is taken over: a version under another name, a table that somebody else has made."""

from __future__ import annotations

from abc import abstractmethod

from mlspec.backends.engines._warehouse.catalog import Catalog
from mlspec.backends.engines._warehouse.explained import explained
from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.names import Names
from mlspec.backends.engines._warehouse.trees import counted
from mlspec.backends.port import BackendError, Size, SqlEngine
from mlspec.base.address import Address
from mlspec.ir.relation import Relation
from mlspec.ir.resource import physical_name
from mlspec.ir.sql.dialect import DIALECT, column
from mlspec.ir.sql.glot import exp


class TakesOver(SqlEngine):
    """The version of a new name is a view of what is there: nothing is computed, nothing is copied, and what reads it stays."""

    @property
    @abstractmethod
    def names(self) -> Names:
        """Where this environment keeps things."""

    @abstractmethod
    def writing(self, *, outside: bool = False) -> tuple[Line, Catalog]:
        """The line for writing, and the catalog on it."""

    @abstractmethod
    def line(self, *, write: bool, outside: bool = False) -> Line | None:
        """The open line; None where there is nothing yet to be read."""

    @explained
    def rename(self, old: Address, new: Address, before: str, version: str) -> None:
        line, catalog = self.writing()
        with line.transaction(version):
            if catalog.has_partitions(before):
                catalog.hand_over(old, new)
                return
            there = catalog.versions()
            if version not in there and before in there:
                self.stand_for(line, version, self.names.version(before), None)
                certificate = catalog.certificate(before)
                if certificate is not None:
                    catalog.certify(version, certificate)
                catalog.record(str(new), version, there[before], [before])
            catalog.hand_over(old, new)
        with line.transaction("catalog"):
            catalog.point(new, version)
            catalog.remove(old)

    @explained
    def columns_of(self, table: str) -> tuple[tuple[str, str], ...]:
        line = self.line(write=False)
        if line is None:
            return ()
        nothing = exp.select(exp.Star()).from_(exp.to_table(table, dialect=DIALECT)).limit(0)
        try:
            found = line.ask(nothing)
        except self.driver_errors():
            return ()
        return tuple(zip(found.names, found.types, strict=True))

    @abstractmethod
    def driver_errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises."""

    @explained
    def adopt(self, address: Address, relation: Relation, table: str) -> Size:
        if relation.partitions is not None:
            raise BackendError(f"`{address}` is kept in partitions, which nobody can have filled but mlspec")
        line, catalog = self.writing()
        version = physical_name(str(address), relation)
        with line.transaction(version):
            if version not in catalog.versions():
                self.stand_for(line, version, exp.to_table(table, dialect=DIALECT), relation)
                catalog.record(str(address), version, Size(line.count(counted(self.names.version(version))), 0), [])
        return catalog.versions()[version]

    def stand_for(self, line: Line, version: str, what: exp.Table, relation: Relation | None) -> None:
        """Make a version that is a view of something: of all of it, or of the columns of a relation."""
        line.let_view(self.names.version(version), selected(what, relation))


def selected(what: exp.Table, relation: Relation | None) -> exp.Select:
    """All of something, or the columns of a relation."""
    return exp.select(*([column(n) for n in relation.names] if relation else [exp.Star()])).from_(what)
