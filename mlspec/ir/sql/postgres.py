"""What PostgreSQL calls what the canonical dialect says; a node that is in no table is refused by name, never sent.

Texts are compared byte by byte (`COLLATE "C"`), as everywhere else, whatever the locale of the database. So only functions
that are known to read and do nothing else ever reach the server.
"""

from __future__ import annotations

from mlspec.ir.sql._postgres import lists, numbers, queries, texts, times
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Rule, Unspoken, call, translated, whole

LONGEST = 63
"""Bytes of an identifier; PostgreSQL cuts off what is longer without a word."""


def spoken(tree: exp.Expr) -> exp.Expr:
    """The same tree in what PostgreSQL has. Raises Unspoken."""
    for name in tree.find_all(exp.Identifier):
        if len(name.this.encode()) > LONGEST:
            raise Unspoken(name, f"a name in PostgreSQL has at most {LONGEST} bytes", "give it a shorter name (`AS`)")
    return translated(tree, _SAME, _RULES, "PostgreSQL")


def _anonymous(node: exp.Anonymous) -> exp.Expr | None:
    name = str(node.this).lower()
    if name in _FUNCTIONS:
        return None
    unit = name.removeprefix("to_").removesuffix("s")
    if name.startswith("to_") and unit in times.LENGTHS and len(node.expressions) == 1:
        return times.so_many(node.expressions[0], unit)
    if name == "round_even" and len(node.expressions) == 2 and whole(node.expressions[1]) == 0:  # noqa: PLR2004 - a value and 0 digits
        return call("ROUND", numbers.cast(node.expressions[0].copy(), "DOUBLE"))
    if name in {"date_part", "datepart"} and isinstance(node.expressions[0], exp.Literal):
        return times.extracted(exp.Extract(this=exp.var(node.expressions[0].name), expression=node.expressions[1]))
    if name == "epoch_us":
        return times.micros(exp.UnixMicros(this=node.expressions[0]))
    raise Unspoken(node, "it is not known to mean the same in PostgreSQL")


_FUNCTIONS = frozenset(
    {"pi", "sin", "cos", "tan", "atan2", "degrees", "radians", "cbrt", "sign", "make_date", "lpad", "rpad"}
)
"""Functions without a node of their own that mean the same here and there."""

_SAME: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Select, exp.From, exp.Where, exp.Having, exp.Qualify, exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.With,
        exp.CTE, exp.Subquery, exp.TableAlias, exp.Alias, exp.Column, exp.Identifier, exp.Star, exp.Literal, exp.Boolean,
        exp.Null, exp.Paren, exp.Tuple, exp.Union, exp.Intersect, exp.Except, exp.Distinct, exp.Var, exp.DataTypeParam,
        exp.Exists, exp.Array, exp.Values, exp.Lateral, exp.Unnest, exp.Table, exp.WindowSpec, exp.Any, exp.Slice,
        exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ,
        exp.Is, exp.In, exp.Between, exp.Case, exp.If, exp.Coalesce, exp.Nullif,
        exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Mod, exp.Abs, exp.Exp, exp.Pow, exp.Sin, exp.Cos, exp.Tan,
        exp.Atan, exp.Atan2, exp.Pi, exp.Degrees, exp.Radians, exp.Cbrt, exp.Ceil, exp.Floor, exp.Sign,
        exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseNot, exp.BitwiseLeftShift, exp.BitwiseRightShift,
        exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Stddev, exp.StddevSamp, exp.StddevPop, exp.Variance,
        exp.VariancePop, exp.LogicalAnd, exp.LogicalOr, exp.ArrayAgg, exp.GroupConcat, exp.Filter, exp.CovarPop,
        exp.CovarSamp, exp.Corr,
        exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead,
        exp.FirstValue, exp.LastValue, exp.NthValue, exp.RespectNulls,
        exp.Trim, exp.Replace, exp.StartsWith, exp.StrPosition, exp.Concat, exp.ConcatWs, exp.DPipe, exp.Repeat, exp.Reverse,
        exp.MD5, exp.Translate, exp.SplitPart, exp.Left, exp.Right, exp.Length, exp.Like, exp.Ascii, exp.Pad,
        exp.JSONExtractScalar, exp.JSONPath, exp.JSONPathRoot, exp.JSONPathKey, exp.JSONPathSubscript,
        exp.AtTimeZone, exp.CurrentTimestamp, exp.Collate, exp.ArraySize,
        exp.Create, exp.Schema, exp.Insert, exp.Delete, exp.Drop, exp.TruncateTable,
    }
)  # fmt: skip
"""What has one meaning here and there once the generator has written it."""

_RULES: dict[type[exp.Expr], Rule] = {
    exp.Anonymous: _anonymous,
    exp.Join: queries.joined,
    exp.Group: queries.grouped,
    exp.Window: queries.windowed,
    exp.DataType: queries.typed,
    exp.ColumnDef: queries.defined,
    exp.IgnoreNulls: queries.null_skipping,
    exp.Cast: numbers.converted,
    exp.TryCast: numbers.tried,
    exp.Div: numbers.divided,
    exp.IntDiv: numbers.halved,
    exp.Round: numbers.rounded,
    exp.Log: numbers.logarithm,
    exp.Ln: numbers.bounded("LN", zero="-Infinity"),
    exp.Sqrt: numbers.bounded("SQRT"),
    exp.IsNan: numbers.nan,
    exp.Greatest: numbers.extreme,
    exp.Least: numbers.extreme,
    exp.CountIf: lists.counted,
    exp.ApproxDistinct: lists.distinct,
    exp.Median: lists.quantile,
    exp.PercentileCont: lists.quantile,
    exp.AnyValue: lists.any_value,
    exp.First: lists.end(desc=False),
    exp.Last: lists.end(desc=True),
    exp.ArgMax: lists.at_end(desc=True),
    exp.ArgMin: lists.at_end(desc=False),
    exp.Bracket: lists.taken,
    exp.ArrayContains: lists.contained,
    exp.Interval: times.interval,
    exp.Extract: times.extracted,
    exp.UnixMicros: times.micros,
    exp.UnixToTime: times.made_time,
    exp.TimeToUnix: times.seconds,
    exp.DateDiff: times.difference,
    exp.DateTrunc: times.truncated,
    exp.TimestampTrunc: times.truncated,
    exp.TimeToStr: times.formatted,
    exp.ToDays: lambda n: times.so_many(n.this, "day"),
    exp.DateAdd: lambda n: exp.Add(this=n.this.copy(), expression=n.expression.copy()),
    **{kind: times.part(field) for kind, field in times.PARTS.items()},
    exp.Lower: texts.cased("LOWER"),
    exp.Upper: texts.cased("UPPER"),
    exp.ILike: texts.alike,
    exp.Substring: texts.piece,
    exp.Contains: texts.contained,
    exp.EndsWith: texts.ends,
    exp.RegexpLike: texts.matched,
}
