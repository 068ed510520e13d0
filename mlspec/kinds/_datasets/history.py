"""Whether the history of a source is as long as the windows over it: rows that ask too early get windows that are cut off."""

from collections.abc import Iterator, Sequence

from mlspec.base.address import Address
from mlspec.ir.check import Check, Expectation
from mlspec.ir.relation import Lookup, Relation
from mlspec.ir.sql.dialect import DIALECT, column, interval, table
from mlspec.ir.sql.glot import exp
from mlspec.language.checked import Read, of_columns
from mlspec.language.scope import Scope


def history_check(scope: Scope, address: str, dataset: Relation, allowed: float) -> Check | None:
    """A warning for each view with windows that begin before its source does, for more than a share of the rows."""
    lookups = dataset.as_of.lookups if dataset.as_of else ()
    found = tuple(_expectations(scope, address, dataset.timing.event_time, lookups, allowed))
    if not found:
        return None
    read = {r for e, asked, events, time in found for r in _read(scope, dataset, asked, events, time)}
    return Check(address, tuple(e for e, *_ in found), columns=tuple(sorted(read)))


def _read(scope: Scope, dataset: Relation, asked: str, events: str, time: str) -> Iterator[Read]:
    yield from of_columns(dataset, [asked])
    yield from of_columns(scope.relation(Address.parse(events)), [time], events)


def _expectations(
    scope: Scope, address: str, time: str, lookups: Sequence[Lookup], allowed: float
) -> Iterator[tuple[Expectation, str, str, str]]:
    """Each with the column of the dataset that it reads, and the time of which events."""
    seen: set[tuple[str, str]] = set()
    for lookup in lookups:
        view = Address.parse(lookup.address)
        windows = scope.relation(view).windows if view.kind == "feature_view" else None
        asked = lookup.at or time
        chosen = {f for f, _ in lookup.features}
        spans = [a.window + a.offset for a in windows.aggregates if a.window and a.name in chosen] if windows else []
        if windows is None or not spans or (lookup.address, asked) in seen:
            continue
        seen.add((lookup.address, asked))
        first = exp.select(exp.Min(this=column(windows.time))).from_(table(windows.events)).subquery()
        begins = exp.Sub(this=column(asked), expression=interval(max(spans)))
        cut = exp.LT(this=begins, expression=exp.cast(first, "TIMESTAMPTZ") if windows.zoned else first)
        query = exp.select(exp.func("COUNT_IF", cut), exp.Count(this=column(asked))).from_(table(address))
        name = f"whole_windows_of_{view.name}" + (f"_at_{lookup.at}" if lookup.at else "")
        yield Expectation(name, query.sql(DIALECT), "warn", allowed), asked, windows.events, windows.time
