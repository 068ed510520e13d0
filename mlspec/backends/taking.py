"""What an engine may do with what it holds already: give it another name, take over what somebody else has made."""

from dataclasses import dataclass

from mlspec.backends.error import BackendError
from mlspec.base.address import Address
from mlspec.ir.relation import Relation


@dataclass(frozen=True)
class Size:
    """How much a kept relation holds; bytes are the engine's estimate. `partitions` is how many it has, if it is kept in any."""

    rows: int
    bytes: int
    partitions: int = 0


class Taking:
    """A part of the port of engines; one that has nothing of it says so."""

    def rename(self, old: Address, new: Address, before: str, version: str) -> None:
        """Let the version `before` of `old` be the `version` of `new`, whose public name then means it; done already is done.

        What is kept in partitions only hands over what it is defined by: the version is filled from the one before.
        """
        raise BackendError(f"this engine cannot move `{old}` to `{new}`", "take the `moved` document away")

    def columns_of(self, table: str) -> tuple[tuple[str, str], ...]:
        """The names and logical types of a table that somebody else has made; empty if it is not there."""
        return ()

    def adopt(self, address: Address, relation: Relation, table: str) -> Size:
        """Let a table that somebody else has made be this version; done already is done."""
        raise BackendError(f"this engine cannot take over `{table}`", "take the `import` document away")
