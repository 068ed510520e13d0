"""What a warehouse keeps of partitions: which were built, of which input, and how the versions of a view are defined."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.names import Names
from mlspec.backends.engines._warehouse.trees import delete, equals, insert, table
from mlspec.base.value import asdict, dataclass
from mlspec.ir.relation import Input, Partitions, Relation
from mlspec.ir.sql.changes import Between
from mlspec.ir.sql.dialect import column, microseconds
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.partitions import instant, within

TABLES = {
    "_partitions": {
        "version": "VARCHAR", "begins": "TIMESTAMP", "ends": "TIMESTAMP", "rows": "BIGINT", "input": "VARCHAR",
        "built_at": "TIMESTAMPTZ",
    },
    "_definitions": {"version": "VARCHAR", "address": "VARCHAR", "shape": "VARCHAR", "columns": "VARCHAR", "inputs": "VARCHAR"},
}  # fmt: skip


BEGUN = "begun"
"""In the place of the digest of its input: whether a partition has its rows is not known."""


@dataclass(frozen=True)
class Built:
    """A partition as it was built: the digest of its input, its rows, when; times in microseconds."""

    begins: int
    ends: int
    input: str
    rows: int
    at: int = 0


@dataclass(frozen=True)
class Earlier:
    """Another version of the same rows, and how its columns are defined."""

    version: str
    columns: Mapping[str, str]
    inputs: tuple[Input, ...]


@dataclass(frozen=True)
class Ledger:
    """The bookkeeping of partitions; written in the transaction that writes their rows."""

    line: Line
    names: Names

    def built(self, version: str, between: Between | None = None) -> dict[int, Built]:
        """The partitions of a version that were built or begun, by their beginning."""
        if "_partitions" not in self.line.kept(self.names.data):
            return {}
        times = [microseconds(column(n), zoned=n == "built_at") for n in ("begins", "ends", "built_at")]
        query = exp.select(*times, column("input"), column("rows")).from_(self._table("_partitions"))
        found: dict[int, Built] = {}
        for begins, ends, at, read, rows in self.line.ask(query.where(self._of(version, between))).rows:
            if read == BEGUN or int(begins) not in found:
                found[int(begins)] = Built(int(begins), int(ends), str(read), int(rows), int(at))
        return found

    def begin(self, version: str, spans: Iterable[Between]) -> None:
        """Note that partitions are about to be built, so that they are not believed until they are."""
        spans = list(spans)
        self._keep(version, [Built(b, e, BEGUN, 0) for b, e in spans])
        whole = self._of(version, (min(b for b, _ in spans), max(e for _, e in spans)))
        self._delete(exp.and_(whole, exp.NEQ(this=column("input"), expression=exp.Literal.string(BEGUN))))

    def finish(self, version: str, between: Between, found: Iterable[Built]) -> None:
        """Note that the partitions between two times are built, and that there are no others there."""
        self._keep(version, found)
        begun = exp.EQ(this=column("input"), expression=exp.Literal.string(BEGUN))
        self._delete(exp.and_(self._of(version, between), begun))

    def _keep(self, version: str, found: Iterable[Built]) -> None:
        rows = [
            (
                version,
                instant(b.begins, zoned=False),
                instant(b.ends, zoned=False),
                b.rows,
                b.input,
                exp.CurrentTimestamp(),
            )
            for b in found
        ]
        if rows:
            self.line.run(insert(self._table("_partitions"), tuple(TABLES["_partitions"]), rows))

    def _delete(self, condition: exp.Expr) -> None:
        self.line.run(exp.Delete(this=self._table("_partitions"), where=exp.Where(this=condition)))

    def define(self, address: str, version: str, relation: Relation, partitions: Partitions) -> None:
        """Note how a version is defined, before it has any rows."""
        definition = relation.definition
        assert definition is not None  # noqa: S101 - what is kept in partitions has one
        self.line.run(delete(self._table("_definitions"), version=version))
        inputs = json.dumps([asdict(i) for i in partitions.inputs])
        row = (version, address, definition.shape, json.dumps(dict(definition.columns)), inputs)
        self.line.run(insert(self._table("_definitions"), tuple(TABLES["_definitions"]), [row]))

    def earlier(self, address: str, version: str, shape: str) -> list[Earlier]:
        """Other versions of an address that have the same rows, and are there."""
        kept = self.line.kept(self.names.data)
        names = [column(n) for n in ("version", "columns", "inputs")]
        query = exp.select(*names).from_(self._table("_definitions")).where(equals(address=address, shape=shape))
        found = [(v, c, i) for v, c, i in self.line.ask(query).rows if v != version and self.names.fitting(v) in kept]
        return [
            Earlier(v, json.loads(c), tuple(_input(i) for i in json.loads(inputs))) for v, c, inputs in sorted(found)
        ]

    def discard(self, version: str) -> None:
        """Forget a version and all its partitions."""
        self.line.run(delete(self._table("_partitions"), version=version))
        self.line.run(delete(self._table("_definitions"), version=version))

    def _table(self, name: str) -> exp.Table:
        return table(self.names.data, name)

    def _of(self, version: str, between: Between | None) -> exp.Expr:
        ours = equals(version=version)
        return exp.and_(ours, within(column("begins"), between, zoned=False)) if between else ours


def _input(data: dict[str, Any]) -> Input:
    return Input(**{**data, "columns": tuple(data["columns"])})
