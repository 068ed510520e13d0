"""What is counted of a dataset when it is built: one pass over its rows, and one over the times of each source."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from time import time as clock
from typing import Any

from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.values import plain
from mlspec.ir.certificate import Claims
from mlspec.ir.relation import Relation
from mlspec.ir.sql.dialect import DIALECT, column
from mlspec.ir.sql.glot import exp, sqlglot

_PARTS = ("train", "validation", "test")


def certified(
    line: Line, claims: Claims, relation: Relation, rows: int, kept: Mapping[str, exp.Table], engine: Mapping[str, str]
) -> dict[str, Any]:
    """The certificate of a dataset that was just built, all of it plain; `kept` are versions by address."""
    about = claims.about
    counted = _counted(line, relation, kept[about["dataset"]])
    columns = [{**c, **_missing(rows - counted[c["name"]], rows)} for c in about["columns"]]
    time: dict[str, Any] = {**about["time"], "first": counted[_FIRST], "last": counted[_LAST]}
    if "split" in dict(relation.roles).values():
        time["rows"] = {part: counted[f"__{part}"] or 0 for part in _PARTS}
    if relation.as_of and relation.as_of.masked:
        time["labels_masked"] = counted[_MASKED] or 0
    sources = {a: {**said, **_reach(line, kept, dict(claims.events), a)} for a, said in about["sources"].items()}
    now = dt.datetime.fromtimestamp(int(clock()), dt.UTC)
    return {
        **about, "built_at": plain(now), "engine": dict(engine), "rows": {"asked": rows, "answered": rows},
        "columns": columns, "sources": sources, "time": time,
    }  # fmt: skip


def _missing(number: int, rows: int) -> dict[str, Any]:
    return {"missing": number, "missing_share": round(number / rows, 6) if rows else 0.0}


_FIRST, _LAST, _MASKED = "__first", "__last", "__masked"


def _counted(line: Line, relation: Relation, made: exp.Table) -> dict[str, Any]:
    """Values of each column that are there, the bounds of time, rows by part, labels that were masked: in one pass."""
    wanted: dict[str, exp.Expr] = {c.name: exp.Count(this=column(c.name)) for c in relation.columns}
    time = column(relation.timing.event_time)
    wanted |= {_FIRST: exp.Min(this=time), _LAST: exp.Max(this=time.copy())}
    part = next((n for n, role in relation.roles if role == "split"), "")
    if part:
        wanted |= {f"__{p}": _rows_where(exp.EQ(this=column(part), expression=exp.Literal.string(p))) for p in _PARTS}
    if relation.as_of and relation.as_of.masked:
        wanted[_MASKED] = _rows_where(sqlglot.parse_one(relation.as_of.masked, dialect=DIALECT))
    found = line.ask(exp.select(*wanted.values()).from_(made)).rows[0]
    return {name: plain(value) for name, value in zip(wanted, found, strict=True)}


def _rows_where(condition: exp.Expr) -> exp.Expr:
    one = exp.Case(ifs=[exp.If(this=condition, true=exp.Literal.number(1))], default=exp.Literal.number(0))
    return exp.Sum(this=one)


def _reach(line: Line, kept: Mapping[str, exp.Table], events: Mapping[str, str], address: str) -> dict[str, Any]:
    """How many rows a source has, and its newest event."""
    if address not in events:
        return {}
    newest: list[exp.Expr] = [exp.Max(this=column(events[address]))] if events[address] else []
    found = line.ask(exp.select(exp.Count(this=exp.Star()), *newest).from_(kept[address])).rows[0]
    return {"rows": int(found[0])} | ({"newest": plain(found[1])} if newest else {})


def release_of(line: Line) -> str:
    """The version of the engine, in its own words."""
    return str(line.fetch("SELECT version()").rows[0][0])
