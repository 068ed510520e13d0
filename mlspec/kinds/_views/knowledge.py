"""What says when the rows of a source, or of a view, are known; and what must say it, because something it reads does."""

from collections.abc import Iterator
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic
from mlspec.language.scope import Scope


def spec_of(scope: Scope, address: str) -> Any:
    """The spec that offers the rows of an address."""
    return scope.spec(Address.parse(address))


def reads_of(scope: Scope, address: str) -> tuple[str, ...]:
    """The addresses that the rows of an address are made from."""
    return scope.relation(Address.parse(address)).reads


def in_advance(scope: Scope, address: str) -> bool:
    """Whether rows are declared as known before their time, or are made of nothing but such."""
    if spec_of(scope, address).known_in_advance:
        return True
    reads = reads_of(scope, address)
    return bool(reads) and all(in_advance(scope, a) for a in reads)


def says_when_known(scope: Scope, address: str) -> bool:
    """Whether something says when a row becomes known: it itself, or all that it takes rows from."""
    spec, relation = spec_of(scope, address), scope.relation(Address.parse(address))
    if spec.available_time or relation.timing.available_time or in_advance(scope, address):
        return True
    rows_of = getattr(spec, "source", None)
    return rows_of is not None and says_when_known(scope, str(scope.address(rows_of)))


def lost_available_time(scope: Scope, reads: tuple[str, ...], name: str, field: str) -> Iterator[Diagnostic]:
    """What is read says when its rows become known, and SQL that says nothing of it would lose that."""
    for address in reads:
        if scope.relation(Address.parse(address)).timing.available_time or spec_of(scope, address).available_time:
            message = f"`{name}` reads `{address}`, which says when its rows become known"
            help_ = "select when each row is known, and name that column in `available_time:`"
            yield scope.error("missing-available-time", message, field, help=help_)


def without_history(scope: Scope, address: str) -> bool:
    """Whether rows are changed in place, so that nobody knows what they said before."""
    spec = spec_of(scope, address)
    if spec.known_in_advance or getattr(spec, "valid_from", None) or spec.available_time not in {None, spec.event_time}:
        return False
    if getattr(spec, "rows", "") == "mutable":
        return True
    query = getattr(spec, "query", None) is not None and "rows" not in spec.model_fields_set
    return query and any(without_history(scope, a) for a in reads_of(scope, address))


def no_history(scope: Scope, reads: tuple[str, ...], name: str, field: str) -> Iterator[Diagnostic]:
    """Features of rows that change afterwards would say at an earlier time what became true later."""
    for address in reads:
        if address.startswith("source.") and without_history(scope, address):
            message = f"`{name}` reads `{address}`, whose rows change afterwards: what they said before is lost"
            help_ = "keep each state as a row of its own; or say with `available_time` when a row was last changed"
            yield scope.error("no-history", message, field, help=help_)
