"""Which view a dataset joins by which keys, found while the features of its set are walked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlspec.base.diag import Diagnostic
from mlspec.base.digest import digest
from mlspec.base.value import dataclass
from mlspec.ir.relation import Column, Lookup, Origin, Relation
from mlspec.ir.sql.analyse import origins_of
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.lookups import look_up
from mlspec.ir.sql.parse import parse_expression
from mlspec.kinds.feature_set import Chosen
from mlspec.language.scope import Scope


@dataclass
class Joins:
    """The look-ups of a dataset whose rows have these columns, and ask at `time`."""

    scope: Scope
    rows: Mapping[str, Column]
    time: str

    def __post_init__(self) -> None:
        self.problems: list[Diagnostic] = []
        self.keys: tuple[str, ...] = ()
        self.order: list[str] = []

    def plan(self, chosen: tuple[Chosen, ...]) -> tuple[list[Lookup], dict[str, exp.Expr]]:
        """A look-up for each view, and an expression for each feature computed from the row itself."""
        views: dict[Any, list[Chosen]] = {}
        computed: dict[str, exp.Expr] = {}
        for one in chosen:
            views.setdefault((str(self.scope.address(one.view)), one.renamed, one.at), []).append(one)
        lookups = []
        for (address, _, at), features in views.items():
            spec = self.scope.spec(features[0].view)
            if spec.on_request is not None:
                self._inputs(spec)
                computed.update({f.name: parse_expression(f.column.words) for f in features})
                continue
            keys = self._keys(spec, features[0])
            relation = self.scope.relation(features[0].view)
            self._time(spec, relation, at)
            pairs = tuple((f.column.name, f.name) for f in features)
            lookups.append(look_up(address, relation, pairs, keys, at))
            self.keys = tuple(dict.fromkeys((*self.keys, *(ours for _, ours in keys))))
        self.order = [name for lookup in lookups for _, name in lookup.features] + list(computed)
        return lookups, computed

    def _keys(self, spec: Any, one: Chosen) -> tuple[tuple[str, str], ...]:
        keys = one.keys(self.scope)
        for name, kind in keys.values():
            have = self.rows.get(name)
            if have is None:
                message = f"feature view `{spec.name}` needs `{name}`, which the labels do not have"
                help_ = f"select it; the labels have {', '.join(f'`{n}`' for n in self.rows)}"
                self.problems.append(self.scope.error("missing-key", message, "labels", "sql", help=help_))
            elif not have.type.joins(kind):
                message = f"key `{name}` is `{have.type}` in the labels, `{kind}` in feature view `{spec.name}`"
                self.problems.append(
                    self.scope.error(
                        "key-type-mismatch", message, "labels", "sql", help="cast it: `1` never equals `'01'`"
                    )
                )
        return tuple((theirs, ours) for theirs, (ours, _) in keys.items())

    def _time(self, spec: Any, relation: Relation, at: str) -> None:
        if at and at not in self.rows:
            message = f"feature view `{spec.name}` is asked at `{at}`, which the labels do not have"
            help_ = f"select it; the labels have {', '.join(f'`{n}`' for n in self.rows)}"
            self.problems.append(self.scope.error("missing-key", message, "labels", "sql", help=help_))
            return
        asked = self.rows[at or self.time]
        if asked.type.name not in {"timestamp", "timestamptz"}:
            message = f"feature view `{spec.name}` is asked at `{at}`, which is `{asked.type}`, not a moment"
            self.problems.append(
                self.scope.error("wrong-type", message, "labels", "sql", help="cast it to a timestamp")
            )
        for name in {relation.timing.event_time, relation.timing.available_time} - {""}:
            have = relation.column(name)
            if have is not None and {have.type.name, asked.type.name} == {"timestamp", "timestamptz"}:
                theirs, ours = f"`{have.name}` of feature view `{spec.name}`", f"`{asked.name}` of the labels"
                naive, aware = (theirs, ours) if have.type.name == "timestamp" else (ours, theirs)
                message = f"{naive} has no time zone, {aware} has"
                self.problems.append(self.scope.error("naive-aware-comparison", message, "labels", "event_time",
                                                      help="declare `timezone` on the source, or cast"))  # fmt: skip

    def _inputs(self, spec: Any) -> None:
        for name, kind in spec.on_request.inputs.items():
            have = self.rows.get(name)
            if have is None:
                message = f"feature view `{spec.name}` needs the request's `{name}`, which the labels do not have"
                self.problems.append(
                    self.scope.error("missing-key", message, "labels", "sql", help="select it in the labels' SQL")
                )
            elif not have.type.joins(kind):
                message = f"`{name}` is `{have.type}` in the labels, `{kind}` in feature view `{spec.name}`"
                self.problems.append(self.scope.error("key-type-mismatch", message, "labels", "sql", help="cast it"))

    def origins(self, one: Chosen) -> tuple[Origin, ...]:
        """Where a feature of the dataset comes from."""
        address = str(self.scope.address(one.view))
        spec = self.scope.spec(one.view)
        if spec.on_request is None:
            return (Origin(address, one.column.name),)
        read = [self.rows[n] for n in spec.on_request.inputs if n in _columns_in(one.column.words) and n in self.rows]
        return tuple(dict.fromkeys((Origin(address, one.column.name), *origins_of(read))))

    def meaning(self, one: Chosen) -> str:
        """The digest of a feature as the dataset holds it: its own, how it is looked up, and with what keys."""
        spec = self.scope.spec(one.view)
        if spec.on_request is not None:
            used = sorted(n for n in spec.on_request.inputs if n in _columns_in(one.column.words))
            return digest(one.column.digest, [self.rows[n].digest for n in used])
        relation = self.scope.relation(one.view)
        timing = relation.timing
        times = [
            c.digest
            for n in (timing.event_time, timing.available_time, timing.tie_break, timing.valid_to)
            if n and (c := relation.column(n))
        ]
        pairs = sorted((theirs, ours) for theirs, (ours, _) in one.keys(self.scope).items())
        keys = [(k, self.rows[ours].digest, c.digest) for k, ours in pairs if (c := relation.column(k))]
        at = (self.rows[one.at].digest,) if one.at else ()
        return digest(one.column.digest, times, timing.boundary, timing.ttl, keys, one.column.empty, *at)


def _columns_in(text: str) -> set[str]:
    return {c.name for c in parse_expression(text).find_all(exp.Column)}
