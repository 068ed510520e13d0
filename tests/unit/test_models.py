"""The life of a model: versions, what their names mean, gates against the champion; nothing but files and what was applied."""

import copy
import json
import shutil

import pytest
import smallest
from small_projects import actions, apply, plan, write_project

from mlspec.apply.events import Failed, Skipped
from mlspec.base.diag import Problems, Severity
from mlspec.cli.main import main
from mlspec.ir.alias import Alias
from mlspec.ir.codec import decode, encode
from mlspec.ir.resource import body_digest
from mlspec.ir.service import Service
from mlspec.ir.workflow import Gate
from mlspec.session import Session

MODEL, CHAMPION, LIVE = "model.big", "model.big/champion", "deployment.live"
METRICS = {3: 0.90, 4: 0.896, 5: 0.80, 6: 0.95}
"""What the training script measures at each depth."""
TRAIN = (
    "cp -r $MLSPEC_INPUT_ROWS $MLSPEC_OUTPUT_MODEL; case $MLSPEC_PARAM_DEPTH in 3) a=0.90;; 4) a=0.896;; 5) a=0.80;; *) a=0.95;; esac; "
    'echo "{\\"auc\\": $a, \\"f1\\": 0.8}" > $MLSPEC_OUTPUT_METRICS'
)


def write(root, depth=3, aliases=None, gate="champion - 0.005", most=None, measures=(), **deployment):
    found = {json.dumps(d, sort_keys=True): d for d in smallest.documents("deployment")}
    named = {f"{d['kind']}.{d['name']}": copy.deepcopy(d) for d in found.values()}
    named["pipeline.train"]["steps"]["train"] |= {"command": TRAIN, **({"measures": measures} if measures else {})}
    named[MODEL] |= {
        "parameters": {"depth": depth},
        "gates": {"auc": {"min": gate} if most is None else {"min": gate, "max": most}},
    }
    named[MODEL] |= {"aliases": {"champion": "current"} if aliases is None else aliases}
    named[LIVE] |= {"model": "big@champion", **deployment}
    return write_project(root, named.values(), deploy_target="kubernetes")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    smallest.write_data(root)
    write(root)
    _, _, done = apply(root)
    assert done.ok, done.failed
    return root


@pytest.fixture
def root(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "p")


def told(root, *words):
    with Session(root) as session:
        return getattr(session, words[0])(*words[1:])


def version(root):
    with Session(root) as session:
        return (
            session.recorded()[0]
            .records[next(a for a in session.recorded()[0].records if str(a) == MODEL)]
            .outputs["version"]
        )


def test_an_alias_moves_with_the_version_that_passed_its_gates_and_the_deployment_after_it(root):
    first = version(root)
    write(root, depth=4)
    planned = plan(root)
    assert actions(planned) == [(MODEL, "rebuild"), (CHAMPION, "update"), (LIVE, "update")]
    move = next(c for c in planned.changes if str(c.address) == CHAMPION)
    assert [(f.path, f.before, f.after) for f in move.fields] == [(("version",), first, move.version)]
    assert (MODEL, CHAMPION) in {c[-2:] for c in move.causes}
    _, events, done = apply(root)
    assert done.ok, done.failed
    assert any("`champion` (version" in getattr(e, "line", "") for e in events)
    assert told(root, "models")[0]["aliases"] == {"champion": move.version}
    assert told(root, "models")[0]["served_by"] == [LIVE]
    assert actions(plan(root)) == []


def test_a_version_that_loses_against_the_champion_is_not_registered_and_the_old_one_goes_on(root):
    first = version(root)
    write(root, depth=5)
    _, events, done = apply(root)
    (failed,) = done.failed
    assert (str(failed.address), failed.code) == (MODEL, "gate-failed")
    assert "`auc` is 0.8, at least 0.895 is needed (`champion - 0.005`: `champion`, version" in failed.message
    assert {str(s.address): s.note for s in events if isinstance(s, Skipped)} == {
        CHAMPION: f"it goes on meaning version {first[:8]}",
        LIVE: f"it goes on serving version {first[:8]}",
    }
    assert told(root, "models")[0] | {} == {
        "model": "big",
        "versions": 1,
        "applied": first,
        "aliases": {"champion": first},
        "served_by": [LIVE],
    }


def test_a_champion_that_is_pinned_by_the_same_apply_is_compared_with(tmp_path):
    smallest.write_data(tmp_path)
    write(tmp_path, aliases={"live": "current"}, gate=0.5, model="big@live")
    assert apply(tmp_path)[2].ok
    first = version(tmp_path)
    write(tmp_path, depth=5, aliases={"live": "current", "champion": first[:8]}, model="big@live")
    (failed,) = apply(tmp_path)[2].failed
    assert failed.code == "gate-failed"
    assert f"`champion`, version {first[:8]}, has 0.9" in failed.message


