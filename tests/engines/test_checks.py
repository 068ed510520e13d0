"""Quality checks: each finds what it is for and nothing else; results stay beside the data, without personal values."""

import json

import pytest
from small_projects import apply, write_csv, write_project

from mlspec.base.diag import Problems
from mlspec.cli.main import main
from mlspec.session import Session

COLUMNS = {
    "id": "int64",
    "customer": "int64",
    "email": {"type": "string", "tags": ["pii"]},
    "amount": "float64",
    "at": "timestamptz",
}
ROWS = [
    [1, 1, "a@x", 10.0, "2024-01-01T10:00:00Z"],
    [2, 1, "b@x", -5.0, "2024-01-01T11:00:00Z"],
    [2, 2, None, 7.0, "2024-01-02T10:00:00Z"],
    [4, 9, "d@x", None, "2024-01-03T10:00:00Z"],
]

CASES = {
    "unique": ({"unique": ["id"]}, 1, 4),
    "not_null": ({"not_null": ["email", "amount"]}, 2, 4),
    "accepted_values": ({"accepted_values": {"column": "customer", "values": [1, 2]}}, 1, 4),
    "range": ({"range": {"column": "amount", "min": 0, "max": 8}}, 2, 4),
    "relationship": ({"relationship": {"column": "customer", "to": "people.id"}}, 1, 4),
    "expression": ({"expression": "amount > 0 OR id = 1"}, 1, 4),
    "row_count": ({"row_count": {"min": 5}}, 1, 1),
    "row_count, by day": ({"row_count": {"min": 2, "per_day_of": "at"}}, 2, 3),
    "freshness": ({"freshness": {"max_age": "1d"}}, 1, 1),
    "freshness, at a time": ({"freshness": {"max_age": "1d", "as_of": "2024-01-05"}}, 1, 1),
    "sql": ({"name": "twice", "sql": "SELECT id, count(*) AS n FROM this GROUP BY id HAVING count(*) > 1"}, 1, 4),
    "sql over others": ({"name": "known", "sql": "SELECT t.id FROM this AS t LEFT JOIN people AS p ON p.id = t.customer WHERE p.id IS NULL"}, 1, 4),
    "sql with a CTE": ({"name": "cte", "sql": "WITH low AS (SELECT email FROM this WHERE amount < 0) SELECT email FROM low"}, 1, 4),
}  # fmt: skip


def write(root, *checks, view=()):
    write_csv(root / "rows.csv", COLUMNS, ROWS)
    write_csv(root / "people.csv", ["id"], [[1], [2]])
    documents = [
        {"kind": "source", "name": "s", "files": "rows.csv", "columns": COLUMNS, "event_time": "at", "checks": list(checks)},
        {"kind": "source", "name": "people", "files": "people.csv", "columns": {"id": "int64"}},
        {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}},
        {"kind": "feature_view", "name": "v", "entities": ["customer"], "event_time": "at", "tie_break": "id", "checks": list(view),
         "sql": "SELECT customer, at, id, email, lower(email) AS short, amount FROM s"},
    ]  # fmt: skip
    return write_project(root, documents)


def run(root, address="source.s"):
    with Session(root) as session:
        (ran,) = session.run_checks(address)
    return ran.checks


@pytest.mark.parametrize(("check", "failed", "total"), CASES.values(), ids=CASES)
def test_a_check_counts_what_fails(check, failed, total, tmp_path):
    write(tmp_path, {**check, "severity": "warn"})
    assert apply(tmp_path)[2].ok
    (found,) = run(tmp_path)
    assert (found.failed, found.total, found.passed) == (failed, total, False)


@pytest.mark.parametrize("share", [0.25, 0.24])
def test_some_rows_may_fail(share, tmp_path):
    write(tmp_path, {"expression": "amount > 0 OR id <> 2 OR customer = 2", "max_failed": share, "severity": "warn"})
    assert apply(tmp_path)[2].ok
    assert run(tmp_path)[0].passed == (share == 0.25)


