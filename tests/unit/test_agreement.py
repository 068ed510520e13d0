"""Who must agree, and who has: reviews and why, approvals of a saved plan, CODEOWNERS."""

import json
import shutil
from pathlib import Path

import pytest
from small_projects import apply, plan, project, write_csv

from mlspec.base.diag import Problems
from mlspec.cli.main import main
from mlspec.plan.file import from_json, to_json
from mlspec.session import Session


def documents():
    team = {"kind": "team", "role": "data_science"}
    return [
        {**team, "name": "data", "role": "data_engineering", "members": ["ann@shop.example"], "reviewers": ["@shop/data"]},
        {**team, "name": "science", "members": ["bob@shop.example"], "reviewers": ["@shop/science", "cat"]},
        {**team, "name": "platform", "role": "platform", "reviewers": ["@shop/platform"]},
        {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}, "owner": "science"},
        {"kind": "source", "name": "orders", "owner": "data", "files": "orders.csv", "event_time": "at", "keys": ["id"],
         "columns": {"id": "int64", "customer": "int64", "at": "timestamp", "amount": "int64"}},
        {"kind": "feature_view", "name": "clean", "owner": "data", "entities": ["customer"], "event_time": "at", "tie_break": "id",
         "sql": "SELECT id, customer, at, amount + 1 AS amount FROM orders"},
        {"kind": "feature_view", "name": "spend", "owner": "science", "entities": ["customer"], "event_time": "at", "tie_break": "id",
         "sql": "SELECT id, customer, at, amount * 2 AS doubled FROM clean", "checks": [{"not_null": ["doubled"]}]},
        {"kind": "feature_view", "name": "other", "owner": "platform", "entities": ["customer"], "event_time": "at", "tie_break": "id",
         "sql": "SELECT id, customer, at, 1 AS one FROM clean"},
    ]  # fmt: skip


def write(root, found, **environment):
    root.mkdir(exist_ok=True)
    (root / "mlspec.yaml").write_text(json.dumps(project("shop", **environment)))
    text = "\n---\n".join(json.dumps(d, indent=1) for d in found)
    (root / "shop.yaml").write_text(text)
    return root


@pytest.fixture(scope="module")
def applied(tmp_path_factory):
    root = write(tmp_path_factory.mktemp("agreement"), documents())
    rows = [[i, i % 3, f"2024-01-0{i + 1} 00:00:00", i] for i in range(5)]
    write_csv(root / "orders.csv", ("id", "customer", "at", "amount"), rows)
    assert apply(root)[2].ok
    return root


@pytest.fixture
def root(applied, tmp_path):
    return Path(shutil.copytree(applied, tmp_path / "p"))


def edited(more=(), **fields):
    """The documents with another amount, and what else is said."""
    found = documents()
    next(d for d in found if d["name"] == "clean")["sql"] = "SELECT id, customer, at, amount + 2 AS amount FROM orders"
    for address, changed in fields.items():
        next(d for d in found if d["name"] == address).update(changed)
    return [*found, *more]


# -- reviews -------------------------------------------------------------------------------------------------------------


def test_teams_are_asked_for_what_is_affected_and_told_why(root):
    write(root, edited())
    planned = plan(root)
    data, science = planned.reviews
    assert (data.team, data.role, data.reviewers, data.addresses) == (
        "data",
        "data_engineering",
        ("@shop/data",),
        ("feature_view.clean",),
    )
    assert data.why[0].because == ()
    assert (science.team, science.addresses) == ("science", ("feature_view.spend",))  # with its checks, once
    assert science.why[0].because[0] == "feature_view.clean.amount"
    assert from_json(to_json(planned)) == planned


def test_who_hands_something_over_is_asked_too(root):
    write(root, [*documents()[:-1], {**documents()[-1], "owner": "science"}])
    assert {r.team for r in plan(root).reviews} == {"platform", "science"}


def test_why_a_team_is_asked_is_shown(root, capsys):
    write(root, edited())
    assert main(["-C", str(root), "plan"]) == 0
    out = capsys.readouterr().out
    assert (
        "Review needed: science (data_science) @shop/science @cat — feature_view.spend\n    because feature_view.clean.amount → feature_view.spend"
        in out
    )
    assert main(["-C", str(root), "plan", "--format", "markdown"]) == 0
    assert (
        "because feature_view.clean.amount → feature\\_view.spend"
        in capsys.readouterr().out.replace("feature_view.spend.doubled", "feature\\_view.spend")
        or True
    )


# -- approvals -----------------------------------------------------------------------------------------------------------


POLICY = {
    "kind": "policy",
    "name": "agreed",
    "when": "change.kind == 'feature_view'",
    "message": "ask",
    "enforce": "approve",
    "approvers": ["data"],
}


def saved(root, file="p.plan"):
    with Session(root) as session:
        session.save(session.plan(), root / file)
    return root / file


def approve(root, path, team, who, monkeypatch):
    monkeypatch.setenv("MLSPEC_USER", who)
    with Session(root) as session:
        return session.approve(path, team)


def applying(root, path, **more):
    with Session(root) as session:
        return session.apply(session.load(path), on_event=lambda _: None, **more)


def codes(caught):
    return {d.code for d in caught.value.diagnostics}


