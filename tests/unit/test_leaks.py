"""What a definition knows before it can: found without looking at a row, and silent once somebody has said what is meant."""

import pytest
from small_project import FILES, found, write

from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Column, Relation, Timing
from mlspec.ir.sql.analyse import analyse

ORDERS = "event_time: at\navailable_time: at"


def codes(root, **changed):
    files = dict(FILES)
    for name, (old, new) in changed.items():
        assert old in files[f"{name}.yaml"]
        files[f"{name}.yaml"] = files[f"{name}.yaml"].replace(old, new)
    write(root, files)
    return [d.code for d in found(root)]


def test_a_source_that_says_when_it_is_known_is_sound(tmp_path):
    assert codes(tmp_path) == []


def test_the_same_column_without_it_may_leak(tmp_path):
    assert codes(tmp_path, sources=(ORDERS, "event_time: at")) == ["possible-leak"]


def test_the_same_source_is_enough(tmp_path):
    counts = ("function: sum, column: amount, name: spent, windows: [7d, 30d]", "function: count, name: n, window: 1d")
    assert codes(tmp_path, sources=(ORDERS, "event_time: at"), features=counts) == ["possible-leak"]


def test_known_in_advance_says_it_too(tmp_path):
    assert codes(tmp_path, sources=(ORDERS, "event_time: at\nknown_in_advance: true")) == []


def test_a_label_that_is_a_plain_column_is_an_error(tmp_path):
    label = ("amount > 100 AS large", "amount AS large")
    assert codes(tmp_path, sources=(ORDERS, "event_time: at"), training=label) == ["label-in-features"]


INCLUSIVE = ("source: orders", "source: orders\nboundary: inclusive")


def newest(old: str, new: str = "") -> tuple[str, str]:
    """The view of windows becomes one of latest values."""
    windows = "aggregations:" + FILES["features.yaml"].split("aggregations:")[1].split("---")[0]
    return windows, f"latest: [{old}]\n{new}"


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (INCLUSIVE, ["own-row"]),
        (newest("amount"), ["own-row"]),
        (newest("amount", "boundary: exclusive\n"), []),
        (newest("status"), []),
    ],
)
def test_a_row_that_asks_must_not_answer_itself(tmp_path, features, expected):
    assert codes(tmp_path, features=features) == expected


@pytest.mark.parametrize(
    "asking",
    [
        "SELECT customer, at - INTERVAL 1 SECOND AS event_time",
        "SELECT customer, timestamptz '2024-01-01' AS event_time",
    ],
)
def test_a_row_that_asks_at_another_time_does_not_answer_itself(tmp_path, asking):
    asked = ("SELECT customer, at AS event_time", asking)
    assert codes(tmp_path, features=newest("amount"), training=asked) == []


def test_a_row_that_is_known_later_does_not_answer_itself(tmp_path):
    later = (ORDERS, "event_time: at\navailable_time: at + INTERVAL 1 HOUR")
    assert codes(tmp_path, sources=later, features=newest("amount")) == []


def test_a_label_that_looks_forward_begins_with_the_row_of_exactly_t(tmp_path):
    forward = (
        "amount > 100 AS large\n    FROM orders\n  label: large",
        "status\n    FROM orders\n  forward: [{function: sum, column: amount, name: large, source: orders, keys: [customer], window: 7d}]",
    )
    assert codes(tmp_path, features=INCLUSIVE, training=forward) == ["own-row"]
    assert codes(tmp_path, training=forward) == []


@pytest.mark.parametrize(("time", "expected"), [("at", ["own-row"]), ("at + INTERVAL 1 HOUR", [])])
def test_sql_hands_a_row_on_to_itself(tmp_path, time, expected):
    windows = "source: orders\n" + newest("")[0]
    sql = f"sql: SELECT customer, amount, {time} AS at FROM orders\nevent_time: at\navailable_time: at\n"
    assert codes(tmp_path, features=(windows, sql)) == expected


def test_a_query_between_hides_nothing(tmp_path):
    """`spent` and the label both come from `orders.amount`, each through a source of its own."""
    more = """
---
kind: source
name: bills
query: SELECT customer, at, amount FROM orders
event_time: at
"""
    files = dict(FILES)
    files["sources.yaml"] = files["sources.yaml"].replace(ORDERS, "event_time: at").rstrip() + more
    files["features.yaml"] = files["features.yaml"].replace("source: orders", "source: bills")
    write(tmp_path, files)
    (leak,) = found(tmp_path)
    assert leak.code == "possible-leak"
    assert "`source.orders.amount`" in leak.message
    assert "`source.bills`" in leak.help


def test_a_query_must_hand_on_when_rows_are_known(tmp_path):
    files = dict(FILES)
    files["sources.yaml"] += "---\nkind: source\nname: bills\nquery: SELECT customer, at FROM orders\nevent_time: at\n"
    write(tmp_path, files)
    assert [d.code for d in found(tmp_path)] == ["missing-available-time"]


