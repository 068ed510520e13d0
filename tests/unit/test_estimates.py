"""What a plan says of how much there is to do: of what is there its size, of what is new or trained the size of what it reads."""

import layered_project
from small_projects import apply, plan

from mlspec.plan.file import from_json, to_json


def edited(root, edit):
    found = layered_project.documents()
    edit(found)
    layered_project.write(root, found)
    return {str(c.address): c for c in plan(root).changes}


def test_what_is_new_or_trained_says_how_much_it_reads(tmp_path):
    layered_project.write(tmp_path)
    layered_project.write_data(tmp_path)
    assert all(c.estimate is None for c in plan(tmp_path).changes), "nothing is there yet"
    assert apply(tmp_path)[2].ok

    def edit(found):
        train = next(d for d in found if d["kind"] == "pipeline")
        train["steps"]["train"]["env"] = {"DEPTH": "3"}
        found.append(
            layered_project.view("more", "SELECT customer, at, id, doubled + 1 AS d FROM spend", materialize="table")
        )

    changes = edited(tmp_path, edit)
    model, more = changes["model.big"].estimate, changes["feature_view.more"].estimate
    assert model.reads
    assert model.rows > 0
    assert more is None or more.reads
    whole = plan(tmp_path)
    assert from_json(to_json(whole)) == whole
