"""An engine to ask: tables from rows, relations made, queries answered; the same for every engine, over its `Line`."""

import datetime as dt
import importlib
import pkgutil

import asked
from sqlglot import exp, parse_one

from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.trees import drop, insert, make, make_table
from mlspec.ir.relation import Keep, Relation
from mlspec.ir.sql.dialect import DIALECT
from mlspec.ir.sql.formulate import formulate
from mlspec.ir.sql.traits import Traits

ENGINES = tuple(m.name for m in pkgutil.iter_modules(asked.__path__))


class Asked:
    """`ways` are the traits with which a question may be put to it, its own first."""

    def __init__(self, line: Line, *ways: Traits) -> None:
        self.line, self.ways = line, ways or (line.traits,)

    def table(self, name: str, types: dict[str, str], rows) -> None:
        """A table of these columns (canonical types), with its rows in this order."""
        place = exp.to_table(exp.to_identifier(name, quoted=True))
        self.line.run(drop(Keep.TABLE, place))
        self.line.run(make_table(place.copy(), types))
        if rows:
            values = [[literal(r[n], kind) for n, kind in types.items()] for r in rows]
            self.line.run(insert(place.copy(), tuple(types), values))

    def way(self, number: int) -> Traits:
        """One of its ways."""
        return self.ways[number % len(self.ways)]

    def make(self, name: str, relation: Relation, traits: Traits) -> None:
        """A table of the rows of a relation."""
        place = exp.to_table(exp.to_identifier(name, quoted=True))
        self.line.run(drop(Keep.TABLE, place))
        self.line.run(make(place.copy(), Keep.TABLE, formulate(relation, traits)))

    def answers(self, relation: Relation, traits: Traits | None = None) -> list[dict]:
        """The rows of a relation, by name."""
        return self.rows(formulate(relation, traits or self.ways[0]))

    def rows(self, query) -> list[dict]:
        """The rows of a canonical query, by name."""
        found = self.line.ask(parse_one(query, dialect=DIALECT) if isinstance(query, str) else query)
        return [dict(zip(found.names, row, strict=True)) for row in found.rows]


def literal(value, kind: str) -> exp.Expr:
    if isinstance(value, dt.datetime):
        value = value.isoformat(sep=" ")
    return exp.cast(exp.convert(value), kind, dialect=DIALECT)


def opened_engine(name: str) -> Asked:
    """The engine of that name; skips where it cannot be had."""
    return importlib.import_module(f"asked.{name}").opened()
