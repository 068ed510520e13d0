"""Texts."""

from __future__ import annotations

import re
from typing import Any

from mlspec.ir.sql._postgres.numbers import bytewise
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Rule, Unspoken, call, held, whole

_UNICODE = "und-x-icu"
"""The collation that knows the letters of all languages, whatever the locale of the database."""
_PLAIN = re.compile(r"[A-Za-z0-9 _\-@,;:/#%&=<>!'\"~`^$|()\[\]+*?{}]*|\\.")
_CLASSES = {r"\d": "[0-9]", r"\w": "[0-9A-Za-z_]", r"\s": r"[\t\n\f\r ]", r"\.": r"\."}


def cased(name: str) -> Rule:
    def rule(node: Any) -> exp.Expr | None:
        letters = exp.Collate(this=exp.paren(node.this.copy()), expression=exp.to_identifier(_UNICODE, quoted=True))
        return exp.paren(bytewise(call(name, letters)), copy=False)

    return rule


def alike(node: exp.ILike) -> exp.Expr | None:
    letters = exp.Collate(this=exp.paren(node.this.copy()), expression=exp.to_identifier(_UNICODE, quoted=True))
    return exp.ILike(this=letters, expression=node.expression.copy())


def piece(node: exp.Substring) -> exp.Expr | None:
    start, length = node.args.get("start"), node.args.get("length")
    if (whole(start) or 0) < 1 or (length is not None and (whole(length) or 0) < 0):
        raise Unspoken(node, "the place must be written out, and count from the beginning", "use `right(x, n)`")
    return None


def contained(node: exp.Contains) -> exp.Expr | None:
    return exp.GT(this=call("STRPOS", node.this.copy(), node.expression.copy()), expression=exp.Literal.number(0))


def ends(node: exp.EndsWith) -> exp.Expr | None:
    end = call("RIGHT", node.this.copy(), call("LENGTH", node.expression.copy()))
    empty = exp.EQ(this=held(node.expression), expression=exp.Literal.string(""))
    return exp.paren(exp.or_(empty, exp.EQ(this=end, expression=held(node.expression))), copy=False)


def matched(node: exp.RegexpLike) -> exp.Expr | None:
    """Only what both libraries read alike: classes of letters and digits are written out, `.` is any sign but a line break."""
    pattern = node.expression
    if not isinstance(pattern, exp.Literal) or node.args.get("flag") is not None:
        raise Unspoken(node, "the pattern must be written out, without flags")
    made, text, index, inside = "", pattern.name, 0, False
    while index < len(text):
        one = text[index : index + 2] if text[index] == "\\" else text[index]
        if one.startswith("\\"):
            if one not in _CLASSES or inside:
                raise Unspoken(node, f"`{one}` is not known to mean the same in PostgreSQL")
            made += _CLASSES[one]
        elif one == "." and not inside:
            made += r"[^\n]"
        elif not (one in ".," or _PLAIN.fullmatch(one)) or text.startswith("(?", index):
            raise Unspoken(node, f"`{text[index : index + 2]}` is not known to mean the same in PostgreSQL")
        else:
            inside = one == "[" or (inside and one != "]")
            made += one
        index += len(one)
    return exp.RegexpLike(this=held(node.this), expression=exp.Literal.string(made))