def test_who_moved_an_alias_when_is_told_and_going_back_is_a_plan(root, capsys):
    first = version(root)
    write(root, depth=6)
    assert apply(root)[2].ok
    second = version(root)
    with Session(root) as session:
        planned = session.rollback()
        assert {str(c.address): c.action.word for c in planned.plan.changes} == {
            MODEL: "repoint",
            CHAMPION: "update",
            LIVE: "update",
        }
        assert session.apply(planned, on_event=lambda _: None).ok  # though it is worse than the champion of now
    moves = [
        (m["number"], m["verb"], m["before"], m["version"])
        for m in told(root, "model_history", "big")
        if m["what"] == "@champion"
    ]
    assert moves == [(1, "apply", "", first), (2, "apply", first, second), (3, "rollback", second, first)]
    assert main(["-C", str(root), "models", "history", "big", "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)["history"]
    assert all(m["who"] and m["at"] for m in said)
    assert [m["version"] for m in said if m["what"] == "@champion"] == [first, second, first]


def test_a_version_says_what_it_was_made_of_and_how_it_compares(root, capsys):
    write(root, depth=6, aliases={"champion": version(root), "challenger": "current"})
    assert apply(root)[2].ok
    one = told(root, "model_version", "big", "challenger")
    assert one["parameters"]["depth"] == "6"
    assert any(a.startswith("dataset.") for a in one["lineage"])
    assert one["aliases"] == ["challenger"]
    compared = {(c["with"], c["metric"]): (c["difference"], c["same_data"]) for c in one["compared"]}
    assert compared["champion", "auc"] == (pytest.approx(0.05), True)
    for words in (["list"], ["show", "big"], ["show", "big", "champion"], ["history", "big"]):
        assert main(["-C", str(root), "models", *words]) == 0
        assert "champion" in capsys.readouterr().out
    with pytest.raises(Problems, match="no version and no alias"):
        told(root, "model_version", "big", "chalenger")


def test_a_pinned_alias_stays_whatever_is_trained(root):
    first = version(root)
    write(root, depth=6, aliases={"champion": first[:10]})
    planned, _, done = apply(root)
    assert done.ok, done.failed
    assert dict(actions(planned))[MODEL] == "rebuild"
    assert told(root, "models")[0]["aliases"] == {"champion": first}
    assert told(root, "model_versions", "big")[0]["served_by"] == [LIVE]


def test_a_version_that_is_not_registered_is_refused_by_the_plan(root):
    write(root, aliases={"champion": "0123456789ab"})
    with pytest.raises(Problems) as caught:
        plan(root)
    assert {d.code for d in caught.value.diagnostics} == {"unknown-version"}
    assert all(d.span for d in caught.value.diagnostics)
    assert "model `big` has no version `0123456789ab`" in {d.message for d in caught.value.diagnostics}


def test_an_alias_that_somebody_moves_is_drift_and_is_moved_back(root):
    first = version(root)
    note = next((root / ".mlspec/models/big/.aliases").iterdir())
    note.write_text(note.read_text().replace(first, "f" * 32))
    planned = plan(root)
    assert [(d.what, d.subject) for d in planned.drift] == [("repointed", "big@champion")]
    assert actions(planned) == [(CHAMPION, "update")]
    assert apply(root)[2].ok
    note.unlink()
    assert [d.what for d in plan(root).drift] == ["missing"]
    assert apply(root)[2].ok
    assert told(root, "models")[0]["aliases"] == {"champion": first}


def test_an_alias_that_is_not_wanted_any_more_goes(root):
    write(root, aliases={}, gate=0.5, model="big")
    assert (CHAMPION, "delete") in actions(plan(root))
    assert apply(root)[2].ok
    assert told(root, "models")[0]["aliases"] == {}
    assert not (root / ".mlspec/models/big/.aliases").exists()


def test_a_gate_may_have_several_bounds_and_compares_only_with_what_is_there(root):
    write(root, depth=4, gate=[0.5, "champion * 0.99"])
    assert apply(root)[2].ok
    write(root, depth=5, aliases={"champion": "current", "new": "current"}, gate=[0.5, "new"])
    _, events, done = apply(root)
    assert done.ok, done.failed
    assert any("no version is `new` yet" in getattr(e, "line", "") for e in events)
    write(root, depth=6, gate=0.99)
    assert [f.code for f in apply(root)[2].failed] == ["gate-failed"]


@pytest.mark.parametrize(
    "gate", ["champion-", "0.7.1 x", "Champion", "champion / 2", True, [], 10**400, "champion - " + "9" * 400]
)
def test_what_is_no_bound_is_refused(gate, tmp_path):
    smallest.write_data(tmp_path)
    write(tmp_path, gate=gate)
    with pytest.raises(Problems) as caught:
        plan(tmp_path)
    assert {d.code for d in caught.value.diagnostics if d.severity is Severity.ERROR} == {"invalid-gate"}


def test_fields_that_came_later_leave_digests_and_old_texts_as_they_were():
    gate = encode(Gate("auc", 0.5))
    del gate["relative"]
    assert decode(Gate, gate) == Gate("auc", 0.5)
    assert body_digest(Alias("a", "champion", "0" * 32)) == body_digest(Alias("b", "champion", "0" * 32))
    assert body_digest(Service("a", "b", "0" * 32)) == "cb44d16ce51b6de2038fe0ca2cfd56d5"


def test_no_failure_is_lost(root):
    write(root, depth=5)
    _, events, _ = apply(root)
    assert [str(e.address) for e in events if isinstance(e, Failed)] == [MODEL]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"aliases": {"champion": "current", "current": "current"}},
         ("invalid-name", "`current` is no name for an alias: it is the version that the files describe", "model.big", "current")),
        ({"measures": ["f1", "aucs"]}, ("unknown-output", "step `train` does not measure `auc`", "model.big", "gates")),
        ({"gate": 0.9, "most": 0.8}, ("invalid-gate", "`min` is more than `max`: nothing passes this gate", "model.big", "gates")),
        ({"version": "current"}, ("meaningless-field", "`version` says which version is served, and so does the alias `champion`", "deployment.live", "version")),
        ({"version": "0123456789ab"}, ("meaningless-field", "`version` says which version is served, and so does the alias `champion`", "deployment.live", "version")),
        ({"model": "big@"}, ("invalid-name", "`big@` is not a name", "deployment.live", "model")),
    ],
)  # fmt: skip
def test_names_and_bounds_that_contradict_are_refused_at_their_field(tmp_path, said, found):
    smallest.write_data(tmp_path)
    write(tmp_path, **said)
    with Session(tmp_path) as session, pytest.raises(Problems) as caught:
        session.validate()
    (one,) = (d for d in caught.value.diagnostics if d.severity is Severity.ERROR)
    assert (one.code, one.message) == found[:2]
    lines = (tmp_path / one.span.file).read_text().splitlines()
    assert one.span.file.startswith(found[2])
    assert found[3] in "".join(lines[max(one.span.line - 3, 0) : one.span.line])


