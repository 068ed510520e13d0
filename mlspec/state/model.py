"""The state: a record of each resource that was made, as it was made."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from mlspec.base.address import Address
from mlspec.base.digest import digest
from mlspec.base.value import dataclass, field, replace


@dataclass(frozen=True)
class Record:
    """A resource as it was applied.

    `digest` is of its body, `columns` of each output column; `words` and `about` are the author's, for showing a
    difference; `parents` are its direct dependencies; `outputs` is what the backend needs to find it again.
    `backend` names the backend that made it (`engines.duckdb`).
    """

    address: Address
    form: str
    digest: str
    backend: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    rows_digest: str = ""
    words: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[Address, ...] = ()
    owner: str = ""
    protect: bool = False
    outputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """All records of one environment of one project. `lineage` is a UUID for life, `serial` grows with each write."""

    lineage: str
    project: str
    environment: str
    serial: int = 0
    records: Mapping[Address, Record] = field(default_factory=lambda: MappingProxyType({}))

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records.values())

    def get(self, address: Address) -> Record | None:
        """The record at that address, if there is one."""
        return self.records.get(address)

    def put(self, record: Record) -> "State":
        """A new state, one serial on, with this record."""
        return replace(self, serial=self.serial + 1, records={**self.records, record.address: record})

    def drop(self, address: Address) -> "State":
        """A new state, one serial on, without the record at that address."""
        rest = {a: r for a, r in self.records.items() if a != address}
        return replace(self, serial=self.serial + 1, records=rest)

    def move(self, old: Address, new: Address) -> "State":
        """A new state, one serial on, in which the record at `old` is at `new`, also for those that depend on it."""
        records = {}
        for address, record in self.records.items():
            parents = (
                tuple(sorted({new if p == old else p for p in record.parents}))
                if old in record.parents
                else record.parents
            )
            at = new if address == old else address
            records[at] = (
                record if at == address and parents == record.parents else replace(record, address=at, parents=parents)
            )
        return replace(self, serial=self.serial + 1, records=records)

    @property
    def digest(self) -> str:
        """The digest of what is recorded, whatever the serial: a saved plan is bound to it."""
        records = [(str(a), r.digest, r.columns, r.about, r.outputs) for a, r in sorted(self.records.items())]
        return digest(self.lineage, self.environment, records)
