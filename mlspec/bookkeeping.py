"""The verbs about what is recorded: look at it, forget a record, break a lock."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from mlspec import show
from mlspec.backends.chosen import Backends
from mlspec.backends.port import LockInfo
from mlspec.base.diag import known_names, problem
from mlspec.state.codec import encode
from mlspec.state.model import Record, State


class Bookkeeping(ABC):
    """The part of a session that is about its state."""

    @property
    @abstractmethod
    def backends(self) -> Backends:
        """The backends of the environment."""

    @abstractmethod
    def recorded(self) -> tuple[State, str | None]:
        """The recorded state and its text; a new one, and None, where there is none yet."""

    def state_list(self) -> list[dict[str, Any]]:
        """The records in short."""
        state, _ = self.recorded()
        return [
            {"address": str(a), "form": r.form, "owner": r.owner, "digest": r.digest[:12], **_short(r.outputs)}
            for a, r in sorted(state.records.items())
        ]

    def state_show(self, address: str) -> dict[str, Any]:
        """A record in full."""
        return show.record(self._known(address)[1])

    def state_pull(self) -> str:
        """The state as it is stored."""
        return encode(self.recorded()[0])

    def state_remove(self, address: str) -> None:
        """Forget a record; what it describes stays."""
        lock = self.backends.store.lock("state rm")
        try:
            state, record = self._known(address)
            self.backends.store.write(encode(state.drop(record.address)), self.backends.store.read())
        finally:
            self.backends.store.unlock(lock.id)

    def state_unlock(self, lock_id: str) -> None:
        """Break the lock with that id."""
        self.backends.store.unlock(lock_id)

    def state_lock(self) -> LockInfo | None:
        """Who holds the lock."""
        return self.backends.store.holder()

    def _known(self, address: str) -> tuple[State, Record]:
        state, _ = self.recorded()
        found = {str(a): r for a, r in state.records.items()}
        if address not in found:
            raise problem(
                "unknown-address", f"the state has no `{address}`", help=known_names(address, found, "address")
            )
        return state, found[address]


def _short(outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": outputs["version"]} if "version" in outputs else {}
