"""What the canonical dialect does unsaid, said: conversions that depend on types, which other engines make otherwise.

`CAST(x AS INTEGER)` of a fraction rounds here and truncates elsewhere; `1 / 2` is a half here and nothing elsewhere. Types
are known where a query is understood, and only there: so that is where it is written down. The meaning does not change.
"""

from __future__ import annotations

from collections.abc import Callable

from mlspec.ir.columntype import INTEGERS, TIMES, ColumnType
from mlspec.ir.sql.dialect import data_type, from_sql
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.nodes import Nodes

_FLOATS = frozenset({"float32", "float64"})
_DOUBLE, _REAL, _STRING = ColumnType("float64"), ColumnType("float32"), ColumnType("string")
_LITERAL = ColumnType("decimal", 18, 3)
_MILLION = 1_000_000
_SPOKEN = frozenset({"float32", "float64", "timestamptz", "date"})
"""Types whose text differs between engines."""


def explicit(tree: exp.Expr, nodes: Nodes | None = None) -> exp.Expr:
    """The same tree, with what depends on types written out; in place, from the leaves up. Its nodes must be typed; `nodes` are they, if known."""
    for node in reversed((nodes or Nodes(tree)).every):
        rule = _RULES.get(type(node))
        if rule is None:
            continue
        made = rule(node)
        if made is not None and made is not node:
            made.type = made.type or node.type
            if node is tree:
                return made
            node.replace(made)
    return tree


def _kind(node: exp.Expr | None) -> ColumnType | None:
    while isinstance(node, exp.Paren):
        node = node.this
    kind = from_sql(node.type) if node is not None else None
    return _LITERAL if kind is not None and kind.name in _FLOATS and not _is_float(node) else kind


def _is_float(node: exp.Expr | None) -> bool:
    """`0.5` is a decimal, and so is what is made of it and whole numbers; sqlglot takes it for a float."""
    if isinstance(node, exp.Literal):
        return "e" in node.name.lower()
    if isinstance(node, (exp.Paren, exp.Neg)):
        return _is_float(node.this)
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Mod)):
        return _is_float(node.this) or _is_float(node.expression)
    if isinstance(node, exp.Case):
        values = [i.args["true"] for i in node.args["ifs"]] + [node.args.get("default")]
        return any(_is_float(v) for v in values)
    if isinstance(node, exp.Coalesce):
        return any(_is_float(v) for v in (node.this, *node.expressions))
    return from_sql(node.type) in (_DOUBLE, _REAL) if node is not None else False


def _named(node: exp.Expr | None) -> str:
    kind = _kind(node)
    return kind.name if kind else ""


def _as(node: exp.Expr, kind: ColumnType) -> exp.Expr:
    """The node as a value of that type, said."""
    if isinstance(node, exp.Cast) and from_sql(node.to) == kind:
        return node
    inner = node.this if isinstance(node, exp.Paren) and not isinstance(node.this, exp.Query) else node
    made = exp.Cast(this=inner.copy(), to=data_type(kind))
    made.type = data_type(kind)
    return made


def _cast(node: exp.Expr) -> exp.Expr | None:
    target, source = from_sql(node.args["to"]), _kind(node.this)
    if target is None or source is None:
        return None
    if target.name in INTEGERS and source.name in _FLOATS:
        made = exp.Anonymous(this="ROUND_EVEN", expressions=[_as(node.this, _DOUBLE), exp.Literal.number(0)])
        made.type = data_type(_DOUBLE)
        node.set("this", made)
    elif target.name in INTEGERS and source.name == "decimal" and not isinstance(node.this, exp.Round):
        rounded = exp.Round(this=node.this.copy(), decimals=exp.Literal.number(0))
        rounded.type = node.this.type
        node.set("this", rounded)
    elif target.name == "decimal" and source.name in _FLOATS:
        node.set("this", _as(node.this, _DOUBLE))
    elif target.name == "string" and source.name in _SPOKEN:
        node.set("this", _as(node.this, source))
    return None


def _divided(node: exp.Expr) -> exp.Expr | None:
    sides = [_kind(node.this), _kind(node.expression)]
    if (all(s is not None and s.numeric for s in sides) and not any(s and s.name in _FLOATS for s in sides)) or (
        sides[0] and sides[0].name == "decimal"
    ):
        node.set("this", _as(node.this, _DOUBLE))
    elif sides[1] and sides[1].name == "decimal":
        node.set("expression", _as(node.expression, _DOUBLE))
    return None


def _shifted(node: exp.Expr) -> exp.Expr | None:
    left, right = _named(node.this), _named(node.expression)
    if isinstance(node, exp.Sub) and left == right == "date":
        return exp.DateDiff(this=node.this.copy(), expression=node.expression.copy(), unit=exp.var("DAY"))
    if left == "date" and _is_interval(node.expression):
        node.set("this", _as(node.this, ColumnType("timestamp")))
    if right == "date" and _is_interval(node.this):
        node.set("expression", _as(node.expression, ColumnType("timestamp")))
    return None