def test_a_check_that_fails_stops_what_depends_on_it(tmp_path):
    write(tmp_path, {"name": "twice", "sql": "SELECT id FROM this WHERE id = 2"})
    applied = apply(tmp_path)[2]
    assert [(str(f.address), f.code) for f in applied.failed] == [("source.s/checks", "check-failed")]
    assert [str(s.address) for s in applied.skipped] == ["feature_view.v"]


def test_values_that_are_personal_are_not_shown(tmp_path):
    check = {
        "name": "low",
        "sql": "SELECT id, short, upper(email) AS loud FROM this WHERE amount < 0",
        "severity": "warn",
    }
    write(tmp_path, {"range": {"column": "amount", "min": 0}, "severity": "warn"}, view=[check])
    assert apply(tmp_path)[2].ok
    (of_source,), (of_view,) = run(tmp_path), run(tmp_path, "feature_view.v")
    assert of_source.sample.rows == ((2, 1, "***", -5, "2024-01-01T11:00:00Z"),)
    assert dict(zip(of_view.sample.columns, of_view.sample.rows[0], strict=True)) == {
        "id": 2,
        "short": "***",
        "loud": "***",
    }


def test_results_stay_beside_the_data(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"range": {"column": "amount", "min": 0}, "severity": "warn"}, view=[{"row_count": {"min": 1}}])
    assert apply(tmp_path)[2].ok
    assert main(["run", "--checks"]) == 0
    assert main(["run", "--checks", "source.s"]) == 0
    capsys.readouterr()
    assert main(["show", "source.s", "--last", "2", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(c["name"], c["failed"], c["sample"][0]["email"]) for c in shown["checks"]] == [("range_amount", 1, "***")]
    assert [h["failed"] for h in shown["history"]] == [["range_amount"]] * 2
    assert shown["history"][0]["at"] > shown["history"][1]["at"]
    assert main(["show", "source.s"]) == 0
    assert "range_amount" in capsys.readouterr().out
    assert main(["run", "--checks", "--format", "json"]) == 0
    assert [r["address"] for r in json.loads(capsys.readouterr().out)] == ["source.s", "feature_view.v"]


def test_a_check_that_is_an_error_gives_its_exit_code(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"freshness": {"max_age": "1d"}, "severity": "warn"})
    assert apply(tmp_path)[2].ok
    assert main(["run", "--checks", "source.people"]) == 1
    assert "has no checks" in capsys.readouterr().err
    assert main(["run"]) == 1
    assert "--checks" in capsys.readouterr().err


BAD = {
    "a table that is not there": ({"sql": "SELECT 1 AS x FROM nothing"}, "unknown-table"),
    "a column that is not there": ({"sql": "SELECT nothing FROM this"}, "unknown-column"),
    "what writes": ({"sql": "DELETE FROM this"}, "forbidden-sql"),
    "a clock": ({"sql": "SELECT id FROM this WHERE at > now()"}, "not-reproducible"),
}


@pytest.mark.parametrize(("check", "code"), BAD.values(), ids=BAD)
def test_the_sql_of_a_check_is_sql_like_any_other(check, code, tmp_path):
    write(tmp_path, {"name": "c", **check})
    with Session(tmp_path) as session, pytest.raises(Problems) as problems:
        session.validate()
    assert [d.code for d in problems.value.diagnostics] == [code]
    assert problems.value.diagnostics[0].span.file == "source.s.doc.yaml"


def test_what_a_check_reads_elsewhere_makes_it_due(tmp_path):
    write(tmp_path, {"relationship": {"column": "customer", "to": "people.id"}, "severity": "warn"})
    assert apply(tmp_path)[2].ok
    write_csv(tmp_path / "people.csv", ["id"], [[1], [2], [9]])
    with Session(tmp_path) as session:
        planned = session.plan().plan
    assert "source.s/checks" in {str(c.address) for c in planned.changes}
