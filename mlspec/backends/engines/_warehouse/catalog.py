"""What a warehouse keeps beside the data: which versions there are, who points to them, what checks found.

Every change is in an order that an engine without transactions survives: a version is recorded last and forgotten first.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mlspec.backends.engines._warehouse.garbage import Known, reachable
from mlspec.backends.engines._warehouse.ledger import TABLES as PARTITION_TABLES
from mlspec.backends.engines._warehouse.ledger import Ledger
from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.names import Names
from mlspec.backends.engines._warehouse.shapes import TABLES as SHAPE_TABLES
from mlspec.backends.engines._warehouse.shapes import Shapes
from mlspec.backends.engines._warehouse.trees import (
    delete,
    drop,
    equals,
    insert,
    make_schema,
    make_table,
    table,
)
from mlspec.backends.engines._warehouse.values import plain
from mlspec.backends.found import Altered, Observed, Size
from mlspec.backends.port import CheckResult, CheckRun, Rows
from mlspec.base.address import Address
from mlspec.base.value import asdict, dataclass
from mlspec.ir.relation import Keep, Relation
from mlspec.ir.sql.dialect import DIALECT, column, microseconds
from mlspec.ir.sql.glot import exp

_TABLES = {
    "_versions": {"version": "VARCHAR", "address": "VARCHAR", "rows": "BIGINT", "bytes": "BIGINT", "reads": "VARCHAR"},
    "_pointers": {"environment": "VARCHAR", "address": "VARCHAR", "name": "VARCHAR", "version": "VARCHAR"},
    "_certificates": {"version": "VARCHAR", "certificate": "VARCHAR"},
    "_checks": {"environment": "VARCHAR", "subject": "VARCHAR", "measured_at": "TIMESTAMPTZ", "results": "VARCHAR"},
    **PARTITION_TABLES,
    **SHAPE_TABLES,
    "_ages": {"version": "VARCHAR", "used_at": "TIMESTAMPTZ"},
}
_NOT_OURS = frozenset({"main", "public", "default"})
"""Schemas that are there before anybody makes them."""


@dataclass(frozen=True)
class Catalog:
    """The bookkeeping of one environment."""

    line: Line
    names: Names

    def prepare(self) -> None:
        """Make the tables, if they are not there."""
        if self.line.kept(self.names.data).keys() >= _TABLES.keys():
            return
        self.line.run(make_schema(self.names.data))
        for name, columns in _TABLES.items():
            self.line.run(make_table(table(self.names.data, name), columns))

    # -- reading -------------------------------------------------------------------------------------------------------

    def versions(self) -> dict[str, Size]:
        """The versions that are whole: recorded, really there, and as they were made."""
        return self._versions(self._altered())[0]

    def observed(self) -> Observed:
        """Everything that is there, by as many questions whatever there is."""
        shapes = Shapes(self.line, self.names)
        made, now = shapes.made(), shapes.now()
        altered = shapes.altered(made, now)
        inside = {name: found for (schema, name), found in altered.items() if schema == self.names.data}
        versions, unnoted = self._versions(inside)
        known = {self.names.fitting(v): v for v in self._recorded()} if inside or altered else {}
        pointers, names = dict(self.pointers()), {}
        for address, name in self._public(pointers).items():
            if (changed := altered.get((self.names.public, name))) is not None:
                names[address] = changed
                target = shapes.target(changed.found)
                pointers[address] = known.get(target, target)
        return Observed(versions, pointers, {known[n]: a for n, a in inside.items() if n in known}, names, unnoted)

    def _altered(self) -> dict[str, Altered]:
        """The tables and views of versions that somebody has altered by hand, by name."""
        shapes = Shapes(self.line, self.names)
        found = shapes.altered(shapes.made(), shapes.now())
        return {name: altered for (schema, name), altered in found.items() if schema == self.names.data}

    def _recorded(self) -> list[str]:
        """The versions that are recorded, whether they are there or not."""
        kept = self.line.kept(self.names.data)
        return [str(v) for (v,) in self._all("_versions", "version")] if "_versions" in kept else []

    def _public(self, addresses: Iterable[str]) -> dict[str, str]:
        """The public names of addresses in this environment."""
        wanted = set(addresses)
        if not wanted:
            return {}
        found = self._all("_pointers", "address", "name", environment=self.names.environment)
        return {str(a): str(n) for a, n in found if a in wanted}

    def _versions(self, altered: Mapping[str, Altered]) -> tuple[dict[str, Size], frozenset[str]]:
        """The versions that are whole, and those in partitions that nothing says any more what they are made of."""
        kept = self.line.kept(self.names.data)
        found = self._all("_versions", "version", "rows", "bytes") if "_versions" in kept else ()
        parts = self._parts() if "_partitions" in kept else {}
        there = [(v, int(r), int(b)) for v, r, b in found if self.names.fitting(v) in kept]
        defined = {v for (v,) in self._all("_definitions", "version")} if "_definitions" in kept else set()
        unnoted = frozenset(v for v, rows, _ in there if rows and v in defined - parts.keys())
        whole = {v: Size(r, b, parts.get(v, 0)) for v, r, b in there if self.names.fitting(v) not in altered}
        return {v: size for v, size in whole.items() if v not in unnoted}, unnoted

    def _parts(self) -> dict[str, int]:
        """How many partitions each version has."""
        query = exp.select(column("version"), exp.Count(this=exp.Star())).from_(table(self.names.data, "_partitions"))
        return {v: int(n) for v, n in self.line.ask(query.group_by(column("version"))).rows}

    def pointers(self) -> dict[str, str]:
        """From address to version, for the public names of the environment that are really there."""
        if "_pointers" not in self.line.kept(self.names.data):
            return {}
        views = self.line.kept(self.names.public)
        found = self._all("_pointers", "address", "version", "name", environment=self.names.environment)
        return {a: v for a, v, name in found if name in views}

    def results(self, subject: str, last: int) -> tuple[CheckRun, ...]:
        """What the checks of a subject found in their last runs, the newest first."""
        if "_checks" not in self.line.kept(self.names.data):
            return ()
        newest = exp.Ordered(this=column("measured_at"), desc=True, nulls_first=False)
        query = exp.select(column("measured_at"), column("results")).from_(table(self.names.data, "_checks"))
        query = query.where(equals(environment=self.names.environment, subject=subject)).order_by(newest).limit(last)
        return tuple(
            CheckRun(str(plain(at)), tuple(map(as_result, _parsed(rows)))) for at, rows in self.line.ask(query).rows
        )

    def certificate(self, version: str) -> Mapping[str, Any] | None:
        """The certificate of a version, if it has one."""
        if "_certificates" not in self.line.kept(self.names.data):
            return None
        found = self._all("_certificates", "certificate", version=version)
        return dict(_parsed(found[0][0])) if found else None

    def known(self) -> Known:
        """Every version that is recorded or was begun, with its address and what it reads."""
        kept = self.line.kept(self.names.data)
        begun = self._all("_definitions", "version", "address") if "_definitions" in kept else ()
        found = self._all("_versions", "version", "address", "reads") if "_versions" in kept else ()
        whole = {str(v): (str(a), _reads(r)) for v, a, r in found}
        return {str(v): (str(a), []) for v, a in begun} | whole

    def pointed(self) -> set[str]:
        """The versions that a public name means, in any environment of this warehouse."""
        if "_pointers" not in self.line.kept(self.names.data):
            return set()
        return {str(v) for (v,) in self._all("_pointers", "version")}

    def ages(self) -> dict[str, float]:
        """How many seconds ago each version was last made or pointed to, by the clock of the engine."""
        if "_ages" not in self.line.kept(self.names.data):
            return {}
        clock = exp.Cast(this=exp.CurrentTimestamp(), to=exp.DataType.build("TIMESTAMPTZ", dialect=DIALECT))
        times = [microseconds(t, zoned=True) for t in (column("used_at"), clock)]
        found = self.line.ask(exp.select(column("version"), *times).from_(table(self.names.data, "_ages"))).rows
        return {str(v): (int(now) - int(then)) / 1_000_000 for v, then, now in found}

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Rows and bytes of each version, as they were estimated when it was made."""
        kept = self.line.kept(self.names.data)
        found = self._all("_versions", "version", "rows", "bytes") if "_versions" in kept else ()
        return {str(v): (int(r), int(b)) for v, r, b in found}

    def _all(self, name: str, *columns: str, **equal: str) -> tuple[tuple[Any, ...], ...]:
        query = exp.select(*[column(c) for c in columns]).from_(table(self.names.data, name))
        return self.line.ask(query.where(equals(**equal)) if equal else query).rows

    # -- writing -------------------------------------------------------------------------------------------------------

    def record(self, address: str, version: str, size: Size, reads: Iterable[str]) -> None:
        """Note that a version is whole."""
        self.forget(version)
        Shapes(self.line, self.names).note(self.names.data, self.names.fitting(version))
        row = (version, address, size.rows, size.bytes, json.dumps(sorted(reads)))
        self.line.run(insert(table(self.names.data, "_versions"), tuple(_TABLES["_versions"]), [row]))
        self.touch(version)

    def touch(self, *versions: str) -> None:
        """Note that versions were made, or pointed to, until now: what is fresh is not collected."""
        for version in versions:
            self.line.run(delete(table(self.names.data, "_ages"), version=version))
        if versions:
            rows = [(version, exp.CurrentTimestamp()) for version in versions]
            self.line.run(insert(table(self.names.data, "_ages"), tuple(_TABLES["_ages"]), rows))

    def forget(self, version: str) -> None:
        """Note that a version is not whole."""
        self.line.run(delete(table(self.names.data, "_versions"), version=version))

    def certify(self, version: str, certificate: Mapping[str, Any]) -> None:
        """Keep the certificate of a version, before it is recorded."""
        self._uncertify(version)
        row = (version, json.dumps(certificate))
        self.line.run(insert(table(self.names.data, "_certificates"), tuple(_TABLES["_certificates"]), [row]))

    def _uncertify(self, version: str) -> None:
        self.line.run(delete(table(self.names.data, "_certificates"), version=version))

    def discard(self, version: str) -> None:
        """Remove what is left of a version."""
        self.forget(version)
        Ledger(self.line, self.names).discard(version)
        self._uncertify(version)
        self.line.run(delete(table(self.names.data, "_ages"), version=version))
        Shapes(self.line, self.names).erase(self.names.data, self.names.fitting(version))
        keep = self.line.kept(self.names.data).get(self.names.fitting(version))
        if keep is not None:
            self.line.run(drop(keep, self.names.version(version)))

    def mend(self, version: str, relation: Relation) -> None:
        """Clear the way for a version that somebody has altered by hand; a column that was added can just go.

        What is read by views of others cannot be dropped on every engine; that is said by the engine.
        """
        name = self.names.fitting(version)
        if name not in self._altered():
            return
        made = self.names.version(version)
        if self.line.kept(self.names.data)[name] is not relation.kept_as:
            self.line.run(drop(self.line.kept(self.names.data)[name], made))
        elif relation.kept_as is Keep.TABLE:
            there = self.line.ask(exp.select(exp.Star()).from_(made.copy()).limit(0)).names
            for extra in [n for n in there if n not in relation.names]:
                words = [part.sql(self.line.traits.dialect) for part in (made, column(extra))]
                self.line.execute("ALTER TABLE {} DROP COLUMN {}".format(*words))
            if name in self._altered():
                Ledger(self.line, self.names).discard(version)
                self.line.run(drop(Keep.TABLE, made))

    def point(self, address: Address, version: str) -> None:
        """Let the public name mean a version; the name of two kinds at once is told apart by its kind."""
        pointers = table(self.names.data, "_pointers")
        rows = self._all("_pointers", "name", "address", "version", environment=self.names.environment)
        others = {name for name, owner, _ in rows if owner != str(address)}
        name = self.names.fitting(address.name)
        if name in others:
            name = self.names.fitting(f"{address.kind}__{address.name}")
        if self.names.public not in _NOT_OURS:
            self.line.run(make_schema(self.names.public))
        self.line.let_view(table(self.names.public, name), exp.select(exp.Star()).from_(self.names.version(version)))
        Shapes(self.line, self.names).note(self.names.public, name)
        self.line.run(delete(pointers, environment=self.names.environment, address=str(address)))
        row = (self.names.environment, str(address), name, version)
        self.line.run(insert(pointers, tuple(_TABLES["_pointers"]), [row]))
        self.touch(*{v for _, owner, v in rows if owner == str(address)} | {version})

    def has_partitions(self, version: str) -> bool:
        """Whether a version is kept in partitions."""
        return "_definitions" in self.line.kept(self.names.data) and bool(
            self._all("_definitions", "version", version=version)
        )

    def hand_over(self, old: Address, new: Address) -> None:
        """What is known about an address is known about another one: what checks found, how its versions are defined."""
        kept = self.line.kept(self.names.data)
        for name, what, equal in (
            ("_checks", "subject", {"environment": self.names.environment, "subject": str(old)}),
            ("_definitions", "address", {"address": str(old)}),
        ):
            if name in kept and self._all(name, what, **equal):
                target, columns = table(self.names.data, name), list(_TABLES[name])
                values = [exp.Literal.string(str(new)) if c == what else column(c) for c in columns]
                query = exp.select(*[exp.alias_(v, c, quoted=True) for v, c in zip(values, columns, strict=True)])
                into = exp.Schema(this=target.copy(), expressions=[exp.to_identifier(c, quoted=True) for c in columns])
                self.line.run(exp.Insert(this=into, expression=query.from_(target.copy()).where(equals(**equal))))
                self.line.run(delete(target, **equal))

    def remove(self, address: Address) -> None:
        """Take a public name away, and the versions of its address that nothing reachable needs."""
        pointers = table(self.names.data, "_pointers")
        equal = {"environment": self.names.environment, "address": str(address)}
        for (name,) in self._all("_pointers", "name", **equal):
            self.line.run(drop(Keep.VIEW, table(self.names.public, name)))
            Shapes(self.line, self.names).erase(self.names.public, name)
        self.line.run(delete(pointers, **equal))
        known = {v: (a, _reads(r)) for v, a, r in self._all("_versions", "version", "address", "reads")}
        pointed = self._all("_pointers", "version", "address")
        views = {n for n, keep in self.line.kept(self.names.data).items() if keep is Keep.VIEW}
        standing = {v for v in known if self.names.fitting(v) in views}
        for version in left_behind(str(address), known, pointed, standing):
            self.discard(version)
        if self.names.public in _NOT_OURS or self._all("_pointers", "name", environment=self.names.environment):
            return
        if not self.line.kept(self.names.public):
            self.line.drop_schema(self.names.public)

    def keep_results(self, subject: str, results: Iterable[CheckResult]) -> None:
        """Keep what the checks of a subject found now."""
        row = (self.names.environment, subject, exp.CurrentTimestamp(), json.dumps([as_kept(r) for r in results]))
        self.line.run(insert(table(self.names.data, "_checks"), tuple(_TABLES["_checks"]), [row]))


