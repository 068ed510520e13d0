"""Equal meaning, equal text: digests of columns and of row shapes, from qualified trees."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from mlspec.base.digest import digest
from mlspec.ir.relation import Origin, Relation

_COMMUTATIVE = (exp.Add, exp.Mul, exp.EQ, exp.NEQ, exp.BitwiseAnd, exp.BitwiseOr, exp.NullSafeEQ)
_NO_OTHER_JOIN = frozenset({None, "INNER", "OUTER"})
_SKIPPED_ARGS = frozenset({"alias", "comments", "pretty"})


class Opaque(Exception):
    """A query whose columns cannot be told apart; it is digested whole."""


@dataclass(frozen=True)
class Shape:
    """The digests of a query's columns and of its rows, and where each column comes from."""

    columns: Mapping[str, str]
    origins: Mapping[str, frozenset[Origin]]
    rows: str
    unknown: bool = False


def shape(scope: Scope, tables: Mapping[str, tuple[str, Relation]]) -> Shape:
    """The shape of a qualified query; `tables` maps table names to address and relation.

    What cannot be tied to a column is never dropped: the query is then digested whole, and `unknown` says so.
    """
    try:
        return _Shapes(tables).of(scope)
    except Opaque:
        return _whole(scope, tables)


@dataclass
class _Shapes:
    tables: Mapping[str, tuple[str, Relation]]
    known: dict[int, Shape] = field(default_factory=dict)

    def of(self, scope: Scope) -> Shape:
        if id(scope) not in self.known:
            self.known[id(scope)] = self._union(scope) if scope.set_operation_scopes else self._select(scope)
        return self.known[id(scope)]

    def _union(self, scope: Scope) -> Shape:
        node = scope.expression
        branches = [self.of(s) for s in scope.set_operation_scopes]
        kind = f"{type(node).__name__} distinct={bool(node.args.get('distinct'))} {node.args.get('by_name')}"
        if node.args.get("limit") or node.args.get("order") or node.args.get("on"):
            raise Opaque
        everything = (
            [list(b.columns.values()) for b in branches]
            if node.args.get("distinct") or not isinstance(node, exp.Union)
            else []
        )
        rows = digest(kind, [b.rows for b in branches], everything)
        names = list(branches[0].columns)
        pairs = {n: [list(b.columns.values())[i] for b in branches] for i, n in enumerate(names)}
        origins = {n: frozenset().union(*(list(b.origins.values())[i] for b in branches)) for i, n in enumerate(names)}
        return Shape({n: digest(kind, rows, p) for n, p in pairs.items()}, origins, rows)

    def _select(self, scope: Scope) -> Shape:
        select = scope.expression
        if (
            not isinstance(select, exp.Select)
            or scope.subquery_scopes
            or scope.udtf_scopes
            or select.args.get("laterals")
        ):
            raise Opaque
        names = [s.alias_or_name for s in _sources(select)]
        shapes = {n: self._source(scope, n) for n in names}
        positions = {n: i for i, n in enumerate(names)}

        def leaf(column: exp.Column) -> str:
            if column.table not in shapes or column.name not in shapes[column.table].columns:
                raise Opaque
            return f"{positions[column.table]}:{shapes[column.table].columns[column.name]}"

        projections = {p.alias_or_name: canonical(p, leaf) for p in select.selects}
        rows = digest([shapes[n].rows for n in names], _row_words(select, projections, leaf))
        origins = {
            p.alias_or_name: frozenset(o for c in p.find_all(exp.Column) for o in shapes[c.table].origins[c.name])
            for p in select.selects
        }
        return Shape({n: digest(text, rows) for n, text in projections.items()}, origins, rows)

    def _source(self, scope: Scope, name: str) -> Shape:
        source = scope.sources.get(name)
        if isinstance(source, Scope):
            return self.of(source)
        if not isinstance(source, exp.Table) or source.args.get("pivots") or source.args.get("sample"):
            raise Opaque
        if source.name not in self.tables:  # a table function: `range(10)`
            raise Opaque
        return table_shape(*self.tables[source.name])


