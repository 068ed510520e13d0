"""The journal: finished steps in the order of their numbers. The state is what they make of the last whole one."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mlspec.base.address import Address
from mlspec.base.value import dataclass, field, replace
from mlspec.state.codec import FORMAT, StateError, plain, record_from_json, record_to_json
from mlspec.state.model import Record, State


@dataclass(frozen=True)
class Put:
    """A record as it is now. `action` and `reason` are the plan's; `resource` is what was made, as JSON; `moved` an old address."""

    record: Record
    action: str = ""
    reason: str = ""
    resource: Mapping[str, Any] | None = None
    moved: str = ""

    @property
    def address(self) -> Address:
        """Where it is recorded."""
        return self.record.address


@dataclass(frozen=True)
class Drop:
    """A record that is no more."""

    address: Address
    action: str = ""
    reason: str = ""


Step = Put | Drop


@dataclass(frozen=True)
class Entry:
    """Steps that a run finished, recorded together or not at all.

    `id` tells whether an entry is the one that was sent, when the answer was lost. `begin` and `end` are what a run says of
    itself first and last. `lineage` is given by the first entry of a state; `adopts` is that of a state that was pushed over it.
    """

    id: str
    run: str
    at: str
    steps: tuple[Step, ...] = ()
    lineage: str = ""
    adopts: str = ""
    begin: Mapping[str, Any] | None = None
    end: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Numbered:
    """An entry and its number, which is the serial of the state that it leads to."""

    number: int
    entry: Entry = field(repr=False)


def fold(state: State, entries: Iterable[Numbered]) -> State:
    """The state after the entries that come after it. Raises StateError where one between them is missing."""
    records, serial, lineage = dict(state.records), state.serial, state.lineage
    for numbered in entries:
        if numbered.number <= serial:
            continue
        if numbered.number != serial + 1:
            raise Gap(serial + 1)
        serial = numbered.number
        lineage = numbered.entry.adopts or lineage or numbered.entry.lineage
        for step in numbered.entry.steps:
            carry_out(records, step)
    return replace(state, records=records, serial=serial, lineage=lineage)


def carry_out(records: dict[Address, Record], step: Step) -> None:
    """Let records be as a step says; what had a moved one as its parent has it by its new name."""
    if isinstance(step, Drop):
        records.pop(step.address, None)
        return
    records[step.address] = step.record
    if step.moved:
        old = Address.parse(step.moved)
        for record in [r for r in records.values() if old in r.parents]:
            parents = tuple(sorted({step.address if p == old else p for p in record.parents}))
            records[record.address] = replace(record, parents=parents)


class Gap(StateError):
    """An entry is missing before others that are there."""

    def __init__(self, number: int) -> None:
        super().__init__(f"the state is damaged: entry {number} of its journal is missing", "put back an earlier copy")


def encode_entry(entry: Entry) -> str:
    """An entry as one line of JSON. Raises StateError for what JSON cannot hold."""
    raw: dict[str, Any] = {"format_version": FORMAT, "id": entry.id, "run": entry.run, "at": entry.at}
    raw |= {n: v for n in ("lineage", "adopts", "begin", "end") if (v := getattr(entry, n))}
    raw["steps"] = [_step(s) for s in entry.steps]
    try:
        return json.dumps(raw, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise StateError(
            f"the state cannot be written as JSON: {error}",
            "the outputs and words of a record are JSON",
            "state-not-json",
        ) from None


def _step(step: Step) -> dict[str, Any]:
    raw: dict[str, Any] = {"put" if isinstance(step, Put) else "drop": str(step.address)}
    names = ("action", "reason", "moved", "resource")
    raw |= {n: v for n in names if (v := getattr(step, n, None))}
    return raw | ({"record": record_to_json(step.record)} if isinstance(step, Put) else {})


def decode_entry(text: str) -> Entry:
    """Read an entry. Raises StateError for what is none."""
    try:
        raw = json.loads(text)
        version = raw["format_version"]
        if version > FORMAT:
            raise StateError(
                f"the state has format {version}, and this version of mlspec reads no format above {FORMAT}",
                "use the version of mlspec that wrote it, or a newer one",
                "state-too-new",
            )
        steps = tuple(_read_step(s, version) for s in raw["steps"])
        return Entry(
            raw["id"], raw["run"], raw["at"], steps, raw.get("lineage", ""), raw.get("adopts", ""),
            raw.get("begin"), raw.get("end"),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StateError(
            f"the state is damaged: its journal holds what is no entry ({error!r})", "put back an earlier copy"
        ) from None


def _read_step(raw: Mapping[str, Any], version: int) -> Step:
    said = (raw.get("action", ""), raw.get("reason", ""))
    if "drop" in raw:
        return Drop(Address.parse(raw["drop"]), *said)
    record = record_from_json(raw["put"], raw["record"], version)
    return Put(record, *said, raw.get("resource"), raw.get("moved", ""))