def as_kept(result: CheckResult) -> dict[str, Any]:
    """A result as it is kept, which `as_result` reads again."""
    names = ("name", "severity", "failed", "total", "passed")
    return {n: getattr(result, n) for n in names} | {"sample": asdict(result.sample) if result.sample else None}


def as_result(kept: Mapping[str, Any]) -> CheckResult:
    """One result as it was kept; those of the first release have no sample."""
    sample = kept.get("sample")
    rows = Rows(tuple(sample["columns"]), tuple(sample["types"]), tuple(map(tuple, sample["rows"]))) if sample else None
    return CheckResult(kept["name"], kept["severity"], kept["failed"], kept["total"], kept["passed"], rows)


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _reads(value: Any) -> list[str]:
    """Written as JSON; warehouses of the first release hold an array."""
    return list(_parsed(value) or [])


def left_behind(address: str, known: Known, pointed: Iterable[tuple[Any, ...]], views: set[str]) -> list[str]:
    """The versions of an address that nothing needs, and what only those stood on: versions of addresses that are gone.

    A view that would stand on nothing goes with them; each goes before what it reads.
    """
    pairs = list(pointed)
    reads = {version: below for version, (_, below) in known.items()}
    named = {owner for _, owner in pairs}
    needed = reachable(reads, [version for version, _ in pairs])
    gone = {version for version, (owner, _) in known.items() if owner == address and version not in needed}
    below = reachable(reads, gone) - needed - gone
    gone |= {v for v in below if v in known and known[v][0] not in named}
    while more := {v for v in views - needed - gone if set(reads[v]) & gone}:
        gone |= more
    return sorted(gone, key=lambda v: (-len(reachable(reads, [v])), v))
