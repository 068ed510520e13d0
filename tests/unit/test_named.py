"""What lists of the project and of policies name: kinds and environments must be there, addresses are told of, patterns may match nothing."""

import json

import pytest
from small_projects import apply, plan, write_project

from mlspec.base.diag import Problems
from mlspec.session import Session

TEAM = {"kind": "team", "name": "risk", "role": "data_science"}
ACCEPTED = {"reason": "x", "until": "2999-12-31"}
POLICY = {"kind": "policy", "name": "p", "use": "gates_required"}


def written(root, documents=(TEAM,), defaults=None, other=None, **environment):
    write_project(root, documents, **environment)
    said = json.loads((root / "mlspec.yaml").read_text())
    said["defaults"] = defaults or {}
    said["environments"]["prod"] = other or {}
    (root / "mlspec.yaml").write_text(json.dumps(said, indent=1))
    return root


def excepted(address):
    return {**POLICY, "except": [{"address": address, "reason": "x"}]}


def told(root):
    with Session(root) as session:
        return [(d.code, d.help, d.span.file) for d in session.validate().warnings]


WRONG = [
    ({"protect": ["taem"]}, (), "did you mean `team`?"),
    ({"protect": ["taem.risk"]}, (), "did you mean `team`?"),
    ({"other": {"protect": ["taem.*"]}}, (), "did you mean `team`?"),
    ({"acknowledge": [{"address": "feature_veiw.a", **ACCEPTED}]}, (), "did you mean `feature_view`?"),
    ({"defaults": {"sourc": {"description": "x"}}}, (), "did you mean `source`?"),
    ({}, (excepted("taem.risk"),), "did you mean `team`?"),
    ({}, ({"kind": "removed", "address": "taem.old", "name": "gone"},), "did you mean `team`?"),
]


@pytest.mark.parametrize(("project", "documents", "help_"), WRONG)
def test_a_kind_that_there_is_not_is_an_error_at_its_place(tmp_path, project, documents, help_):
    written(tmp_path, (TEAM, *documents), **project)
    with Session(tmp_path) as session, pytest.raises(Problems) as caught:
        session.validate()
    [found] = caught.value.diagnostics
    assert (found.code, found.help) == ("unknown-kind", help_)
    assert found.span
    assert found.span.line > 1


def test_an_environment_that_there_is_not_is_told_before_anything_changes(tmp_path):
    written(tmp_path, (TEAM, {**POLICY, "environments": ["prd"]}))
    with Session(tmp_path) as session, pytest.raises(Problems) as caught:
        session.validate()
    assert [(d.code, d.help) for d in caught.value.diagnostics] == [("unknown-environment", "did you mean `prod`?")]


MEANT = "did you mean `team.risk`?"


@pytest.mark.parametrize(
    ("project", "documents", "code", "file"),
    [
        ({"protect": ["team.riks"]}, (), "protects-nothing", "mlspec.yaml"),
        ({"other": {"protect": ["team.riks"]}}, (), "protects-nothing", "mlspec.yaml"),
        ({"acknowledge": [{"address": "team.riks", **ACCEPTED}]}, (), "names-nothing", "mlspec.yaml"),
        ({}, (excepted("team.riks"),), "names-nothing", "policy.p.doc.yaml"),
    ],
)
def test_an_address_that_nothing_has_is_told(tmp_path, project, documents, code, file):
    written(tmp_path, (TEAM, *documents), **project)
    assert told(tmp_path) == [(code, MEANT, file)]
    assert told(tmp_path) == [(code, MEANT, file)]  # of what is kept, too


def test_patterns_and_what_was_removed_are_not_told(tmp_path):
    gone = {"kind": "removed", "address": "team.old", "name": "gone", "destroy": True}
    lists = {
        "protect": ["team", "model", "mo*", "model.*", "team.old"],
        "acknowledge": [{"address": "team.old", **ACCEPTED}],
    }
    written(tmp_path, (TEAM, gone, excepted("model.*"), {**excepted("team.old"), "name": "q"}), **lists)
    assert told(tmp_path) == []


@pytest.mark.parametrize("protect", ["team", "team.risk", "team.r*"])
def test_what_a_list_or_its_pattern_names_is_protected(tmp_path, protect):
    apply(written(tmp_path, protect=[protect]))
    with pytest.raises(Problems, match=r"`team\.risk` is protected"):
        plan(tmp_path, destroy=True)


def test_nothing_is_destroyed_while_a_name_that_is_protected_means_nothing(tmp_path):
    apply(written(tmp_path, protect=["team.riks"]))
    assert plan(tmp_path).empty
    with pytest.raises(Problems, match=r"protects what the files do not describe: `team\.riks`"):
        plan(tmp_path, destroy=True)


def test_what_is_recorded_alone_is_protected_without_a_word(tmp_path):
    other = {**TEAM, "name": "other"}
    apply(written(tmp_path, (TEAM, other)))
    written(tmp_path, (TEAM,), protect=["team.other"])
    with Session(tmp_path) as session, pytest.raises(Problems, match=r"`team\.other` is protected"):
        session.plan()
    with Session(tmp_path) as session:
        assert session.plan(select=["team.risk"]).warnings == ()


def test_a_mistake_in_yaml_is_not_hidden_by_the_environment_that_was_asked_for(tmp_path):
    written(tmp_path)
    text = (tmp_path / "mlspec.yaml").read_text().replace('"name": "small"', '"name": "small", "name": "twice"')
    (tmp_path / "mlspec.yaml").write_text(f"{text}\n---\n{json.dumps({**TEAM, 'name': 'here'})}\n")
    with Session(tmp_path, "prod") as session, pytest.raises(Problems) as caught:
        session.plan()
    assert [d.code for d in caught.value.diagnostics] == ["duplicate-key"]
