"""Whether the names of a query mean something and its types go together; every finding has its place in the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from sqlglot.optimizer.scope import Scope

from mlspec.base.diag import known_names
from mlspec.base.value import dataclass
from mlspec.ir.columntype import INTEGERS, NUMBERS, TIMES, ColumnType
from mlspec.ir.relation import Relation
from mlspec.ir.sql.dialect import DIALECT, from_sql
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.nodes import Nodes
from mlspec.ir.sql.problem import SqlProblem, place
from mlspec.ir.sql.reproducible import present, spoken

_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ)
_OF_NUMBERS = (exp.Avg, exp.Sum, exp.Stddev, exp.StddevSamp, exp.StddevPop, exp.Variance, exp.VariancePop, exp.Median)
_CHOSEN = (exp.Coalesce, exp.Greatest, exp.Least, exp.Nullif)
_SHORT = 40
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")

Tables = Mapping[str, tuple[str, Relation]]


@dataclass(frozen=True)
class _Sight:
    """What a SELECT sees: its tables with their columns, and those of the SELECTs that it stands in; `blind`: not all are known."""

    tables: Mapping[str, list[str] | None]
    above: _Sight | None = None

    @classmethod
    def of(cls, scope: Scope, tables: Tables) -> _Sight:
        own = {name.lower(): _offered(source, tables) for name, (_, source) in scope.selected_sources.items()}
        return cls(own, cls.of(scope.parent, tables) if scope.is_subquery and scope.parent else None)

    @property
    def blind(self) -> bool:
        return None in self.tables.values() or (self.above is not None and self.above.blind)

    def holders(self, column: str) -> list[str]:
        """The tables that have a column; the nearest SELECT that has any wins."""
        found = sorted(n for n, columns in self.tables.items() if columns and column in columns)
        return found or (self.above.holders(column) if self.above else [])

    def every(self) -> dict[str, list[str] | None]:
        """All tables in sight; the nearer one hides the farther of the same name."""
        return {**(self.above.every() if self.above else {}), **self.tables}


def columns_of(scopes: Iterable[Scope], tables: Tables) -> Iterator[SqlProblem]:
    """Columns that no table in sight has, or that several have."""
    found: dict[SqlProblem, None] = {}
    for scope in scopes:
        select = scope.expression
        if not isinstance(select, exp.Select):
            continue
        sight = _Sight.of(scope, tables)
        aliases = {s.alias.lower() for s in select.selects if s.alias}
        for node in scope.columns:
            if node.find_ancestor(exp.Select, exp.SetOperation) is select and not _bound_inside(node):
                found.update(dict.fromkeys(_column(node, sight, aliases, scope)))
    yield from found


def _bound_inside(node: exp.Column) -> bool:
    """Whether a name is that of a variable: `x` in `[x FOR x IN tags]`."""
    around = node.find_ancestor(exp.Comprehension)
    return around is not None and node.name in {i.name for i in around.expression.find_all(exp.Identifier)}


def _column(node: exp.Column, sight: _Sight, aliases: set[str], scope: Scope) -> Iterator[SqlProblem]:
    name, start = node.name.lower(), place(node.this)
    if isinstance(node.this, exp.Star):
        return
    if node.table:
        yield from _qualified(node, sight)
        return
    holders = sight.holders(name)
    if not holders and name not in aliases and not sight.blind:
        known = sight.every()
        where = f"`{next(iter(known))}`" if len(known) == 1 else "any table of this query"
        yield _unknown(name, where, [c for columns in known.values() for c in columns or ()], *start)
    elif len(holders) > 1 and name not in aliases and not _joined_using(scope, name):
        places = " and ".join(f"`{h}`" for h in holders)
        yield SqlProblem(
            "ambiguous-column", f"column `{name}` is in {places}", *start, help=f"write `{holders[0]}.{name}`"
        )


def _qualified(node: exp.Column, sight: _Sight) -> Iterator[SqlProblem]:
    name, table, known = node.name.lower(), node.table.lower(), sight.every()
    if table not in known:
        first = str(node.parts[0].name).lower()  # `info.a` is field `a` of the struct column `info`
        if not sight.blind and not sight.holders(first):
            yield SqlProblem("unknown-table", f"there is no table `{table}` in this query", *place(node.args["table"]),
                             help=known_names(table, known, "table"))  # fmt: skip
        return
    columns = known[table]
    if columns is not None and name not in columns:
        yield _unknown(name, f"`{table}`", columns, *place(node.this))


def _joined_using(scope: Scope, name: str) -> bool:
    joins = scope.expression.args.get("joins") or []
    natural = any(str(j.args.get("method") or "").upper() == "NATURAL" for j in joins)
    return natural or any(i.name.lower() == name for j in joins for i in j.args.get("using") or [])


def _unknown(name: str, where: str, columns: Iterable[str], start: int, length: int) -> SqlProblem:
    help_ = known_names(name, columns, "column")
    return SqlProblem(
        "unknown-column", f"there is no column `{name}` in {where}", start, length, f"not a column of {where}", help_
    )


def _offered(source: object, tables: Tables) -> list[str] | None:
    if isinstance(source, exp.Table):
        plain = not source.args.get("pivots") and not source.alias_column_names
        return list(tables[source.name][1].names) if source.name in tables and plain else None
    if isinstance(source, Scope) and isinstance(source.expression, exp.Query):
        aliased = source.expression.parent
        if isinstance(aliased, exp.Subquery) and aliased.args.get("pivots"):
            return None
        renamed = aliased.alias_column_names if isinstance(aliased, (exp.CTE, exp.Subquery)) else []
        if renamed:
            return [n.lower() for n in renamed]
        if not source.expression.is_star:
            return [n.lower() for n in source.expression.named_selects]
    return None


def unnamed(tree: exp.Query, nodes: Nodes) -> Iterator[SqlProblem]:
    """Output columns without a name, as written: `count(*)` needs `AS`."""
    if not tree.selects:
        yield SqlProblem("invalid-sql", "the query selects no column", help="name the columns after SELECT")
    several = nodes.holding(exp.Columns)
    for position, projection in enumerate(tree.selects, 1):
        expands = projection.is_star or id(projection) in several
        if not expands and (isinstance(projection, exp.Literal) or not projection.output_name):
            text = projection.sql(DIALECT, comments=False)
            shown = text if len(text) <= _SHORT else f"{text[:_SHORT]}…"
            yield SqlProblem(
                "unnamed-column",
                f"column {position}, `{shown}`, has no name",
                *place(projection),
                help="write `… AS name`",
            )


def names(tree: exp.Query) -> Iterator[SqlProblem]:
    """Output columns of one name, and names that are none."""
    seen: set[str] = set()
    for projection in tree.selects:
        name = projection.alias_or_name
        if name in seen:
            at = _named_at(projection)
            yield SqlProblem("duplicate-column", f"two columns are called `{name}`", *at, help="give one another name")
        elif not _NAME.fullmatch(name) or name.startswith("__"):
            help_ = "write `AS` and lower-case letters, digits and `_`, at most 63"
            yield SqlProblem("invalid-name", f"`{name}` is not a column name", *_named_at(projection), help=help_)
        seen.add(name)


def _named_at(projection: exp.Expr) -> tuple[int, int]:
    """Where an output column has its name."""
    at = place(projection.args["alias"]) if isinstance(projection, exp.Alias) else (0, 1)
    return at if at != (0, 1) else place(projection)


def types(nodes: Nodes) -> Iterator[SqlProblem]:
    """Values of types that do not go together: compared, stacked by UNION, or averaged."""
    yield from _comparisons(nodes)
    yield from _mixtures(nodes)
    for node in nodes.of(*_OF_NUMBERS):
        kind = from_sql(node.this.type)
        if kind is not None and not kind.numeric and kind.name != "boolean":
            shown = node.this.sql(DIALECT).replace('"', "")
            yield SqlProblem("wrong-type", f"`{node.key}` needs a number, `{shown}` is `{kind}`", *place(node))
    for union in nodes.of(exp.SetOperation):
        yield from _stacked(union)


def _comparisons(nodes: Nodes) -> Iterator[SqlProblem]:
    for node in nodes.of(*_COMPARED, exp.In, exp.Between):
        left = from_sql(node.this.type)
        for other in _others(node):
            right = from_sql(other.type)
            for literal, kind in ((node.this, right), (other, left)):
                if kind is not None and kind.name in TIMES and (word := spoken(literal)):
                    yield present(word, place(node))
            if left is None or right is None or _adapts(node.this, right) or _adapts(other, left):
                continue
            if problem := _compared(left, right):
                code, why = problem
                shown = node.sql(DIALECT).replace('"', "")
                shown = shown if len(shown) <= 2 * _SHORT else f"{shown[: 2 * _SHORT]}…"
                yield SqlProblem(code, f"`{left}` is compared with `{right}` in `{shown}`", *place(node), help=why)
                break


def _mixtures(nodes: Nodes) -> Iterator[SqlProblem]:
    """A time with a zone and one without, where one of them is chosen, or one is taken from the other."""
    for node in nodes.of(*_CHOSEN, exp.Case, exp.If, exp.Sub, exp.DateDiff, exp.TimestampDiff):
        if isinstance(node, exp.Case):
            parts = [*(i.args.get("true") for i in node.args["ifs"]), node.args.get("default")]
        elif isinstance(node, exp.If):
            parts = [node.args.get("true"), node.args.get("false")]
        else:
            parts = [node.this, node.args.get("expression"), *node.expressions]
        kinds = {k.name for p in parts if isinstance(p, exp.Expr) and (k := from_sql(p.type)) is not None}
        if "timestamptz" in kinds and kinds & {"timestamp", "date"}:
            shown = node.sql(DIALECT).replace('"', "")
            shown = shown if len(shown) <= 2 * _SHORT else f"{shown[: 2 * _SHORT]}…"
            naive = min(kinds & {"timestamp", "date"})
            yield SqlProblem("naive-aware-comparison", f"`{naive}` stands beside `timestamptz` in `{shown}`", *place(node),
                             help="one has a time zone and the other has none: declare `timezone` on the source")  # fmt: skip


def _others(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.Between):
        return [node.args["low"], node.args["high"]]
    if isinstance(node, exp.In):
        query = node.args.get("query")
        inside = query.this if isinstance(query, exp.Subquery) else query
        return [*node.expressions, *(inside.selects[:1] if isinstance(inside, exp.Query) else [])]
    return [node.expression]


def _adapts(node: exp.Expr, other: ColumnType) -> bool:
    """Whether a literal is read as the type of the other side: a text as anything, a number as any number."""
    return isinstance(node, exp.Literal) and (node.is_string or other.name != "string")


def _compared(left: ColumnType, right: ColumnType) -> tuple[str, str] | None:
    pair = {left.name, right.name}
    if pair in ({"timestamp", "timestamptz"}, {"date", "timestamptz"}):
        return "naive-aware-comparison", "one has a time zone and the other has none: declare `timezone` on the source"
    if "string" in pair and pair & NUMBERS:
        return "type-mismatch", "`1` never equals `'01'`: cast one of them"
    if "boolean" in pair and pair & INTEGERS:
        return "type-mismatch", "cast one of them"
    return None


def _stacked(union: exp.SetOperation) -> Iterator[SqlProblem]:
    left, right = union.left.selects, union.right.selects
    if union.args.get("by_name"):
        return
    if len(left) != len(right):
        message = f"`{union.key.upper()}` of {len(left)} and {len(right)} columns"
        yield SqlProblem("type-mismatch", message, *place(union.right), help="select the same columns on both sides")
        return
    for one, other in zip(left, right, strict=True):
        kinds = from_sql(one.type), from_sql(other.type)
        if kinds[0] and kinds[1] and (problem := _compared(kinds[0], kinds[1])):
            message = f"`{one.alias_or_name}` is `{kinds[0]}` above the {union.key.upper()}, `{kinds[1]}` below it"
            yield SqlProblem(problem[0], message, *place(other), help="cast one of them")
