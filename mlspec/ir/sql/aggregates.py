"""The functions of windows: what type each gives, which running sums make it exactly, and its call over joined rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlspec.ir.columntype import INTEGERS, ColumnType
from mlspec.ir.relation import Aggregate, Windows
from mlspec.ir.sql.dialect import DIALECT, column, data_type
from mlspec.ir.sql.glot import exp, sqlglot

FUNCTIONS = (
    "count", "sum", "avg", "min", "max", "stddev", "variance", "median", "percentile", "count_distinct",
    "approx_count_distinct", "first", "last", "last_n", "distinct_n", "ratio",
)  # fmt: skip
OF_NUMBERS = frozenset({"sum", "avg", "stddev", "variance", "median", "percentile", "ratio"})
ZERO_OF_NOTHING = frozenset({"count", "count_distinct", "approx_count_distinct"})
ORDERED = frozenset({"first", "last", "last_n", "distinct_n"})
RUNNING = frozenset({"count", "sum", "avg", "min", "max", "stddev", "variance"})
"""Functions that every engine computes row by row over all rows so far."""
FRAMED = RUNNING | {"median", "percentile"}
"""Functions that an engine with good frames computes in each of them without looking at every row again."""

_ADDITIVE = frozenset({"count", "sum", "avg", "ratio"})
_INT64, _FLOAT64 = ColumnType("int64"), ColumnType("float64")


def result_type(function: str, value: ColumnType | None) -> ColumnType:
    """The type of a feature, by its function and the type of what is aggregated (None: the rows themselves)."""
    if function in ZERO_OF_NOTHING:
        return _INT64
    if value is not None and function in {"min", "max", "first", "last"}:
        return value
    if value is not None and function in {"last_n", "distinct_n"}:
        return ColumnType("array", items=(value,))
    if value is not None and function == "sum":
        if value.name in INTEGERS or value.name == "boolean":
            return _INT64
        return ColumnType("decimal", 38, value.scale) if value.name == "decimal" else _FLOAT64
    return _FLOAT64


def additive(aggregate: Aggregate) -> bool:
    """Whether differences of running sums give it exactly: counts, and sums of integers and decimals."""
    kind = aggregate.value_type
    exact = kind is None or kind.name in INTEGERS | {"boolean", "decimal"}
    return aggregate.function == "count" or (aggregate.function in _ADDITIVE and exact)


def parsed(text: str) -> exp.Expr:
    """The tree of a canonical expression."""
    return sqlglot.parse_one(text, dialect=DIALECT)


def parts(aggregate: Aggregate) -> list[exp.Expr]:
    """What is aggregated, NULL for rows that do not count; of a ratio, what is above and what is below."""
    if aggregate.function == "ratio":
        conditions = [c for c in (aggregate.where, aggregate.among) if c]
        return [_if(_both(*conditions), _plain(aggregate)), _if(_both(aggregate.among), _plain(aggregate))]
    return [_if(_both(aggregate.where), _plain(aggregate))]


def _plain(aggregate: Aggregate) -> exp.Expr:
    """The value of a row; a boolean as a number where a number is needed."""
    if not aggregate.value:
        return exp.Literal.number(1)
    node, kind = parsed(aggregate.value), aggregate.value_type
    return (
        exp.cast(exp.paren(node), "INT")
        if kind and kind.name == "boolean" and aggregate.function in OF_NUMBERS
        else node
    )


def _if(condition: exp.Expr | None, node: exp.Expr) -> exp.Expr:
    return node if condition is None else exp.Case(ifs=[exp.If(this=condition, true=node)])


# -- running sums ------------------------------------------------------------------------------------------------------


def sums(aggregate: Aggregate) -> dict[str, exp.Expr]:
    """What is added up for an additive feature, never NULL: `n` counted values, `s` their sum; of a ratio `a` and `b`."""
    if aggregate.function == "ratio":
        return {"a": _summed(aggregate, aggregate.where, aggregate.among), "b": _summed(aggregate, "", aggregate.among)}
    counted = _counted(aggregate)
    return (
        {"n": counted}
        if aggregate.function == "count"
        else {"n": counted, "s": _summed(aggregate, aggregate.where, "")}
    )


def _both(*conditions: str) -> exp.Expr | None:
    nodes = [exp.paren(parsed(c)) for c in conditions if c]
    return exp.and_(*nodes, wrap=False) if nodes else None


def _counted(aggregate: Aggregate) -> exp.Expr:
    condition = _both(aggregate.where)
    if aggregate.value:
        known = exp.paren(parsed(aggregate.value)).is_(exp.null()).not_()
        condition = exp.and_(condition, known) if condition is not None else known
    one, zero = exp.Literal.number(1), exp.Literal.number(0)
    return one if condition is None else exp.Case(ifs=[exp.If(this=condition, true=one)], default=zero)


def _summed(aggregate: Aggregate, *conditions: str) -> exp.Expr:
    """Narrow values go through the sort; the engine's `SUM` of them is wide."""
    kind, condition = aggregate.value_type, _both(*conditions)
    node: exp.Expr = exp.Literal.number(1)
    if aggregate.value:
        node = exp.paren(parsed(aggregate.value))
        node = exp.cast(node, "INT") if kind and kind.name == "boolean" else node
    if condition is not None:
        node = exp.Case(ifs=[exp.If(this=condition, true=node)])
    if condition is None and not aggregate.value:
        return node
    return exp.func("COALESCE", node, exp.Literal.number(0))


