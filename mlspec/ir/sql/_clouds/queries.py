"""Joins, groups, orders, windows, names."""

from __future__ import annotations

from mlspec.ir.sql._clouds.tongue import Tongue
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Unspoken

_KINDS = frozenset({"", "INNER", "OUTER", "CROSS"})
_NEVER_NULL = frozenset({"__at", "__side", "__us", "__known", "__event"})
"""Columns of the algebra that it has asked to be known."""
_BY_ROWS = frozenset({"__at", "__side"})
"""What orders the streams of the algebra, in which only the last row of each moment is read."""


def named(tongue: Tongue, node: exp.Identifier) -> exp.Expr | None:
    """In quotes, always: an engine would fold the case of a bare name in a way of its own."""
    if tongue.longest and len(node.this.encode()) > tongue.longest:
        raise Unspoken(node, f"a name in {tongue.engine} has at most {tongue.longest} bytes", "give it a shorter one")
    return exp.Identifier(this=node.this, quoted=True)


def stepped(tongue: Tongue, node: exp.CTE) -> exp.Expr | None:
    """Whether a step is kept is for the engine to say."""
    node.set("materialized", None)
    return None


def joined(tongue: Tongue, node: exp.Join) -> exp.Expr | None:
    method, kind = (str(node.args.get(a) or "").upper() for a in ("method", "kind"))
    if method or kind not in _KINDS:
        said = method or kind
        raise Unspoken(node, f"{tongue.engine} has no {said} JOIN", "join with a condition, or write EXISTS")
    return None


def grouped(tongue: Tongue, node: exp.Group) -> exp.Expr | None:
    if any(node.args.get(k) for k in ("all", "grouping_sets", "cube", "rollup", "totals")):
        raise Unspoken(node, f"it is not known to mean the same in {tongue.engine}", "name the columns")
    return None


def distinct(tongue: Tongue, node: exp.Distinct) -> exp.Expr | None:
    if node.args.get("on"):
        raise Unspoken(node, f"{tongue.engine} has no DISTINCT ON", "use QUALIFY row_number() OVER (…) = 1")
    if isinstance(node.parent, exp.Count) and len(node.expressions) > 1:
        raise Unspoken(node, "several values are not counted alike", "count distinct texts of them")
    return None


def listed(tongue: Tongue, node: exp.Table) -> exp.Expr | None:
    if not isinstance(node.this, exp.Identifier | None) or node.args.get("pivots") or node.args.get("sample"):
        raise Unspoken(node, f"it is not known to mean the same in {tongue.engine}")
    return None


def starred(tongue: Tongue, node: exp.Star) -> exp.Expr | None:
    if any(node.args.get(k) for k in ("except_", "except", "replace", "rename")):
        raise Unspoken(node, f"it is not known to mean the same in {tongue.engine}", "name the columns")
    return None


def ordered(tongue: Tongue, node: exp.Order) -> exp.Expr | None:
    """Where NULL goes, as a key of its own, where an engine cannot be told inside a window."""
    if tongue.nulls_in_windows or not isinstance(node.parent, exp.Window | exp.ArrayAgg):
        return None
    keys: list[exp.Expr] = []
    for key in node.expressions:
        down = bool(key.args.get("desc"))
        first = bool(key.args.get("nulls_first"))
        if first == down and key.this.name not in _NEVER_NULL:  # an engine's own way is that NULL is the least
            unknown = exp.paren(key.this.copy()).is_(exp.null())
            keys.append(exp.Ordered(this=exp.paren(unknown), desc=first, nulls_first=not first))
        keys.append(exp.Ordered(this=key.this.copy(), desc=down, nulls_first=not down))
    return exp.Order(this=node.this.copy() if node.this else None, expressions=keys)


def windowed(tongue: Tongue, node: exp.Window) -> exp.Expr | None:
    inner = node.this
    if isinstance(inner, exp.Count) and isinstance(inner.this, exp.Distinct):
        raise Unspoken(node, f"{tongue.engine} counts no distinct values over a window", "group by the key, and join")
    if isinstance(
        inner,
        exp.RowNumber | exp.Rank | exp.DenseRank | exp.Lag | exp.Lead | exp.PercentRank | exp.CumeDist | exp.Ntile,
    ):
        if not node.args.get("order"):
            raise Unspoken(node, "the order must be said", "write `OVER (ORDER BY …)`")
        return None
    return None if tongue.frames else _by_rows(tongue, node)


def framed(tongue: Tongue, node: exp.WindowSpec) -> exp.Expr | None:
    if node.args.get("exclude") or str(node.args.get("kind") or "").upper() == "GROUPS":
        raise Unspoken(node.parent or node, f"{tongue.engine} has no such frame")
    return None


def _by_rows(tongue: Tongue, node: exp.Window) -> exp.Expr | None:
    """A frame of rows, where an engine has no other, if it gives the same."""
    spec, order = node.args.get("spec"), node.args.get("order")
    if spec is not None and str(spec.args.get("kind") or "").upper() == "ROWS":
        return None
    if order is None and spec is None:
        return None
    made = node.copy()
    frame = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW")
    if spec is None and order is not None and all(o.this.name in _BY_ROWS for o in order.expressions):
        made.set("spec", frame)
        return made
    if spec is None and order is not None and isinstance(node.this, exp.Max | exp.Min):
        # the greatest of equals comes first, so that it is in the frame of all of them
        down = isinstance(node.this, exp.Max)
        made.args["order"].append("expressions", exp.Ordered(this=node.this.this.copy(), desc=down, nulls_first=False))
        made.set("spec", frame)
        return made
    raise Unspoken(node, f"{tongue.engine} has no frames of equals", "say `ROWS BETWEEN … AND …`")