def test_a_request_cannot_carry_the_label(tmp_path):
    view = """
---
kind: feature_view
name: asked
entities: [customer]
on_request:
  inputs: {large: boolean}
  features: {was_large: large}
---
kind: feature_set
"""
    added = ("\n---\nkind: feature_set\n", view)
    chosen = FILES["features.yaml"].replace("[spending.*, profile.country]", "[spending.*, asked.*]")
    files = {**FILES, "features.yaml": chosen.replace(*added)}
    write(tmp_path, files)
    assert [d.code for d in found(tmp_path)] == ["label-in-features"]


def test_an_input_made_of_the_same_column_may_leak_unless_it_is_said_to_be_known(tmp_path):
    view = """
---
kind: feature_view
name: asked
entities: [customer]
on_request:
  inputs: {amount: float64}
  features: {paid: amount}
---
kind: feature_set
"""
    chosen = FILES["features.yaml"].replace("[spending.*, profile.country]", "[spending.*, asked.*]")
    chosen = chosen.replace("\n---\nkind: feature_set\n", view)
    labels = FILES["training.yaml"].replace("SELECT customer, at", "SELECT customer, amount, at")
    write(tmp_path, {**FILES, "features.yaml": chosen, "training.yaml": labels})
    assert [d.code for d in found(tmp_path)] == ["possible-leak"]
    said = chosen.replace("name: asked\n", "name: asked\nknown_in_advance: true\n")
    write(tmp_path, {"features.yaml": said})
    assert [d.code for d in found(tmp_path)] == []


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ("rows: mutable", ["no-history"]),
        ("rows: append_only", []),
        ("rows: mutable\nknown_in_advance: true", []),
    ],
)
def test_rows_that_change_have_no_history(tmp_path, rows, code):
    assert codes(tmp_path, sources=("available_time: at", f"available_time: at\n{rows}")) == code


def test_rows_that_say_when_they_changed_answer_from_then_on(tmp_path):
    assert codes(tmp_path, sources=("available_time: at", "available_time: at + INTERVAL 1 HOUR\nrows: mutable")) == []


# -- SQL that looks ahead ----------------------------------------------------------------------------------------------


def ahead(query):
    columns = {"k": "int32", "at": "timestamp", "day": "date", "v": "int32"}
    rows = tuple(Column(n, ColumnType(t), n) for n, t in columns.items())
    tables = {
        "events": ("source.events", Relation("", rows, "rows", timing=Timing("at"))),
        "plain": ("source.plain", Relation("", rows, "rows")),
    }
    return bool(analyse(query, tables.get).ahead)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY at ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS s FROM plain",
        "SELECT k, LEAD(v) OVER (PARTITION BY k ORDER BY at) AS s FROM plain",
        "SELECT k, LAG(v) OVER (PARTITION BY k ORDER BY at DESC) AS s FROM plain",
        "SELECT k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY at DESC) AS s FROM plain",
        "SELECT k, PERCENT_RANK() OVER (ORDER BY at) AS s FROM plain",
        "SELECT k, AVG(v) OVER (PARTITION BY k) AS s FROM events",
        "SELECT k, AVG(v) AS s FROM events GROUP BY k",
        "SELECT k, AVG(v) AS s FROM events GROUP BY ALL",
        "WITH e AS (SELECT * FROM events) SELECT k, AVG(v) AS s FROM e GROUP BY k",
        "SELECT e.k, e.at, a.s FROM events e JOIN (SELECT k, AVG(v) AS s FROM events GROUP BY k) a USING (k)",
    ],
)
def test_sql_that_looks_ahead(query):
    assert ahead(query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY at) AS s FROM events",
        "SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY at ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS s FROM events",
        "SELECT k, LAG(v) OVER (PARTITION BY k ORDER BY at) AS s FROM events",
        "SELECT k, SUM(v) OVER (PARTITION BY k, at) AS s FROM events",
        "SELECT k, AVG(v) OVER (PARTITION BY k) AS s FROM plain",
        "SELECT k, day, AVG(v) AS s FROM events GROUP BY k, day",
        "SELECT k, date_trunc('day', at) + INTERVAL 1 DAY AS day, MAX(v) - MIN(v) AS s FROM events GROUP BY ALL",
        "SELECT k, date_trunc('hour', at) AS hour, AVG(v) AS s FROM events GROUP BY 1, 2",
        "SELECT k, MAX(at) AS last_at, COUNT(*) AS n FROM events GROUP BY k",
        "SELECT k, AVG(v) AS s FROM plain GROUP BY k",
    ],
)
def test_sql_that_looks_back(query):
    assert not ahead(query)
