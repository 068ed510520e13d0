"""Texts and patterns."""

from __future__ import annotations

from typing import Any

from mlspec.ir.sql._spark.words import literal
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.patterns import java_pattern
from mlspec.ir.sql.spoken import Unspoken, call, whole


def part(node: exp.Substring) -> None:
    start, length = whole(node.args.get("start")), node.args.get("length")
    if start is None or start < 1 or (length is not None and (whole(length) or -1) < 0 and whole(length) != 0):
        raise Unspoken(node, "it must begin at a number from 1 on, and be so many characters long")


def end(node: Any) -> None:
    if (whole(node.expression) or 0) < 1:
        raise Unspoken(node, "the number of characters must be written out")


def alike(node: Any) -> None:
    pattern = literal(node.expression)
    if pattern is None or "\\" in pattern:
        raise Unspoken(node, "the pattern must be written out, without `\\`")


def pattern(node: Any) -> str:
    pattern = literal(node.expression)
    java = java_pattern(pattern) if pattern is not None else None
    if java is None or node.args.get("position") or node.args.get("occurrence"):
        raise Unspoken(node, "the pattern must be written out, in what engines have in common")
    return java


def matched(node: exp.RegexpLike) -> exp.Expr | None:
    if node.args.get("flag"):
        raise Unspoken(node, "flags are not known to mean the same on Spark")
    return call("REGEXP_LIKE", node.this.copy(), pattern(node))


def found(node: exp.RegexpExtract) -> exp.Expr | None:
    if node.args.get("parameters"):
        raise Unspoken(node, "flags are not known to mean the same on Spark")
    return call("REGEXP_EXTRACT", node.this.copy(), pattern(node), whole(node.args.get("group")) or 0)


def replaced(node: exp.RegexpReplace) -> exp.Expr | None:
    new = literal(node.args.get("replacement"))
    if literal(node.args.get("modifiers")) != "g":
        raise Unspoken(node, "Spark replaces every match", "say so: `regexp_replace(text, pattern, new, 'g')`")
    if new is None or "\\" in new or "$" in new:
        raise Unspoken(node, "the new text must be written out, without `\\` and `$`")
    return call("REGEXP_REPLACE", node.this.copy(), pattern(node), new)
