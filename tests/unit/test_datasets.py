"""What a dataset can say of its labels and of the roles of its views, through whole projects."""

import datetime as dt
import json

import pytest
from small_projects import apply, read, write_csv, write_project

from mlspec.base.address import Address
from mlspec.base.diag import Problems
from mlspec.session import Session

DAY = dt.timedelta(days=1)
START = dt.datetime(2024, 1, 1, 10)  # noqa: DTZ001 - wall-clock UTC
TRANSFERS = [
    # id, sender, recipient, amount, when
    (1, 1, 2, 10, START),
    (2, 1, 2, 0, START + DAY),
    (3, 2, 1, 5, START + DAY),
    (4, 1, 3, 7, START + 3 * DAY),
    (5, 2, 3, 8, START + 6 * DAY),
]
BALANCES = [(1, 3, START - DAY), (2, 4, START - DAY), (1, 30, START + 2 * DAY)]
HOLIDAYS = [(1, True, START - DAY), (1, False, START + 5 * DAY), (2, True, START + 2 * DAY)]


def project(root, *, features, **labels):
    def source(name, columns, rows, **more):
        write_csv(root / f"{name}.csv", list(columns), rows)
        return {"kind": "source", "name": name, "files": f"{name}.csv", "columns": columns, "event_time": "at", **more}

    account = {"account": "int64"}
    sql = "SELECT id, sender, recipient, amount, at, at + INTERVAL 2 DAY AS due FROM transfers"
    return write_project(
        root,
        [
            source("transfers", {"id": "int64", "sender": "int64", "recipient": "int64", "amount": "int32", "at": "timestamp"}, TRANSFERS,
                   available_time="at", lateness="1d"),
            source("balances", {**account, "balance": "int32", "at": "timestamp"}, BALANCES),
            source("holidays", {**account, "holiday": "boolean", "at": "timestamp"}, HOLIDAYS, known_in_advance=True),
            {"kind": "entity", "name": "account", "keys": account},
            {"kind": "feature_view", "name": "balance", "entities": ["account"], "source": "balances", "latest": ["balance"]},
            {"kind": "feature_view", "name": "holiday", "entities": ["account"], "source": "holidays", "latest": ["holiday"]},
            {"kind": "feature_set", "name": "chosen", "features": features},
            {"kind": "dataset", "name": "answers", "feature_set": "chosen",
             "labels": {"sql": sql, "label": "amount", "event_time": "at", **labels}},
        ],
    )  # fmt: skip


def answers(root):
    _, _, applied = apply(root)
    assert applied.ok, applied.failed
    return {row["id"]: row for row in read(root, "dataset.answers")}


SENDER = {"features": "balance.*", "as": "sender", "keys": {"account": "sender"}}
RECIPIENT = {"features": "balance.balance", "as": "recipient", "keys": {"account": "recipient"}}


def test_one_view_in_two_roles(tmp_path):
    found = answers(project(tmp_path, features=[SENDER, RECIPIENT]))
    both = {n: (row["sender__balance"], row["recipient__balance"]) for n, row in found.items()}
    assert both == {1: (3, 4), 2: (3, 4), 3: (4, 3), 4: (30, None), 5: (4, None)}


def test_a_role_needs_its_keys(tmp_path):
    root = project(tmp_path, features=[{**SENDER, "keys": {"account": "payer"}}])
    with pytest.raises(Problems) as problems:
        Session(root).validate()
    assert [d.code for d in problems.value.diagnostics] == ["missing-key"]
    root = project(tmp_path, features=[{**SENDER, "keys": {"acount": "sender"}}])
    with pytest.raises(Problems) as problems:
        Session(root).validate()
    assert "did you mean `account`?" in problems.value.diagnostics[0].help


def test_two_roles_need_two_names(tmp_path):
    root = project(tmp_path, features=[{**SENDER, "as": "x"}, {**RECIPIENT, "as": "x"}])
    with pytest.raises(Problems) as problems:
        Session(root).validate()
    assert "duplicate-feature" in [d.code for d in problems.value.diagnostics]


def test_a_view_known_in_advance_is_asked_at_another_time(tmp_path):
    holiday = {"features": "holiday.*", "keys": {"account": "sender"}}
    found = answers(project(tmp_path, features=[{**holiday, "as": "due", "at": "due"}, {**holiday, "as": "now"}]))
    both = {n: (row["due__holiday"], row["now__holiday"]) for n, row in found.items()}
    assert both == {1: (True, True), 2: (True, True), 3: (True, None), 4: (False, True), 5: (True, True)}


def test_only_what_is_known_in_advance(tmp_path):
    root = project(tmp_path, features=[{**SENDER, "at": "due"}])
    with pytest.raises(Problems) as problems:
        Session(root).validate()
    assert [d.code for d in problems.value.diagnostics] == ["not-known-in-advance"]


def test_rows_that_do_not_ask_are_left_out(tmp_path):
    found = answers(project(tmp_path, features=[SENDER], where="amount > 0 AND sender = 1"))
    assert sorted(found) == [1, 4]


