"""What a change means, to the column: a table of edits of a layered project, and exactly what each plan says."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import layered_project
import pytest
from layered_project import CLEAN, FEATURES, HABITS, RANKS, SPEND, documents, of
from small_projects import actions, apply, plan, read

from mlspec.base.diag import Problems
from mlspec.plan.file import from_json, to_json
from mlspec.session import Session


@pytest.fixture(scope="module")
def applied(tmp_path_factory):
    """The layered project, applied once."""
    root = tmp_path_factory.mktemp("layered")
    layered_project.write_data(root)
    layered_project.write(root)
    _, _, done = apply(root)
    assert done.ok, done.failed
    return root


@pytest.fixture
def root(applied, tmp_path):
    """A copy of the applied project, to be changed at will."""
    return Path(shutil.copytree(applied, tmp_path / "p"))


def sql(address, text):
    return lambda found: of(found, address).update(sql=text)


def aggregation(name, **fields):
    def edit(found):
        next(a for a in of(found, "feature_view.windows")["aggregations"] if a["name"] == name).update(fields)

    return edit


def fields(address, **changed):
    return lambda found: of(found, address).update(changed)


def column(address, name, kind):
    return lambda found: of(found, address)["columns"].update({name: kind})


def without(address):
    return lambda found: found.remove(of(found, address))


# rebuilds of what stands below a change
DATASET = ("dataset.training", "rebuild", "column")
MODEL = [("model.big", "rebuild", "column"), ("deployment.big_live", "update", "column")]
BELOW = [DATASET, *MODEL]
RETYPED = [
    ("dataset.training", "rebuild", "column contract"),
    ("model.big", "rebuild", "column contract"),
    ("deployment.big_live", "update", "column contract"),
]

NOTHING = {
    "a comment in the SQL": sql("feature_view.clean", CLEAN + " -- as agreed"),
    "another layout": sql("feature_view.clean", CLEAN.replace(" FROM", "\n\n   from").replace(", ", ",\n  ")),
    "the order of AND": sql("feature_view.clean", CLEAN.replace("state <> 'void' AND amount > 0", "amount > 0 AND state <> 'void'")),
    "the name of a CTE": sql("feature_view.habits", HABITS.replace("WITH c ", "WITH paid ").removesuffix(" c") + " paid"),
    "the alias of a table": sql("feature_view.ranks", RANKS.replace("s.", "a.").replace("spend AS s", "spend AS a")),
    "the order of a product": sql("feature_view.spend", SPEND.replace("net * 2", "2 * net")),
    "parentheses": sql("feature_view.spend", SPEND.replace("net * 2", "(net * 2)")),
    "the case of a name": sql("feature_view.spend", SPEND.replace("net", "NET")),
    "AS left out": sql("feature_view.spend", SPEND.replace(" AS ", " ")),
    "the order of columns": sql("feature_view.spend", "SELECT amount AS gross, net * 2 AS doubled, id, at, customer FROM clean"),
    "7 days for a week": aggregation("paid_7d", window="1w"),
    "a step of another table, which passes everything on": sql("feature_view.habits", HABITS.replace("FROM clean", "FROM (SELECT * FROM clean) AS all_of_it")),
    "an address for a name": sql("feature_view.spend", SPEND.replace("FROM clean", "FROM feature_view.clean")),
}  # fmt: skip

EDITS = {
    "a column is added": (
        sql("feature_view.clean", CLEAN.replace(" FROM", ", amount * 3 AS tripled FROM")),
        [("feature_view.clean", "rebuild", "additive")],
    ),
    "a column that nobody reads is dropped": (
        sql("feature_view.clean", CLEAN.replace(", discount FROM", " FROM")),
        [("feature_view.clean", "rebuild", "contract")],
    ),
    "a feature that nobody takes changes": (
        sql("feature_view.spend", SPEND.replace("amount AS gross", "amount + 1 AS gross")),
        [("feature_view.spend", "rebuild", "column")],
    ),
    "one expression changes": (
        sql("feature_view.clean", CLEAN.replace("amount - discount", "amount - 2 * discount")),
        [("feature_view.clean", "rebuild", "column"), ("feature_view.habits", "rebuild", "column"), ("feature_view.spend", "rebuild", "column"),
         ("feature_view.ranks", "rebuild", "column"), *BELOW],
    ),
    "an expression of one reader changes": (
        sql("feature_view.habits", HABITS.replace("> 10", "> 11")),
        [("feature_view.habits", "rebuild", "column"), *BELOW],
    ),
    "a filter changes": (
        sql("feature_view.clean", CLEAN.replace("amount > 0", "amount > 1")),
        [("feature_view.clean", "rebuild", "row_shape"), ("feature_view.habits", "rebuild", "row_shape"),
         ("feature_view.spend", "rebuild", "row_shape"), ("feature_view.ranks", "rebuild", "row_shape"), *BELOW],
    ),
    "a join becomes another": (
        sql("feature_view.ranks", RANKS.replace("JOIN", "LEFT JOIN")),
        [("feature_view.ranks", "rebuild", "row_shape"), *BELOW],
    ),
    "a type changes": (
        sql("feature_view.habits", HABITS.replace("net > 10", "CAST(net > 10 AS INT)")),
        [("feature_view.habits", "rebuild", "column contract"), ("feature_set.chosen", "update", "column contract"), *RETYPED],
    ),
    "a window changes": (
        aggregation("paid_7d", window="8d"),
        [("feature_view.windows", "update", "column"), ("dataset.training/checks", "update", "contract"), *BELOW],
    ),
    "a window that nobody takes changes": (
        aggregation("most_7d", window="8d"),
        [("feature_view.windows", "update", "column")],
    ),
    "a condition of an aggregation changes": (
        aggregation("orders_1d", where="amount > 20"),
        [("feature_view.windows", "update", "column"), *BELOW],
    ),
    "a boundary changes": (
        fields("feature_view.windows", boundary="inclusive"),
        [("feature_view.windows", "update", "row_shape"), *BELOW],
    ),
    "a ttl changes": (
        fields("feature_view.habits", ttl="7d"),
        [("feature_view.habits", "rebuild", "contract"), *BELOW],
    ),
    "a request-time feature that nobody takes changes": (
        fields("feature_view.asked", on_request={"inputs": {"basket": "int64"}, "features": {"basket_size": "basket + 2"}}),
        [("feature_view.asked", "update", "column")],
    ),
    "a view is kept as a view": (
        fields("feature_view.who", materialize="view"),
        [("feature_view.who", "update", "contract")],
    ),
    "a gate is raised": (
        fields("model.big", gates={"auc": {"min": 0.8}}),
        [("model.big", "update", "contract")],
    ),
    "the image of a deployment changes": (
        fields("deployment.big_live", image="registry.example/shop:2"),
        [("deployment.big_live", "update", "contract")],
    ),
    "a label of a deployment": (
        fields("deployment.big_live", labels={"tier": "gold"}),
        [("deployment.big_live", "update", "contract")],
    ),
    "a description is written": (
        fields("feature_view.clean", description="Paid orders"),
        [("feature_view.clean", "update", "metadata")],
    ),
    "a check is added": (
        fields("feature_view.clean", checks=[{"not_null": ["amount"]}]),
        [("feature_view.clean/checks", "create", "")],
    ),
    "a deployment is dropped": (
        without("deployment.big_live"),
        [("deployment.big_live", "delete", "")],
    ),
}  # fmt: skip


def said(planned):
    return [(str(c.address), c.action.word, " ".join(c.impacts)) for c in planned.changes]


def planned_after(root, edit):
    found = documents()
    edit(found)
    layered_project.write(root, found)
    return plan(root)


@pytest.mark.parametrize("name", NOTHING)
def test_what_means_the_same_changes_nothing(root, name):
    assert said(planned_after(root, NOTHING[name])) == []


@pytest.mark.parametrize("name", EDITS)
def test_what_an_edit_changes(root, name):
    edit, expected = EDITS[name]
    planned = planned_after(root, edit)
    assert sorted(said(planned)) == sorted(expected)
    assert planned.unchanged == len(documents()) + 2 - sum(a != "create" for _, a, _ in expected)


# -- why ---------------------------------------------------------------------------------------------------------------


def causes(planned, address):
    change = next(c for c in planned.changes if str(c.address) == address)
    return change.direct, {" > ".join(chain) for chain in change.causes}


def test_the_chains_of_causes_go_from_column_to_column(root):
    planned = planned_after(
        root, sql("feature_view.clean", CLEAN.replace("amount - discount", "amount - 2 * discount"))
    )
    net = "feature_view.clean.net"
    doubled, large = f"{net} > feature_view.spend.doubled", f"{net} > feature_view.habits.large"
    score = f"{doubled} > feature_view.ranks.score"
    held = {
        f"{doubled} > dataset.training.spend__doubled",
        f"{large} > dataset.training.habits__large",
        f"{score} > dataset.training.ranks__score",
    }
    assert causes(planned, "feature_view.clean") == (True, {net})
    assert causes(planned, "feature_view.spend") == (False, {doubled})
    assert causes(planned, "feature_view.ranks") == (False, {score})
    assert causes(planned, "dataset.training") == (False, held)
    assert causes(planned, "model.big") == (False, {f"{c} > model.big" for c in held})
    assert causes(planned, "deployment.big_live") == (False, {f"{c} > model.big > deployment.big_live" for c in held})


def test_a_window_reaches_one_feature_column(root):
    planned = planned_after(root, aggregation("paid_7d", window="8d"))
    changed = {str(c.address): [(k.name, k.change) for k in c.columns] for c in planned.changes}
    assert changed["feature_view.windows"] == [("paid_7d", "changed")]
    assert changed["dataset.training"] == [("windows__paid_7d", "changed")]
    chain = "feature_view.windows.paid_7d > dataset.training.windows__paid_7d > model.big > deployment.big_live"
    assert causes(planned, "deployment.big_live") == (False, {chain})


def test_a_change_says_which_words_changed(root):
    planned = planned_after(root, aggregation("paid_7d", window="8d"))
    change = next(c for c in planned.changes if str(c.address) == "feature_view.windows")
    assert [(f.path, f.before, f.after, f.cost) for f in change.fields] == [
        (("aggregations", "paid_7d", "window"), "7d", "8d", "rebuild")
    ]


def test_labels_of_a_deployment_are_its_own_change(root):
    planned = planned_after(root, fields("deployment.big_live", labels={"tier": "gold"}))
    assert causes(planned, "deployment.big_live") == (True, {"deployment.big_live"})
    assert [f.path for f in planned.changes[0].fields] == [("labels",)]


def test_a_renamed_feature_is_told_as_one_all_the_way(root):
    def edit(found):
        sql("feature_view.habits", HABITS.replace("AS large", "AS huge"))(found)
        of(found, "feature_set.chosen")["features"] = [f.replace("large", "huge") for f in FEATURES]

    planned = planned_after(root, edit)
    columns = {str(c.address): {(k.change, k.before, k.after) for k in c.columns} for c in planned.changes}
    assert columns["feature_view.habits"] == {("renamed", "large", "huge")}
    for below in ("feature_set.chosen", "dataset.training", "model.big", "deployment.big_live"):
        assert ("renamed", "habits__large", "habits__huge") in columns[below] or below == "feature_set.chosen"
    assert {a for a, _, _ in said(planned)} == {
        "feature_view.habits",
        "feature_set.chosen",
        "dataset.training",
        "model.big",
        "deployment.big_live",
    }


def test_new_data_rebuilds_what_reads_it(root):
    path = root / "people.csv"
    path.write_text(path.read_text().replace("1983", "1984"))
    changed = {a for a, _, _ in said(plan(root))}
    assert changed == {
        "source.people",
        "feature_view.who",
        "feature_view.ranks",
        "dataset.training",
        "model.big",
        "deployment.big_live",
    }


# -- parts of a plan ---------------------------------------------------------------------------------------------------


def test_a_selection_takes_what_it_needs_with_it(root):
    edit = sql("feature_view.clean", CLEAN.replace("amount - discount", "amount - 2 * discount"))
    whole = planned_after(root, edit)
    part = plan(root, select=["feature_view.spend"])
    assert [a for a, _ in actions(part)] == ["feature_view.clean", "feature_view.spend"]
    assert set(part.skipped) == {a for a, _ in actions(whole)} - {a for a, _ in actions(part)}
    _, _, done = apply(root, select=["feature_view.spend"])
    assert done.ok
    assert sorted(a for a, _ in actions(plan(root))) == sorted(part.skipped)
    assert apply(root)[2].ok
    assert actions(plan(root)) == []


def test_what_is_asked_for_is_rebuilt_though_unchanged(root):
    assert actions(plan(root, replace=["feature_view.who"])) == [("feature_view.who", "rebuild")]


# -- a saved plan ------------------------------------------------------------------------------------------------------


def saved(root, edit):
    found = documents()
    edit(found)
    layered_project.write(root, found)
    with Session(root) as session:
        planned = session.plan()
        session.save(planned, root / "saved.plan")
    return planned


RAISED = sql("feature_view.habits", HABITS.replace("> 10", "> 30"))


def test_a_saved_plan_is_the_plan(root):
    planned = saved(root, RAISED)
    with Session(root) as session:
        loaded = session.load(root / "saved.plan")
    assert loaded.plan == planned.plan
    assert loaded.artifacts == dict(planned.artifacts)
    assert {a: r.digest for a, r in loaded.desired.resources.items()} == {
        a: r.digest for a, r in planned.desired.resources.items()
    }
    assert from_json(json.loads(json.dumps(to_json(planned.plan)))) == planned.plan


def test_a_saved_plan_is_applied_as_it_was_saved(root):
    saved(root, RAISED)
    layered_project.write(root)  # the files go back; the saved plan does not look at them
    with Session(root) as session:
        done = session.apply(session.load(root / "saved.plan"), on_event=lambda _: None)
    assert done.ok, done.failed
    large = {row["id"]: row["large"] for row in read(root, "SELECT id, large FROM habits")}
    assert large[15] is False
    assert {a for a, _ in actions(plan(root))} == {
        "feature_view.habits",
        "dataset.training",
        "model.big",
        "deployment.big_live",
    }


def check_refusal(root, code):
    with Session(root) as session, pytest.raises(Problems) as caught:
        session.apply(session.load(root / "saved.plan"), on_event=lambda _: None)
    assert [d.code for d in caught.value.diagnostics] == [code]


def test_a_plan_is_not_stale_because_of_what_others_did_elsewhere(root):
    saved(root, RAISED)
    layered_project.write(root, [*documents(), {"kind": "team", "name": "other", "role": "platform"}])
    assert apply(root)[2].ok
    with Session(root) as session:
        assert session.apply(session.load(root / "saved.plan"), on_event=lambda _: None).ok, (
            "it touches nothing of that"
        )


def test_a_stale_plan_is_refused(root):
    saved(root, RAISED)
    changed = documents()
    of(changed, "source.people")["description"] = "asked again"
    of(changed, "source.people")["columns"] = {"customer": "int64", "country": "string", "born": "int32"}
    layered_project.write(root, changed)
    assert apply(root)[2].ok
    check_refusal(root, "stale-plan")


def test_a_plan_that_was_applied_is_stale(root):
    saved(root, RAISED)
    with Session(root) as session:
        assert session.apply(session.load(root / "saved.plan"), on_event=lambda _: None).ok
    check_refusal(root, "stale-plan")


@pytest.mark.parametrize(
    ("was", "now"), [('"rebuild"', '"create"'), ("> 30", "> 31"), ("registry.example", "registry.evil")]
)
def test_a_damaged_plan_is_refused(root, was, now):
    saved(root, RAISED)
    path = root / "saved.plan"
    assert was in path.read_text()
    path.write_text(path.read_text().replace(was, now, 1))
    check_refusal(root, "damaged-plan")


@pytest.mark.parametrize("text", ["", "{}", "[1]", "not JSON", "\0"])
def test_what_is_no_plan_is_refused(root, text):
    (root / "saved.plan").write_text(text)
    check_refusal(root, "not-a-plan")


# -- two at once -------------------------------------------------------------------------------------------------------

APPLY = """
import sys, json
from pathlib import Path
from mlspec.backends.port import BackendError
from mlspec.base.diag import Problems
from mlspec.session import Session
root, wait = Path(sys.argv[1]), float(sys.argv[2])
with Session(root) as session:
    planned = session.plan(refresh=False)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        done = session.apply(planned, lock_timeout=wait, on_event=lambda e: None)
        print("ok" if done.ok else f"failed: {done.failed}")
    except BackendError as error:
        print(f"refused: {error.code}: {error} {error.help}")
    except Problems as error:
        print("refused:", *[d.code for d in error.diagnostics])
