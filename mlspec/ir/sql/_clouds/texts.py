"""Texts."""

from __future__ import annotations

from typing import Any

from mlspec.ir.sql._clouds.tongue import Tongue, literal
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Unspoken, call, whole


def written(tongue: Tongue, node: exp.Literal) -> exp.Expr | None:
    if node.is_string and "\\" in node.this and not tongue.backslash:
        raise Unspoken(node, f"how {tongue.engine} reads `\\` depends on its settings", "leave it out")
    return None


def piece(tongue: Tongue, node: exp.Substring) -> exp.Expr | None:
    start, length = node.args.get("start"), node.args.get("length")
    if (whole(start) or 0) < 1 or (length is not None and (whole(length) is None or int(whole(length) or 0) < 0)):
        raise Unspoken(node, "the place must be written out, and count from the beginning", "use `right(x, n)`")
    return None


def end(tongue: Tongue, node: Any) -> exp.Expr | None:
    if (whole(node.expression) or 0) < 1:
        raise Unspoken(node, "the number of characters must be written out")
    size = node.expression.copy()
    if isinstance(node, exp.Left):
        return call("SUBSTR", node.this.copy(), 1, size)
    if tongue.dialect != "trino":
        return call("RIGHT", node.this.copy(), size)
    length = call("LENGTH", node.this.copy())
    start = exp.Add(
        this=exp.Sub(this=call("GREATEST", length, size), expression=size.copy()), expression=exp.convert(1)
    )
    # from beyond the beginning of a short text nothing would come
    short = exp.LTE(this=length.copy(), expression=size.copy())
    return exp.Case(ifs=[exp.If(this=short, true=node.this.copy())], default=call("SUBSTR", node.this.copy(), start))


def alike(tongue: Tongue, node: exp.Like) -> exp.Expr | None:
    pattern = literal(node.expression)
    if pattern is None or "\\" in pattern:
        raise Unspoken(node, "the pattern must be written out, without `\\`")
    return None


def matched(tongue: Tongue, node: exp.RegexpLike) -> exp.Expr | None:
    """Only where the library of patterns is the same."""
    if not tongue.patterns or literal(node.expression) is None or node.args.get("flag") is not None:
        raise Unspoken(
            node, f"patterns are not known to mean the same in {tongue.engine}", "use LIKE, or `contains(x, y)`"
        )
    return call("REGEXP_CONTAINS", node.this.copy(), node.expression.copy())


def contained(tongue: Tongue, node: exp.Contains) -> exp.Expr | None:
    place = exp.StrPosition(this=node.this.copy(), substr=node.expression.copy())
    return exp.paren(exp.GT(this=place, expression=exp.Literal.number(0)), copy=False)


def begins(tongue: Tongue, node: exp.StartsWith) -> exp.Expr | None:
    beginning = call("SUBSTR", node.this.copy(), 1, call("LENGTH", node.expression.copy()))
    return exp.paren(exp.EQ(this=beginning, expression=node.expression.copy()), copy=False)


def joined(tongue: Tongue, node: exp.ConcatWs) -> exp.Expr | None:
    """NULL is passed over, where it can come."""
    if tongue.joins_texts:
        return None
    mark, *values = node.expressions
    if literal(mark) is None or not all(_never_null(v) for v in values):
        raise Unspoken(
            node, f"{tongue.engine} makes NULL of it when one of the texts is", "write `coalesce(x, '')` for each"
        )
    made = values[0].copy()
    for value in values[1:]:
        made = exp.DPipe(this=exp.DPipe(this=made, expression=mark.copy()), expression=value.copy(), safe=True)
    return exp.paren(made, copy=False)


def _never_null(node: exp.Expr) -> bool:
    if isinstance(node, exp.Coalesce):
        return any(_never_null(v) for v in (node.this, *node.expressions))
    return isinstance(node, exp.Literal)


def concatenated(tongue: Tongue, node: exp.Concat) -> exp.Expr | None:
    """NULL is an empty text."""
    values = [v if _never_null(v) else exp.func("COALESCE", v.copy(), exp.Literal.string("")) for v in node.expressions]
    made = values[0].copy()
    for value in values[1:]:
        made = exp.DPipe(this=made, expression=value.copy(), safe=True)
    return exp.paren(made, copy=False)


def digest(tongue: Tongue, node: exp.MD5) -> exp.Expr | None:
    return tongue.md5(node.this.copy())
