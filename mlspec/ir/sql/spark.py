"""What Spark calls what the canonical dialect says: a table from nodes to Spark's words for the same meaning.

A node that is in no table is refused by name: what is not known to mean the same is never sent. Tested one expression at a
time in tests/engines/test_expressions.py.
"""

from __future__ import annotations

from mlspec.ir.sql._spark import lists, numbers, queries, texts, times
from mlspec.ir.sql._spark.words import FLOATS, T, cast, instant, literal, told
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Rule, Unspoken, call, translated, whole


def spoken(tree: exp.Expr) -> exp.Expr:
    """The same tree in what Spark has. Raises Unspoken."""
    return translated(queries.apart(tree), _SAME, _RULES, "Spark")


def _anonymous(node: exp.Anonymous) -> exp.Expr | None:
    name, arguments = str(node.this).lower(), [a.copy() for a in node.expressions]
    if name == "round_even" and len(arguments) == 2 and whole(arguments[1]) == 0:  # noqa: PLR2004 - a value and 0 digits
        return call("RINT", arguments[0]) if told(arguments[0]) in FLOATS else call("BROUND", arguments[0], 0)
    if name == "epoch_us":
        return call("UNIX_MICROS", instant(arguments[0]))
    unit = name.removeprefix("to_").upper().rstrip("S")
    if name.startswith("to_") and name.endswith("s") and unit in times.UNITS - {"QUARTER"}:
        return times.spans(arguments[0], unit)
    if name in {"date_part", "datepart"} and literal(arguments[0]):
        return times.extracted(exp.Extract(this=exp.var(arguments[0].name), expression=arguments[1]))
    raise Unspoken(node, "it is not known to mean the same on Spark")


_SAME: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Create, exp.Select, exp.From, exp.Where, exp.Having, exp.Qualify, exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.With,
        exp.Subquery, exp.TableAlias, exp.Alias, exp.Column, exp.Identifier, exp.Star, exp.Literal, exp.Boolean,
        exp.Null, exp.Paren, exp.Tuple, exp.Union, exp.Intersect, exp.Except, exp.Distinct, exp.Var, exp.DataTypeParam,
        exp.ColumnDef, exp.Exists, exp.Array, exp.Values, exp.Slice,
        exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ,
        exp.Is, exp.Between, exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least,
        exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Mod, exp.Abs, exp.Exp, exp.Pow, exp.Sqrt, exp.Sin, exp.Cos, exp.Tan,
        exp.Atan, exp.Atan2, exp.Pi, exp.Degrees, exp.Radians, exp.Cbrt, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseNot,
        exp.Count, exp.CountIf, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Stddev, exp.StddevSamp, exp.StddevPop, exp.Variance,
        exp.VariancePop, exp.LogicalAnd, exp.LogicalOr, exp.ApproxDistinct,
        exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead,
        exp.FirstValue, exp.LastValue, exp.NthValue, exp.IgnoreNulls, exp.RespectNulls,
        exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Replace, exp.StartsWith, exp.EndsWith, exp.Contains, exp.StrPosition,
        exp.Concat, exp.ConcatWs, exp.DPipe, exp.Pad, exp.Repeat, exp.Reverse, exp.MD5, exp.Translate, exp.SplitPart,
        exp.Year, exp.Month, exp.Day, exp.Hour, exp.Minute, exp.Second, exp.Quarter, exp.DayOfYear, exp.DayOfMonth,
        exp.WeekOfYear, exp.LastDay,
    }
)  # fmt: skip
"""What has one meaning here and there, once types are made explicit and the generator has written it."""

_RULES: dict[type[exp.Expr], Rule] = {
    exp.Join: queries.joined,
    exp.CTE: queries.named,
    exp.Group: queries.grouped,
    exp.Window: queries.windowed,
    exp.WindowSpec: queries.framed,
    exp.Table: queries.listed,
    exp.DataType: queries.typed,
    exp.Div: numbers.divided,
    exp.Round: numbers.rounded,
    exp.Floor: numbers.to_whole("FLOOR"),
    exp.Ceil: numbers.to_whole("CEIL"),
    exp.Sign: numbers.signed,
    exp.Log: numbers.logarithm,
    exp.Ln: numbers.log("LN"),
    exp.Cast: numbers.converted,
    exp.TryCast: numbers.converted,
    exp.Interval: times.spanned,
    exp.AtTimeZone: times.elsewhere,
    exp.Extract: times.extracted,
    exp.DateDiff: times.difference,
    exp.DateTrunc: times.truncated,
    exp.TimestampTrunc: times.truncated,
    exp.DayOfWeek: lambda n: exp.paren(exp.Sub(this=call("DAYOFWEEK", n.this.copy()), expression=exp.convert(1))),
    exp.DayOfWeekIso: lambda n: exp.paren(exp.Add(this=call("WEEKDAY", n.this.copy()), expression=exp.convert(1))),
    exp.UnixMicros: lambda n: call("UNIX_MICROS", instant(n.this.copy())),
    exp.UnixToTime: times.made_time,
    exp.TimeToStr: times.formatted,
    exp.Substring: texts.part,
    exp.Left: texts.end,
    exp.Right: texts.end,
    exp.Like: texts.alike,
    exp.ILike: texts.alike,
    exp.RegexpLike: texts.matched,
    exp.RegexpExtract: texts.found,
    exp.RegexpReplace: texts.replaced,
    exp.GroupConcat: lists.joined,
    exp.ArrayAgg: lists.in_order,
    exp.Filter: lists.filtered,
    exp.Bracket: lists.taken,
    exp.PercentileCont: lists.quantile,
    exp.Median: lists.quantile,
    exp.IntDiv: numbers.halved,
    exp.In: queries.among,
    exp.ToDays: lambda n: times.spans(n.this, "DAY"),
    exp.IsNan: lambda n: exp.EQ(this=n.this.copy(), expression=cast(exp.Literal.string("NaN"), T.DOUBLE)),
    exp.DateAdd: lambda n: exp.Add(this=n.this.copy(), expression=n.expression.copy()),
    exp.Anonymous: _anonymous,
}
