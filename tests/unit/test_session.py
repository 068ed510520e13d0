"""What a session answers about a small project: questions, lineage, listings, refusals."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlspec.backends.port import BackendError
from mlspec.base.diag import Problems
from mlspec.session import Session

PROJECT = """\
kind: project
name: shop
spec_version: 1
environments:
  dev: {}
  odd:
    engine: {type: duckdb, treads: 2}
  none:
    engine: {type: dukdb}
"""
SPECS = """\
kind: team
name: science
role: data_science
reviewers: ["@shop/science"]
---
kind: source
name: orders
files: orders.csv
columns: {customer: int64, at: timestamptz, amount: int32}
event_time: at
checks:
  - range: {column: amount, min: 0}
    severity: warn
---
kind: entity
name: customer
keys: {customer: int64}
---
kind: feature_view
name: spend
owner: science
entities: [customer]
source: orders
aggregations:
  - {function: sum, column: amount, window: 1d, name: today}
  - {function: count, window: all, name: orders}
---
kind: feature_view
name: big
entities: [customer]
sql: SELECT customer, at, amount > 5 AS big FROM orders
event_time: at
"""
ORDERS = "customer,at,amount\n1,2024-01-01T00:00:00Z,3\n1,2024-01-01T12:00:00Z,7\n2,2024-01-02T00:00:00Z,-1\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in (("mlspec.yaml", PROJECT), ("specs.yaml", SPECS), ("orders.csv", ORDERS)):
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


@pytest.fixture
def applied(root: Path) -> Iterator[Session]:
    with Session(root) as session:
        assert session.apply(session.plan(), on_event=lambda event: None).ok
        yield session


def code(problems: pytest.ExceptionInfo[Problems]) -> str:
    return problems.value.diagnostics[0].code


def test_rows_of_a_relation(applied: Session) -> None:
    rows = applied.query("source.orders", where="amount > 0", columns=["customer", "amount"])
    assert rows.columns == ("customer", "amount")
    assert rows.rows == ((1, 3), (1, 7))


def test_a_select_over_names(applied: Session) -> None:
    rows = applied.query("SELECT customer, sum(amount) AS s FROM orders GROUP BY customer ORDER BY customer")
    assert rows.rows == ((1, 10), (2, -1))
    assert rows.types == ("int64", "int64") or rows.types[1].startswith("hugeint")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2024-01-01T00:00:00Z", (1, None, 0)),  # the order of that very moment is out
        ("2024-01-01T00:00:00.000001Z", (1, 3, 1)),
        ("2024-01-01T18:00:00Z", (1, 10, 2)),
        ("2024-01-02T00:00:00Z", (1, 10, 2)),  # the first order is exactly one day old: in
        ("2024-01-02T00:00:00.000001Z", (1, 7, 2)),
        ("2025-01-01T00:00:00Z", (1, None, 2)),
    ],
)
def test_feature_values_at_a_time(applied: Session, at: str, expected: tuple[object, ...]) -> None:
    assert applied.query("feature_view.spend", at=at, keys={"customer": "1"}).rows == (expected,)


def test_a_key_never_seen_has_no_values(applied: Session) -> None:
    assert applied.query("feature_view.spend", at="2024-06-01T00:00:00Z", keys={"customer": "9"}).rows == (
        (9, None, 0),
    )


@pytest.mark.parametrize(
    ("what", "options", "expected"),
    [
        ("source.ordes", {}, "unknown-address"),
        ("source.orders", {"columns": ["amout"]}, "unknown-column"),
        ("source.orders", {"where": "amout > 1"}, "unknown-column"),
        ("source.orders", {"where": "amount > (SELECT 1)"}, "forbidden-sql"),
        ("SELECT * FROM read_csv('/etc/passwd')", {}, "forbidden-sql"),
        ("DROP TABLE orders", {}, "forbidden-sql"),
        ("feature_view.spend", {"at": "2024-01-01T00:00:00Z"}, "missing-key"),
        ("source.orders", {"at": "2024-01-01T00:00:00Z", "keys": {"customer": "1"}}, "not-a-feature-view"),
        ("feature_view.spend", {"at": "2024-01-01T00:00:00Z", "keys": {"customer": "1", "x": "1"}}, "unknown-key"),
    ],
)
def test_a_bad_question(applied: Session, what: str, options: dict[str, object], expected: str) -> None:
    with pytest.raises(Problems) as problems:
        applied.query(what, **options)  # type: ignore[arg-type]
    assert code(problems) == expected


def test_a_value_that_is_no_time(applied: Session) -> None:
    with pytest.raises(Problems) as problems:
        applied.query("feature_view.spend", at="yesterday", keys={"customer": "1"})
    assert code(problems) == "invalid-instant"


def test_a_warehouse_that_is_none(root: Path) -> None:
    (root / ".mlspec").mkdir()
    (root / ".mlspec" / "warehouse.duckdb").write_bytes(b"not a database" * 100)
    with Session(root) as session, pytest.raises(BackendError) as error:
        session.plan()
    assert error.value.code == "warehouse-damaged"


def test_a_question_before_apply(root: Path) -> None:
    with Session(root) as session, pytest.raises(Problems) as problems:
        session.query("source.orders")
    assert code(problems) == "not-applied"


def test_lineage_both_ways(applied: Session) -> None:
    up = [(e.source, e.target) for e in applied.lineage("feature_view.spend.today")]
    assert up == [("source.orders.amount", "feature_view.spend.today")]
    down = {e.target for e in applied.lineage("source.orders.amount", downstream=True)}
    assert down == {"feature_view.spend.today", "feature_view.big.big"}
    with pytest.raises(Problems) as problems:
        applied.lineage("source.orders.amout")
    assert code(problems) == "unknown-column"


def test_show_says_what_there_is(applied: Session) -> None:
    lines = {line["address"]: line for line in applied.show()}
    assert lines["feature_view.spend"] == {
        "address": "feature_view.spend",
        "form": "relation",
        "owner": "science",
        "status": "applied",
    }
    one = applied.show("source.orders")
    assert [c["name"] for c in one["columns"]] == ["customer", "at", "amount"]
    (found,) = one["checks"]
    assert (found["name"], found["severity"], found["failed"], found["total"], found["passed"]) == (
        "range_amount",
        "warn",
        1,
        3,
        False,
    )
    assert one["file"].startswith("specs.yaml:")
    json.dumps(one)


def test_run_checks_by_hand(applied: Session) -> None:
    ran = applied.run("source.orders", on_event=lambda event: None)
    assert [(c.name, c.failed) for c in ran.checks] == [("range_amount", 1)]
    with pytest.raises(Problems) as problems:
        applied.run("entity.customer", on_event=lambda event: None)
    assert code(problems) == "nothing-to-run"


@pytest.mark.parametrize(
    ("environment", "expected"), [("odd", "unknown-key"), ("none", "unknown-backend"), ("prod", "unknown-environment")]
)
def test_a_backend_that_is_not_there(root: Path, environment: str, expected: str) -> None:
    with pytest.raises(Problems) as problems, Session(root, environment) as session:
        session.plan()
    assert code(problems) == expected
    assert problems.value.diagnostics[0].span is not None
    assert "did you mean" in problems.value.diagnostics[0].help or expected == "unknown-environment"


def test_changed_data_is_seen(applied: Session, root: Path) -> None:
    (root / "orders.csv").write_text(ORDERS + "2,2024-01-03T00:00:00Z,4\n", "utf-8")
    with Session(root) as session:
        planned = session.plan()
        assert {str(c.address) for c in planned.plan.changes} == {
            "source.orders",
            "source.orders/checks",
            "feature_view.spend",
            "feature_view.big",
        }
        assert session.apply(planned, on_event=lambda event: None).ok
    with Session(root) as session:
        assert len(session.query("source.orders").rows) == 4


def test_data_that_changes_after_the_plan_is_refused(applied: Session, root: Path) -> None:
    (root / "orders.csv").write_text(ORDERS + "2,2024-01-03T00:00:00Z,4\n", "utf-8")
    with Session(root) as session:
        planned = session.plan()
        (root / "orders.csv").write_text(ORDERS + "2,2024-01-03T00:00:00Z,5\n", "utf-8")
        done = session.apply(planned, on_event=lambda event: None)
    assert [f.code for f in done.failed] == ["files-changed"]
    assert {str(s.because) for s in done.skipped} == {"source.orders"}


def test_state_verbs(applied: Session) -> None:
    assert "feature_view.spend" in {line["address"] for line in applied.state_list()}
    assert applied.state_show("feature_view.spend")["outputs"]["version"].startswith("spend__")
    applied.state_remove("feature_view.spend")
    assert [str(c.address) for c in applied.plan().plan.changes] == ["feature_view.spend"]
    with pytest.raises(Problems):
        applied.state_show("feature_view.spend")
    with pytest.raises(BackendError):
        applied.state_unlock("nobody")


def test_replace_makes_a_table_again(applied: Session, root: Path) -> None:
    with Session(root) as session:
        planned = session.plan(replace=["feature_view.big"])
        assert [(c.action.word, c.reason) for c in planned.plan.changes] == [("rebuild", "requested")]
        [version] = [c.version for c in planned.plan.changes]
        session.backends.engine.line(write=True).execute(f'DELETE FROM mlspec_data."{version}"')  # type: ignore[attr-defined]
        assert session.query("feature_view.big").rows == ()
        assert session.apply(planned, on_event=lambda event: None).ok
        assert len(session.query("feature_view.big").rows) == 3


def test_a_table_of_somebody_else_is_watched(tmp_path: Path) -> None:
    (tmp_path / "mlspec.yaml").write_text(PROJECT, "utf-8")
    (tmp_path / "specs.yaml").write_text(SPECS.replace("files: orders.csv", "table: raw.orders"), "utf-8")
    with Session(tmp_path) as session:
        raw = session.backends.engine.line(write=True).raw  # type: ignore[attr-defined]
        raw.execute('CREATE SCHEMA raw; CREATE TABLE raw.orders (customer BIGINT, "at" TIMESTAMPTZ, amount INTEGER)')
        raw.execute("INSERT INTO raw.orders VALUES (1, '2024-01-01T00:00:00Z', 3)")
    with Session(tmp_path) as session:
        assert session.apply(session.plan(), on_event=lambda event: None).ok
    with Session(tmp_path) as session:
        assert session.plan().plan.empty
        session.backends.engine.line(write=True).execute(  # type: ignore[attr-defined]
            "INSERT INTO raw.orders VALUES (1, '2024-01-02T00:00:00Z', 4)"
        )
    with Session(tmp_path) as session:
        planned = session.plan()
        assert {str(c.address) for c in planned.plan.changes} >= {"source.orders", "feature_view.spend"}
        assert session.apply(planned, on_event=lambda event: None).ok
        assert len(session.query("feature_view.big").rows) == 2


def test_yaml_of_others_is_ignored(root: Path) -> None:
    (root / "charts").mkdir()
    (root / "charts" / "values.yaml").write_text("replicas: 2\n", "utf-8")
    (root / "compose.yaml").write_text("services: {}\n", "utf-8")
    with Session(root) as session, pytest.raises(Problems) as problems:
        session.validate()
    assert {d.code for d in problems.value.diagnostics} == {"missing-kind"}
    (root / "mlspec.yaml").write_text(PROJECT + 'ignore: [charts, "compose*"]\n', "utf-8")
    with Session(root) as session:
        assert session.compiled.warnings == ()


def test_of_a_view_nobody_has_counted_the_rows(tmp_path):
    query = "---\nkind: source\nname: paid\nquery: SELECT customer, at FROM orders\nevent_time: at\n"
    (tmp_path / "mlspec.yaml").write_text(PROJECT)
    (tmp_path / "specs.yaml").write_text(SPECS + query)
    (tmp_path / "orders.csv").write_text(ORDERS)
    events: list = []
    with Session(tmp_path, environment="dev") as session:
        session.apply(session.plan(), on_event=events.append)
    notes = {str(e.address): e.notes for e in events if hasattr(e, "notes")}
    assert notes["source.paid"] == ()
    assert notes["source.orders"] == ("3 rows",)
