"""What a warehouse keeps beside the data: which versions there are, who points to them, what checks found.

Every change is in an order that an engine without transactions survives: a version is recorded last and forgotten first.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlglot import exp

from mlspec.backends.engines._warehouse.ledger import TABLES as PARTITION_TABLES
from mlspec.backends.engines._warehouse.ledger import Ledger
from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.names import Names
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
from mlspec.backends.port import CheckResult, CheckRun, Rows, Size
from mlspec.base.address import Address
from mlspec.ir.relation import Keep
from mlspec.ir.sql.dialect import column

_TABLES = {
    "_versions": {"version": "VARCHAR", "address": "VARCHAR", "rows": "BIGINT", "bytes": "BIGINT", "reads": "VARCHAR"},
    "_pointers": {"environment": "VARCHAR", "address": "VARCHAR", "name": "VARCHAR", "version": "VARCHAR"},
    "_certificates": {"version": "VARCHAR", "certificate": "VARCHAR"},
    "_checks": {"environment": "VARCHAR", "subject": "VARCHAR", "measured_at": "TIMESTAMPTZ", "results": "VARCHAR"},
    **PARTITION_TABLES,
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
        """The versions that are whole: recorded, and really there."""
        kept = self.line.kept(self.names.data)
        found = self._all("_versions", "version", "rows", "bytes") if "_versions" in kept else ()
        parts = self._parts() if "_partitions" in kept else {}
        whole = ((v, int(r), int(b)) for v, r, b in found if self.names.fitting(v) in kept)
        defined = {v for (v,) in self._all("_definitions", "version")} if "_definitions" in kept else set()
        lost = defined - parts.keys()  # rows, but nothing that says what they are made of
        return {v: Size(r, b, parts.get(v, 0)) for v, r, b in whole if v not in lost or not r}

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

    def _all(self, name: str, *columns: str, **equal: str) -> tuple[tuple[Any, ...], ...]:
        query = exp.select(*[column(c) for c in columns]).from_(table(self.names.data, name))
        return self.line.ask(query.where(equals(**equal)) if equal else query).rows

    # -- writing -------------------------------------------------------------------------------------------------------

    def record(self, address: str, version: str, size: Size, reads: Iterable[str]) -> None:
        """Note that a version is whole."""
        self.forget(version)
        row = (version, address, size.rows, size.bytes, json.dumps(sorted(reads)))
        self.line.run(insert(table(self.names.data, "_versions"), tuple(_TABLES["_versions"]), [row]))

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
        keep = self.line.kept(self.names.data).get(self.names.fitting(version))
        if keep is not None:
            self.line.run(drop(keep, self.names.version(version)))

    def point(self, address: Address, version: str) -> None:
        """Let the public name mean a version; the name of two kinds at once is told apart by its kind."""
        pointers = table(self.names.data, "_pointers")
        rows = self._all("_pointers", "name", "address", environment=self.names.environment)
        others = {name for name, owner in rows if owner != str(address)}
        name = self.names.fitting(address.name)
        if name in others:
            name = self.names.fitting(f"{address.kind}__{address.name}")
        if self.names.public not in _NOT_OURS:
            self.line.run(make_schema(self.names.public))
        self.line.let_view(table(self.names.public, name), exp.select(exp.Star()).from_(self.names.version(version)))
        self.line.run(delete(pointers, environment=self.names.environment, address=str(address)))
        row = (self.names.environment, str(address), name, version)
        self.line.run(insert(pointers, tuple(_TABLES["_pointers"]), [row]))

    def has_partitions(self, version: str) -> bool:
        """Whether a version is kept in partitions."""
        return "_definitions" in self.line.kept(self.names.data) and bool(
            self._all("_definitions", "version", version=version)
        )

    def hand_over(self, old: Address, new: Address) -> None:
        """What is known about an address is known about another one: what checks found, how its versions are defined."""
        kept = self.line.kept(self.names.data)
        environment = self.names.environment
        for name, what, equal in (
            ("_checks", "subject", {"environment": environment, "subject": str(old)}),
            ("_definitions", "address", {"address": str(old)}),
        ):
            if name in kept:
                change = exp.update(table(self.names.data, name), {what: str(new)}, where=equals(**equal))
                self.line.run(change)

    def remove(self, address: Address) -> None:
        """Take a public name away, and the versions of its address that nothing reachable needs."""
        pointers = table(self.names.data, "_pointers")
        equal = {"environment": self.names.environment, "address": str(address)}
        for (name,) in self._all("_pointers", "name", **equal):
            self.line.run(drop(Keep.VIEW, table(self.names.public, name)))
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


Known = Mapping[str, tuple[str, list[str]]]


def left_behind(address: str, known: Known, pointed: Iterable[tuple[Any, ...]], views: set[str]) -> list[str]:
    """The versions of an address that nothing needs, and what only those stood on: versions of addresses that are gone.

    A view that would stand on nothing goes with them; each goes before what it reads.
    """
    pairs = list(pointed)
    reads = {version: below for version, (_, below) in known.items()}
    named = {owner for _, owner in pairs}
    needed = _reachable(reads, [version for version, _ in pairs])
    gone = {version for version, (owner, _) in known.items() if owner == address and version not in needed}
    below = _reachable(reads, gone) - needed - gone
    gone |= {v for v in below if v in known and known[v][0] not in named}
    while more := {v for v in views - needed - gone if set(reads[v]) & gone}:
        gone |= more
    return sorted(gone, key=lambda v: (-len(_reachable(reads, [v])), v))


def _reachable(reads: Mapping[str, list[str]], start: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    todo = list(start)
    while todo:
        version = todo.pop()
        if version not in seen:
            seen.add(version)
            todo.extend(reads.get(version, []))
    return seen
