"""Every engine answers rows of one's own alike, and certifies its datasets alike."""

import datetime as dt

import pytest
from small_projects import apply, write_csv, write_project
from spark_here import ENGINE, needs_spark
from test_certificate import ASKING, ORDERS, documents
from test_retrieval import DOCUMENTS, SET_COLUMNS, T0, expected, orders_of, same, spine, write_orders

import mlspec
from mlspec.session import Session

ENGINES = [pytest.param({"type": "duckdb"}, id="duckdb"), pytest.param(ENGINE, id="spark", marks=needs_spark)]


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_of_ones_own(engine, tmp_path):
    write_orders(tmp_path)
    _, _, applied = apply(write_project(tmp_path, DOCUMENTS, engine=engine))
    assert applied.ok, applied.failed
    asking = spine(80)
    with Session(tmp_path) as session:
        found = mlspec.get_features(session, "feature_set.buyer", asking)
        same(found, tmp_path, asking)
        kinds = {n: str(found.schema.field(n).type) for n in SET_COLUMNS}
        assert kinds["last_order__amount"] == "decimal128(10, 2)"
        sql = "SELECT customer, at + INTERVAL 1 HOUR AS later, 5 AS basket FROM source.orders WHERE customer < 3"
        found = mlspec.get_features(session, "buyer", sql, at="later")
        rows = found.to_pylist()
        assert len(rows) == sum(o[0] < 3 for o in orders_of(tmp_path))
        for row in rows[::25]:
            wanted = expected(tmp_path, {**row, "event_time": row["later"].astimezone(dt.UTC)})
            assert row["spending__spent"] == wanted["spending__spent"]
            assert row["last_order__amount"] == wanted["last_order__amount"]
        (one,) = mlspec.get_features(
            session, "last_order", [{"customer": 2}], at=(T0 + dt.timedelta(hours=9)).isoformat()
        ).to_pylist()
        assert one["last_order__amount"] is not None


@pytest.mark.parametrize("engine", ENGINES)
def test_certificates(engine, tmp_path):
    write_csv(tmp_path / "orders.csv", ("customer", "amount", "at", "known"), ORDERS)
    write_csv(tmp_path / "asking.csv", ("customer", "late", "at", "known"), ASKING)
    _, _, applied = apply(write_project(tmp_path, documents(), engine=engine))
    assert applied.ok, applied.failed
    with Session(tmp_path) as session:
        found = session.certificate("dataset.buyers")
        assert session.verify("dataset.buyers").reproducible
    assert found["engine"]["type"] == engine["type"]
    assert found["engine"]["version"]
    assert found["time"]["labels_masked"] == 4
    assert found["time"]["rows"] == {"train": 12, "validation": 0, "test": 10}
    assert found["time"]["last"] == "2024-01-20T00:00:00Z"
    assert found["sources"]["source.orders"]["rows"] == 40
    assert found["sources"]["source.orders"]["newest"] == "2024-01-20T00:00:00Z"
    missing = {c["name"]: c["missing"] for c in found["columns"]}
    assert missing == {**missing, "customer": 2, "event_time": 1}
    assert missing["spending__spent"] > missing["last__amount"] > 0
