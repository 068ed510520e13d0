"""A plan as people see it: from a file anywhere, in every shape, with its steps, and never longer than there is room for."""

import copy
import json

import jsonschema
import live_project
import pytest
from live_project import SPEND, documents, of
from small_projects import apply, plan, write_project

from mlspec.cli.main import main
from mlspec.cli.views.plan_html import as_html
from mlspec.cli.views.plan_markdown import LONGEST, as_markdown
from mlspec.plan.file import from_json, to_json
from mlspec.plan.schema import plan_schema
from mlspec.session import Session


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A project up to its model, applied, then edited: one column more, another one changed, a raised gate, a view less."""
    pytest.importorskip("joblib", reason="scikit-learn is not installed")
    root = tmp_path_factory.mktemp("shown")
    live_project.write_data(root)
    found = documents(0)[:-1]
    others = {
        **of(found, "feature_view.spend"),
        "name": "other",
        "sql": "SELECT customer, ts, id, gross AS same FROM spend",
    }
    gone = {**of(found, "feature_view.spend"), "name": "gone"}
    write_project(root, [*found, others, gone])
    assert apply(root)[2].ok
    of(found, "feature_view.spend").update(sql=SPEND.replace("amount * 2", "amount * 3"))
    write_project(root, [*found, others])
    return root


@pytest.fixture
def saved(root, tmp_path):
    """Its plan, saved, in a folder where there is nothing else."""
    with Session(root) as session:
        session.save(session.plan(), tmp_path / "review.plan")
    return tmp_path / "review.plan"


def told(capsys, *arguments):
    assert main([str(a) for a in arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("shape", ["text", "json", "markdown", "html"])
@pytest.mark.parametrize("more", [[], ["--explain"], ["--full"]])
def test_a_saved_plan_is_shown_anywhere_as_it_was(root, saved, shape, more, monkeypatch, capsys):
    planned = told(capsys, "-C", root, "plan", "--format", shape, *more)
    monkeypatch.chdir(saved.parent)
    assert told(capsys, "show", saved.name, "--format", shape, *more) == planned


def test_its_json_is_what_the_schema_says(root, saved, capsys):
    validator = jsonschema.Draft202012Validator(plan_schema())
    for more in ([], ["--explain"]):
        found = json.loads(told(capsys, "show", saved, "--format", "json", *more))
        validator.validate(found)
    assert set(found["artifacts"]) == {p for s in found["steps"] for p in s["artifacts"]}
    del found["artifacts"]
    assert to_json(from_json(found)) == found


def test_the_steps_come_in_the_order_of_the_apply_with_their_sql(saved, capsys):
    said = told(capsys, "show", saved, "--explain")
    order = [
        said.index(f"{n}. {what}")
        for n, what in enumerate(
            ("build feature_view.spend", "build dataset.rows", "train model.big", "delete feature_view.gone"), 1
        )
    ]
    assert order == sorted(order)
    assert '"amount" * 3' in said[order[0] : order[1]]


def test_what_is_not_done_is_said(root):
    planned = plan(root)
    assert [(u.address, u.code, u.details) for u in planned.untouched] == [
        ("feature_view.other", "other_columns", ("feature_view.spend.customer", "feature_view.spend.gross", "feature_view.spend.id", "feature_view.spend.ts")),
    ]  # fmt: skip


def test_a_model_whose_gates_change_keeps_its_version(root, tmp_path, capsys):
    found = documents(0)[:-1]
    of(found, "model.big")["gates"] = {"auc": {"min": 0.6}}
    live_project.write_data(tmp_path)
    write_project(tmp_path, documents(0)[:-1])
    assert apply(tmp_path)[2].ok
    write_project(tmp_path, found)
    said = told(capsys, "-C", tmp_path, "plan")
    assert "model.big keeps version" in said
    assert "only `gates` changed, nothing is trained" in said


def test_a_page_is_whole_and_runs_nothing(root):
    with Session(root) as session:
        planned = session.plan()
    found = to_json(planned.plan) | {"notes": ["<script>alert(1)</script>"]}
    page = as_html(found, {p: f"<img src=x>{t}" for p, t in planned.artifacts.items()})
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not [word for word in ("http://", "https://", "<img", "<link", "@import") if word in page]
    assert page.index("Destructive") < page.index("<h2>Changes") < page.index("Steps of the apply")


def many(root, count):
    """A plan of very many changes, each with much to say."""
    found = to_json(plan(root))
    change = next(c for c in found["changes"] if c["address"] == "feature_view.spend")
    change["fields"].append({"path": ["sql"], "before": "a\n" * 500, "after": "b\n" * 500, "cost": ""})
    for number in range(count):
        for address, action, symbol in (("feature_view.x", "rebuild", "↻"), ("source.y", "delete", "-")):
            found["changes"].append(
                {**copy.deepcopy(change), "address": f"{address}{number}", "action": action, "symbol": symbol}
            )
        found["untouched"].append(
            {"address": f"model.m{number}", "code": "same_version", "version": "f" * 32, "details": ["gates"]}
        )
        found["breaking"].append({"deployment": f"deployment.d{number}", "owner": "", "feature": "a", "address": "feature_view.v", "column": "c" * 60,
                                  "change": "removed", "after": "", "moves": True, "version": "f" * 32})  # fmt: skip
        found["reviews"].append(
            {
                "team": f"team_{number}",
                "role": "platform",
                "reviewers": ["@x"] * 40,
                "why": [],
                "addresses": ["feature_view.v"] * 40,
            }
        )
        found["verdicts"].append(
            {"policy": "p", "enforce": "warn", "address": "a.b", "message": "m" * 900, "approvers": []}
        )
    found["summary"] = {"rebuild": count, "delete": count}
    return found


@pytest.mark.parametrize("count", [1, 30, 3000])
def test_markdown_fits_into_a_comment_and_begins_with_what_is_lost(root, count):
    said = as_markdown(many(root, count))
    assert len(said) <= LONGEST
    assert said.index("[!CAUTION]") < said.index("| what |")
    assert said.count("<details>") == said.count("</details>")
    assert said.count("```") % 2 == 0
    if count == 3000:
        assert "more" in said
        assert "are too long for a comment" in said


def test_a_page_of_very_many_changes_holds_them_all(root):
    page = as_html(many(root, 300), {})
    assert all(f"feature_view.x{n}<" in page for n in range(300))


def test_what_is_no_plan_is_said(tmp_path, capsys):
    (tmp_path / "x.plan").write_text("{}")
    assert main(["show", str(tmp_path / "x.plan")]) == 1
    assert "not-a-plan" in capsys.readouterr().err


def test_a_plan_that_was_edited_is_not_shown(saved, capsys):
    saved.write_text(saved.read_text().replace('"delete"', '"update"'))
    assert main(["show", str(saved)]) == 1
    assert "damaged-plan" in capsys.readouterr().err
