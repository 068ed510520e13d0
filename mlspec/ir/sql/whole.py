"""Queries of every kind understood, by the whole parser and the optimizer; and expressions over columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope, traverse_scope
from sqlglot.schema import MappingSchema

from mlspec.base.diag import known_names
from mlspec.base.value import dataclass, replace
from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Column, Relation
from mlspec.ir.sql.ahead import looks_ahead
from mlspec.ir.sql.analysis import Analysis, Lookup
from mlspec.ir.sql.decimals import metadata
from mlspec.ir.sql.dialect import DIALECT, data_type, from_sql, to_sql
from mlspec.ir.sql.explicit import explicit
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.nodes import Nodes
from mlspec.ir.sql.parse import not_understood, parse_expression, parsed
from mlspec.ir.sql.problem import SqlProblem, SqlProblems, place, refuse
from mlspec.ir.sql.reproducible import unordered
from mlspec.ir.sql.shapes import shape
from mlspec.ir.sql.soundness import columns_of, names, types, unnamed

SQLGLOT_RAISES = (SqlglotError, ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What sqlglot's optimizer is known to raise for queries that parse but mean nothing; a query is never trusted."""


def analyse_any(text: str, lookup: Lookup) -> Analysis:
    """Understand one SELECT. Raises SqlProblems with everything that is wrong with it."""
    read = _READ.pop(text, None) or _read(text)
    tree = read.tree
    warnings = tuple(dict.fromkeys(unordered(read.nodes, text)))
    tables = _resolve(read.tables, lookup)
    schema = MappingSchema({n: _schema(r) for n, (_, r) in tables.items()}, dialect=DIALECT, normalize=False)
    try:
        refuse(*columns_of(read.scopes, tables), *unnamed(tree, read.nodes))
        words = _words(tree)
        qualified = qualify(tree, schema=schema, dialect=DIALECT, quote_identifiers=True, sql=text)
        typed = annotate_types(qualified, schema=schema, dialect=DIALECT, expression_metadata=metadata())
    except SQLGLOT_RAISES as error:
        raise SqlProblems(not_understood(error)) from None
    scope = build_scope(typed)
    if scope is None:
        raise SqlProblems(SqlProblem("invalid-sql", "this is not a query over tables"))
    nodes = Nodes(typed)
    refuse(*names(typed), *types(nodes))
    ahead = tuple(
        dict.fromkeys(looks_ahead(typed, nodes, lambda n: n in tables and bool(tables[n][1].timing.event_time)))
    )
    return replace(_analysis(typed, nodes, scope, tables, words), warnings=warnings, ahead=ahead)


def _words(tree: exp.Query) -> dict[str, str]:
    """The output columns as they were written."""
    writer = Dialect.get_or_raise(DIALECT).generator(comments=False)
    return {s.alias_or_name: writer.generate(s, copy=False) for s in tree.selects}


def _analysis(
    tree: exp.Query, nodes: Nodes, scope: Scope, tables: Mapping[str, tuple[str, Relation]], words: Mapping[str, str]
) -> Analysis:
    found = shape(scope, nodes, tables)
    columns = []
    untyped = []
    for projection in tree.selects:
        name = projection.alias_or_name
        kind = from_sql(projection.type)
        if kind is None:
            start, length = place(projection)
            untyped.append(SqlProblem("untyped-column", f"the type of column `{name}` is not known", start, length,
                                      help=f"say it: `CAST(… AS <type>) AS {name}`"))  # fmt: skip
            continue
        origins = tuple(sorted(found.origins[name], key=lambda o: (o.address, o.column)))
        said = words[name] if name in words else projection.sql(DIALECT)
        columns.append(Column(name, kind, found.columns[name], origins, said))
    refuse(*untyped)
    for node in nodes.of(exp.Table):
        if node.name in tables:
            node.set("this", exp.to_identifier(tables[node.name][0], quoted=True))
    reads = tuple(sorted({a for a, _ in tables.values()}))
    return Analysis(
        explicit(tree, nodes).sql(DIALECT, comments=False, copy=False), tuple(columns), found.rows, reads, found.unknown
    )


