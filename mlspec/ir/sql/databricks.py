"""What Databricks calls what the canonical dialect says: an instant is a TIMESTAMP, a time without a zone a TIMESTAMP_NTZ."""

from __future__ import annotations

from typing import Any

from mlspec.ir.sql._clouds.tongue import NAIVE, T, Tongue, cast, number, typed
from mlspec.ir.sql._clouds.words import spoken as _spoken
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.spoken import Unspoken, call


def spoken(tree: exp.Expr) -> exp.Expr:
    """The same tree in what Databricks has. Raises Unspoken."""
    return _spoken(_DATABRICKS, tree)


def _naive(node: exp.Expr) -> exp.Expr:
    return cast(node, T.TIMESTAMPNTZ)


def _aware(node: exp.Expr) -> exp.Expr:
    return cast(node, T.TIMESTAMPTZ)


def _shifted(time: exp.Expr, months: int, seconds: int, rest: int) -> exp.Expr | None:
    made = time
    for unit, size in (("MONTH", months), ("SECOND", seconds), ("MICROSECOND", rest)):
        if size:
            span = exp.Interval(this=exp.Literal.string(str(abs(size))), unit=exp.var(unit))
            made = (exp.Add if size > 0 else exp.Sub)(this=made, expression=span)
    return exp.paren(made, copy=False)


def _truncated(unit: str, time: exp.Expr, kind: Any) -> exp.Expr | None:
    made = call("DATE_TRUNC", unit, time)
    return made if kind is None else _naive(made) if kind in NAIVE else made


def _one_way(order: exp.Order) -> bool:
    """Whether the order goes down, NULL last, or up, NULL first: as rows of values are compared."""
    down = {bool(o.args.get("desc")) for o in order.expressions}
    if len(down) > 1 or any(bool(o.args.get("nulls_first")) == bool(o.args.get("desc")) for o in order.expressions):
        raise Unspoken(order, "the order must be one way, NULL first or, going down, last")
    return down == {True}


def _where_known(made: exp.Expr, value: exp.Expr) -> exp.Expr:
    return exp.Filter(this=made, expression=exp.Where(this=value.copy().is_(exp.null()).not_()))


def _keys(order: exp.Order) -> list[exp.Expr | str]:
    return [part for i, o in enumerate(order.expressions) for part in (f"o{i}", o.this.copy())]


def _newest(order: exp.Order) -> exp.Expr:
    name = "MAX_BY" if _one_way(order) else "MIN_BY"
    return _where_known(call(name, order.this.copy(), call("NAMED_STRUCT", *_keys(order))), order.this)


def _listed(order: exp.Order, size: int) -> exp.Expr:
    rows = call("COLLECT_LIST", call("NAMED_STRUCT", *_keys(order), "v", order.this.copy()))
    sorted_rows = call("SORT_ARRAY", _where_known(rows, order.this), exp.Boolean(this=not _one_way(order)))
    step = exp.Lambda(this=exp.column("v", table="r"), expressions=[exp.to_identifier("r")])
    first = call("SLICE", call("TRANSFORM", sorted_rows, step), 1, size)
    return exp.Nullif(this=first, expression=call("ARRAY"))


_DATABRICKS = Tongue(
    "Databricks",
    "databricks",
    epoch=lambda time: call("UNIX_MICROS", _aware(time)),
    moment=lambda micros: _naive(call("TIMESTAMP_MICROS", micros)),
    instant=_aware,
    wall=_naive,
    elsewhere=lambda time, zone: _naive(call("CONVERT_TIMEZONE", "UTC", zone, _naive(time))),
    dates_apart=lambda late, early: call("DATEDIFF", late, early),
    shifted=_shifted,
    halved=lambda above, below: exp.IntDiv(this=above, expression=below),
    hexadecimal=lambda digits, size: cast(call("CONV", digits, 16, 10), T.BIGINT),
    md5=lambda text: call("MD5", text),
    parts={
        "DOW": lambda t: exp.Sub(this=call("DAYOFWEEK", t), expression=number(1)),
        "ISODOW": lambda t: exp.Add(this=call("WEEKDAY", t), expression=number(1)),
        "DOY": lambda t: call("DAYOFYEAR", t),
        "WEEK": lambda t: call("WEEKOFYEAR", t),
        "SECOND": lambda t: call("SECOND", t),
    },
    truncated=_truncated,
    quantile=lambda value, share: call("PERCENTILE", value, share),
    newest=_newest,
    listed=_listed,
    types={
        **dict.fromkeys((T.TIMESTAMP, T.TIMESTAMPNTZ, T.DATETIME), typed(T.TIMESTAMPNTZ)),
        **dict.fromkeys((T.TIMESTAMPTZ, T.TIMESTAMPLTZ), typed(T.TIMESTAMPTZ)),
        **dict.fromkeys((T.ARRAY, T.LIST), lambda node: node),
    },
    lacks={T.JSON: "keep it as `string`", T.STRUCT: "keep its parts in columns of their own"},
    filters=True,
    null_wins=False,
    joins_texts=True,
    longest=255,
)
