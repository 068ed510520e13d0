"""Rows that are valid from one moment to another: what they answer, and what must hold of them."""

import datetime as dt

import pytest
from small_projects import apply, read, write_csv, write_project

from mlspec.apply.events import Failed
from mlspec.base.diag import Problems
from mlspec.session import Session

DAY = dt.timedelta(days=1)
START = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - wall-clock UTC
STATES = [(1, "free", 0, 3), (1, "paid", 3, 5), (1, "gold", 7, None), (2, "free", 1, None)]
ASKS = [(1, -1), (1, 0), (1, 2.9), (1, 3), (1, 4.9), (1, 5), (1, 6), (1, 7), (1, 99), (2, 0), (2, 1), (3, 1), (None, 1)]


def moment(days):
    return None if days is None else START + days * DAY


def project(root, states=STATES, **more):
    write_csv(
        root / "plans.csv",
        ["customer", "plan", "since", "until"],
        [(c, p, moment(a), moment(b)) for c, p, a, b in states],
    )
    write_csv(root / "asks.csv", ["n", "customer", "at"], [(n, c, moment(t)) for n, (c, t) in enumerate(ASKS)])
    plans = {"customer": "int64", "plan": "string", "since": "timestamp", "until": "timestamp"}
    documents = [
        {"kind": "source", "name": "plans", "files": "plans.csv", "columns": plans, "valid_from": "since", "valid_to": "until",
         "keys": ["customer"], "rows": "mutable", **more},
        {"kind": "source", "name": "asks", "files": "asks.csv", "event_time": "at", "columns": {"n": "int64", "customer": "int64", "at": "timestamp"}},
        {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}},
        {"kind": "feature_view", "name": "plan", "entities": ["customer"], "source": "plans", "latest": ["plan"]},
        {"kind": "feature_view", "name": "by_hand", "entities": ["customer"], "event_time": "since", "valid_to": "until",
         "sql": "SELECT customer, plan, since, until FROM plans"},
        {"kind": "feature_set", "name": "chosen", "features": ["plan.*", "by_hand.*"]},
        {"kind": "dataset", "name": "answers", "feature_set": "chosen",
         "labels": {"sql": "SELECT n, customer, at AS event_time FROM asks", "label": "n"}},
    ]  # fmt: skip
    return write_project(root, documents)


def test_a_row_answers_while_it_is_valid(tmp_path):
    root = project(tmp_path)
    _, _, applied = apply(root)
    assert applied.ok, applied.failed
    rows = sorted(read(root, "dataset.answers"), key=lambda r: r["n"])
    for row, (customer, asked) in zip(rows, ASKS, strict=True):
        valid = [p for c, p, a, b in STATES if c == customer and a <= asked and (b is None or asked < b)]
        assert row["plan__plan"] == row["by_hand__plan"] == (valid[0] if valid else None), (customer, asked)
    assert read(root, "feature_view.plan", keys={"customer": "1"}, at="2024-01-04T00:00:00") == [
        {"customer": 1, "plan": "paid"}
    ]
    assert read(root, "feature_view.plan", keys={"customer": "1"}, at="2024-01-06T00:00:00") == [
        {"customer": 1, "plan": None}
    ]


@pytest.mark.parametrize(
    ("states", "check"),
    [
        ([(1, "free", 0, 3), (1, "paid", 2, 5)], "one_state_at_a_time"),
        ([(1, "free", 0, None), (1, "paid", 2, 5)], "one_state_at_a_time"),
        ([(1, "free", 0, 9), (1, "paid", 2, 5), (1, "gold", 6, 7)], "one_state_at_a_time"),
        ([(1, "free", 3, 3)], "ends_after_it_begins"),
        ([(1, "free", 3, 1)], "ends_after_it_begins"),
        ([(1, "free", 3, 4), (1, "paid", 3, 4)], "keys"),
    ],
)
def test_rows_that_contradict_each_other_are_found(tmp_path, states, check):
    _, _, applied = apply(project(tmp_path, states))
    failed = [e for e in applied.failed if isinstance(e, Failed)]
    assert [e.code for e in failed] == ["check-failed"]
    assert f"`{check}` fails" in failed[0].message


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({"valid_to": None}, ["missing-field"]),
        ({"valid_from": None}, ["missing-field"]),
        ({"keys": []}, ["missing-field"]),
        ({"valid_to": "untill"}, ["unknown-column"]),
        ({"valid_to": "plan"}, ["wrong-type"]),
        ({"event_time": "since"}, ["meaningless-field"]),
    ],
)
def test_a_declaration_that_is_not_whole(tmp_path, changed, codes):
    root = project(tmp_path, **changed)
    path = root / "source.plans.doc.yaml"
    path.write_text("\n".join(line for line in path.read_text("utf-8").splitlines() if ": null" not in line))
    with pytest.raises(Problems) as problems:
        Session(root).validate()
    assert [d.code for d in problems.value.diagnostics if d.span.file == path.name] == codes
