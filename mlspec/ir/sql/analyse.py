"""A query understood: its tables and columns resolved, its output typed, its lineage and digests taken."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope, traverse_scope
from sqlglot.schema import MappingSchema

from mlspec.base.diag import known_names
from mlspec.ir.columntype import INTEGERS, NUMBERS, ColumnType
from mlspec.ir.relation import Column, Origin, Relation
from mlspec.ir.sql.canon import shape
from mlspec.ir.sql.dialect import DIALECT, data_type, from_sql, to_sql
from mlspec.ir.sql.parse import SqlProblem, SqlProblems, parse, parse_expression, place

Lookup = Callable[[str], tuple[str, Relation] | SqlProblem]
"""From a table's name as written to its address and relation, or to what is wrong with the name."""

_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ)


@dataclass(frozen=True)
class Analysis:
    """`query` is canonical: every table an address in double quotes. `unknown`: digested whole, not by column."""

    query: str
    columns: tuple[Column, ...]
    rows_digest: str
    reads: tuple[str, ...]
    unknown: bool = False


def analyse(text: str, lookup: Lookup) -> Analysis:
    """Understand one SELECT. Raises SqlProblems with everything that is wrong with it."""
    tree = parse(text)
    tables = _resolve(tree, lookup)
    _check_columns(tree, tables)
    schema = MappingSchema({n: _schema(r) for n, (_, r) in tables.items()}, dialect=DIALECT, normalize=False)
    words = {s.alias_or_name: s.sql(DIALECT, comments=False) for s in tree.selects}
    try:
        qualified = qualify(tree.copy(), schema=schema, dialect=DIALECT, quote_identifiers=True, sql=text)
        typed = annotate_types(qualified, schema=schema, dialect=DIALECT)
    except SqlglotError as error:
        raise SqlProblems(SqlProblem("invalid-sql", str(error).splitlines()[0])) from None
    scope = build_scope(typed)
    if scope is None:
        raise SqlProblems(SqlProblem("invalid-sql", "this is not a query over tables"))
    problems = [*_names(typed), *_comparisons(typed)]
    if problems:
        raise SqlProblems(*problems)
    return _analysis(typed, scope, tables, words)


def _analysis(tree: exp.Query, scope: Scope, tables: Mapping[str, tuple[str, Relation]], words: Mapping[str, str]) -> Analysis:
    found = shape(scope, tables)
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
        columns.append(Column(name, kind, found.columns[name], origins, words.get(name, projection.sql(DIALECT))))
    if untyped:
        raise SqlProblems(*untyped)
    for node in tree.find_all(exp.Table):
        if node.name in tables:
            node.set("this", exp.to_identifier(tables[node.name][0], quoted=True))
    reads = tuple(sorted({a for a, _ in tables.values()}))
    return Analysis(tree.sql(DIALECT, comments=False), tuple(columns), found.rows, reads, found.unknown)


def expression(text: str, columns: Mapping[str, Column]) -> tuple[exp.Expr, ColumnType, frozenset[str]]:
    """An expression over columns: its tree (columns quoted), its type, the names that it reads. Raises SqlProblems."""
    tree = parse_expression(text)
    problems = []
    for node in tree.find_all(exp.Column):
        if node.table or node.name not in columns:
            start, length = place(node)
            problems.append(SqlProblem("unknown-column", f"there is no column `{node.sql(DIALECT)}`", start, length,
                                       "not a column", known_names(node.name, columns, "column")))  # fmt: skip
    if problems:
        raise SqlProblems(*problems)
    used = frozenset(c.name for c in tree.find_all(exp.Column))
    schema = MappingSchema({"t": {n: to_sql(c.type) for n, c in columns.items()} or {"_": "INT"}}, dialect=DIALECT, normalize=False)
    select = exp.select(exp.alias_(tree.copy(), "value", quoted=True)).from_("t")
    try:
        qualified = qualify(select, schema=schema, dialect=DIALECT, quote_identifiers=True)
        typed = annotate_types(qualified, schema=schema, dialect=DIALECT)
    except SqlglotError as error:
        raise SqlProblems(SqlProblem("invalid-sql", str(error).splitlines()[0])) from None
    wrong = list(_comparisons(typed))
    kind = from_sql(typed.selects[0].type)
    if kind is None and not wrong:
        wrong = [SqlProblem("untyped-column", f"the type of `{text}` is not known", 0, len(text), help="write `CAST(… AS <type>)`")]
    if wrong or kind is None:
        raise SqlProblems(*wrong)
    value = typed.selects[0].this
    for node in value.find_all(exp.Column):
        node.set("table", None)
    return value, kind, used


def _schema(relation: Relation) -> dict[str, object]:
    return {c.name: data_type(c.type) for c in relation.columns}


def _resolve(tree: exp.Query, lookup: Lookup) -> dict[str, tuple[str, Relation]]:
    """Give every real table a name that says its kind too; CTEs keep theirs."""
    found: dict[str, tuple[str, Relation]] = {}
    problems = []
    for node in _real_tables(tree):
        written = f"{node.db}.{node.name}" if node.db else node.name
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
    if problems:
        raise SqlProblems(*problems)
    return found


