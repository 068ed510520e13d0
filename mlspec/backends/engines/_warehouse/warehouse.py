"""What every SQL warehouse does alike: versions built and recorded, public names pointed, checks run, rows read.

An engine is a subclass that says how it differs: its `traits`, how to open a `Line` (see `line.py`), what rows of a scan are,
what its driver raises. docs/add-a-backend.md walks through one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlspec.backends.engines._warehouse import asserts, files, garbage
from mlspec.backends.engines._warehouse.answered import retrieved
from mlspec.backends.engines._warehouse.catalog import Catalog
from mlspec.backends.engines._warehouse.certificate import certified, release_of
from mlspec.backends.engines._warehouse.differs import Differs
from mlspec.backends.engines._warehouse.explained import explained
from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.meant import queries_of, unaddressed
from mlspec.backends.engines._warehouse.names import Names
from mlspec.backends.engines._warehouse.partitioned import Filled, Partitioned, batches, told
from mlspec.backends.engines._warehouse.trees import counted, drop, make, substituted, typed
from mlspec.backends.engines._warehouse.values import plain, width
from mlspec.backends.found import Observed, Size, Unused
from mlspec.backends.partition import Partition, Wanted
from mlspec.backends.port import (
    Artifact,
    BackendError,
    CheckResult,
    CheckRun,
    Physical,
    Place,
    Refreshed,
    Rows,
)
from mlspec.base.address import Address
from mlspec.base.value import replace
from mlspec.ir.certificate import Claims
from mlspec.ir.check import Check, Expectation
from mlspec.ir.relation import Keep, Relation
from mlspec.ir.resource import physical_name
from mlspec.ir.sql.dialect import DIALECT
from mlspec.ir.sql.formulate import formulate, parsed_query, written
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Unspoken


def _bytes(relation: Relation, rows: int) -> int:
    return rows * sum(width(c.type) for c in relation.columns)


class Warehouse(Differs):
    """Versions live in the schema `mlspec_data`, public names in a schema called as the environment; `prefix` goes before both."""

    def __init__(self, settings: Any, place: Place) -> None:
        super().__init__(settings, place)
        self.lock: Any = threading.RLock()
        self._prepared = False

    # -- versions ------------------------------------------------------------------------------------------------------

    @property
    def names(self) -> Names:
        """Where this environment keeps things."""
        environment = self.place.environment
        return Names(f"{self.prefix}mlspec_data", f"{self.prefix}{environment}", environment, self.traits)

    def catalog(self, line: Line) -> Catalog:
        """The bookkeeping of the environment."""
        return Catalog(line, self.names)

    def writing(self, *, outside: bool = False) -> tuple[Line, Catalog]:
        """The line for writing, and the catalog on it, which is there."""
        line = self.line(write=True, outside=outside)
        assert line is not None  # noqa: S101 - there is always something to write to
        catalog = self.catalog(line)
        if not self._prepared:
            with line.transaction("catalog"):
                catalog.prepare()
            self._prepared = True
        return line, catalog

    def reading(self, *, outside: bool = False) -> Line:
        """The line for reading. Raises BackendError where there is nothing to be read."""
        line = self.line(write=False, outside=outside)
        if line is None:
            raise BackendError("the warehouse holds nothing yet", "run `mlspec apply`", "engine-failed")
        return line

    def close(self) -> None:
        self._prepared = False

    def refused(self, body: Relation | Check) -> tuple[tuple[str, str], ...]:
        found: dict[str, str] = {}
        for tree in queries_of(body, self.traits) if self.traits.dialect != DIALECT else ():
            try:
                written(unaddressed(tree), self.traits)
            except Unspoken as error:
                found[str(error)] = error.help
        return tuple(found.items())

    def rendered_at(self, address: Address) -> str:
        return f"sql/{address.kind}/{address.name}.sql"

    @explained
    def render(self, address: Address, relation: Relation, physical: Physical) -> Artifact:
        shown = self.shown(relation.scan) if relation.scan else None
        version = self.names.version(physical_name(str(address), relation))
        statement = make(version, relation.keep, self._query(relation, physical, shown))
        text = written(statement, self.traits, pretty=True) + ";\n"
        if relation.partitions is not None:
            text = f"-- kept in partitions: these rows, of a span of `{relation.partitions.column}` at a time\n{text}"
        if relation.scan and shown is None:
            text = f"-- scan: the rows of {', '.join((*relation.scan.files, relation.scan.table)).strip(', ')}\n{text}"
        return Artifact(self.rendered_at(address), text)

    def _query(self, relation: Relation, physical: Physical, scanned: exp.Query | None) -> exp.Select:
        return typed(relation, substituted(formulate(relation, self.traits), self.names.versions(physical), scanned))

    @explained
    def observe(self) -> Observed:
        line = self.line(write=False)
        if line is None:
            return Observed()
        return self.catalog(line).observed()

    @explained
    def columns(self, tables: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        line = self.line(write=False) if tables else None
        return line.described(tables) if line else {}

    @explained
    def content(self, table: str) -> str:
        line = self.line(write=False)
        return self.fingerprint(line, exp.to_table(table, dialect=DIALECT)) if line else ""

    @explained
    def build(self, address: Address, relation: Relation, physical: Physical, *, anew: bool = False,
              claims: Claims | None = None) -> Size:  # fmt: skip
        if relation.partitions is not None:
            return self.refresh(address, relation, physical, Wanted(anew=anew), lambda _: None).size
        line, catalog = self.writing(outside=relation.scan is not None and not relation.scan.inside)
        version = physical_name(str(address), relation)
        with line.transaction(version):
            known = catalog.versions().get(version)
            if known is not None and not anew:
                catalog.touch(version)  # it is about to be pointed to
                return known
            catalog.forget(version)
            catalog.mend(version, relation)
            try:
                size = self._made(line, address, relation, physical)
            except BaseException:
                if not self.traits.transactions:
                    catalog.discard(version)
                raise
            if claims is not None:
                kept, engine = (
                    self.names.versions(physical),
                    {"type": type(self).__module__.rpartition(".")[2], "version": release_of(line)},
                )
                catalog.certify(version, certified(line, claims, relation, size.rows, kept, engine))
            catalog.record(str(address), version, size, [physical[a] for a in relation.reads if a in physical])
        return size

    @explained
    def certificate(self, version: str) -> Mapping[str, Any] | None:
        line = self.line(write=False)
        return self.catalog(line).certificate(version) if line else None

    @explained
    def release(self) -> str:
        return release_of(self.reading())

    def _made(self, line: Line, address: Address, relation: Relation, physical: Physical) -> Size:
        """The rows of a version, as many and as much their own as the relation promises."""
        scanned = self.scanned(line, address, relation, relation.scan) if relation.scan else None
        made = self.names.version(physical_name(str(address), relation))
        try:
            self._fill(line, made, relation, self._query(relation, physical, scanned))
        except self.driver_errors() as error:
            self.diagnose(line, address, relation, error)
            shown = f"`{address}` cannot be built: {self.explain(error)}"
            raise BackendError(shown, self.advice(error), "build-failed") from None
        computed = relation.keep is Keep.VIEW and not relation.unique  # counting it would be computing it
        rows = 0 if computed else line.count(counted(made))
        if relation.as_of:
            asked = substituted(parsed_query(relation.as_of.spine), self.names.versions(physical))
            asserts.spine(line, address, asked, rows)
        asserts.unique(line, address, relation, made)
        self.settle(line, relation, made)
        return Size(rows, _bytes(relation, rows) if relation.keep is not Keep.VIEW else 0)

    def _fill(self, line: Line, made: exp.Table, relation: Relation, query: exp.Select) -> None:
        """Make the table or view of a version; one that is there already is made anew."""
        there = line.kept(self.names.data).get(made.name)
        if relation.keep is Keep.VIEW:
            line.let_view(made, query)
        elif there is Keep.TABLE and self.traits.views_pin:
            line.run(exp.TruncateTable(expressions=[made.copy()]))
            columns = [exp.to_identifier(n, quoted=True) for n in relation.names]
            line.run(exp.Insert(this=exp.Schema(this=made.copy(), expressions=columns), expression=query))
        else:
            if there is not None:
                line.run(drop(there, made))
            line.run(make(made, relation.keep, query))

    @explained
    def partitions(self, address: Address, relation: Relation, physical: Physical) -> tuple[Partition, ...]:
        return self._partitioned(self.reading(), address, relation, physical).partitions()

    @explained
    def refresh(
        self, address: Address, relation: Relation, physical: Physical, wanted: Wanted, say: Callable[[str], None]
    ) -> Refreshed:
        line, catalog = self.writing()
        parted = self._partitioned(line, address, relation, physical)
        with line.transaction(parted.version):
            catalog.mend(parted.version, relation)
            parted.prepare()
        found = parted.partitions()
        chosen = wanted.among(found)
        if wanted.anew:
            with line.transaction(parted.version):
                parted.begin(chosen)
        done = rows = 0
        for batch in batches(chosen, wanted.at_once):
            with line.transaction(parted.version):
                made = self._filled(parted, batch, reuse=not wanted.anew)
            done, rows = done + len(batch), rows + made.rows
            say(f"{told(batch)}: {made} ({done:,} of {len(chosen):,})")
        built = parted.ledger.built(parted.version)
        size = Size(sum(p.rows for p in built.values()), 0, len(built))
        size = replace(size, bytes=_bytes(relation, size.rows))
        if all(p in chosen for p in found if p.due):
            with line.transaction(parted.version):
                if parted.version not in catalog.versions():
                    self.settle(line, relation, parted.made)
                catalog.record(
                    str(address), parted.version, size, [physical[a] for a in relation.reads if a in physical]
                )
        return Refreshed(len(chosen), rows, size)

    def _partitioned(self, line: Line, address: Address, relation: Relation, physical: Physical) -> Partitioned:
        return Partitioned(line, self.names, address, relation, physical, self.row_sums)

    def _filled(self, parted: Partitioned, batch: list[Partition], *, reuse: bool) -> Filled:
        try:
            return parted.fill(batch, reuse=reuse)
        except self.driver_errors() as error:
            shown = f"`{parted.address}` cannot be built for {told(batch)}: {self.explain(error)}"
            raise BackendError(shown, self.advice(error), "build-failed") from None

    def settle(self, line: Line, relation: Relation, made: exp.Table) -> None:
        """What makes a new table fast to read: indexes, statistics; in the transaction of its build."""

    @explained
    def point(self, address: Address, version: str) -> None:
        line, catalog = self.writing()
        with line.transaction("catalog"):
            catalog.point(address, version)

    @explained
    def remove(self, address: Address) -> None:
        if self.line(write=False) is None:
            return
        line, catalog = self.writing()
        with line.transaction("catalog"):
            catalog.remove(address)

    @explained
    def collect(self, needed: Collection[str], grace: float, *, dry_run: bool) -> tuple[Unused, ...]:
        if self.line(write=False) is None:
            return ()
        if dry_run:
            return garbage.found(self.catalog(self.reading()), needed, grace)
        line, catalog = self.writing()
        return garbage.collected(line, catalog, needed, grace, self.driver_errors(), self.explain)

    # -- checks --------------------------------------------------------------------------------------------------------

    @explained
    def check(self, check: Check, physical: Physical) -> tuple[CheckResult, ...]:
        line, catalog = self.writing()
        results = tuple(self._expect(line, e, physical) for e in check.expectations)
        with line.transaction("catalog"):
            catalog.keep_results(check.subject, results)
        return results

    def _expect(self, line: Line, expected: Expectation, physical: Physical) -> CheckResult:
        query = substituted(parsed_query(expected.query), self.names.versions(physical))
        failed, total = (int(v or 0) for v in line.ask(query).rows[0])
        passed = failed == 0 or (total > 0 and failed / total <= expected.max_failed)
        sample = None
        if not passed and expected.sample:
            found = self.rows(Relation(expected.sample, (), ""), physical, asserts.SAMPLE_ROWS)
            sample = replace(found, rows=tuple(_masked(found.columns, r, expected.hidden) for r in found.rows))
        return CheckResult(expected.name, expected.severity, failed, total, passed, sample)

    @explained
    def results(self, subject: str, last: int = 1) -> tuple[CheckRun, ...]:
        line = self.line(write=False)
        return self.catalog(line).results(subject, last) if line else ()

    # -- reading -------------------------------------------------------------------------------------------------------

    @explained
    def rows(self, asked: Relation, physical: Physical, limit: int = 0) -> Rows:
        line = self.reading()
        tree = substituted(formulate(asked, self.traits), self.names.versions(physical))
        if limit:
            whole = tree.args.get("limit") is None and tree.args.get("offset") is None
            tree = (tree if whole else exp.select(exp.Star()).from_(tree.subquery("asked"))).limit(limit)
        found = line.ask(tree)
        return Rows(found.names, found.types, tuple(tuple(plain(v) for v in row) for row in found.rows))

    @explained
    def retrieve(self, asked: Relation, physical: Physical, spine: Any = None) -> Any:
        return retrieved(self.reading(), self.traits, asked, self.names.versions(physical), spine)

    @explained
    def export(self, version: str, path: Path, format: str) -> int:  # noqa: A002
        line = self.reading()
        return files.write(line.batches(self.names.version(version)), path, format)


def _masked(names: Sequence[str], row: tuple[Any, ...], hidden: Sequence[str]) -> tuple[Any, ...]:
    """A row for people, without values of columns that are personal."""
    return tuple("***" if n in hidden and v is not None else v for n, v in zip(names, row, strict=True))
