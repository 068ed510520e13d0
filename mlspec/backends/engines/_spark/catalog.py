"""The bookkeeping of a Spark warehouse in notes: a version is noted last and forgotten first."""

import datetime as dt
import time
from collections.abc import Iterable, Mapping
from typing import Any

from mlspec.backends.engines._spark.line import SparkLine
from mlspec.backends.engines._warehouse.catalog import Catalog, as_kept, as_result, left_behind
from mlspec.backends.engines._warehouse.garbage import Known
from mlspec.backends.found import Altered, Observed, Size
from mlspec.backends.port import CheckResult, CheckRun
from mlspec.base.address import Address
from mlspec.base.digest import digest
from mlspec.base.value import dataclass
from mlspec.ir.relation import Keep, Relation

_RUNS = 100
"""As many runs of the checks of a subject are kept."""


@dataclass(frozen=True)
class SparkCatalog(Catalog):
    """The bookkeeping of one environment; what it keeps lies where the line's shelf puts it."""

    line: SparkLine

    def prepare(self) -> None:
        """There is nothing to make before there is something to note."""

    # -- reading -------------------------------------------------------------------------------------------------------

    def versions(self) -> dict[str, Size]:
        return dict(self.observed().versions)

    def observed(self) -> Observed:
        """What the notes say; a view whose definition is not the one that was noted with it was altered by hand."""
        known = self.line.noted()
        there = self.line.shelf.there(known)
        altered = {
            v: Altered(f"digest {n['made']}", str(n["query"]))
            for v, n in known.items()
            if n.get("made") and digest(str(n["query"])) != n["made"]
        }
        whole = {v: Size(n["rows"], n["bytes"]) for v, n in known.items() if v in there and v not in altered}
        return Observed(whole, self.pointers(), altered)

    def mend(self, version: str, relation: Relation) -> None:
        """A version is written beside what there is, so that nothing is in the way."""

    def pointers(self) -> dict[str, str]:
        mine = [n for n in self._pointers() if n["environment"] == self.names.environment]
        shown = self.line.shelf.shown(self.names.public)
        return {n["address"]: n["version"] for n in mine if shown is None or n["name"] in shown}

    def _pointers(self) -> list[Any]:
        return list(self.line.notes.all("pointer").values())

    def known(self) -> Known:
        return {v: (str(n["address"]), list(n["reads"])) for v, n in self.line.noted().items()}

    def pointed(self) -> set[str]:
        return {str(n["version"]) for n in self._pointers()}

    def ages(self) -> dict[str, float]:
        now = time.time()
        return {v: now - float(n["used_at"]) for v, n in self.line.notes.all("age").items()}

    def sizes(self) -> dict[str, tuple[int, int]]:
        return {v: (int(n["rows"]), int(n["bytes"])) for v, n in self.line.noted().items()}

    def results(self, subject: str, last: int) -> tuple[CheckRun, ...]:
        note = self.line.notes.all("check").get(self._key(subject))
        runs = note["runs"][:last] if note else []
        return tuple(CheckRun(r["at"], tuple(map(as_result, r["results"]))) for r in runs)

    def certificate(self, version: str) -> Mapping[str, Any] | None:
        return self.line.notes.all("certificate").get(version)

    def _key(self, what: str) -> str:
        return f"{self.names.environment}__{what}".replace(".", "__")

    # -- writing -------------------------------------------------------------------------------------------------------

    def record(self, address: str, version: str, size: Size, reads: Iterable[str]) -> None:
        made = self.line.made.pop(version)
        self.line.publish(version, made)
        note = {"address": address, "rows": size.rows, "bytes": size.bytes, "reads": sorted(reads), **made}
        self.line.notes.put("version", version, note)
        self.line.forget(version)
        self.line.shelf.sweep(version, note)
        self.touch(version)

    def touch(self, *versions: str) -> None:
        for version in versions:
            self.line.notes.put("age", version, {"used_at": time.time()})

    def certify(self, version: str, certificate: Mapping[str, Any]) -> None:
        self.line.notes.put("certificate", version, certificate)

    def forget(self, version: str) -> None:
        self.line.notes.erase("version", version)
        self.line.forget(version)

    def discard(self, version: str) -> None:
        self.line.made.pop(version, None)
        self.forget(version)
        self.line.notes.erase("certificate", version)
        self.line.notes.erase("age", version)
        self.line.shelf.sweep(version, None)

    def point(self, address: Address, version: str) -> None:
        key = self._key(str(address))
        taken = {
            n["name"]
            for n in self._pointers()
            if n["environment"] == self.names.environment and n["address"] != str(address)
        }
        name = f"{address.kind}__{address.name}" if address.name in taken else address.name
        self.line.shelf.show(self.names.public, name, version)
        note = {"environment": self.names.environment, "address": str(address), "name": name, "version": version}
        before = {
            n["version"]
            for n in self._pointers()
            if (n["environment"], n["address"]) == (note["environment"], note["address"])
        }
        self.line.notes.put("pointer", key, note)
        self.touch(*before, version)

    def has_partitions(self, version: str) -> bool:
        """Nothing is kept in partitions here."""
        return False

    def hand_over(self, old: Address, new: Address) -> None:
        note = self.line.notes.all("check").get(self._key(str(old)))
        if note is not None:
            self.line.notes.put("check", self._key(str(new)), note)

    def remove(self, address: Address) -> None:
        key = self._key(str(address))
        pointers = self.line.notes.all("pointer")
        if key in pointers:
            self.line.shelf.hide(self.names.public, pointers[key]["name"])
            self.line.notes.erase("pointer", key)
        self.line.notes.erase("check", key)
        known = self.line.notes.all("version")
        reads = {v: (str(n["address"]), list(n["reads"])) for v, n in known.items()}
        pointed = [(n["version"], n["address"]) for n in self._pointers()]
        views = {v for v, n in known.items() if n["keep"] == Keep.VIEW}
        for version in left_behind(str(address), reads, pointed, views):
            self.discard(version)
        if not any(n["environment"] == self.names.environment for n in self._pointers()):
            self.line.shelf.tidy(self.names.public)

    def keep_results(self, subject: str, results: Iterable[CheckResult]) -> None:
        key = self._key(subject)
        before = self.line.notes.all("check").get(key, {"runs": []})["runs"]
        at = dt.datetime.fromtimestamp(time.time(), dt.UTC).isoformat().replace("+00:00", "Z")
        run = {"at": at, "results": [as_kept(r) for r in results]}
        self.line.notes.put("check", key, {"runs": [run, *before][:_RUNS]})