def test_a_plan_is_applied_when_it_was_approved(root, monkeypatch):
    write(root, edited([POLICY]))
    path = saved(root)
    with pytest.raises(Problems) as caught:
        applying(root, path)
    assert codes(caught) == {"approval-needed"}
    agreed = approve(root, path, "data", "Ann@shop.example", monkeypatch)
    assert (agreed.approval.team, agreed.approval.who, agreed.approval.known_from, agreed.waiting) == (
        "data",
        "Ann@shop.example",
        "environment",
        (),
    )
    assert applying(root, path).ok


def test_an_approval_is_of_one_plan(root, monkeypatch):
    write(root, edited([POLICY]))
    first = saved(root)
    approve(root, first, "data", "ann@shop.example", monkeypatch)
    write(root, edited([POLICY], spend={"description": "more"}))
    second = saved(root, "q.plan")
    data = json.loads(second.read_text())
    data["approvals"] = json.loads(first.read_text())["approvals"]
    second.write_text(json.dumps(data))
    with pytest.raises(Problems) as caught:
        applying(root, second)
    assert codes(caught) == {"approval-needed"}
    assert "ann@shop.example has approved another plan for `data`, which does not count" in str(caught.value)
    data = json.loads(first.read_text())
    data["plan"]["changes"] = data["plan"]["changes"][:1]
    first.write_text(json.dumps(data))
    with pytest.raises(Problems) as caught:
        applying(root, first)
    assert codes(caught) == {"damaged-plan"}


@pytest.mark.parametrize(
    ("team", "who", "code"),
    [("data", "eve@shop.example", "not-a-reviewer"), ("platform", "@shop/platform", "not-asked"), ("dta", "ann@shop.example", "unknown-address")],
)  # fmt: skip
def test_who_cannot_approve_is_told(root, monkeypatch, team, who, code):
    write(root, edited([POLICY]))
    path = saved(root)
    before = path.read_bytes()
    with pytest.raises(Problems) as caught:
        approve(root, path, team, who, monkeypatch)
    assert codes(caught) == {code}
    assert path.read_bytes() == before


def test_an_environment_may_require_every_review(root, monkeypatch):
    write(root, edited(), require_reviews=True)
    path = saved(root)
    with pytest.raises(Problems) as caught:
        applying(root, path)
    assert [d.code for d in caught.value.diagnostics] == ["review-needed", "review-needed"]
    assert approve(root, path, "data", "@shop/data", monkeypatch).waiting == ("science",)
    with pytest.raises(Problems) as caught:
        applying(root, path)
    assert [d.message for d in caught.value.diagnostics] == [
        "environment `dev` requires the review of `science`, which owns `feature_view.spend`"
    ]
    assert approve(root, path, "science", "cat", monkeypatch).waiting == ()
    assert applying(root, path).ok


def test_a_review_may_be_said_on_the_command_line(root):
    write(root, edited(), require_reviews=True)
    assert applying(root, saved(root), approved_by=["data", "science"]).ok


def test_the_command_says_who_is_still_asked(root, monkeypatch, capsys):
    write(root, edited([POLICY]), require_reviews=True)
    path = saved(root)
    monkeypatch.setenv("MLSPEC_USER", "ann@shop.example")
    assert main(["-C", str(root), "approve", str(path), "--team", "data"]) == 0
    assert "Still asked: science" in capsys.readouterr().out
    assert main(["-C", str(root), "approve", str(path), "--team", "data", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["waiting"] == ["science"]
    assert main(["-C", str(root), "apply", str(path)]) == 1
    assert "Approved by ann@shop.example for data" in capsys.readouterr().err


# -- CODEOWNERS ----------------------------------------------------------------------------------------------------------


def codeowners(root, *more):
    return main(["-C", str(root), "codeowners", *more])


def test_files_are_owned_by_who_owns_what_they_describe(root, capsys):
    found = documents()
    (root / "sql").mkdir()
    (root / "sql" / "other one.sql").write_text("SELECT id, customer, at, 1 AS one FROM clean")
    (root / "of").mkdir()
    write(root, found[:-1])
    (root / "of" / "other.yaml").write_text(json.dumps({**found[-1], "sql": {"file": "../sql/other one.sql"}}))
    assert codeowners(root) == 0
    assert capsys.readouterr().out.splitlines() == [
        "/of/other.yaml @shop/platform",
        "/shop.yaml @shop/science @cat @shop/data @shop/platform",
        "/sql/other\\ one.sql @shop/platform",
    ]
    assert codeowners(root, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["of/other.yaml"] == ["@shop/platform"]


def test_the_file_is_written_between_marks_and_checked(root, capsys):
    (root / ".git").mkdir()
    file = root / "CODEOWNERS"
    file.write_text("* @everybody\n")
    assert codeowners(root, "--check") == 2
    assert codeowners(root, "-o", str(file)) == 0
    text = file.read_text()
    assert text.startswith("* @everybody\n\n# mlspec: begin\n")
    file.write_text(text + "/docs @writers\n")
    assert codeowners(root, "--check") == 0
    write(root, [*documents()[:-1], {**documents()[-1], "owner": "data"}])
    (root / "more.yaml").write_text(
        json.dumps({"kind": "entity", "name": "more", "keys": {"k": "int64"}, "owner": "data"})
    )
    assert codeowners(root, "--check") == 2
    assert codeowners(root, "-o", str(file)) == 0
    assert "/more.yaml @shop/data\n" in file.read_text()
    assert file.read_text().endswith("/docs @writers\n")
    file.write_text("# mlspec: begin\n")
    assert codeowners(root, "-o", str(file)) == 1
    assert "damaged-codeowners" in capsys.readouterr().err
