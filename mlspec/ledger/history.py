"""What was done to an environment, run by run, and what it takes to be there again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlspec.backends.state_store import StateStore, Taken
from mlspec.base.address import Address
from mlspec.base.dag import in_order
from mlspec.base.diag import problem
from mlspec.base.value import asdict, dataclass, fields, replace
from mlspec.ir.codec import decode_resource
from mlspec.ir.desired import DesiredState
from mlspec.ir.resource import Resource
from mlspec.ledger.claim import Claim
from mlspec.ledger.patience import patiently, read, write
from mlspec.state.journal import Drop, Numbered, Put

_AT_ONCE = 8
INTERRUPTED = "interrupted"
REPARENTED = "reparented"
"""Why a record is written anew of which nothing but the name of a parent has changed."""


@dataclass(frozen=True)
class Past:
    """A run that changed what is recorded. `number` counts from 1; `result` is `applied`, `failed` (in part) or `interrupted`.

    `revision` is the commit of the project's files, with `+` when some were not committed. `serials` are those of the state
    before and after. `changes` has an object for each step that was recorded: `address`, `action`, `reason`, `digest`, `version`.
    """

    number: int
    run: str
    verb: str
    began: str
    ended: str
    who: str
    host: str
    result: str
    serials: tuple[int, ...]
    command: str = ""
    revision: str = ""
    mlspec: str = ""
    summary: Mapping[str, int] | None = None
    failed: tuple[Mapping[str, str], ...] = ()
    skipped: tuple[str, ...] = ()
    changes: tuple[Mapping[str, str], ...] = ()


def past(store: StateStore) -> tuple[Past, ...]:
    """Every run, the first first."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - start-up time

    names = patiently(store, lambda: store.names("history"))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda name: read(store, name), names)
    return tuple(_decode(kept.text) for kept in found if kept)


def tell(store: StateStore, claim: Claim, entries: Sequence[Numbered]) -> Past | None:
    """Write down the run of a claim by what the journal has of it, once; None when it recorded nothing."""
    mine = [n for n in entries if n.entry.run == claim.id]
    if not mine:
        return None
    if told := next((p for p in reversed(past_since(store, mine[0].number)) if p.run == claim.id), None):
        return told
    made = _encode({"steps": _made(mine)})
    _once(store, f"made/{claim.id}", made)
    one = _told(claim, mine)
    number = max(_numbers(store), default=0)
    while True:
        number += 1
        try:
            write(store, f"history/{number:06}", _encode(asdict(replace(one, number=number))), None)
        except Taken:
            continue
        return replace(one, number=number)


def past_since(store: StateStore, serial: int) -> list[Past]:
    """The runs that ended at or after a serial, the first first."""
    found: list[Past] = []
    for number in sorted(_numbers(store), reverse=True):
        kept = read(store, f"history/{number:06}")
        one = _decode(kept.text) if kept else None
        if one is None or one.serials[-1] < serial:
            break
        found.insert(0, one)
    return found


def _numbers(store: StateStore) -> list[int]:
    names = patiently(store, lambda: store.names("history"))
    return [int(n.rpartition("/")[2]) for n in names if n.rpartition("/")[2].isdigit()]


def _once(store: StateStore, name: str, text: str) -> None:
    try:
        write(store, name, text, None)
    except Taken:
        kept = read(store, name)
        write(store, name, text, kept.tag if kept else None)


def _told(claim: Claim, mine: Sequence[Numbered]) -> Past:
    begin: Mapping[str, Any] = next((n.entry.begin for n in mine if n.entry.begin), {}) or {}
    end: Mapping[str, Any] = next((n.entry.end for n in mine if n.entry.end), {}) or {}
    every = [s for n in mine for s in n.entry.steps]
    left = {s.moved for s in every if isinstance(s, Put)} - {""}
    steps = [s for s in every if not (isinstance(s, Drop) and str(s.address) in left)]  # a move is one change
    summary: dict[str, int] = {}
    for step in steps:
        if step.reason == REPARENTED:
            continue  # a parent of it has another name: that is recorded, and was no change of it
        summary[step.action or "record"] = summary.get(step.action or "record", 0) + 1
    return Past(
        0, claim.id, claim.why, claim.when, mine[-1].entry.at, claim.who, claim.host, end.get("result", INTERRUPTED),
        (mine[0].number - 1, mine[-1].number), begin.get("command", ""), begin.get("revision", ""), begin.get("mlspec", ""),
        summary, tuple(end.get("failed", ())), tuple(end.get("skipped", ())), tuple(_change(s) for s in steps),
    )  # fmt: skip


def _change(step: Put | Drop) -> dict[str, str]:
    said = {"address": str(step.address), "action": step.action or "record", "reason": step.reason}
    if isinstance(step, Put):
        version = str(step.record.outputs.get("version", ""))
        said |= {"digest": step.record.digest, "version": version} | ({"moved": step.moved} if step.moved else {})
    return {name: value for name, value in said.items() if value}


def _made(mine: Iterable[Numbered]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for numbered in mine:
        base = (numbered.entry.begin or {}).get("base", ())
        found += [{"put": r["address"], "resource": r} for r in base]
        for step in numbered.entry.steps:
            if isinstance(step, Drop):
                found.append({"drop": str(step.address)})
            else:
                about = {"digest": step.record.digest, "moved": step.moved, "resource": step.resource}
                found.append({"put": str(step.address)} | {n: v for n, v in about.items() if v})
    return found


def applied_after(store: StateStore, project: str, environment: str, number: int) -> DesiredState:
    """What was made and not yet taken away after the run of that number. Raises Problems where there is none.

    What was recorded without its definition (by `state push`, or before there was a history) is not in it.
    """
    runs = past(store)
    if not any(p.number == number for p in runs):
        known = f"the last is {runs[-1].number}" if runs else "nothing has been applied yet"
        raise problem("no-such-run", f"the history has no number {number}", help=f"`mlspec history` lists it; {known}")
    resources: dict[Address, Resource] = {}
    for one in runs:
        if one.number <= number:
            kept = read(store, f"made/{one.run}")
            for step in json.loads(kept.text)["steps"] if kept else ():
                _replay(resources, step)
    order = in_order({a: [p for p in r.parents if p in resources] for a, r in resources.items()})
    return DesiredState(project, environment, {a: resources[a] for a in order})


def _replay(resources: dict[Address, Resource], step: Mapping[str, Any]) -> None:
    address = Address.parse(step.get("put") or step["drop"])
    if step.get("moved"):
        old = Address.parse(step["moved"])
        before = resources.pop(old, None)
        if before is not None:
            resources[address] = replace(before, address=address)
        for one in list(resources.values()):
            if old in one.parents:
                parents = tuple(address if p == old else p for p in one.parents)
                resources[one.address] = replace(one, parents=parents)
    if "drop" in step:
        resources.pop(address, None)
    elif "resource" in step:
        resources[address] = decode_resource(step["resource"])
    elif address in resources and resources[address].digest != step.get("digest"):
        del resources[address]  # it is another thing now, and nobody said what


def _encode(raw: Any) -> str:
    return json.dumps(raw, ensure_ascii=False, indent=1) + "\n"


def _decode(text: str) -> Past:
    raw = json.loads(text)
    names = {f.name for f in fields(Past)}
    said: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items() if k in names}
    return Past(**said)