"""


def two_at_once(root, wait):
    found = [subprocess.Popen([sys.executable, "-c", APPLY, str(root), wait], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
             for _ in range(2)]  # fmt: skip
    for one in found:
        assert one.stdout.readline() == "ready\n"
    for one in found:
        one.stdin.write("go\n")
        one.stdin.flush()
    return sorted(one.communicate(timeout=60)[0].strip() for one in found)


@pytest.mark.parametrize("wait", ["0", "30"])
def test_of_two_applies_one_wins_and_the_other_is_told(root, wait):
    found = documents()
    RAISED(found)
    layered_project.write(root, found)
    first, second = two_at_once(root, wait)
    assert first == "ok"
    if wait == "30":
        assert second == "refused: stale-plan"
    else:
        assert second == "refused: stale-plan" or ("locked" in second and "process" in second), second
    assert actions(plan(root)) == []
    with Session(root) as session:
        assert session.state_claims() == ()
        assert {r["address"] for r in session.state_list()} == {str(a) for a in session.compiled.desired.resources}


def test_files_without_a_header_are_told_by_the_order_of_their_columns(root):
    """Here the order of keys is the meaning: two columns that change places are other data."""
    found = documents()
    of(found, "source.people")["files"] = {"path": "people.csv", "header": False}
    (root / "people.csv").write_text("1,2,3\n4,5,6\n")
    people = of(found, "source.people")
    people["columns"] = {"customer": "int64", "country": "string", "born": "int64"}
    layered_project.write(root, found)
    assert apply(root)[2].ok
    people["columns"] = {"born": "int64", "country": "string", "customer": "int64"}
    layered_project.write(root, found)
    assert actions(plan(root))[0] == ("source.people", "rebuild")
    assert apply(root)[2].ok
    assert sorted(row["customer"] for row in read(root, "who")) == [3, 6]


def test_a_gate_that_is_raised_is_asked_again(root):
    """The version that is there was measured once; a gate that it does not pass any more refuses it."""
    found = documents()
    of(found, "model.big")["gates"] = {"auc": {"min": 0.95}}
    layered_project.write(root, found)
    _, _, done = apply(root)
    assert [str(f.address) for f in done.failed] == ["model.big"]
    assert actions(plan(root)) == [("model.big", "update")]
    of(found, "model.big")["gates"] = {"auc": {"min": 0.9}}
    layered_project.write(root, found)
    assert apply(root)[2].ok
    assert actions(plan(root)) == []