def table_shape(address: str, relation: Relation) -> Shape:
    """The shape of a relation as those see it who read it."""
    columns = {c.name: c.digest for c in relation.columns}
    return Shape(columns, {n: frozenset({Origin(address, n)}) for n in columns}, relation.rows_digest)


def _sources(select: exp.Select) -> list[exp.Expr]:
    start = select.args.get("from_") or select.args.get("from")
    return ([start.this] if start else []) + [j.this for j in select.args.get("joins") or []]


def _row_words(select: exp.Select, projections: Mapping[str, str], leaf: Callable[[exp.Column], str]) -> list[Any]:
    words: list[Any] = []
    for join in select.args.get("joins") or []:
        how = [join.args.get(k) and str(join.args[k]).upper() for k in ("method", "side", "kind", "global")]
        words.append(["" if h in _NO_OTHER_JOIN else h for h in how])
        words.append(canonical(join.args["on"], leaf) if join.args.get("on") else "")
        if join.args.get("using") or join.args.get("match_condition"):
            raise Opaque
    for key in ("where", "group", "having", "qualify", "windows"):
        part = select.args.get(key)
        words.append(
            [canonical(p, leaf) for p in part] if isinstance(part, list) else canonical(part, leaf) if part else ""
        )
    limited = select.args.get("limit") or select.args.get("offset")
    if limited:
        words.extend(canonical(select.args[k], leaf) for k in ("order", "limit", "offset") if select.args.get(k))
    group = select.args.get("group")
    if select.args.get("distinct") or (group and group.args.get("all")) or limited:
        words.append(sorted(projections.values()))
        words.append(canonical(select.args["distinct"], leaf) if select.args.get("distinct") else "")
    if any(select.args.get(k) for k in ("sample", "pivots", "connect", "match", "sort", "cluster", "distribute")):
        raise Opaque
    aggregated = any(p.find(exp.AggFunc) and not p.find(exp.Window) for p in select.selects)
    words.append("aggregate" if aggregated and not group else "")
    return words


def canonical(node: Any, leaf: Callable[[exp.Column], str]) -> str:
    """A text that is equal for trees of equal meaning, as far as order of operands, layout and aliases go."""
    if isinstance(node, exp.Column):
        return leaf(node)
    if isinstance(node, (exp.Alias, exp.Paren)):
        return canonical(node.this, leaf)
    if isinstance(node, (exp.And, exp.Or)):
        parts = sorted({canonical(p, leaf) for p in node.flatten()})
        return f"{node.key}({','.join(parts)})"
    if isinstance(node, exp.Query):
        raise Opaque
    if isinstance(node, exp.Expr):
        pairs = {
            k: canonical(v, leaf) for k, v in node.args.items() if k not in _SKIPPED_ARGS and v not in (None, False, [])
        }
        if isinstance(node, _COMMUTATIVE):
            pairs["this"], pairs["expression"] = sorted((pairs["this"], pairs["expression"]))
        return f"{node.key}({','.join(f'{k}={v}' for k, v in sorted(pairs.items()))})"
    if isinstance(node, list):
        return "[" + ",".join(canonical(n, leaf) for n in node) + "]"
    return repr(node)


def _whole(scope: Scope, tables: Mapping[str, tuple[str, Relation]]) -> Shape:
    tree = scope.expression
    named = {t.name for t in tree.find_all(exp.Table) if t.name in tables}
    read: dict[str, str] = {}
    for name in sorted(named):
        address, relation = tables[name]
        read[address] = digest(relation.rows_digest, [c.digest for c in relation.columns])
    rows = digest("whole", tree.sql(comments=False), read)
    used = {c.name for c in tree.find_all(exp.Column)}
    origins = frozenset(
        Origin(a, c.name) for a, r in (tables[n] for n in sorted(named)) for c in r.columns if c.name in used
    )
    names = [s.alias_or_name for s in tree.selects] if isinstance(tree, exp.Query) else []
    return Shape({n: digest(rows, n) for n in names}, dict.fromkeys(names, origins), rows, unknown=True)