def expression_over(text: str, columns: Mapping[str, Column]) -> tuple[exp.Expr, ColumnType, frozenset[str]]:
    """An expression over columns: its tree (columns quoted), its type, the names that it reads. Raises SqlProblems."""
    tree = parse_expression(text)
    problems = []
    for node in tree.find_all(exp.Column):
        if node.table or node.name not in columns:
            start, length = place(node)
            problems.append(SqlProblem("unknown-column", f"there is no column `{node.sql(DIALECT)}`", start, length,
                                       "not a column", known_names(node.name, columns, "column")))  # fmt: skip
    refuse(*problems)
    used = frozenset(c.name for c in tree.find_all(exp.Column))
    schema = MappingSchema(
        {"t": {n: to_sql(c.type) for n, c in columns.items()} or {"_": "INT"}}, dialect=DIALECT, normalize=False
    )
    select = exp.select(exp.alias_(tree.copy(), "value", quoted=True)).from_("t")
    try:
        qualified = qualify(select, schema=schema, dialect=DIALECT, quote_identifiers=True)
        typed = annotate_types(qualified, schema=schema, dialect=DIALECT, expression_metadata=metadata())
    except SQLGLOT_RAISES as error:
        raise SqlProblems(not_understood(error)) from None
    wrong = list(types(Nodes(typed)))
    kind = from_sql(typed.selects[0].type)
    if kind is None and not wrong:
        wrong = [
            SqlProblem(
                "untyped-column", f"the type of `{text}` is not known", 0, len(text), help="write `CAST(… AS <type>)`"
            )
        ]
    if wrong or kind is None:
        raise SqlProblems(*wrong)
    value = explicit(typed.selects[0]).this
    for node in value.find_all(exp.Column):
        node.set("table", None)
    return value, kind, used


def _schema(relation: Relation) -> dict[str, object]:
    return {c.name: _typed(c.type) for c in relation.columns}


@cache
def _typed(kind: ColumnType) -> exp.DataType:
    """A type that is looked at, and never put into a tree."""
    return data_type(kind)


@dataclass(frozen=True)
class _Read:
    """A query as it was parsed: its nodes, its scopes, and what of it names a table that is no step of its own."""

    tree: exp.Query
    nodes: Nodes
    scopes: list[Scope]
    tables: list[exp.Table]


_READ: dict[str, _Read] = {}
"""Queries whose tables were looked for, until they are understood: a query is parsed once."""
_MOST_READ = 2_000
"""Trees are large: more than these are parsed again when they are understood."""


def _read(text: str) -> _Read:
    """A query, to be changed. Raises SqlProblems."""
    tree, nodes = parsed(text)
    try:
        scopes = list(traverse_scope(tree))
        return _Read(tree, nodes, scopes, _real_tables(scopes))
    except SQLGLOT_RAISES as error:
        raise SqlProblems(not_understood(error)) from None


def _resolve(nodes: Iterable[exp.Table], lookup: Lookup) -> dict[str, tuple[str, Relation]]:
    """Give every real table a name that says its kind too; CTEs keep theirs."""
    found: dict[str, tuple[str, Relation]] = {}
    problems = []
    for node in nodes:
        written = _written(node)
        answer = lookup(written)
        start, length = place(node)
        if isinstance(answer, SqlProblem):
            problems.append(SqlProblem(answer.code, answer.message, start, length, answer.label, answer.help))
            continue
        internal = answer[0].replace(".", "__")
        found[internal] = answer
        if not node.alias:
            node.set("alias", exp.TableAlias(this=exp.to_identifier(node.name)))
        node.set("this", exp.to_identifier(internal))
        node.set("db", None)
        node.set("catalog", None)
    refuse(*problems)
    return found


def _real_tables(scopes: Iterable[Scope]) -> list[exp.Table]:
    found: dict[int, exp.Table] = {}
    for scope in scopes:
        for node in scope.tables:
            is_cte = isinstance(scope.sources.get(node.alias_or_name), Scope) or node.name in scope.cte_sources
            if not is_cte and isinstance(node.this, exp.Identifier):
                found[id(node)] = node
    return list(found.values())


def tables_of_any(text: str) -> Iterator[tuple[str, int, int]]:
    """The tables that a query reads: the name as written, its offset and length; nothing if it cannot be parsed."""
    try:
        read = _READ.get(text) or _read(text)
    except SqlProblems:
        return
    if len(_READ) < _MOST_READ:
        _READ[text] = read
    for node in read.tables:
        yield _written(node), *place(node)


def _written(node: exp.Table) -> str:
    return ".".join(part for part in (node.catalog, node.db, node.name) if part)
