"""The shape of a query: a digest for each of its columns and one for its rows, and where each column comes from.

The rows of a query are told by what it reads, how that is joined, and under which conditions: steps in between that only
choose, compute and filter (a CTE, a subquery) are looked through, so that it does not matter where they stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot.optimizer.scope import Scope

from mlspec.base.digest import digest
from mlspec.base.value import dataclass, field
from mlspec.ir.relation import Origin, Relation
from mlspec.ir.sql.canon import Leaf, Opaque, Reading, canonical, conjuncts
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.nodes import Nodes, inside
from mlspec.ir.sql.reproducible import order_counts
from mlspec.ir.sql.selects import Makers, Name, instead, joined_by, makes_rows, named_sources, row_words
from mlspec.ir.sql.wording import named

Tables = Mapping[str, tuple[str, Relation]]
"""From the name of a table in a query to its address and relation."""

_NOT_UNDERSTOOD = (
    "sample",
    "pivots",
    "connect",
    "match",
    "sort",
    "cluster",
    "distribute",
    "laterals",
    "prewhere",
    "settings",
)
_MAKES_STEPS = ("group", "having", "qualify", "distinct", "limit", "offset", "windows")


@dataclass(frozen=True)
class Shape:
    """The digests of a query's columns and of its rows, and where each column comes from."""

    columns: Mapping[str, str]
    origins: Mapping[str, frozenset[Origin]]
    rows: str
    unknown: bool = False


def shape(scope: Scope, nodes: Nodes, tables: Tables) -> Shape:
    """The shape of a qualified query, of which these are the nodes.

    What cannot be tied to a column is never dropped: the query is then digested whole, and `unknown` says so.
    """
    try:
        return _Shapes(tables, order_counts(nodes), Makers.of(nodes)).of(scope)
    except (Opaque, RecursionError):
        return _whole(scope, tables)


@dataclass
class _Flat:
    """What a query reads, one after another, and the conditions that all of it must meet."""

    sources: list[Any] = field(default_factory=list)
    conditions: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Seen:
    """A source of a select as the select sees it: what its columns are, and where they come from."""

    texts: Mapping[str, str]
    origins: Mapping[str, frozenset[Origin]]


@dataclass
class _Shapes:
    tables: Tables
    ordered: bool
    """Whether an order that is asked for below could be seen above: there is a `LIST` without `ORDER BY` somewhere."""
    makers: Makers
    known: dict[int, Shape] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)

    def of(self, scope: Scope, outer: Leaf | None = None) -> Shape:
        """The shape of a query; `outer` tells the columns of the query around it."""
        if id(scope) in self.known:
            return self.known[id(scope)]
        if id(scope) in self.begun:  # it reads itself
            raise Opaque
        self.begun.add(id(scope))
        self.known[id(scope)] = self._union(scope) if scope.set_operation_scopes else self._select(scope, outer)
        return self.known[id(scope)]

    def _union(self, scope: Scope) -> Shape:
        node = scope.expression
        branches = [self.of(s) for s in scope.set_operation_scopes]
        kind = f"{type(node).__name__} distinct={bool(node.args.get('distinct'))}"
        unclear = [k for k in ("limit", "offset", "on", "by_name", "side", "kind") if node.args.get(k)]
        if unclear or (node.args.get("order") and self.ordered):
            raise Opaque
        alike = not (node.args.get("distinct") or not isinstance(node, exp.Union))
        everything = [] if alike else [list(b.columns.values()) for b in branches]
        rows = digest(kind, [b.rows for b in branches], everything)
        names = list(branches[0].columns)
        pairs = {n: [list(b.columns.values())[i] for b in branches] for i, n in enumerate(names)}
        origins = {n: frozenset().union(*(list(b.origins.values())[i] for b in branches)) for i, n in enumerate(names)}
        return Shape({n: digest(kind, rows, p) for n, p in pairs.items()}, origins, rows)

    def _select(self, scope: Scope, outer: Leaf | None) -> Shape:
        select = _understood(scope)
        flat = _Flat()
        seen, reading = self._sources(scope, flat, outer)
        flat.conditions.update(conjuncts(_condition(select.args.get("where")), reading))
        texts = {p.alias_or_name: canonical(p.unalias(), reading) for p in select.selects}
        words = list(row_words(select, texts, reading, self.makers, ordered=self.ordered))
        same = len(flat.sources) == 1 and not flat.conditions and not words and isinstance(flat.sources[0], str)
        rows = flat.sources[0] if same else digest("select", flat.sources, sorted(flat.conditions), words)
        columns = {n: t[2:] if same and _is_leaf(t) else digest(t, rows) for n, t in texts.items()}
        origins = {p.alias_or_name: self._origins(p, seen, scope) for p in select.selects}
        return Shape(columns, origins, rows)

    def _sources(self, scope: Scope, flat: _Flat, outer: Leaf | None) -> tuple[dict[str, _Seen], Reading]:
        """Put what a select reads behind what is there already; what its columns mean there."""
        select = scope.expression
        joins = {id(j.this): j for j in select.args.get("joins") or []}
        floating = all(_how(j) in _PLAIN for j in joins.values())
        seen: dict[str, _Seen] = {}
        equal: dict[Name, Name] = {}
        reading = self._reading(scope, seen, equal, outer)
        for node in named_sources(select):
            name, join = node.alias_or_name, joins.get(id(node))
            how = _how(join) if join else _INNER
            floats = floating and how == _INNER
            merged = self._merged(scope, name, flat) if floats else None
            if merged is not None:
                seen[name] = merged
                flat.conditions.update(conjuncts(join.args.get("on") if join else None, reading))
            else:
                shaped = self._source(scope, name)
                seen[name] = _at(len(flat.sources), shaped)
                on = conjuncts(join.args.get("on") if join else None, reading)
                flat.conditions.update(on if floats else ())
                flat.sources.append(shaped.rows if floats else [how, shaped.rows, on])
            if join is not None and how in _PLAIN:
                equal.update(joined_by(join, name))
        return seen, reading

    def _reading(
        self, scope: Scope, seen: Mapping[str, _Seen], equal: Mapping[Name, Name], outer: Leaf | None
    ) -> Reading:
        """How the expressions of a select are read; what it reads and which columns are equal may grow meanwhile."""

        def leaf(column: exp.Column) -> str:
            if column.table in seen and column.name in seen[column.table].texts:
                return seen[column.table].texts[column.name]
            if outer is None or column.table in seen:
                raise Opaque
            return f"^{outer(column)}"

        def inner(query: exp.Query) -> str:
            shaped = self.of(_scope_of(scope, query), leaf)
            return named("query", {"rows": shaped.rows, "columns": str(list(shaped.columns.values()))})

        return Reading(leaf, inner, lambda node: instead(node, scope.expression, equal))

    def _merged(self, scope: Scope, name: str, flat: _Flat) -> _Seen | None:
        """A step that only chooses, computes and filters, looked through."""
        source = scope.sources.get(name)
        if not isinstance(source, Scope) or not self._simple(source):
            return None
        select = _understood(source)
        seen, reading = self._sources(source, flat, None)
        flat.conditions.update(conjuncts(_condition(select.args.get("where")), reading))
        texts = {p.alias_or_name: canonical(p.unalias(), reading) for p in select.selects}
        return _Seen(texts, {p.alias_or_name: self._origins(p, seen, source) for p in select.selects})

    def _simple(self, scope: Scope) -> bool:
        select = scope.expression
        if not isinstance(select, exp.Select) or scope.subquery_scopes or not named_sources(select):
            return False
        if any(select.args.get(k) for k in _MAKES_STEPS) or (select.args.get("order") and self.ordered):
            return False
        if any(_how(j) not in _PLAIN for j in select.args.get("joins") or []):
            return False
        one, several = self.makers.one, self.makers.several
        return not any(id(p) in one or (id(p) in several and makes_rows(p)) for p in select.selects)

    def _source(self, scope: Scope, name: str) -> Shape:
        source = scope.sources.get(name)
        if isinstance(source, Scope):
            return self.of(source)
        if not isinstance(source, exp.Table) or source.args.get("pivots") or source.args.get("sample"):
            raise Opaque
        if source.name not in self.tables:  # a table function: `range(10)`
            raise Opaque
        return table_shape(*self.tables[source.name])

    def _origins(self, projection: exp.Expr, seen: Mapping[str, _Seen], scope: Scope) -> frozenset[Origin]:
        own: set[Origin] = set()
        for node in inside(projection):
            if isinstance(node, exp.Column) and node.table in seen:
                own.update(seen[node.table].origins.get(node.name, ()))
            elif isinstance(node, exp.Select | exp.SetOperation):
                own.update(o for found in self.of(_scope_of(scope, node)).origins.values() for o in found)
        return frozenset(own)


