"""Features for rows of one's own: every way to give them, and nothing lost, doubled or moved on the way."""

import datetime as dt
import json
import os
import random
import subprocess
import sys
from decimal import Decimal

import pytest
from servers import postgres
from small_projects import apply, write_csv, write_project

import mlspec
from mlspec.base.diag import Problems
from mlspec.session import Session

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

T0 = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
DOCUMENTS = [
    {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}},
    {"kind": "source", "name": "orders", "files": "orders.csv", "event_time": "at",
     "columns": {"customer": "int64", "amount": "decimal(10,2)", "shop": "string", "at": "timestamptz"}},
    {"kind": "feature_view", "name": "last_order", "entities": ["customer"], "source": "orders", "latest": ["amount", "shop"]},
    {"kind": "feature_view", "name": "spending", "entities": ["customer"], "source": "orders", "aggregations": [
        {"function": "count", "name": "orders", "window": "2h"}, {"function": "sum", "column": "amount", "name": "spent", "window": "2h"},
        {"function": "last_n", "n": 2, "column": "shop", "name": "shops", "window": "all"}]},
    {"kind": "feature_view", "name": "asked", "entities": ["customer"],
     "on_request": {"inputs": {"basket": "int64"}, "features": {"twice": "basket * 2"}}},
    {"kind": "feature_set", "name": "buyer", "features": ["spending.*", "last_order.amount", "asked.twice"]},
]  # fmt: skip
SET_COLUMNS = ["spending__orders", "spending__shops", "spending__spent", "last_order__amount", "asked__twice"]


def write_orders(root):
    chosen = random.Random(7)
    orders = [(c, Decimal(chosen.randrange(1, 9999)) / 100, f"s{m % 4}", T0 + dt.timedelta(minutes=m * 7 + c))
              for m in range(200) for c in (1, 2, 3)]  # fmt: skip
    write_csv(root / "orders.csv", ("customer", "amount", "shop", "at"), orders)
    (root / "orders.json").write_text(json.dumps([[c, str(a), s, t.isoformat()] for c, a, s, t in orders]))


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def root(tmp_path_factory, request):
    root = tmp_path_factory.mktemp("shop")
    where = {}
    if request.param == "postgres":
        server = postgres()
        where = {"engine": {"type": "postgres", "dsn": server.dsn(server.fresh(f"retrieval_{os.getpid()}"))}}
    write_orders(root)
    _, _, applied = apply(write_project(root, DOCUMENTS, **where))
    assert applied.ok, applied.failed
    return root


def orders_of(root):
    found = json.loads((root / "orders.json").read_text())
    return [(c, Decimal(a), s, dt.datetime.fromisoformat(t)) for c, a, s, t in found]


def spine(rows=300):
    """Duplicates, keys that nobody knows, NULL keys and NULL times, in no order."""
    chosen = random.Random(3)
    keys, times = [], []
    for _ in range(rows):
        keys.append(chosen.choice([1, 2, 3, 3, 9, None]))
        times.append(None if chosen.random() < 0.05 else T0 + dt.timedelta(minutes=chosen.randrange(-60, 1500)))
    basket = [chosen.choice([None, 1, 5]) for _ in range(rows)]
    return pa.table({"note": [f"row {i}" for i in range(rows)], "customer": pa.array(keys, pa.int64()),
                     "event_time": pa.array(times, pa.timestamp("us", "UTC")), "basket": pa.array(basket, pa.int64())})  # fmt: skip


def expected(root, row):
    """A few lines of plain Python that anyone can read."""
    known = [o for o in orders_of(root) if o[0] == row["customer"]] if row["event_time"] else []
    at = row["event_time"]
    inside = [o for o in known if at - dt.timedelta(hours=2) <= o[3] < at]
    past = sorted((o for o in known if o[3] < at), key=lambda o: o[3])
    upto = sorted((o for o in known if o[3] <= at), key=lambda o: o[3])
    return {
        "spending__orders": len(inside),
        "spending__shops": [o[2] for o in past[-2:]] or None,
        "spending__spent": sum((o[1] for o in inside), Decimal(0)) if inside else None,
        "last_order__amount": upto[-1][1] if upto else None,
        "asked__twice": None if row["basket"] is None else row["basket"] * 2,
    }


def same(found, root, asking):
    assert found.num_rows == asking.num_rows
    assert found.select(asking.column_names).equals(asking)
    shops = found.column("spending__shops").to_pylist()
    for row, answer, last in zip(asking.to_pylist(), found.to_pylist(), shops, strict=True):
        wanted = expected(root, row)
        assert sorted(last or []) == sorted(wanted.pop("spending__shops") or [])
        assert {n: answer[n] for n in wanted} == wanted


