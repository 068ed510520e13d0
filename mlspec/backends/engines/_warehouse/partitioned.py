"""A table in partitions: which are missing or made of other input than there is now, and how those are built.

Rows and bookkeeping of some partitions are written in one transaction. Where an engine has none, the note that they are
built is taken away first and made last: what a crash leaves is built again.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence

from mlspec.backends.engines._warehouse import asserts
from mlspec.backends.engines._warehouse.ledger import BEGUN, Built, Ledger
from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.names import Names
from mlspec.backends.engines._warehouse.trees import make_table, substituted, typed
from mlspec.backends.partition import Partition
from mlspec.backends.port import Physical
from mlspec.base.address import Address
from mlspec.base.digest import digest
from mlspec.base.value import dataclass, replace
from mlspec.ir.relation import Input, Partitions, Relation
from mlspec.ir.resource import physical_name
from mlspec.ir.sql.changes import Between
from mlspec.ir.sql.dialect import column, microseconds, number, to_sql
from mlspec.ir.sql.formulate import formulate
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.partitions import EPOCH, SLICE, slices, within
from mlspec.ir.sql.spans import floored

Sums = Callable[[Sequence[str]], tuple[str, ...]]
"""In the engine's own words: aggregates over the columns of `__rows` that tell sets of rows apart, in any order of rows."""


class _Running:
    """Sums over slices, so that those of any number of slices in a row are a difference of two."""

    def __init__(self, rows: Sequence[tuple[int, ...]]) -> None:
        self.begins: list[int] = []
        self.so_far: list[tuple[int, ...]] = []
        for begins, *sums in sorted(rows):
            before = self.so_far[-1] if self.so_far else (0,) * len(sums)
            self.begins.append(begins)
            self.so_far.append(tuple(a + b for a, b in zip(before, sums, strict=True)))

    def between(self, first: int, end: int) -> tuple[int, ...]:
        """The sums of the slices that begin in a span; none where there are no rows."""
        low, high = bisect_left(self.begins, first), bisect_left(self.begins, end)
        if low == high:
            return ()
        before = self.so_far[low - 1] if low else (0,) * len(self.so_far[high - 1])
        return tuple(a - b for a, b in zip(self.so_far[high - 1], before, strict=True))


@dataclass(frozen=True)
class Shared:
    """Columns that another version has already, of the same rows."""

    version: str
    columns: frozenset[str]


@dataclass(frozen=True)
class Filled:
    """What was built: how many rows, and what was taken from another version."""

    rows: int
    taken: Shared | None = None

    def __str__(self) -> str:
        said = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        return f"{said}, {len(self.taken.columns)} columns of {self.taken.version}" if self.taken else said


