"""The battery: edits of a layered project, each with exactly the changes that follow; and how often others build for the same."""

import battery_project
import pytest
from battery_edits import EDITS, NOTHING
from small_projects import apply, plan, write_csv, write_project


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The project, applied once: a plan writes nothing, so that all edits are planned in one place."""
    root = tmp_path_factory.mktemp("battery")
    battery_project.write_data(root)
    write_project(root, battery_project.documents())
    _, _, done = apply(root)
    assert done.ok, done.failed
    return root


def planned_after(root, edit):
    found = battery_project.documents()
    edit(found)
    return plan(write_project(root, found))


def said(planned):
    return {str(c.address): " ".join((c.action.word, *c.impacts)) for c in planned.changes}


def test_there_are_enough_edits():
    assert len(NOTHING) + len(EDITS) >= 60
    assert sum(a.startswith(("source.", "feature_view.", "dataset.")) for a in addresses()) >= 15


def addresses():
    return [f"{d['kind']}.{d['name']}" for d in battery_project.documents()]


@pytest.mark.parametrize("name", NOTHING)
def test_what_means_the_same_changes_nothing(root, name):
    assert said(planned_after(root, NOTHING[name])) == {}


@pytest.mark.parametrize("name", EDITS)
def test_what_follows_from_an_edit_and_nothing_more(root, name):
    edit, expected = EDITS[name]
    assert said(planned_after(root, edit)) == expected


def test_a_renaming_is_told_as_one(root):
    planned = planned_after(root, EDITS["a column that nobody reads is renamed"][0])
    (change,) = planned.changes
    assert [(c.change, c.before, c.after) for c in change.columns] == [("renamed", "discount", "rebate")]


def test_another_type_is_told_with_both(root):
    planned = planned_after(root, EDITS["a type changes"][0])
    told = {str(c.address): [(k.name, k.change, k.before, k.after) for k in c.columns] for c in planned.changes}
    assert told["feature_view.channels"] == [("web", "retyped", "int32", "int64")]
    assert told["deployment.rich_live"] == [("channels__web", "retyped", "int32", "int64")]


def test_a_model_and_its_deployment_say_which_features_changed(root):
    planned = planned_after(root, EDITS["an expression of a last view changes"][0])
    told = {str(c.address): [k.name for k in c.columns] for c in planned.changes}
    assert told["model.rich_model"] == told["deployment.rich_live"] == ["final__best"]


# -- against others ----------------------------------------------------------------------------------------------------

A = "SELECT k, ts, x + 1 AS x, y AS y, z, w AS ds FROM raw WHERE z > 0 AND y > 0"
DOWN = {
    "b": "SELECT k, ts, x * 2 AS bx FROM a", "c": "SELECT k, ts, y + 1 AS cy FROM a",
    "d": "SELECT k, ts FROM a WHERE z > 3", "e": "SELECT k, ts, bx + 1 AS ex FROM b",
}  # fmt: skip
COMPARED = {
    "comment": (A + " -- one", 0), "inline comment": (A.replace("y AS y", "y /* two */ AS y"), 0),
    "keyword case": (A.replace("SELECT", "select").replace("FROM", "from"), 0), "implicit alias": (A.replace(" AS ", " "), 0),
    "whitespace": (A.replace(" FROM", "\n\nFROM"), 0), "CTE renamed": (f"WITH s AS ({A}) SELECT k, ts, x, y, z, ds FROM s", 0),
    "AND reordered": (A.replace("z > 0 AND y > 0", "y > 0 AND z > 0"), 0), "x+1 to 1+x": (A.replace("x + 1", "1 + x"), 0),
    "added at the end": (A.replace(" FROM", ", x * 3 AS more FROM"), 1), "added in the middle": (A.replace(" z,", " x * 3 AS more, z,"), 1),
    "columns reordered": (A.replace("x + 1 AS x, y AS y", "y AS y, x + 1 AS x"), 0), "expression of x": (A.replace("x + 1", "x + 2"), 3),
    "expression nobody reads": (A.replace("w AS ds", "w + 1 AS ds"), 1), "dropped, unread": (A.replace(", w AS ds", ""), 1),
    "renamed, unread": (A.replace("AS ds", "AS dt"), 1), "filter": (A.replace("z > 0", "z > 1"), 5),
    "type of z": (A.replace(" z,", " CAST(z AS BIGINT) AS z,"), 2), "ORDER BY": (A + " ORDER BY k", 0),
    "a comparison reordered": (A.replace("z > 0", "0 < z"), 0),
}  # fmt: skip


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    root = tmp_path_factory.mktemp("five")
    write_csv(
        root / "raw.csv", ("k", "ts", "x", "y", "z", "w"), [[i, f"2024-01-0{i + 1}", i, i, i, i] for i in range(5)]
    )
    write_project(root, models(A))
    assert apply(root)[2].ok
    return root


def models(text):
    columns = {"k": "int64", "ts": "timestamp", **dict.fromkeys("xyzw", "int32")}
    view = {"kind": "feature_view", "entities": ["key"], "event_time": "ts"}
    return [
        {"kind": "entity", "name": "key", "keys": {"k": "int64"}},
        {"kind": "source", "name": "raw", "files": "raw.csv", "columns": columns, "event_time": "ts"},
        *[{**view, "name": n, "sql": t} for n, t in {"a": text, **DOWN}.items()],
    ]


def test_as_many_versions_are_built_as_there_must_be(five):
    """Nineteen edits of one model of five: SQLMesh builds 57 versions for them, dbt 90 to 95."""
    built = {}
    for name, (text, _) in COMPARED.items():
        built[name] = len(plan(write_project(five, models(text))).changes)
    assert built == {name: count for name, (_, count) in COMPARED.items()}
    assert len(built) == 19
    assert sum(built.values()) == 15
