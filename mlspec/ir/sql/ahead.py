"""Whether a query looks at rows that come later than the row it speaks about: frames that follow, `LEAD`, sums over all rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mlspec.ir.columntype import TIMES
from mlspec.ir.sql.dialect import from_sql
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.nodes import Nodes
from mlspec.ir.sql.problem import SqlProblem, place

_HELP = "if these rows are known in advance, as a schedule is, say `known_in_advance: true`"

Timed = Callable[[str], bool]
"""Whether the rows of a table, by its name in the tree, happen at a time."""


def looks_ahead(tree: exp.Expr, nodes: Nodes, timed: Timed) -> Iterator[SqlProblem]:
    """What looks ahead in a typed query."""
    if not nodes.of(exp.Window, exp.AggFunc):
        return
    named: dict[str, bool] = {}

    def at_a_time(query: exp.Expr) -> bool:
        return any(named[t.name] if t.name in named else timed(t.name) for t in query.find_all(exp.Table))

    for part in tree.find_all(exp.CTE, bfs=False):
        named[part.alias] = at_a_time(part.this)
    for select in nodes.of(exp.Select):
        happens = at_a_time(select)
        for window in _own(select, exp.Window):
            if why := _window(window, happens=happens):
                yield SqlProblem("looks-ahead", f"this window {why}", *place(window), help=_HELP)
        node = next(_own(select, exp.AggFunc), None) if happens else None
        if node is not None and not _dated(select):
            yield SqlProblem("looks-ahead", "this is computed over rows of all times, later ones too", *place(node),
                             help=f"group by a time as well, or make it an aggregation of a window; {_HELP}")  # fmt: skip


def is_earlier(node: exp.Expr) -> bool:
    """Whether a time is made of an earlier moment than what it reads: something is taken away from it, or it is cut."""
    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    if isinstance(node, exp.Add | exp.DateAdd | exp.TimestampAdd):
        return False
    if isinstance(node, exp.Sub | exp.DateSub | exp.TimestampSub):
        return not isinstance(node.expression, exp.Neg)
    return isinstance(node, exp.DateTrunc | exp.TimestampTrunc)


def _own(select: exp.Select, kind: type[exp.Expr]) -> Iterator[exp.Expr]:
    """The nodes of a kind in a SELECT itself, not in one inside it; aggregates only outside windows."""
    for part in (*select.selects, select.args.get("having"), select.args.get("qualify")):
        for node in part.find_all(kind) if isinstance(part, exp.Expr) else ():
            inside = isinstance(node, exp.AggFunc) and node.find_ancestor(exp.Window, exp.Select) is not select
            if node.find_ancestor(exp.Select) is select and not inside:
                yield node


def _dated(select: exp.Select) -> bool:
    """Whether each group stands at a time, or says when its last row happened."""
    group = select.args.get("group")
    keys = group.expressions if group else []
    if group is not None and group.args.get("all"):  # by every column that is no aggregate
        keys = [p.unalias() for p in select.selects if not p.find(exp.AggFunc)]
    if any(_is_time(k) for k in keys):
        return True
    latest = (m for p in select.selects for m in p.find_all(exp.Max) if not m.find_ancestor(exp.Window))
    if any(_is_time(m) for m in latest):
        return True
    wanted = {p.sql() for p in keys}  # a key may be the name of a column, or its expression once more
    by_name = (p for p in select.selects if _is_time(p))
    return any(p.alias_or_name in wanted or p.unalias().sql() in wanted for p in by_name)


def _window(node: exp.Expr, *, happens: bool) -> str:
    """How a window looks ahead; empty if it does not."""
    if any(_is_time(p) for p in node.args.get("partition_by") or []):
        return ""
    order, frame = node.args.get("order"), node.args.get("spec")
    inner = node.this
    while isinstance(inner, (exp.IgnoreNulls, exp.RespectNulls, exp.Filter)):
        inner = inner.this
    if order is None:
        return "is over all rows, later ones too" if happens else ""
    first = order.expressions[0]
    by_time = _is_time(first.this if isinstance(first, exp.Ordered) else first)
    if not (by_time or happens):
        return ""
    if isinstance(inner, (exp.Ntile, exp.PercentRank, exp.CumeDist)):
        return "is over all rows, later ones too"
    falling = by_time and bool(first.args.get("desc"))
    if isinstance(inner, (exp.Lead, exp.Lag)):
        return "takes a value from a later row" if isinstance(inner, exp.Lag) is falling else ""
    side = "start_side" if falling else "end_side"
    ahead = "PRECEDING" if falling else "FOLLOWING"
    if frame is None:
        return "begins with the latest row" if falling else ""
    return "has a frame that reaches later rows" if str(frame.args.get(side) or "").upper() == ahead else ""


def _is_time(node: exp.Expr) -> bool:
    kind = from_sql(node.type)
    return kind is not None and kind.name in TIMES
