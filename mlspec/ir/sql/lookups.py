"""What it takes to look features of a relation up."""

from mlspec.base.value import replace
from mlspec.ir.relation import Keep, Lookup, Relation

Pairs = tuple[tuple[str, str], ...]


def look_up(address: str, relation: Relation, features: Pairs, keys: Pairs, at: str = "") -> Lookup:
    """The look-up of some features: in what is kept of the relation, or in the events that its windows are over."""
    chosen = {f for f, _ in features}
    zero = tuple(c.name for c in relation.columns if c.name in chosen and c.empty)
    windows = relation.windows if relation.keep is Keep.VIEW else None
    if windows is not None:
        windows = replace(windows, aggregates=tuple(a for a in windows.aggregates if a.name in chosen))
    tie = relation.column(relation.timing.tie_break)
    return Lookup(address, keys, features, relation.timing, zero, windows, at, tie.type if tie else None)