def test_every_row_comes_back_in_its_place_with_what_was_known(root):
    asking = spine()
    found = mlspec.get_features(root, "feature_set.buyer", asking)
    assert found.column_names == [*asking.column_names, *SET_COLUMNS]
    same(found, root, asking)


def test_types_are_kept(root):
    found = mlspec.get_features(root, ["last_order", "spending.shops", "spending.spent"], spine())
    kinds = {n: str(found.schema.field(n).type) for n in found.column_names}
    assert kinds["event_time"] == "timestamp[us, tz=UTC]"
    assert kinds["last_order__amount"] == "decimal128(10, 2)"
    assert kinds["spending__spent"].startswith("decimal128")
    assert kinds["spending__shops"].startswith("list<")


@pytest.mark.parametrize("suffix", ["parquet", "csv", "arrow", "json", "tsv"])
def test_files(root, suffix, tmp_path):
    asking = spine(40)
    path = tmp_path / f"rows.{suffix}"
    write_spine(asking, path)
    found = mlspec.get_features(root, ["feature_set.buyer"], path)
    assert found.column("note").to_pylist() == asking.column("note").to_pylist()
    wanted = mlspec.get_features(root, ["feature_set.buyer"], asking)
    assert found.select(SET_COLUMNS).to_pylist() == wanted.select(SET_COLUMNS).to_pylist()


def write_spine(table, path):
    rows = [{**r, "event_time": r["event_time"] and r["event_time"].isoformat()} for r in table.to_pylist()]
    if path.suffix == ".parquet":
        pytest.importorskip("pyarrow.parquet").write_table(table, path)
    elif path.suffix == ".arrow":
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    elif path.suffix == ".json":
        path.write_text("\n".join(json.dumps(r) for r in rows))
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        lines = [mark.join(rows[0])] + [mark.join("" if v is None else str(v) for v in r.values()) for r in rows]
        path.write_text("\n".join(lines) + "\n")


def test_frames_and_lists(root):
    asking = spine(60)
    wanted = mlspec.get_features(root, "buyer", asking).select(SET_COLUMNS).to_pylist()
    assert mlspec.get_features(root, "buyer", asking.to_pylist()).select(SET_COLUMNS).to_pylist() == wanted
    pandas = pytest.importorskip("pandas")
    frame = asking.to_pandas(types_mapper={pa.int64(): pandas.Int64Dtype()}.get)
    found = mlspec.get_features(root, "buyer", frame, output="pandas")
    assert isinstance(found, pandas.DataFrame)
    assert len(found) == 60
    assert mlspec.get_features(root, "buyer", frame).select(SET_COLUMNS).to_pylist() == wanted


def test_frames_of_polars(root):
    asking = spine(60)
    wanted = mlspec.get_features(root, "buyer", asking).select(SET_COLUMNS).to_pylist()
    polars = pytest.importorskip("polars")
    found = mlspec.get_features(root, "buyer", polars.from_arrow(asking), output="polars")
    assert found.select(SET_COLUMNS).rows(named=True) == wanted


def test_rows_of_a_select_ask(root):
    sql = "SELECT customer, at + INTERVAL 1 HOUR AS later, 5 AS basket FROM source.orders WHERE customer < 3 ORDER BY at DESC"
    found = mlspec.get_features(root, "buyer", sql, at="later")
    orders = [o for o in orders_of(root) if o[0] < 3]
    assert found.num_rows == len(orders)
    times = found.column("later").to_pylist()
    assert times == sorted(times, reverse=True)
    asking = found.select(["customer", "basket"]).append_column("event_time", found.column("later"))
    again = mlspec.get_features(root, "buyer", asking)
    assert again.select(SET_COLUMNS).to_pylist() == found.select(SET_COLUMNS).to_pylist()


def test_one_moment_for_all_rows(root):
    at = T0 + dt.timedelta(hours=5)
    rows = [{"customer": c} for c in (3, 1, 9, 1)]
    found = mlspec.get_features(root, ["spending.orders", "last_order.amount"], rows, at=at.isoformat())
    wanted = [expected(root, {**r, "event_time": at, "basket": None}) for r in rows]
    assert found.column_names == ["customer", "spending__orders", "last_order__amount"]
    assert found.column("spending__orders").to_pylist() == [w["spending__orders"] for w in wanted]
    assert found.column("last_order__amount").to_pylist() == [w["last_order__amount"] for w in wanted]


