"""Whether a query would give the same answer again: no clock, no dice, no sample, and an order wherever the order matters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from mlspec.base.value import dataclass
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.nodes import Nodes
from mlspec.ir.sql.problem import SqlProblem, named, place

_CLOCK_NAMES = frozenset(
    """
    now today random rand randn random_normal uuid gen_random_uuid uuidv4 uuidv7 uuid_generate_v4 uuid_string newid setseed
    get_current_timestamp get_current_time current_localtime current_localtimestamp transaction_timestamp clock_timestamp
    statement_timestamp timeofday getdate sysdate systimestamp sysdatetime sysutcdatetime curdate curtime unix_timestamp
    current_setting current_user current_database current_schema current_schemas session_user user version
    nextval currval lastval setval txid_current current_query current_query_id current_transaction_id current_connection_id
    pg_backend_pid pg_postmaster_start_time reservoir_quantile monotonically_increasing_id input_file_name
    """.split()
)
_SPOKEN = re.compile(r"\s*(now|today|tomorrow|yesterday)\b.*", re.IGNORECASE | re.DOTALL)
"""Words that engines read as a time of their own clock: `'today'::date`."""
_IN_ORDER_NAMES = frozenset(
    {"arbitrary", "first", "last", "any_value", "list", "string_agg", "group_concat", "listagg"}
)
_SORTING = frozenset({"list_sort", "array_sort", "sort_array", "sortarray", "arraysort", "list_reverse_sort"})


@dataclass(frozen=True)
class _Kinds:
    """Functions that read a clock or throw dice, types that are times, functions that number rows, and those that depend on an order."""

    clock: tuple[type[exp.Expr], ...]
    times: tuple[object, ...]
    numbering: tuple[type[exp.Expr], ...]
    in_order: tuple[type[exp.Expr], ...]


@cache
def _kinds() -> _Kinds:
    return _Kinds(
        (
            exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.CurrentDatetime, exp.CurrentUser, exp.Rand, exp.Randn,
            exp.Uuid, exp.Localtime, exp.Localtimestamp, exp.CurrentVersion, exp.UtcDate, exp.UtcTime, exp.UtcTimestamp,
        ),
        (exp.DataType.Type.DATE, exp.DataType.Type.TIME, *exp.DataType.TEMPORAL_TYPES),
        (exp.RowNumber, exp.Ntile, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue),
        (exp.First, exp.Last, exp.AnyValue, exp.ArrayAgg, exp.GroupConcat),
    )  # fmt: skip


def clock(node: exp.Func, known: set[str]) -> bool:
    """Whether a function of these names answers differently each time."""
    alone = "age" in known and isinstance(node, exp.Anonymous) and len(node.expressions) == 1
    return isinstance(node, _kinds().clock) or bool(known & _CLOCK_NAMES) or alone


def unsteady(nodes: Nodes, text: str) -> Iterator[SqlProblem]:
    """What gives another answer each time and is no function: words that mean the present, and samples."""
    for node in nodes.of(exp.Cast, exp.TableSample):
        if isinstance(node, exp.TableSample):
            yield SqlProblem("not-reproducible", "a sample holds other rows each time", *_word(text, "TABLESAMPLE", "SAMPLE"),
                             help="take rows by a hash of their keys; a dataset has `sample:`")  # fmt: skip
        elif isinstance(node, exp.Cast) and node.to.this in _kinds().times and (word := spoken(node.this)):
            yield present(word, _word(text, f"'{word}'"))


def spoken(node: exp.Expr) -> str:
    """The text of a literal that engines read as the present, whatever is done to its case; empty if it is none."""
    while isinstance(node, (exp.Lower, exp.Upper, exp.Trim, exp.Paren)):
        node = node.this
    is_word = isinstance(node, exp.Literal) and node.is_string and _SPOKEN.fullmatch(str(node.this))
    return str(node.this) if is_word else ""


def present(word: str, at: tuple[int, int]) -> SqlProblem:
    """The problem of a literal that means the present, at a place."""
    return SqlProblem("not-reproducible", f"`'{word}'` is another time each day", *at,
                      help="use the event time of the row, or a variable")  # fmt: skip


def unordered(nodes: Nodes, text: str) -> Iterator[SqlProblem]:
    """Where the answer depends on an order of rows that nothing determines."""
    for node in nodes.of(exp.Query, exp.Window, exp.Func):
        if isinstance(node, exp.Query):
            yield from _cut(node, text)
        elif isinstance(node, exp.Window) and not node.args.get("order"):
            inner = _inside(node)
            if isinstance(inner, _kinds().numbering):
                yield _undetermined(f"`{_shown(inner)}`", inner, text, "add `ORDER BY` to the window")
        elif (isinstance(node, _kinds().in_order) or _name(node) in _IN_ORDER_NAMES) and not _ordered(node):
            yield _undetermined(f"`{_shown(node)}`", node, text,
                                "add `ORDER BY` inside it; where all rows have one value, `MIN` says so")  # fmt: skip


def order_counts(nodes: Nodes) -> bool:
    """Whether an order asked for in a part of a query could be seen in its answer."""
    return any(True for _ in unordered(nodes, ""))


def _cut(node: exp.Query, text: str) -> Iterator[SqlProblem]:
    if node.args.get("order"):
        return
    distinct = node.args.get("distinct")
    if isinstance(distinct, exp.Distinct) and distinct.args.get("on"):
        yield SqlProblem("undetermined-order", "`DISTINCT ON` without `ORDER BY` keeps any row", *_word(text, "DISTINCT"),
                         help="add `ORDER BY` of columns that tell all rows apart")  # fmt: skip
    elif node.args.get("limit") or node.args.get("offset"):
        word = (
            "LIMIT"
            if isinstance(node.args.get("limit"), exp.Limit)
            else "FETCH"
            if node.args.get("limit")
            else "OFFSET"
        )
        yield SqlProblem("undetermined-order", f"`{word}` without `ORDER BY` keeps any rows", *_word(text, word),
                         help="add `ORDER BY` of columns that tell all rows apart")  # fmt: skip


def _ordered(node: exp.Expr) -> bool:
    above = node.find_ancestor(exp.Window, exp.WithinGroup, exp.Select)
    if isinstance(above, exp.WithinGroup) or (isinstance(above, exp.Window) and above.args.get("order")):
        return True
    if any(_name(a) in _SORTING for a in _up(node)):
        return True
    return node.find(exp.Order) is not None


def _up(node: exp.Expr) -> Iterator[exp.Expr]:
    while node.parent is not None and not isinstance(node.parent, exp.Query):
        node = node.parent
        yield node


def _inside(window: exp.Window) -> exp.Expr:
    inner: exp.Expr = window.this
    while isinstance(inner, (exp.IgnoreNulls, exp.RespectNulls, exp.Filter)):
        inner = inner.this
    return inner


def _name(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) else ""


def _shown(node: exp.Expr) -> str:
    return {"arrayagg": "list", "groupconcat": "string_agg"}.get(node.key, _name(node))


def _undetermined(what: str, node: exp.Expr, text: str, help_: str) -> SqlProblem:
    message = f"{what} depends on an order of rows that nothing determines"
    at = named(node, _shown(node), text) if isinstance(node, exp.Func) else place(node)
    return SqlProblem("undetermined-order", message, *at, help=help_)


def _word(text: str, *words: str) -> tuple[int, int]:
    for word in words:
        edge = r"\b" if word[:1].isalpha() else ""
        if found := re.search(rf"{edge}{re.escape(word)}{edge}", text, re.IGNORECASE):
            return found.start(), found.end() - found.start()
    return 0, 1
