"""Environments laid over documents: values, types and the places that they keep."""

import pytest
from overlaid_project import project

from mlspec.base.diag import Problems

P = """\
kind: project
name: shop
spec_version: 1
default_environment: dev
defaults:
  team: {role: platform, contact: all@example.org}
environments:
  dev:
    vars: {days: 7, label: seven, flag: true}
  prod:
    vars: {days: 30}
    overrides:
      team.growth: {contact: prod@example.org, labels: {tier: 1}}
"""


def team(**fields: str) -> str:
    return "kind: team\nname: growth\n" + "".join(f"{k}: {v}\n" for k, v in fields.items())


def test_defaults_are_below_and_overrides_above(tmp_path):
    dev = project(tmp_path, {"mlspec.yaml": P, "t.yaml": team()})
    assert (dev.role, dev.contact) == ("platform", "all@example.org")
    own = project(tmp_path, {"mlspec.yaml": P, "t.yaml": team(role="data_science")})
    assert own.role == "data_science"


def test_an_override_keeps_its_place(tmp_path):
    with pytest.raises(Problems) as caught:
        project(tmp_path, {"mlspec.yaml": P, "t.yaml": team(labels="{area: shop}")}, environment="prod")
    (one,) = caught.value.diagnostics
    assert one.code == "wrong-type"
    assert str(one.span) == "mlspec.yaml:13:63"


def test_a_default_keeps_its_place(tmp_path):
    with pytest.raises(Problems) as caught:
        project(tmp_path, {"mlspec.yaml": P.replace("role: platform", "role: boss"), "t.yaml": team()})
    assert [str(d.span) for d in caught.value.diagnostics] == ["mlspec.yaml:6:16"]


@pytest.mark.parametrize(
    ("written", "value"),
    [("${vars.label}", "seven"), ("in ${vars.days} days", "in 7 days"), ("${environment}", "dev"), ("${ vars.label }", "seven"),
     ("${vars.label}-${environment}", "seven-dev"), ("${env.SHOP_NAME}", "corner"), ("$days", "$days"), ("{vars.days}", "{vars.days}")],
)  # fmt: skip
def test_variables_in_texts(tmp_path, monkeypatch, written, value):
    monkeypatch.setenv("SHOP_NAME", "corner")
    assert project(tmp_path, {"mlspec.yaml": P, "t.yaml": team(description=f'"{written}"')}).description == value


def test_a_variable_alone_keeps_its_type(tmp_path):
    assert project(tmp_path, {"mlspec.yaml": P, "t.yaml": team(protect="${vars.flag}")}).protect is True
    with pytest.raises(Problems) as caught:
        project(tmp_path, {"mlspec.yaml": P, "t.yaml": team(description="${vars.days}")})
    assert [d.code for d in caught.value.diagnostics] == ["wrong-type"]


def test_a_variable_from_outside_wins(tmp_path):
    found = project(
        tmp_path, {"mlspec.yaml": P, "t.yaml": team(description='"${vars.label}"')}, variables={"label": "eight"}
    )
    assert found.description == "eight"


@pytest.mark.parametrize(
    ("written", "said", "help_"),
    [("${vars.day}", "there is no variable `day` in environment `dev`", "did you mean `days`?"),
     ("${env.NOWHERE_SET}", "environment variable `NOWHERE_SET` is not set", "set `NOWHERE_SET` before running mlspec"),
     ("${days}", "`${days}` means nothing", "`${vars.name}`, `${env.NAME}` and `${environment}` are what there is"),
     ("${}", "`${}` means nothing", "`${vars.name}`, `${env.NAME}` and `${environment}` are what there is")],
)  # fmt: skip
def test_unknown_variables(tmp_path, written, said, help_):
    with pytest.raises(Problems) as caught:
        project(tmp_path, {"mlspec.yaml": P, "t.yaml": team(description=f'"for {written}"')})
    (one,) = caught.value.diagnostics
    assert (one.code, one.message, one.help) == ("unknown-variable", said, help_)
    assert (str(one.span), one.span.end_column) == ("t.yaml:3:19", 19 + len(written))


def test_unknown_names_of_the_project(tmp_path):
    with pytest.raises(Problems) as caught:
        project(tmp_path, {"mlspec.yaml": P.replace("team.growth", "team.grwth"), "t.yaml": team()}, environment="prod")
    (one,) = caught.value.diagnostics
    assert (one.code, str(one.span), one.help) == (
        "unknown-override",
        "mlspec.yaml:13:7",
        "did you mean `team.growth`?",
    )
    with pytest.raises(Problems) as caught:
        project(tmp_path, {"mlspec.yaml": P, "t.yaml": team()}, environment="production")
    assert [(d.code, d.help) for d in caught.value.diagnostics] == [("unknown-environment", "known: `dev`, `prod`")]
    with pytest.raises(Problems) as caught:
        project(tmp_path, {"mlspec.yaml": P, "t.yaml": team()}, variables={"dayz": "8"})
    assert [(d.code, d.help) for d in caught.value.diagnostics] == [("unknown-variable", "did you mean `days`?")]


def test_a_text_for_a_shell_is_kept(tmp_path):
    from small_projects import write_project  # noqa: PLC0415 - only here

    from mlspec.session import Session  # noqa: PLC0415 - only here

    said = {
        "kind": "pipeline",
        "name": "p",
        "steps": {"a": {"command": 'echo $${HOME:-x} $${environment} ${environment} ${A:+"$${B}"}'}},
    }
    with Session(write_project(tmp_path, [said])) as session:
        (body,) = [r.body for r in session.compiled.desired]
    assert body.steps[0].command == ('echo ${HOME:-x} ${environment} dev ${A:+"${B}"}',)
