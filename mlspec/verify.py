"""Whether a dataset could be made again now, as its certificate says it was made: what differs, one by one."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlspec.base.value import dataclass
from mlspec.ir.certificate import Claims


@dataclass(frozen=True)
class Difference:
    """What differs (`definition`, `source`, `column`, `version`, `rows`, `engine`, `mlspec`), of what, and how."""

    what: str
    of: str
    then: str
    now: str


@dataclass(frozen=True)
class Verified:
    """What differs between a certificate and what the files, the sources and the warehouse say now.

    `notes` are other releases of the engine or of mlspec: they should answer the same, and nobody has tried.
    """

    dataset: str
    version: str
    differences: tuple[Difference, ...] = ()
    notes: tuple[Difference, ...] = ()

    @property
    def reproducible(self) -> bool:
        """Whether making it again now would make the same."""
        return not self.differences


def verified(certificate: Mapping[str, Any], claims: Claims, kept: int | None, engine: Mapping[str, str]) -> Verified:
    """Compare a certificate with what would be claimed now; `kept` is how many rows the warehouse holds of its version."""
    now = claims.about
    found = [*_definitions(certificate, now), *_sources(certificate, now), *_columns(certificate, now)]
    if certificate["version"] != now["version"] and not found:
        found.append(Difference("version", certificate["dataset"], certificate["version"], now["version"]))
    rows = certificate["rows"]["answered"]
    if kept != rows:
        held = "not in the warehouse" if kept is None else f"{kept:,}"
        found.append(Difference("rows", certificate["version"], f"{rows:,}", held))
    notes = []
    for name, then, is_now in (
        ("engine", " ".join(certificate["engine"].values()), " ".join(engine.values())),
        ("mlspec", certificate["mlspec"], now["mlspec"]),
    ):
        if then != is_now:
            notes.append(Difference(name, "", then, is_now))
    return Verified(certificate["dataset"], certificate["version"], tuple(found), tuple(notes))


_ABSENT = "not there"


def _definitions(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    yield from _pairs("definition", then["definitions"], now["definitions"])


def _sources(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    snapshots = [{a: said["snapshot"] for a, said in one["sources"].items()} for one in (then, now)]
    yield from _pairs("source", *snapshots)


def _columns(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    digests = [{c["name"]: c["digest"] for c in one["columns"]} for one in (then, now)]
    yield from _pairs("column", *digests)


def _pairs(what: str, then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Difference]:
    for name in sorted({*then, *now}):
        before, after = then.get(name, _ABSENT), now.get(name, _ABSENT)
        if before != after:
            yield Difference(what, name, before, after)
