"""A fact: something true that needs no work of its own; it lives in the state only."""

from mlspec.base.value import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """Ordered pairs of a name and a value in JSON."""

    items: tuple[tuple[str, str], ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    """Pairs of name and digest with type, where the items are columns that others rely on."""