# -- parts of a select -------------------------------------------------------------------------------------------------

_How = tuple[str, ...]
_INNER: _How = ("", "", "", "")
_LEFT: _How = ("", "LEFT", "", "")
_PLAIN = frozenset({_INNER, _LEFT})
"""Joins after which the conditions of what stands on their left may be asked as well: no row of it is made up."""


def _how(join: exp.Join) -> _How:
    words = [str(join.args.get(k) or "").upper() for k in ("method", "side", "kind", "global_")]
    return tuple("" if w in {"INNER", "OUTER", "CROSS"} else w for w in words)


def _understood(scope: Scope) -> exp.Select:
    select = scope.expression
    if not isinstance(select, exp.Select) or scope.udtf_scopes or any(select.args.get(k) for k in _NOT_UNDERSTOOD):
        raise Opaque
    if any(j.args.get("using") or j.args.get("match_condition") for j in select.args.get("joins") or []):
        raise Opaque
    return select


def _at(position: int, shaped: Shape) -> _Seen:
    return _Seen({n: f"{position}:{d}" for n, d in shaped.columns.items()}, shaped.origins)


def _is_leaf(text: str) -> bool:
    return text.startswith("0:") and text[2:].isalnum()


def _scope_of(scope: Scope, query: exp.Query) -> Scope:
    wanted = query.unnest()
    found = next((s for s in scope.subquery_scopes if s.expression is wanted), None)
    if found is None:
        raise Opaque
    return found


def _condition(node: exp.Expr | None) -> exp.Expr | None:
    return node.this.unnest() if node is not None else None


def table_shape(address: str, relation: Relation) -> Shape:
    """The shape of a relation as those see it who read it."""
    columns = {c.name: c.digest for c in relation.columns}
    return Shape(columns, {n: frozenset({Origin(address, n)}) for n in columns}, relation.rows_digest)


def _whole(scope: Scope, tables: Tables) -> Shape:
    tree = scope.expression
    present = {t.name for t in tree.find_all(exp.Table) if t.name in tables}
    read: dict[str, str] = {}
    for name in sorted(present):
        address, relation = tables[name]
        read[address] = digest(relation.rows_digest, [(c.name, c.digest) for c in relation.columns])
    rows = digest("whole", tree.sql(comments=False), read)
    used = {c.name for c in tree.find_all(exp.Column)}
    origins = frozenset(
        Origin(a, c.name) for a, r in (tables[n] for n in sorted(present)) for c in r.columns if c.name in used
    )
    names = [s.alias_or_name for s in tree.selects] if isinstance(tree, exp.Query) else []
    return Shape({n: digest(rows, n) for n in names}, dict.fromkeys(names, origins), rows, unknown=True)
