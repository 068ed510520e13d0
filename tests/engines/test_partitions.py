"""Tables in partitions: whatever happens to the input, bringing them up to date gives what building them whole gives."""

import datetime as dt
import math
import os
import random

import pytest
from servers import postgres
from small_projects import apply, plan, read, write_csv, write_project

START = dt.datetime(2024, 3, 10)  # noqa: DTZ001 - wall-clock time in UTC
HEADER = ("k", "at", "known", "n", "v", "x")
COLUMNS = {"k": "int64", "at": "timestamp", "known": "timestamp", "n": "int64", "v": "int32", "x": "float64"}
SQL = """SELECT k, n, date_trunc('hour', at) + INTERVAL 1 HOUR AS hour, count(*) OVER (PARTITION BY k ORDER BY at
  RANGE BETWEEN INTERVAL 5 HOURS PRECEDING AND CURRENT ROW) AS before FROM events WHERE v IS DISTINCT FROM 3"""
FEATURES = [
    {"function": "count", "name": "c", "windows": ["1h", "7h"]},
    {"function": "sum", "column": "v", "name": "s", "window": "1d", "offset": "30m"},
    {"function": "max", "column": "x", "name": "m", "window": "2h", "hop": "1h"},
    {"function": "avg", "column": "x", "name": "a", "window": "7h"},
]


def views(dice: random.Random) -> list[dict]:
    """Pairs of views: in partitions, and whole."""
    size = dice.choice(["1h", "3h", "1d", "7h"])
    shapes = {
        "windowed": {"source": "events", "aggregations": FEATURES, "boundary": dice.choice(["inclusive", "exclusive"])},
        "newest": {"source": "events", "latest": {"w": "v + 1", "x": "x"}},
        "asked": {"sql": SQL, "event_time": "hour", "tie_break": "n"},
    }
    found = []
    for name, shape in shapes.items():
        lookback = {"lookback": "6h"} if name == "asked" else {}
        kept = {"incremental": {"partition": size, "start": START.isoformat(), **lookback}}
        for twin, how in (("", kept), ("_whole", "table")):
            found.append(
                {"kind": "feature_view", "name": name + twin, "entities": ["thing"], "materialize": how, **shape}
            )
    return found


def documents(dice: random.Random, *, late: bool) -> list[dict]:
    source = {
        "kind": "source", "name": "events", "files": "events.csv", "columns": COLUMNS, "event_time": "at", "tie_break": "n",
        **({"available_time": "known"} if late else {}),
    }  # fmt: skip
    made = [d for d in views(dice) if not (late and d["name"].startswith("asked"))]
    return [source, {"kind": "entity", "name": "thing", "keys": {"k": "int64"}}, *made]


def row(dice: random.Random, number: int) -> tuple:
    at = START + dt.timedelta(
        hours=dice.randrange(-30, 80), minutes=dice.choice([0, 0, 30]), microseconds=dice.choice([0, 0, 1])
    )
    known = at + dt.timedelta(minutes=dice.choice([0, 0, 20, 600, 4000]))
    some = [dice.choice([None, 0, 1, 2, 3]), dice.choice([None, 0.5, 1.25, -2.0])]
    times = [None if dice.random() < 0.03 else t for t in (at, known)]
    return (None if dice.random() < 0.03 else dice.randrange(3), *times, number, *some)


def edited(dice: random.Random, rows: list[tuple]) -> list[tuple]:
    """Rows that come late or newly, are corrected, or are gone."""
    rows = [r for r in rows if dice.random() > 0.1] if dice.random() < 0.4 else list(rows)
    if rows and dice.random() < 0.5:
        at = dice.randrange(len(rows))
        rows[at] = (*rows[at][:4], dice.choice([None, 7, 8]), 9.5)
    number = max((r[3] for r in rows), default=0)
    return rows + [row(dice, number + 1 + i) for i in range(dice.randrange(4))]


def same(ours: list[dict], whole: list[dict], time: str, since: dt.datetime) -> None:
    whole = [r for r in whole if r[time] is not None and r[time] >= since.isoformat()]
    assert len(ours) == len(whole)
    for mine, other in zip(*(sorted(r, key=repr_of) for r in (ours, whole)), strict=True):
        assert mine.keys() == other.keys()
        for name, value in mine.items():
            alike = (
                math.isclose(value, other[name], rel_tol=1e-9)
                if isinstance(value, float) and other[name] is not None
                else value == other[name]
            )
            assert alike, (name, mine, other)


def repr_of(found: dict) -> str:
    return repr([(n, v) for n, v in sorted(found.items()) if not isinstance(v, float)])


def compare(root) -> None:
    for name, time in (("windowed", "event_time"), ("newest", "at"), ("asked", "hour")):
        if (root / f"feature_view.{name}.doc.yaml").exists():
            whole = read(root, f"feature_view.{name}_whole")
            ours = [r for r in read(root, f"feature_view.{name}") if r[time] >= START.isoformat()]
            same(ours, whole, time, START)


def engines(kind: str) -> dict:
    if kind == "duckdb":
        return {}
    server = postgres()
    return {"engine": {"type": "postgres", "dsn": server.dsn(server.fresh(f"partitions_{os.getpid()}"))}}


@pytest.mark.parametrize(("kind", "seed"), [*[("duckdb", s) for s in range(6)], ("postgres", 0), ("postgres", 3)])
def test_brought_up_to_date_is_built_whole(tmp_path, kind, seed) -> None:
    dice = random.Random(seed)
    root = write_project(tmp_path / "p", documents(dice, late=bool(seed % 2)), **engines(kind))
    rows = [row(dice, i) for i in range(dice.randrange(30))]
    for _ in range(3):
        write_csv(root / "events.csv", HEADER, rows)
        _, _, applied = apply(root)
        assert applied.ok, applied.failed
        compare(root)
        assert plan(root).empty
        rows = edited(dice, rows)
