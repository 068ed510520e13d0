"""A view of SQL that says when its rows are known is guarded as one of latest values is."""

import pytest
from small_projects import write_csv, write_project

from mlspec.session import Session

COLUMNS = {"machine": "int64", "temperature": "float64", "read_at": "timestamptz"}


def warned(root, sql, available="known_at", **source):
    write_csv(root / "readings.csv", COLUMNS, [[1, 61.5, "2024-01-01T10:00:00Z"]])
    write_project(root, [
        {"kind": "source", "name": "readings", "files": "readings.csv", "columns": COLUMNS, "event_time": "read_at", **source},
        {"kind": "entity", "name": "machine", "keys": {"machine": "int64"}},
        {"kind": "feature_view", "name": "hot", "entities": ["machine"], "event_time": "event_time", "available_time": available, "sql": sql},
        {"kind": "feature_set", "name": "all", "features": ["hot.*"]},
        {"kind": "dataset", "name": "rows", "feature_set": "all", "labels": {
            "label": "warm", "sql": "SELECT machine, read_at AS event_time, temperature > 60 AS warm FROM readings"}},
    ])  # fmt: skip
    with Session(root) as session:
        return {d.code for d in session.validate().warnings}


@pytest.mark.parametrize("source", [{}, {"available_time": "read_at"}])
def test_a_row_that_answers_itself_is_named(tmp_path, source):
    sql = "SELECT machine, read_at AS event_time, read_at AS known_at, temperature > 60 AS hot FROM readings"
    assert "own-row" in warned(tmp_path, sql, **source)


def test_a_row_that_is_known_later_is_not(tmp_path):
    sql = "SELECT machine, read_at AS event_time, read_at + INTERVAL 1 HOUR AS known_at, temperature > 60 AS hot FROM readings"
    assert warned(tmp_path, sql) == set()


@pytest.mark.parametrize(
    "time",
    [
        "read_at - INTERVAL 1 DAY",
        "date_trunc('day', read_at)",
        "CAST(date_trunc('hour', read_at) AS TIMESTAMPTZ)",
        "(read_at - INTERVAL 1 HOUR)",
    ],
)
def test_a_row_that_is_known_before_it_happened_is_named(tmp_path, time):
    sql = f"SELECT machine, read_at AS event_time, {time} AS known_at, temperature > 60 AS hot FROM readings"
    assert "known-too-early" in warned(tmp_path, sql)


@pytest.mark.parametrize("time", ["date_trunc('day', read_at) + INTERVAL 1 DAY", "read_at + INTERVAL 1 HOUR"])
def test_a_day_at_its_end_is_fine(tmp_path, time):
    sql = f"SELECT machine, read_at AS event_time, {time} AS known_at, temperature > 60 AS hot FROM readings"
    assert "known-too-early" not in warned(tmp_path, sql)