def _real_tables(tree: exp.Query) -> list[exp.Table]:
    found: dict[int, exp.Table] = {}
    for scope in traverse_scope(tree):
        for node in scope.tables:
            is_cte = isinstance(scope.sources.get(node.alias_or_name), Scope) or node.name in scope.cte_sources
            if not is_cte and isinstance(node.this, exp.Identifier):
                found[id(node)] = node
    return list(found.values())


def _check_columns(tree: exp.Query, tables: Mapping[str, tuple[str, Relation]]) -> None:
    problems: list[SqlProblem] = []
    for scope in traverse_scope(tree):
        if not isinstance(scope.expression, exp.Select):
            continue
        known = {n: c for n, (_, s) in scope.selected_sources.items() if (c := _columns_of(s, tables)) is not None}
        aliases = {s.alias for s in scope.expression.selects if s.alias}
        for node in scope.columns:
            problems.extend(_check_column(node, known, aliases, scope))
    if problems:
        raise SqlProblems(*dict.fromkeys(problems))


def _check_column(node: exp.Column, known: Mapping[str, list[str]], aliases: set[str], scope: Scope) -> Iterator[SqlProblem]:
    name = node.name.lower()
    start, length = place(node.this)
    if isinstance(node.this, exp.Star) or (scope.is_subquery and node in scope.external_columns):
        return
    if node.table:
        columns = known.get(node.table)
        if columns is None and node.table not in scope.selected_sources:
            yield SqlProblem("unknown-table", f"there is no table `{node.table}` in this query", *place(node.args["table"]),
                             help=known_names(node.table, scope.selected_sources, "table"))  # fmt: skip
        elif columns is not None and name not in columns:
            yield _unknown(name, f"`{node.table}`", columns, start, length)
        return
    if name in aliases or scope.is_subquery or len(known) < len(scope.selected_sources):
        return
    holders = [n for n, c in known.items() if name in c]
    if not holders:
        everything = [c for columns in known.values() for c in columns]
        where = f"`{next(iter(known))}`" if len(known) == 1 else "any table of this query"
        yield _unknown(name, where, everything, start, length)
    elif len(holders) > 1 and not _joined_using(scope, name):
        places = " and ".join(f"`{h}`" for h in sorted(holders))
        yield SqlProblem("ambiguous-column", f"column `{name}` is in {places}", start, length, help=f"write `{sorted(holders)[0]}.{name}`")


def _joined_using(scope: Scope, name: str) -> bool:
    joins = scope.expression.args.get("joins") or []
    natural = any(str(j.args.get("method") or "").upper() == "NATURAL" for j in joins)
    return natural or any(i.name.lower() == name for j in joins for i in j.args.get("using") or [])


def _unknown(name: str, where: str, columns: Iterable[str], start: int, length: int) -> SqlProblem:
    help_ = known_names(name, columns, "column")
    return SqlProblem("unknown-column", f"there is no column `{name}` in {where}", start, length, f"not a column of {where}", help_)


def _columns_of(source: object, tables: Mapping[str, tuple[str, Relation]]) -> list[str] | None:
    if isinstance(source, exp.Table):
        return list(tables[source.name][1].names) if source.name in tables else None
    if isinstance(source, Scope) and isinstance(source.expression, exp.Query):
        aliased = source.expression.parent
        renamed = aliased.alias_column_names if isinstance(aliased, (exp.CTE, exp.Subquery)) else []
        if renamed:
            return [n.lower() for n in renamed]
        if not source.expression.is_star:
            return [n.lower() for n in source.expression.named_selects]
    return None


def _names(tree: exp.Query) -> Iterator[SqlProblem]:
    seen: set[str] = set()
    for projection in tree.selects:
        name = projection.alias_or_name
        if name in seen:
            yield SqlProblem("duplicate-column", f"two columns are called `{name}`", *place(projection), help="give one another name")
        seen.add(name)


def _comparisons(tree: exp.Expr) -> Iterator[SqlProblem]:
    for node in tree.find_all(*_COMPARED):
        left, right = from_sql(node.this.type), from_sql(node.expression.type)
        if left is None or right is None or isinstance(node.this, exp.Literal) or isinstance(node.expression, exp.Literal):
            continue
        if problem := _compared(left, right):
            code, why = problem
            start, length = place(node)
            yield SqlProblem(code, f"`{left}` is compared with `{right}` in `{node.sql(DIALECT).replace(chr(34), '')}`", start, length, help=why)


def _compared(left: ColumnType, right: ColumnType) -> tuple[str, str] | None:
    pair = {left.name, right.name}
    if pair == {"timestamp", "timestamptz"} or pair == {"date", "timestamptz"}:
        return "naive-aware-comparison", "one has a time zone and the other has none: declare `timezone` on the source"
    if "string" in pair and pair & NUMBERS:
        return "type-mismatch", "`1` never equals `'01'`: cast one of them"
    if "boolean" in pair and pair & INTEGERS:
        return "type-mismatch", "cast one of them"
    return None


def origins_of(columns: Iterable[Column]) -> tuple[Origin, ...]:
    """All origins of some columns, each once."""
    return tuple(sorted({o for c in columns for o in c.origins}, key=lambda o: (o.address, o.column)))


def named_tables(text: str) -> Iterator[str]:
    """The names of the tables that a query reads, as written; nothing if it cannot be parsed."""
    try:
        tree = parse(text)
    except SqlProblems:
        return
    for node in _real_tables(tree):
        yield f"{node.db}.{node.name}" if node.db else node.name
