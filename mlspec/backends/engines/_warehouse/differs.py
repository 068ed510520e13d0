"""How SQL warehouses differ: what an engine says of itself, so that `warehouse.py` can do the rest for all of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.takes_over import TakesOver
from mlspec.backends.port import BackendError
from mlspec.base.address import Address
from mlspec.ir.outside import Scan
from mlspec.ir.relation import Relation
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import Traits


class Differs(TakesOver):
    """What each engine says for itself; `prefix` goes before the names of its schemas."""

    traits: ClassVar[Traits]
    prefix: str = ""
    deep: int = 0
    """How many of its methods are at work, one called by the other, where one thread works at a time."""

    def breathe(self) -> None:
        """Between two pieces of work: let others have what only one can have at a time."""

    @abstractmethod
    def line(self, *, write: bool, outside: bool = False) -> Line | None:
        """The open line, the same one as long as it lives; None where there is nothing yet to be read.

        `outside` is asked of an engine on this machine when it is to reach the files of the project; such a line runs
        nothing that people wrote.
        """

    @abstractmethod
    def scanned(self, line: Line, address: Address, relation: Relation, scan: Scan) -> exp.Query:
        """A query of the declared columns under their own names and types, once what is there was compared with them.

        Called inside the transaction of a build, with the scan of the relation. Raises BackendError.
        """

    @abstractmethod
    def driver_errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises; asked only when something was raised."""

    @abstractmethod
    def explain(self, error: Exception) -> BackendError:
        """What the driver raised, in a sentence or two."""

    @abstractmethod
    def fingerprint(self, line: Line, table: exp.Table) -> str:
        """The digest of the columns and rows of a table, in any order; empty if it is not there."""

    def row_sums(self, names: Sequence[str]) -> tuple[str, ...]:
        """Sums of integers, in the engine's own words, over these columns of `__rows`: they tell sets of rows apart.

        They are for an engine that has the capability `partitions`: rows of its tables can be deleted and put in.
        """
        raise self.unable("keep tables in partitions")

    def shown(self, scan: Scan) -> exp.Query | None:
        """What `render` shows in the place of a scan; None leaves its name."""
        return None

    def diagnose(self, line: Line, address: Address, relation: Relation, error: Exception) -> None:
        """Raise BackendError if more can be found out about why a statement failed."""

    def advice(self, error: Exception) -> str:
        """What to do about a build that failed, if that is plain."""
        return ""