def test_no_rows_ask_nothing(root):
    found = mlspec.get_features(root, "buyer", spine(300).slice(0, 0))
    assert found.num_rows == 0
    assert found.column_names[-len(SET_COLUMNS) :] == SET_COLUMNS


def test_one_row_of_many_is_the_answer_for_its_key(root):
    """The same by `--key` and by a spine."""
    at = (T0 + dt.timedelta(hours=9)).isoformat()
    with Session(root) as session:
        rows = session.query("feature_view.spending", at=at, keys={"customer": "2"})
    (one,) = mlspec.get_features(root, "feature_view.spending", [{"customer": 2}], at=at).to_pylist()
    found = dict(zip(rows.columns, rows.rows[0], strict=True))
    assert found["orders"] == one["spending__orders"]
    assert float(found["spent"]) == float(one["spending__spent"])


def wrong(root, code, *question, **more):
    with pytest.raises(Problems) as raised:
        mlspec.get_features(root, *question, **more)
    assert {d.code for d in raised.value.diagnostics} == {code}
    return " ".join(f"{d.message} {d.help}" for d in raised.value.diagnostics)


def test_what_the_spine_lacks_is_said(root):
    asking = spine(5)
    assert "`customer`" in wrong(root, "missing-key", "spending", asking.drop_columns(["customer"]))
    assert "`basket`" in wrong(root, "missing-key", "asked", asking.drop_columns(["basket"]))
    text = asking.set_column(1, "customer", pa.array(["1"] * 5))
    assert "never equals" in wrong(root, "key-type-mismatch", "spending", text)
    floats = asking.set_column(1, "customer", pa.array([1.0] * 5))
    assert "Int64" in wrong(root, "key-type-mismatch", "spending", floats)
    naive = asking.set_column(2, "event_time", pa.array([dt.datetime(2024, 1, 1)] * 5))  # noqa: DTZ001
    assert "time zone" in wrong(root, "naive-aware-comparison", "spending", naive)
    assert "`happened`" in wrong(root, "unknown-column", "spending", asking, at="happened")
    assert "moment" in wrong(root, "wrong-type", "spending", asking, at="note")
    taken = asking.append_column("spending__orders", pa.array([1] * 5))
    assert "`spending__orders`" in wrong(root, "duplicate-column", "spending", taken)
    assert "`spending`" in wrong(root, "unknown-address", "spendin", asking)
    assert "`spent`" in wrong(root, "unknown-feature", "spending.spant", asking)
    assert wrong(root, "unknown-feature", [], asking)
    assert "`set`" in wrong(root, "wrong-type", "spending", {1, 2})
    nanos = asking.set_column(2, "event_time", pa.array([1] * 5, pa.timestamp("ns", "UTC")))
    assert "microsecond" in wrong(root, "unfit-value", "spending", nanos)