def test_a_row_may_ask_before_or_after_its_own_time(tmp_path):
    found = answers(project(tmp_path, features=[SENDER], event_time="at - INTERVAL 2 DAY"))
    assert found[4]["event_time"] == (START + DAY).isoformat()
    assert {n: row["sender__balance"] for n, row in found.items()} == {1: None, 2: 3, 3: 4, 4: 3, 5: 4}


def forward(**more):
    return [{"function": "count", "name": "again", "source": "transfers", "keys": ["sender"], "window": "3d", **more}]


def test_a_label_looks_forward_and_is_known_when_its_window_has_passed(tmp_path):
    """The data ends on the 7th at 10:00; a day of lateness after three days of window is over for those of the 3rd."""
    found = answers(project(tmp_path, features=[SENDER], forward=forward()))
    assert {n: row["again"] for n, row in found.items()} == {1: 2, 2: 2, 3: 1, 4: None, 5: None}


def test_maturity_is_said_of_a_label(tmp_path):
    found = answers(project(tmp_path, features=[SENDER], forward=forward(maturity="1h", where="amount > 0")))
    assert {n: row["again"] for n, row in found.items()} == {1: 1, 2: 1, 3: 1, 4: None, 5: None}


def test_a_label_that_training_could_not_know_is_none(tmp_path):
    """The second and the third ask before the test begins, and are known a day after it."""
    root = project(tmp_path, features=[SENDER], forward=forward())
    path = root / "dataset.answers.doc.yaml"
    path.write_text(
        json.dumps({**json.loads(path.read_text("utf-8")), "split": {"time": {"test_from": "2024-01-05T12:00:00Z"}}})
    )
    assert {n: row["again"] for n, row in answers(root).items()} == {1: 2, 2: None, 3: None, 4: None, 5: None}
    body = Session(root).compiled.desired.resources[Address("dataset", "answers")].body
    assert [name for name, role in body.roles if role == "label"] == ["amount", "again"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"window": "all"}, "invalid-aggregation"),
        ({"offset": "1d"}, "meaningless-field"),
        ({"name": "amount"}, "duplicate-column"),
        ({"keys": {"payer": "sender"}}, "missing-key"),
        ({"keys": {"sender": "payer"}}, "missing-key"),
        ({"source": "nowhere"}, "unresolved-reference"),
        ({"where": "amount"}, "wrong-type"),
        ({"function": "sum"}, "invalid-aggregation"),
        ({"where": "at > now()"}, "not-reproducible"),
    ],
)
def test_a_forward_label_that_means_nothing(tmp_path, changed, code):
    with pytest.raises(Problems) as problems:
        Session(project(tmp_path, features=[SENDER], forward=forward(**changed))).validate()
    assert [d.code for d in problems.value.diagnostics] == [code]


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        ({"where": "amount"}, "wrong-type"),
        ({"where": "amuont > 1"}, "unknown-column"),
        ({"where": "COUNT(*) > 1"}, "forbidden-sql"),
        ({"event_time": "att"}, "unknown-column"),
        ({"event_time": "amount + 1"}, "wrong-type"),
        ({"event_time": "CAST(at AS DATE)"}, "wrong-type"),
        ({"event_time": "now()"}, "not-reproducible"),
        ({"label": []}, "missing-field"),
    ],
)
def test_labels_that_mean_nothing(tmp_path, labels, code):
    with pytest.raises(Problems) as problems:
        Session(project(tmp_path, features=[SENDER], **labels)).validate()
    assert [d.code for d in problems.value.diagnostics] == [code]


def test_windows_that_are_cut_off_are_counted(tmp_path):
    """One of the five asks less than five days after the first row of the source; so many may, or it is told."""
    counts = {"kind": "feature_view", "name": "sent", "entities": ["account"], "source": "movements",
              "aggregations": [{"function": "count", "name": "n", "windows": ["1d", "5d", "all"]}]}  # fmt: skip
    root = project(tmp_path, features=["sent.*"], sql="SELECT id, sender AS account, amount, at FROM transfers")
    write_csv(root / "movements.csv", ["account", "at"], [(1, START - 4 * DAY), (2, START + DAY)])
    source = {"kind": "source", "name": "movements", "files": "movements.csv", "columns": {"account": "int64", "at": "timestamp"},
              "event_time": "at"}  # fmt: skip
    for document in (counts, source):
        (root / f"{document['name']}.doc.yaml").write_text(json.dumps(document))
    told = {}
    for allowed in (0, 0.2):
        path = root / "dataset.answers.doc.yaml"
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "incomplete_windows": allowed}))
        _, events, applied = apply(root)
        assert applied.ok, applied.failed
        told[allowed] = [
            n for e in events for n in getattr(e, "notes", ()) if str(e.address) == "dataset.answers/checks"
        ]
    assert told[0] == ["0 of 1 checks passed", "warning: `whole_windows_of_sent` fails for 1 of 5"]
    assert told[0.2] == ["1 of 1 checks passed"]
