"""Whether the features of a dataset can know its labels: by way of a column, or of a source, that says not when it is known."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic
from mlspec.base.value import dataclass, field
from mlspec.ir.relation import Boundary, Column, Origin, Relation
from mlspec.ir.sql.analysis import Analysis
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.parse import parse
from mlspec.kinds._views.knowledge import in_advance, says_when_known, spec_of
from mlspec.kinds.feature_set import Chosen
from mlspec.language.scope import Scope

Origins = frozenset[Origin]


@dataclass
class Leaks:
    """The labels of a dataset with all columns and sources that they come from, and what is found about features.

    `time` is the column of the labels at which a row asks.
    """

    scope: Scope
    analysis: Analysis
    labels: tuple[str, ...]
    time: str
    _roots: dict[Origin, Origins] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = [c for c in self.analysis.columns if c.name in self.labels]
        self.from_: dict[str, Origins] = {c.name: self._all(c.origins) for c in columns}
        self.sources = {o.address for found in self.from_.values() for o in found}
        self.own = dict(self._own(columns))

    def _own(self, columns: Iterable[Column]) -> Iterator[tuple[Origin, str]]:
        """The columns of which a label is nothing but the value."""
        plain = _plain(self.analysis.query)
        for column in columns:
            if column.name in plain and len(column.origins) == 1:
                yield column.origins[0], column.name

    def of(self, chosen: Iterable[Chosen]) -> Iterator[Diagnostic]:
        """What is found, one diagnostic for each view."""
        views: dict[str, list[Chosen]] = {}
        for one in chosen:
            views.setdefault(str(self.scope.address(one.view)), []).append(one)
        for address, features in views.items():
            spec = spec_of(self.scope, address)
            if spec.on_request is not None:
                yield from self._asked(spec)
            elif not in_advance(self.scope, address):
                found = list(self._looked_up(address, spec, features))
                yield from found or self._own_row(address, spec, features)

    # -- features that are looked up -----------------------------------------------------------------------------------

    def _looked_up(self, address: str, spec: Any, features: list[Chosen]) -> Iterator[Diagnostic]:
        if spec.available_time:
            return
        relation = self.scope.relation(Address.parse(address))
        warned: dict[str, tuple[str, str]] = {}
        for near in (a for a in relation.reads if not says_when_known(self.scope, a)):
            cure = _cure(near if spec.sql is None else address, relation.timing.event_time)
            for one in features:
                feature = f"{spec.name}.{one.column.name}"
                found = self._all(o for o in one.column.origins if o.address == near)
                if same := min(found & self.own.keys(), key=_shown, default=None):
                    yield self._same(self.own[same], feature, _shown(same), cure)
                    return
                for label, roots in self.from_.items():
                    shared = min(found & roots, key=_shown, default=None)
                    if shared or near in self.sources:
                        message = (
                            f"reads `{_shown(shared) if shared else near}`, from which the label `{label}` comes too"
                        )
                        warned.setdefault(feature, (message, cure))
        if warned:
            yield self._maybe(warned)

    def _same(self, label: str, feature: str, column: str, cure: str) -> Diagnostic:
        message = f"feature `{feature}` is computed from `{column}`, which is the label `{label}`; nothing says when that is known"
        return self.scope.error("label-in-features", message, "labels", "label", help=cure)

    def _maybe(self, warned: Mapping[str, tuple[str, str]]) -> Diagnostic:
        feature, (message, cure) = next(iter(warned.items()))
        more = f" (as {len(warned) - 1} more of its view)" if len(warned) > 1 else ""
        whole = f"feature `{feature}`{more} {message}; nothing says when that is known"
        return self.scope.warning("possible-leak", whole, "labels", "label", help=cure)

    def _own_row(self, address: str, spec: Any, features: list[Chosen]) -> Iterator[Diagnostic]:
        """Where a row that asks is itself among the rows that answer, a feature must not say what the label says."""
        timing = self.scope.relation(Address.parse(address)).timing
        if timing.boundary is Boundary.EXCLUSIVE:
            return
        for near in self._asking_themselves(address, spec):
            for one in features:
                found = self._all(o for o in one.column.origins if o.address == near)
                for label, roots in self.from_.items():
                    if shared := min(found & roots, key=_shown, default=None):
                        feature = f"{spec.name}.{one.column.name}"
                        message = f"feature `{feature}` has the row of exactly `t` in it, and reads `{_shown(shared)}`, from which the label `{label}` comes too"
                        help_ = f"say `boundary: exclusive` in `{address}`, or ask before the row happens"
                        yield self.scope.warning("own-row", message, "labels", "label", help=help_)
                        return

    def _asking_themselves(self, address: str, spec: Any) -> Iterator[str]:
        """Of what a view reads, that of which each row asks at its own time, and is known by then."""
        asked = next(
            (c for c in self.analysis.columns if c.name == self.time and c.name in _plain(self.analysis.query)), None
        )
        relation = self.scope.relation(Address.parse(address))
        times = (relation.timing.event_time, relation.timing.available_time)
        if asked is None or len(asked.origins) != 1 or (spec.sql is None and times[1]):
            return
        for near in relation.reads:
            timing = self.scope.relation(Address.parse(near)).timing
            if not timing.event_time or timing.available_time not in {"", timing.event_time}:
                continue
            happened = Origin(near, timing.event_time)
            moved = spec.sql is not None and not all(_as_it_was(relation, time, happened) for time in times if time)
            if not moved and self._all(asked.origins) & self._all([happened]):
                yield near

    # -- features computed from the request ----------------------------------------------------------------------------

    def _asked(self, spec: Any) -> Iterator[Diagnostic]:
        columns: Mapping[str, Column] = {c.name: c for c in self.analysis.columns}
        for name in spec.on_request.inputs:
            if name in self.labels:
                message = f"feature view `{spec.name}` asks for `{name}`, which is the label"
                help_ = "a request cannot carry what is to be predicted: take it out of `inputs`"
                yield self.scope.error("label-in-features", message, "labels", "label", help=help_)
            elif name in columns and not spec.known_in_advance:
                found = self._all(columns[name].origins)
                for label, roots in self.from_.items():
                    if shared := min(found & roots, key=_shown, default=None):
                        message = f"input `{name}` of `{spec.name}` comes from `{_shown(shared)}`, from which the label `{label}` comes too"
                        help_ = f"if a request knows it when it asks, say `known_in_advance: true` in `{spec.name}`"
                        yield self.scope.warning("possible-leak", message, "labels", "label", help=help_)
                        break

    # -- where columns come from ---------------------------------------------------------------------------------------

    def _all(self, origins: Iterable[Origin]) -> Origins:
        """These columns, and all that they come from."""
        return frozenset().union(*(self._from(o) for o in origins))

    def _from(self, origin: Origin) -> Origins:
        if origin not in self._roots:
            relation = self.scope.relation(Address.parse(origin.address))
            column = relation.column(origin.column)
            self._roots[origin] = self._all(column.origins if column else ()) | {origin}
        return self._roots[origin]


def _as_it_was(relation: Relation, time: str, happened: Origin) -> bool:
    """Whether a time of a query is nothing but that time of what it reads."""
    column = relation.column(time)
    return column is not None and column.origins == (happened,) and time in _plain(relation.query)


def _plain(query: str) -> frozenset[str]:
    """The columns that a query hands on as they are, as far as its outermost SELECT says that."""
    return frozenset(p.alias_or_name for p in parse(query).selects if isinstance(p.unalias(), exp.Column))


def _shown(origin: Origin) -> str:
    return f"{origin.address}.{origin.column}"


def _cure(address: str, event_time: str) -> str:
    if not event_time:
        return f"`{address}` has no `event_time`, so its rows answer at all times: give it one"
    return f"say `available_time:` in `{address}`; if rows are known when they happen, name the event time there too"