def test_files_are_named_when_they_are_wrong(root, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("customer,event_time\n1,2024-01-01T00:00:00Z\nx,2024-01-01T00:00:00Z\n")
    with pytest.raises(mlspec.BackendError, match=r"column `customer` of `rows.csv` holds `x`.*line 3 of `rows.csv`"):
        mlspec.get_features(root, "spending", path)
    path.write_text("customer,event_time\n1,2024-01-01T00:00:00\n")
    with pytest.raises(mlspec.BackendError, match="no `timestamptz`"):
        mlspec.get_features(root, "spending", path)
    assert "no file" in wrong(root, "file-not-usable", "spending", tmp_path / "other.csv")
    assert "`.parquet`" in wrong(root, "unknown-format", "spending", tmp_path / "rows.txt")


def test_sql_of_a_spine_is_confined_as_any(root):
    assert wrong(root, "forbidden-sql", "spending", "SELECT * FROM read_csv('/etc/passwd')")
    assert wrong(root, "unknown-table", "spending", "SELECT * FROM nobody")


def test_only_what_was_applied_is_read(root, tmp_path):
    write_csv(tmp_path / "orders.csv", ("customer", "amount", "shop", "at"), [(1, 5, "s", T0)])
    asking = spine(3)
    write_project(tmp_path, DOCUMENTS)
    assert "has not been applied" in wrong(tmp_path, "not-applied", "spending", asking)
    apply(tmp_path)
    changed = [dict(d) for d in DOCUMENTS]
    changed[3]["aggregations"] = [{"function": "count", "name": "orders", "window": "3h"}]
    write_project(tmp_path, changed)
    assert "another version" in wrong(tmp_path, "not-applied", "spending", asking)
    assert "another version" in wrong(tmp_path, "not-applied", "feature_set.buyer", asking)
    assert mlspec.get_features(tmp_path, "last_order", asking).num_rows == 3


def test_import_is_light():
    code = "import sys, mlspec; print([m for m in ('sqlglot', 'pydantic', 'pyarrow', 'duckdb') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def command(root, *words, stdin=""):
    return subprocess.run(
        [sys.executable, "-m", "mlspec", "-C", str(root), "query", *words],
        capture_output=True,
        text=True,
        input=stdin,
        check=False,
    )


def test_on_the_command_line(root, tmp_path):
    asking = spine(20)
    write_spine(asking, tmp_path / "rows.csv")
    wanted = mlspec.get_features(root, ["spending.*", "last_order.amount"], asking)
    for name in ("found.parquet", "found.csv", "found.arrow"):
        done = command(root, "feature_view.spending", "--features", "last_order.amount", "--spine", str(tmp_path / "rows.csv"),
                       "-o", str(tmp_path / name))  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "20 rows with 8 columns" in done.stderr
    parquet = pytest.importorskip("pyarrow.parquet").read_table(tmp_path / "found.parquet")
    assert parquet.column("spending__spent").to_pylist() == wanted.column("spending__spent").to_pylist()
    assert len((tmp_path / "found.csv").read_text().splitlines()) == 21
    shown = command(root, "--features", "spending.orders,last_order.*", "--spine", "-", "--format", "json",
                    stdin=(tmp_path / "rows.csv").read_text())  # fmt: skip
    rows = json.loads(shown.stdout)["rows"]
    assert [r["note"] for r in rows] == asking.column("note").to_pylist()
    assert [r["spending__orders"] for r in rows] == wanted.column("spending__orders").to_pylist()
    counted = command(
        root,
        "feature_view.last_order",
        "--spine-sql",
        "SELECT customer, at FROM orders",
        "--at",
        "at",
        "--format",
        "csv",
    )
    assert len(counted.stdout.splitlines()) == 601
    for words in (["spending", "--spine", "x.csv", "--limit", "3"], ["source.orders", "-o", "x.csv"], [],
                  ["spending", "--spine", "-", "-o", "x.txt"]):  # fmt: skip
        done = command(root, *words)
        assert done.returncode == 1
        assert "error[" in done.stderr


def test_views_in_roles(root, tmp_path):
    transfers = [(1, T0), (2, T0 + dt.timedelta(hours=1)), (1, T0 + dt.timedelta(hours=2))]
    write_csv(tmp_path / "transfers.csv", ("account", "at"), transfers)
    write_csv(tmp_path / "days.csv", ("place", "busy", "at"), [("x", 1, T0), ("x", 2, T0 + dt.timedelta(days=3))])
    documents = [
        {"kind": "entity", "name": "account", "keys": {"account": "int64"}},
        {"kind": "entity", "name": "place", "keys": {"place": "string"}},
        {"kind": "source", "name": "transfers", "files": "transfers.csv", "event_time": "at", "columns": {"account": "int64", "at": "timestamptz"}},
        {"kind": "source", "name": "days", "files": "days.csv", "event_time": "at", "known_in_advance": True,
         "columns": {"place": "string", "busy": "int64", "at": "timestamptz"}},
        {"kind": "feature_view", "name": "stats", "entities": ["account"], "source": "transfers",
         "aggregations": [{"function": "count", "name": "n", "window": "all"}]},
        {"kind": "feature_view", "name": "calendar", "entities": ["place"], "source": "days", "latest": ["busy"]},
        {"kind": "feature_set", "name": "transfer", "features": [
            {"features": "stats.*", "as": "sender", "keys": {"account": "sender_id"}},
            {"features": "stats.*", "as": "recipient", "keys": {"account": "recipient_id"}},
            {"features": "calendar.*", "at": "planned"}]},
    ]  # fmt: skip
    assert apply(write_project(tmp_path, documents))[2].ok
    later = T0 + dt.timedelta(hours=3)
    rows = [
        {"sender_id": 1, "recipient_id": 2, "place": "x", "event_time": later, "planned": later + dt.timedelta(days=d)}
        for d in (0, 5)
    ]
    found = mlspec.get_features(tmp_path, "transfer", rows)
    assert found.column_names[-3:] == ["sender__n", "recipient__n", "calendar__busy"]
    assert [tuple(r.values())[-3:] for r in found.to_pylist()] == [(2, 1, 1), (2, 1, 2)]
    assert "`planned`" in wrong(
        tmp_path, "unknown-column", "transfer", [{k: v for k, v in rows[0].items() if k != "planned"}]
    )