def by_pipeline(root, depth, gate):
    """The depth stands in the pipeline, not on the model."""
    write(root, gate=gate)
    for name, key, change in (("pipeline.train", "depth", {"type": "int64", "default": depth}), (MODEL, "depth", None)):
        path = root / f"{name}.doc.yaml"
        said = json.loads(path.read_text())
        said["parameters"] = {k: v for k, v in said.get("parameters", {}).items() if k != key} | (
            {key: change} if change else {}
        )
        path.write_text(json.dumps(said, indent=1))


def cause(root, capsys):
    """The reason and the causes of the model in the plan, and the lines about it."""
    change = next(c for c in plan(root).changes if str(c.address) == MODEL)
    capsys.readouterr()
    main(["-C", str(root), "plan"])
    lines = capsys.readouterr().out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(("  ↻ model.big", "  ~ model.big")))
    return change.reason, change.causes, " ".join(" ".join(lines[at : at + 3]).split())


def test_what_a_model_is_trained_again_for_is_told_beside_what_was_edited_and_after_a_gate_has_failed(tmp_path, capsys):
    smallest.write_data(tmp_path)
    by_pipeline(tmp_path, 3, 0.5)
    assert apply(tmp_path)[2].ok
    from_pipeline = ("pipeline.train", MODEL)
    by_pipeline(tmp_path, 5, 0.85)
    reason, causes, shown = cause(tmp_path, capsys)
    assert (reason, set(causes)) == ("changed", {(MODEL,), from_pipeline})
    assert "`gates` changed, what it reads changed" in shown
    assert "pipeline.train → model.big" in shown
    assert [f.code for f in apply(tmp_path)[2].failed] == ["gate-failed"]
    reason, causes, shown = cause(tmp_path, capsys)  # the pipeline was applied, the model was not
    assert (reason, set(causes)) == ("changed", {(MODEL,), from_pipeline})
    assert "pipeline.train → model.big" in shown
    by_pipeline(tmp_path, 5, 0.5)
    reason, causes, shown = cause(tmp_path, capsys)
    assert (reason, causes) == ("upstream_changed", (from_pipeline,))
    assert "what it reads changed" in shown
    by_pipeline(tmp_path, 3, 0.85)
    reason, causes, shown = cause(tmp_path, capsys)
    assert causes == ((MODEL,),)
    assert "what it reads" not in shown
