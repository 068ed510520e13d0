"""Windows in whole microseconds: when an event enters one and leaves it, and the events that can count at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlspec.base.value import dataclass
from mlspec.ir.relation import Aggregate, Boundary, Windows
from mlspec.ir.sql.dialect import column, microseconds, number, table
from mlspec.ir.sql.glot import exp

ASKED = "__t"


@dataclass(frozen=True)
class Span:
    """Windows that begin and end together; `window` 0 is everything so far."""

    offset: int
    window: int
    hop: int

    @classmethod
    def of(cls, aggregate: Aggregate) -> Span:
        """The span of an aggregate."""
        return cls(aggregate.offset, aggregate.window, aggregate.hop)

    def newest(self, asked: exp.Expr) -> exp.Expr:
        """The new end of the window of a question."""
        return exp.Sub(this=asked, expression=number(self.offset)) if self.offset else asked

    def oldest(self, asked: exp.Expr) -> exp.Expr:
        """The old end; with a hop, the last step at or before it."""
        end = exp.Sub(this=asked, expression=number(self.offset + self.window))
        return floored(end, self.hop) if self.hop else end

    def enters(self, event: exp.Expr, known: exp.Expr | None) -> exp.Expr:
        """The moment at which an event begins to count."""
        moved = exp.Add(this=event, expression=number(self.offset)) if self.offset else event
        return moved if known is None else exp.Greatest(this=moved, expressions=[known], ignore_nulls=False)

    def leaves(self, event: exp.Expr, boundary: Boundary) -> exp.Expr:
        """The moment from which on it counts no more; without a hop and exclusive, just after which."""
        if not self.hop:
            return exp.Add(this=event, expression=number(self.offset + self.window))
        earlier = number(1)
        up: exp.Expr = exp.paren(exp.Sub(this=event, expression=earlier)) if boundary is Boundary.INCLUSIVE else event
        step = exp.Add(this=floored(up, self.hop), expression=number(self.hop))
        return exp.Add(this=exp.paren(step), expression=number(self.offset + self.window))


def floored(node: exp.Expr, step: int) -> exp.Expr:
    """The last multiple of a step at or before a number; before 1970 too."""
    size = number(step)
    rest = exp.Mod(this=exp.paren(node.copy()), expression=size)
    rest = exp.Mod(this=exp.paren(exp.Add(this=exp.paren(rest), expression=size.copy())), expression=size.copy())
    return exp.Sub(this=exp.paren(node), expression=exp.paren(rest))


@dataclass(frozen=True)
class Answer:
    """Some features by question: a query of the keys `__k0`…, the time asked `__t` and the features, a row for each."""

    query: exp.Select
    features: tuple[str, ...]


def names(windows: Windows) -> list[str]:
    """What the keys are called in streams and answers."""
    return [f"__k{i}" for i in range(len(windows.keys))]


def events(windows: Windows, values: Iterable[tuple[str, exp.Expr]]) -> exp.Select:
    """The events that can count at all: known keys, known times; with some values, each under a name."""
    needed = [*windows.keys, windows.time, *([windows.available] if windows.available else [])]
    select = exp.select(
        *[exp.alias_(column(k), n, quoted=True) for k, n in zip(windows.keys, names(windows), strict=True)],
        exp.alias_(microseconds(column(windows.time), zoned=windows.zoned), "__us", quoted=True),
    )
    if windows.available:
        known = microseconds(column(windows.available), zoned=windows.zoned)
        select = select.select(exp.alias_(known, "__known", quoted=True), copy=False)
    if windows.order:
        select = select.select(exp.alias_(column(windows.order), "__order", quoted=True), copy=False)
    select = select.select(*[exp.alias_(node, name, quoted=True) for name, node in values], copy=False)
    return select.from_(table(windows.events)).where(*[column(n).is_(exp.null()).not_() for n in needed])


def inside(windows: Windows, span: Span, asked: exp.Expr, alias: str) -> list[exp.Expr]:
    """The conditions under which an event is in the window of a question, and known."""
    inclusive = windows.boundary is Boundary.INCLUSIVE
    before, after = (exp.LTE, exp.GT) if inclusive else (exp.LT, exp.GTE)
    found: list[exp.Expr] = [before(this=column("__us", alias), expression=span.newest(asked.copy()))]
    if windows.available:
        found.append(before(this=column("__known", alias), expression=asked.copy()))
    if span.window:
        found.append(after(this=column("__us", alias), expression=span.oldest(asked.copy())))
    return found


def union(branches: Sequence[exp.Query]) -> exp.Query:
    """All rows of all of them."""
    query = branches[0]
    for branch in branches[1:]:
        query = exp.union(query, branch, distinct=False, copy=False)
    return query
