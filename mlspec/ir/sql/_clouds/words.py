"""The table from nodes to what they become; what is in no table is refused by name, never sent."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from mlspec.ir.sql._clouds import lists, numbers, queries, texts, times
from mlspec.ir.sql._clouds.tongue import Tongue, told
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Rule, Unspoken, translated


def spoken(tongue: Tongue, tree: exp.Expr) -> exp.Expr:
    """The same tree in what a warehouse has. Raises Unspoken."""
    return translated(numbers.marked(tree), _SAME, _table(tongue), tongue.engine)


@cache
def _table(tongue: Tongue) -> dict[type[exp.Expr], Rule]:
    return {kind: partial(rule, tongue) for kind, rule in _RULES.items()}


def _anonymous(tongue: Tongue, node: exp.Anonymous) -> exp.Expr | None:
    name, arguments = str(node.this).lower(), node.expressions
    if name == "round_even" and len(arguments) == 2:  # noqa: PLR2004 - a value and 0 digits
        return numbers.even(arguments[0].copy())
    if name == numbers.HEXADECIMAL:
        return tongue.hexadecimal(arguments[0].copy(), int(arguments[1].name))
    if name == "epoch_us" and told(arguments[0]) is not None:
        return times.micros(tongue, exp.UnixMicros(this=arguments[0].copy()))
    if name in {"cbrt", "atan2", "degrees", "radians", "pi", "sin", "cos", "tan"} and tongue.dialect == "trino":
        return None
    raise Unspoken(node, f"it is not known to mean the same in {tongue.engine}")


_SAME: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Select, exp.From, exp.Where, exp.Having, exp.Qualify, exp.Ordered, exp.Limit, exp.Offset, exp.With,
        exp.Subquery, exp.TableAlias, exp.Alias, exp.Column, exp.Boolean, exp.Null, exp.Paren, exp.Tuple,
        exp.Union, exp.Intersect, exp.Except, exp.Var, exp.DataTypeParam, exp.ColumnDef, exp.Exists, exp.Values,
        exp.Slice, exp.Any,
        exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ,
        exp.Is, exp.In, exp.Between, exp.Case, exp.If, exp.Coalesce, exp.Nullif,
        exp.Mul, exp.Neg, exp.Abs, exp.Exp, exp.Pow, exp.Sign,
        exp.Count, exp.Sum, exp.Min, exp.Max, exp.LogicalAnd, exp.LogicalOr,
        exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead,
        exp.FirstValue, exp.LastValue,
        exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Replace, exp.StrPosition, exp.DPipe,
        exp.Create, exp.Schema, exp.Insert, exp.Delete, exp.Drop, exp.TruncateTable,
    }
)  # fmt: skip
"""What has one meaning here and there, once types are made explicit and the generator has written it."""

_RULES: dict[type[exp.Expr], Any] = {
    exp.Identifier: queries.named, exp.CTE: queries.stepped, exp.Join: queries.joined, exp.Group: queries.grouped,
    exp.Distinct: queries.distinct, exp.Table: queries.listed, exp.Star: queries.starred, exp.Order: queries.ordered,
    exp.Window: queries.windowed, exp.WindowSpec: queries.framed, exp.Literal: texts.written,
    exp.Ln: numbers.logarithm, exp.Sqrt: numbers.root, exp.Floor: numbers.stepped, exp.Ceil: numbers.stepped,
    exp.DataType: numbers.typed, exp.Cast: numbers.converted, exp.TryCast: numbers.tried, exp.Div: numbers.divided,
    exp.IntDiv: numbers.halved, exp.Mod: numbers.rest, exp.Round: numbers.rounded, exp.Greatest: numbers.extreme,
    exp.Least: numbers.extreme,
    **dict.fromkeys(
        (exp.Avg, exp.Stddev, exp.StddevSamp, exp.StddevPop, exp.Variance, exp.VariancePop), numbers.averaged
    ),
    exp.UnixMicros: times.micros, exp.UnixToTime: times.made_time, exp.AtTimeZone: times.zoned, exp.Add: times.moved,
    exp.Sub: times.moved, exp.Interval: times.span, exp.Extract: times.extracted, exp.DateDiff: times.difference,
    exp.DateTrunc: times.truncated, exp.TimestampTrunc: times.truncated, exp.CurrentTimestamp: times.clock,
    **dict.fromkeys(times.PARTS, times.part),
    exp.Substring: texts.piece, exp.Left: texts.end, exp.Right: texts.end, exp.Like: texts.alike,
    exp.RegexpLike: texts.matched, exp.Contains: texts.contained, exp.StartsWith: texts.begins,
    exp.ConcatWs: texts.joined, exp.Concat: texts.concatenated, exp.MD5: texts.digest,
    exp.Filter: lists.filtered, exp.CountIf: lists.counted, exp.ApproxDistinct: lists.distinct,
    exp.Median: lists.quantile, exp.PercentileCont: lists.quantile, exp.ArrayAgg: lists.listed, exp.Bracket: lists.taken,
    **dict.fromkeys((exp.AnyValue, exp.First, exp.Last), lists.no_order),
    exp.Anonymous: _anonymous,
}  # fmt: skip
