"""Drift: what is really there against what was recorded, and what a state would learn of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Severity
from mlspec.base.value import dataclass, replace
from mlspec.state.model import State

WHATS: Mapping[str, str] = {
    "missing": "`mlspec apply` makes it again",
    "altered": "`mlspec apply` makes it again as it was defined",
    "repointed": "`mlspec apply` points it back; to keep what is there, change the specs to it",
    "unnoted": "`mlspec apply` builds its partitions anew",
    "edited": "`mlspec apply` writes it anew; to keep the edit, make it in the specs",
    "stopped": "`mlspec apply` starts it again",
    "column_added": "declare it to use it; until then it is passed over",
    "column_removed": "take it out of `columns`, or have it put back upstream",
    "column_retyped": "declare the new type, or have it changed back upstream",
}
"""What may have happened to a thing, and what to do about it."""

GONE = frozenset({"missing", "unnoted"})
"""Of these nothing is left that a state could describe."""


@dataclass(frozen=True)
class Acknowledged:
    """Somebody has accepted a drift, or ignores the field: `by` is `acknowledge` or `ignore_changes`."""

    by: str
    reason: str = ""
    until: str = ""


@dataclass(frozen=True)
class Drift:
    """One thing that is not as it was recorded: `what` happened to which `subject` of an address (a table, a file, a column).

    The three snapshots are kept apart: `recorded` in the state, `observed` now, `desired` by the files; None is absent.
    `learned` are the outputs that a record would have after a refresh; None: the record would go.
    """

    address: Address
    what: str
    subject: str
    recorded: Any = None
    observed: Any = None
    desired: Any = None
    learned: Mapping[str, Any] | None = None
    acknowledged: Acknowledged | None = None

    @property
    def help(self) -> str:
        """What to do about it."""
        return WHATS[self.what]

    @property
    def repairable(self) -> bool:
        """Whether an apply puts it right; what happened upstream it cannot."""
        return not self.what.startswith("column_")

    @property
    def path(self) -> tuple[str, ...]:
        """The field of a spec that it would be a change of; for `ignore_changes`."""
        if self.what.startswith("column_"):
            return ("columns", self.subject)
        return ("artifacts", self.subject) if self.what == "edited" else (self.what,)


@dataclass(frozen=True)
class Acceptance:
    """Drift of an address that somebody accepts until a day (ISO 8601, that day too); of one `what`, or one `subject`, if given."""

    address: str
    reason: str
    until: str
    what: str = ""
    subject: str = ""

    def covers(self, drift: Drift) -> bool:
        """Whether it speaks of this drift."""
        whole = self.address in {str(drift.address), str(drift.address.whole)}
        return whole and self.what in {"", drift.what} and self.subject in {"", drift.subject}


def marked(drift: Iterable[Drift], acceptances: Iterable[Acceptance], today: str) -> tuple[Drift, ...]:
    """The drift, where somebody accepts it marked so."""
    valid = [a for a in acceptances if a.until >= today]
    found = []
    for one in drift:
        by = next((a for a in valid if a.covers(one)), None)
        found.append(replace(one, acknowledged=Acknowledged("acknowledge", by.reason, by.until)) if by else one)
    return tuple(found)


def expired(acceptances: Iterable[Acceptance], today: str) -> tuple[Diagnostic, ...]:
    """A warning for each that has ended: what it accepted drifts again."""
    help_ = "put it right, or agree to it anew with another `until`; then the plan leaves it as it is"
    return tuple(
        Diagnostic("acknowledgement-expired", f"the drift of `{a.address}` was accepted until {a.until} ({a.reason}), which is over",
                   help=help_, severity=Severity.WARNING)
        for a in acceptances if a.until < today
    )  # fmt: skip


MARK = "drifted"
"""The key of a record's outputs that says what a refresh found of it."""


def refreshed(state: State, drift: Iterable[Drift]) -> State:
    """The state after it has learned what is really there; nothing else has changed."""
    for one in drift:
        record = state.get(one.address)
        if record is None or one.acknowledged is not None:
            continue
        if one.learned is None:
            state = state.drop(one.address)
        elif {**record.outputs, **one.learned} != dict(record.outputs):
            state = state.put(replace(record, outputs={**record.outputs, **one.learned}))
    return state


def to_json(one: Drift) -> dict[str, Any]:
    """A drift as JSON."""
    accepted = one.acknowledged
    return {
        "address": str(one.address),
        "what": one.what,
        "subject": one.subject,
        "recorded": one.recorded,
        "observed": one.observed,
        "desired": one.desired,
        "help": one.help,
        "learned": None if one.learned is None else dict(one.learned),
        "acknowledged": {"by": accepted.by, "reason": accepted.reason, "until": accepted.until} if accepted else None,
    }


def from_json(data: Mapping[str, Any]) -> Drift:
    """The drift that JSON describes."""
    accepted = data["acknowledged"]
    return Drift(
        Address.parse(data["address"]), data["what"], data["subject"], data["recorded"], data["observed"], data["desired"],
        data["learned"], Acknowledged(**accepted) if accepted else None,
    )  # fmt: skip
