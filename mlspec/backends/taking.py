"""What an engine may do with what it holds already: give it another name, take over what somebody else has made."""

from mlspec.backends.error import BackendError
from mlspec.backends.found import Size as Size  # noqa: PLC0414 - who knows the ports finds it here
from mlspec.base.address import Address
from mlspec.ir.relation import Relation


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