@dataclass(frozen=True)
class Partitioned:
    """The partitions of one version, on a line."""

    line: Line
    names: Names
    address: Address
    relation: Relation
    physical: Physical
    sums: Sums

    @property
    def parts(self) -> Partitions:
        """How it is kept."""
        assert self.relation.partitions is not None  # noqa: S101 - said by the caller
        return self.relation.partitions

    @property
    def version(self) -> str:
        """The name of the version."""
        return physical_name(str(self.address), self.relation)

    @property
    def made(self) -> exp.Table:
        """Its table."""
        return self.names.version(self.version)

    @property
    def ledger(self) -> Ledger:
        """Its bookkeeping."""
        return Ledger(self.line, self.names)

    # -- what there is -------------------------------------------------------------------------------------------------

    def partitions(self) -> tuple[Partition, ...]:
        """All partitions that have rows to be made of, or that were built; each with why it is due, if it is."""
        there = self.names.fitting(self.version) in self.line.kept(self.names.data)
        built = self.ledger.built(self.version) if there else {}
        inputs = self.inputs(self.parts.inputs)
        return tuple(self._partition(b, inputs.get(b, ""), built.get(b)) for b in sorted({*built, *inputs}))

    def _partition(self, begins: int, wanted: str, built: Built | None) -> Partition:
        ends = begins + self.parts.size
        if built is None:
            return Partition(begins, ends, "missing")
        due = "" if built.input == wanted else "unfinished" if built.input == BEGUN else "changed" if wanted else "gone"
        return Partition(begins, ends, due, built.rows, built.at)

    def inputs(self, reads: Sequence[Input], between: Between | None = None) -> dict[int, str]:
        """The digest of what each partition is made of, by its beginning; those that nothing is there for have none."""
        size, start = self.parts.size, self.parts.start
        steps = -(-self.parts.lookback // size)
        looked = [self._looked(read, between) for read in reads]
        begins: set[int] = set()
        for happened, known, _ in looked:
            begins |= {s + size * n for s in happened.begins for n in range(steps + 1)}
            begins |= set(known.begins)
        low, high = (between[0] - start, between[1] - start) if between else (0, None)
        found = {}
        for at in sorted(b for b in begins if b >= max(low, 0) and (high is None or b < high)):
            timed = [(h.between(at - steps * size, at + size), k.between(at, at + size)) for h, k, _ in looked]
            if any(h or k for h, k in timed):
                found[start + at] = digest(timed, [always for *_, always in looked])
        return found

    def _looked(self, read: Input, between: Between | None) -> tuple[_Running, _Running, tuple[int, ...]]:
        """The slices of an input by when its rows happened and, if that counts, became known; all of it, if it has no times."""
        if not read.time:
            rows = self._slices(read, None, by_known=False)
            return _Running(()), _Running(()), rows[0][1:]
        known = self._slices(read, between, by_known=True) if read.known else ()
        return _Running(self._slices(read, between, by_known=False)), _Running(known), ()

    def _slices(self, read: Input, between: Between | None, *, by_known: bool) -> tuple[tuple[int, ...], ...]:
        query = slices(read, self.parts, between, self.sums(read.columns), by_known=by_known)
        found = self.line.ask(substituted(query, self.names.versions(self.physical))).rows
        return tuple(tuple(int(v or 0) for v in row) for row in found)

    # -- what is made --------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the table, without rows, if it is not there."""
        if self.names.fitting(self.version) in self.line.kept(self.names.data):
            return
        self.ledger.discard(self.version)
        self.ledger.define(str(self.address), self.version, self.relation, self.parts)
        self.line.run(make_table(self.made, {c.name: to_sql(c.type) for c in self.relation.columns}))

    def begin(self, wanted: Sequence[Partition]) -> None:
        """Let partitions be due; what is cut short after that, the next refresh finishes."""
        for batch in batches(wanted, len(wanted)):
            self.ledger.begin(self.version, [(p.begins, p.ends) for p in batch])

    def fill(self, wanted: Sequence[Partition], *, reuse: bool) -> Filled:
        """Build partitions that lie side by side, unless somebody else has done it by now."""
        between = (wanted[0].begins, wanted[-1].ends)
        inputs = self.inputs(self.parts.inputs, between)
        built = self.ledger.built(self.version, between)
        if {b: p.input for b, p in built.items()} == inputs:
            return Filled(sum(p.rows for p in built.values()))
        self.ledger.begin(self.version, [(p.begins, p.ends) for p in wanted])
        inside = within(column(self.parts.column), between, zoned=self.parts.zoned)
        self.line.run(exp.Delete(this=self.made, where=exp.Where(this=inside)))
        known = self._known(between, inputs if reuse else ())
        if inputs:
            columns = [exp.to_identifier(n, quoted=True) for n in self.relation.names]
            into = exp.Schema(this=self.made, expressions=columns)
            self.line.run(exp.Insert(this=into, expression=self._rows(between, known)))
        asserts.unique(self.line, self.address, self.relation, self.made, inside.copy())
        rows = self._counted(inside)
        found = [Built(b, b + self.parts.size, i, rows.get(b, 0)) for b, i in inputs.items()]
        self.ledger.finish(self.version, between, found)
        return Filled(sum(p.rows for p in found), known)

    def _counted(self, inside: exp.Expr) -> Mapping[int, int]:
        start, size = self.parts.start, self.parts.size
        since = exp.Sub(this=microseconds(column(self.parts.column), zoned=self.parts.zoned), expression=number(start))
        begins = exp.alias_(floored(exp.paren(since), size), SLICE, quoted=True)
        query = exp.select(begins, exp.Count(this=exp.Star())).from_(self.made).where(inside.copy())
        found = self.line.ask(query.group_by(exp.Literal.number(1))).rows
        return {int(b) + start: int(n) for b, n in found}

    def _rows(self, between: Between, known: Shared | None) -> exp.Select:
        """The rows between two times; what another version is known to have of them is not computed again."""
        kept = self.names.versions(self.physical)
        if known is None:
            return typed(self.relation, substituted(formulate(self.relation, self.line.traits, between), kept))
        shared = known.columns
        inside = within(column(self.parts.column), between, zoned=self.parts.zoned)
        rows = exp.select(*[column(n) for n in shared]).from_(self.names.version(known.version)).where(inside)
        new = [c for c in self.relation.columns if c.name not in shared]
        if not new:
            return typed(self.relation, rows)
        same = [*self.relation.keys, self.parts.column]
        wanted = replace(self.relation, columns=tuple(c for c in self.relation.columns if c in new or c.name in same))
        query = formulate(self.relation, self.line.traits, between, {c.name for c in new})
        computed = typed(wanted, substituted(query, kept))
        on = exp.and_(*[exp.EQ(this=column(n, "__old"), expression=column(n, "__new")) for n in same])
        both = exp.select(*[column(n, "__old") for n in shared], *[column(c.name, "__new") for c in new])
        both = both.from_(exp.alias_(rows.subquery(), "__old", table=True, quoted=True))
        computed_rows = exp.alias_(computed.subquery(), "__new", table=True, quoted=True)
        return typed(self.relation, both.join(computed_rows, on=on, join_type="LEFT"))

    def _known(self, between: Between, begins: Collection[int]) -> Shared | None:
        """Another version with the same rows that has these partitions, made of what there is now; and what they share."""
        definition = self.relation.definition
        if definition is None or self.relation.windows is None or not begins:
            return None
        ours = dict(definition.columns)
        own = {*self.relation.keys, self.parts.column}
        best: Shared | None = None
        for earlier in self.ledger.earlier(str(self.address), self.version, definition.shape):
            shared = frozenset(n for n, d in earlier.columns.items() if ours.get(n) == d)
            if not own < shared or (best and len(shared) <= len(best.columns)) or not self._readable(earlier.inputs):
                continue
            built = {b: p.input for b, p in self.ledger.built(earlier.version, between).items()}
            if built == self.inputs(earlier.inputs, between) and built.keys() == set(begins):
                best = Shared(earlier.version, shared)
        return best

    def _readable(self, inputs: Sequence[Input]) -> bool:
        """Whether all that another version was made of is still there."""
        for read in inputs:
            if read.address not in self.physical:
                return False
            nothing = exp.select(exp.Star()).from_(self.names.version(self.physical[read.address])).limit(0)
            if not set(read.columns) <= set(self.line.ask(nothing).names):
                return False
        return True


def batches(wanted: Sequence[Partition], most: int) -> list[list[Partition]]:
    """Partitions side by side, at most so many together."""
    found: list[list[Partition]] = []
    for part in wanted:
        if found and found[-1][-1].ends == part.begins and len(found[-1]) < most:
            found[-1].append(part)
        else:
            found.append([part])
    return found


def told(batch: Sequence[Partition]) -> str:
    """The span of partitions that lie side by side, for people."""
    first, end = shown(batch[0].begins), shown(batch[-1].ends)
    return f"{first} to {end}" + (f", {len(batch)} partitions" if len(batch) > 1 else "")


def shown(at: int) -> str:
    """A moment as people write it; of midnight only the day."""
    moment = EPOCH + dt.timedelta(microseconds=at)
    return str(moment.date()) if moment.time() == dt.time() else moment.isoformat()