def from_sums(aggregate: Aggregate, totals: Mapping[str, exp.Expr]) -> exp.Expr:
    """The feature from the sums over its window."""
    zero = exp.Literal.number(0)
    if aggregate.function == "count":
        return exp.cast(totals["n"], "BIGINT")
    if aggregate.function == "ratio":
        whole = exp.NEQ(this=exp.paren(totals["b"].copy()), expression=zero)
        return exp.Case(ifs=[exp.If(this=whole, true=_share(totals["a"], totals["b"]))])
    some = exp.GT(this=exp.paren(totals["n"].copy()), expression=zero)
    total = exp.cast(exp.paren(totals["s"]), data_type(aggregate.type))
    return exp.Case(
        ifs=[exp.If(this=some, true=_share(totals["s"], totals["n"]) if aggregate.function == "avg" else total)]
    )


def _share(part: exp.Expr, whole: exp.Expr) -> exp.Expr:
    return exp.Div(
        this=exp.cast(exp.paren(part.copy()), "DOUBLE"), expression=exp.cast(exp.paren(whole.copy()), "DOUBLE")
    )


# -- calls over the rows of a window -----------------------------------------------------------------------------------


_CALLS = {"stddev": "STDDEV_SAMP", "variance": "VAR_SAMP"}
_IN_DOUBLE = frozenset({"avg", "stddev", "variance", "median", "percentile"})


def call(aggregate: Aggregate, nodes: Sequence[exp.Expr], order: list[exp.Expr]) -> exp.Expr:
    """The call of a function over its `parts`, NULLs skipped; `order` says which row is later."""
    function, node = aggregate.function, nodes[0]
    wide = exp.cast(node, "DOUBLE") if function in _IN_DOUBLE else node
    made: exp.Expr
    if function in ORDERED:
        made = _listed(aggregate, node, order)
    elif function == "count_distinct":
        made = exp.Count(this=exp.Distinct(expressions=[node]))
    elif function == "approx_count_distinct":
        made = exp.ApproxDistinct(this=node)
    elif function == "ratio":
        below = exp.Sum(this=nodes[1])
        some = exp.NEQ(this=below, expression=exp.Literal.number(0))
        above = exp.func("COALESCE", exp.Sum(this=node), exp.Literal.number(0))
        made = exp.Case(ifs=[exp.If(this=some, true=_share(above, below))])
    elif function in {"median", "percentile"}:
        fraction = exp.convert(aggregate.argument if function == "percentile" else 0.5)
        made = exp.func("QUANTILE_CONT", wide, fraction, dialect=DIALECT)
    else:
        made = exp.func(_CALLS.get(function, function.upper()), wide, dialect=DIALECT)
    return exp.cast(made, data_type(aggregate.type))


def _listed(aggregate: Aggregate, node: exp.Expr, order: list[exp.Expr]) -> exp.Expr:
    """The values in their order, as a list of which the first ones are taken."""
    newest_first = aggregate.function != "first"
    by = [exp.Ordered(this=o.copy(), desc=newest_first, nulls_first=not newest_first) for o in [*order, node]]
    listed = exp.Filter(
        this=exp.ArrayAgg(this=exp.Order(this=node.copy(), expressions=by)),
        expression=exp.Where(this=node.copy().is_(exp.null()).not_()),
    )
    if aggregate.function in {"first", "last"}:
        return exp.Bracket(this=listed, expressions=[exp.Literal.number(1)], offset=1)
    top = exp.Literal.number(int(aggregate.argument))
    return exp.Bracket(this=listed, expressions=[exp.Slice(this=exp.Literal.number(1), expression=top)], offset=1)


def in_order(windows: Windows, alias: str = "") -> list[exp.Expr]:
    """What says which of two events is later."""
    names = ["__us", *(["__known"] if windows.available else []), *(["__order"] if windows.order else [])]
    return [column(n, alias) for n in names]