def _is_span(node: exp.Expr) -> bool:
    """Whether it is a span of time: the difference of two times, or a multiple of one; sqlglot takes it for a time."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Sub) and _named(node.expression) in TIMES and not _is_span(node.expression):
        return not _is_span(node.this)
    if isinstance(node, (exp.Mul, exp.Div, exp.Neg)):
        return True
    return isinstance(node, (exp.Add, exp.Sub)) and _is_span(node.this) and _is_span(node.expression)


def _is_interval(node: exp.Expr) -> bool:
    while isinstance(node, exp.Paren):
        node = node.this
    return (
        isinstance(node, exp.Interval)
        or _is_span(node)
        or bool(node.type and node.type.this is exp.DataType.Type.INTERVAL)
    )


def _zoned(node: exp.Expr) -> exp.Expr | None:
    kind = _kind(node.this)
    if kind is not None and kind.name in {"timestamp", "timestamptz"}:
        node.set("this", _as(node.this, kind))
    elif kind is not None and kind.name == "date":
        node.set("this", _as(node.this, ColumnType("timestamptz")))
    return None


def _extracted(node: exp.Expr) -> exp.Expr | None:
    if node.name.upper() != "EPOCH":
        return None
    inner = node.expression
    while isinstance(inner, exp.Paren):
        inner = inner.this
    return _seconds(inner)


def _seconds(inner: exp.Expr) -> exp.Expr | None:
    """Seconds since 1970, or between two times, as a fraction."""
    micros = _micros(inner)
    if micros is None and isinstance(inner, exp.Sub):
        ends = _micros(inner.this), _micros(inner.expression)
        if ends[0] is not None and ends[1] is not None:
            micros = exp.paren(exp.Sub(this=ends[0], expression=ends[1]), copy=False)
    if micros is None:
        return None
    return exp.paren(exp.Div(this=_as(micros, _DOUBLE), expression=exp.Literal.number(_MILLION)), copy=False)


def _micros(node: exp.Expr) -> exp.Expr | None:
    kind = _kind(node)
    if kind is None or kind.name not in TIMES or _is_span(node):
        return None
    target = kind if kind.name == "timestamptz" else ColumnType("timestamp")
    made = exp.UnixMicros(this=_as(node, target))
    made.type = data_type(ColumnType("int64"))
    return made


def _averaged(node: exp.Expr) -> exp.Expr | None:
    if _named(node.this) == "decimal":
        node.set("this", _as(node.this, _DOUBLE))
    return None


def _summed(node: exp.Expr) -> exp.Expr | None:
    if _named(node.this) == "boolean":
        node.set("this", _as(node.this, ColumnType("int32")))
    return None


def _ranked(node: exp.Expr) -> exp.Expr | None:
    kind = _kind(node.this)
    if kind is not None and (kind.name in _FLOATS or kind.name in INTEGERS):
        node.set("this", _as(node.this, _DOUBLE))
    return None


def _compared(node: exp.Expr) -> exp.Expr | None:
    """A float of 32 bits is compared with a number as one of 32 bits."""
    for side, other in (("this", "expression"), ("expression", "this")):
        near, far = _kind(node.args[side]), _kind(node.args[other])
        if near == _REAL and far is not None and far.name in {*INTEGERS, "decimal"}:
            node.set(other, _as(node.args[other], _REAL))
    return None


def _rounded(node: exp.Expr) -> exp.Expr | None:
    if _named(node.this) in _FLOATS:
        node.set("this", _as(node.this, _DOUBLE))
    return None


def _joined(node: exp.Expr) -> exp.Expr | None:
    parts = [node.this, node.expression] if isinstance(node, exp.DPipe) else node.expressions
    for part in list(parts):
        kind = _kind(part)
        if kind is not None and kind.name not in {"string", "array", "json", "bytes"}:
            inner = _as(part, kind) if kind.name in _SPOKEN else part
            part.replace(_as(inner, _STRING))
    return None


_RULES: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr | None]] = {
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Div: _divided,
    exp.Add: _shifted,
    exp.Sub: _shifted,
    exp.AtTimeZone: _zoned,
    exp.Extract: _extracted,
    exp.TimeToUnix: lambda node: _seconds(node.this),
    exp.Avg: _averaged,
    exp.Sum: _summed,
    exp.Median: _ranked,
    exp.PercentileCont: _ranked,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE), _compared),
    exp.Round: _rounded,
    exp.Floor: _rounded,
    exp.Ceil: _rounded,
    exp.DPipe: _joined,
    exp.Concat: _joined,
    exp.ConcatWs: _joined,
}
