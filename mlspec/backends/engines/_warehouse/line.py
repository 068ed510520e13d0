"""A line to a warehouse: the few things that an engine must be able to do; all else is built on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from mlspec.backends.engines._warehouse.trees import drop_schema, make_view
from mlspec.base.value import dataclass
from mlspec.ir.relation import Keep
from mlspec.ir.sql.formulate import written
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import Traits


@dataclass(frozen=True)
class Answer:
    """What a query answers: names, logical types as text (the engine's own word where there is none), rows of Python values."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


class Line(ABC):
    """An open connection. Its session is in UTC. Trees are canonical; `run` and `ask` write them in the engine's words.

    What a driver raises goes through: `Warehouse` turns it into a `BackendError`.
    """

    def __init__(self, traits: Traits) -> None:
        self.traits = traits

    @abstractmethod
    def execute(self, statement: str) -> None:
        """Carry out one statement, in the engine's own dialect."""

    @abstractmethod
    def fetch(self, query: str) -> Answer:
        """Answer one query, in the engine's own dialect; outside a transaction it must not be able to write, if the engine can see to that."""

    @abstractmethod
    def transaction(self, about: str) -> AbstractContextManager[None]:
        """All that is done inside, or nothing of it; whoever else works `about` the same (a version, `catalog`) waits.

        An engine without transactions (`Traits.transactions` is false) does what it can: the furniture does things in an
        order in which whatever is left of half of them is not believed, and made again.
        """

    @abstractmethod
    def kept(self, schema: str) -> Mapping[str, Keep]:
        """The tables and views of a schema, by name; a schema that is not there has none."""

    def shapes(self, schemas: Sequence[str]) -> Mapping[tuple[str, str], str]:
        """By schema and name: the definition of each view and the columns of each table, in the engine's own words.

        One question for all of them; an engine that cannot say it says nothing, and nobody sees what is altered by hand.
        """
        return {}

    def described(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """The columns of tables that somebody else keeps, with their types; nothing of those that are not there."""
        return {}

    @abstractmethod
    def batches(self, table: exp.Table) -> Iterator[Any]:
        """The rows of a table as Arrow record batches, in the order in which they were made, never all at once."""

    @abstractmethod
    def arrow(self, query: exp.Query) -> Any:
        """The answer to a query as an Arrow table, with no value touched one by one if that can be; it cannot write."""

    @abstractmethod
    def loaded(self, rows: Any) -> AbstractContextManager[exp.Table]:
        """An Arrow table as a table of this session, which nobody else sees, as long as it is needed.

        It is there also where the session may write nothing else.
        """

    @abstractmethod
    def close(self) -> None:
        """Hang up."""

    def run(self, tree: exp.Expr) -> None:
        """Carry out a statement given as a tree."""
        self.execute(written(tree, self.traits))

    def ask(self, tree: exp.Expr) -> Answer:
        """Answer a query given as a tree."""
        return self.fetch(written(tree, self.traits))

    def count(self, query: exp.Query) -> int:
        """The one number that a query answers."""
        return int(self.ask(query).rows[0][0] or 0)

    def let_view(self, view: exp.Table, query: exp.Query) -> None:
        """Let a view mean a query, whether it is there or not, in one step."""
        self.run(make_view(view, query))

    def drop_schema(self, schema: str) -> None:
        """Drop a schema that holds none of our things any more; leave it where it holds anybody else's."""
        self.run(drop_schema(schema))
