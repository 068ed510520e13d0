"""Policies: what an expression may speak of, and what it sees; the packs; exceptions, with their end."""

import shutil
from pathlib import Path

import layered_project
import pytest
from layered_project import documents, of
from small_projects import apply, plan, write_csv, write_project

from mlspec.base.diag import Problems
from mlspec.plan.packs import PACKS
from mlspec.plan.situation import Situation
from mlspec.plan.vocabulary import CHANGE, RESOURCE, unknown_names
from mlspec.session import Session

GOOD = [
    ("changes", "change.action == 'delete' && environment == 'prod'"),
    ("changes", "change.columns.exists(c, c.change == 'removed' && 'pii' in c.tags)"),
    ("changes", "change.columns.exists(c, c.origins.exists(o, o.column == 'amount' && size(o.tags) == 0))"),
    ("changes", "change.columns.filter(c, c.type == 'string').exists(x, x.name.startsWith('a'))"),
    ("changes", "change.columns[0].origins[size(change.columns) - 1].address == ''"),
    ("changes", "change.fields.all(f, f.path != 'ttl' || f.after == null)"),
    ("changes", "int(change.rows) > 3 && double(change.bytes) > 1.5e3 && !(change.direct)"),
    ("changes", 'change.reason in ["new", "it\'s .x"] || change.name.matches("a.b")'),
    ("resources", "has(resource.words.ttl) && resource.words.labels.sql == 'x'"),
    ("resources", "resource.labels.tier == 'gold' || resource.labels['team.x'] == 'a'"),
    ("resources", "{'a': resource.kind}['a'] == 'model' && type(resource.name) == string"),
]
BAD = [
    ("changes", "change.row > 1", "`change` has no `row`", "did you mean `rows`?"),
    ("changes", "chnge.rows > 1", "there is no `chnge` here", "did you mean `change`?"),
    ("changes", "resource.owner == ''", "there is no `resource` here", "known: `change`, `environment`"),
    ("changes", "change.columns.exists(c, c.tag == 'x')", "`c` has no `tag`", "did you mean `tags`?"),
    ("changes", "change.columns.exist(c, c.name == 'x')", "`exist` is nothing that names the items of a list (`c`)", "did you mean `exists`?"),
    ("changes", "change.columns.exists(c, d.name == 'x')", "there is no `d` here", "known: `c`, `change`, `environment`"),
    ("changes", "change.columns.exists(c, c.origins.exists(o, o.col == 'x'))", "`o` has no `col`", "known: `address`, `column`, `tags`"),
    ("changes", "change.columns.name == 'x'", "`change.columns` is a list, and has no `name`", "ask its items: `change.columns.exists(c, c…)`"),
    ("changes", "change.rows.size > 1", "`change.rows` is a number, and has no `size`", "docs/policies.md says what an expression sees"),
    ("changes", "change.columns[0].kind == 'x'", "`change.columns[…]` has no `kind`", "known: `change`, `name`, `origins`, `tags`, `type`"),
    ("resources", "resource.column == 'x'", "`resource` has no `column`", "did you mean `columns`?"),
]  # fmt: skip


@pytest.mark.parametrize(("over", "text"), GOOD)
def test_what_can_be_answered_is_not_refused(over, text):
    assert unknown_names(text, over) == ()


@pytest.mark.parametrize(("over", "text", "message", "help_"), BAD)
def test_a_name_that_is_not_there_is_found_in_the_text(over, text, message, help_):
    (found,) = unknown_names(text, over)
    assert (found.message, found.help) == (message, help_)


# -- what is seen --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def applied(tmp_path_factory):
    """The layered project, applied once; the amount of an order says something about a person."""
    root = tmp_path_factory.mktemp("policies")
    layered_project.write_data(root)
    layered_project.write(root)
    assert apply(root)[2].ok
    return root


@pytest.fixture
def root(applied, tmp_path):
    """A copy of the applied project, to be changed at will."""
    return Path(shutil.copytree(applied, tmp_path / "p"))


def fits(value, kind):
    """Whether a value is of a type of the vocabulary, whole and without more."""
    if isinstance(kind, list):
        return isinstance(value, list) and all(fits(v, kind[0]) for v in value)
    if isinstance(kind, dict):
        return (
            isinstance(value, dict) and value.keys() == kind.keys() and all(fits(value[k], t) for k, t in kind.items())
        )
    return {"text": isinstance(value, str), "number": isinstance(value, int), "flag": isinstance(value, bool), "any": True}[kind]  # fmt: skip


def test_everything_that_is_seen_is_as_it_is_said(root):
    found = documents()
    of(found, "feature_view.clean")["sql"] = layered_project.CLEAN.replace("amount - discount", "amount - 2 * discount")
    of(found, "feature_view.who").update(description="People", owner="shop", tags=["x"], labels={"a": "b"})
    found.append({"kind": "team", "name": "new", "role": "platform"})
    found.remove(of(found, "deployment.big_live"))
    layered_project.write(root, found)
    with Session(root) as session:
        planned = session.plan()
        seen = Situation(planned.plan.changes, planned.desired.resources, "dev", {"shop": "data_science"})
        assert {c.action.word for c in seen.changes} >= {"create", "delete", "rebuild", "update"}
        for change in seen.changes:
            assert fits(seen.of_change(change), dict(CHANGE)), seen.of_change(change)
        for resource in seen.resources.values():
            assert fits(seen.of_resource(resource), dict(RESOURCE)), seen.of_resource(resource)
        clean = seen.of_change(next(c for c in seen.changes if c.address.name == "clean"))
    assert "model.big" in clean["downstream"]
    assert clean["upstream"] == ["entity.customer", "source.orders", "team.shop"]
    (net,) = clean["columns"]
    assert net["origins"] == [{"address": "source.orders", "column": c, "tags": []} for c in ("amount", "discount")]


# -- packs ---------------------------------------------------------------------------------------------------------------


def using(pack, **fields):
    return {"kind": "policy", "name": "p", "use": pack, **fields}


def verdicts(root, found, **wish):
    layered_project.write(root, found)
    return {(v.address, v.message): v for v in plan(root, **wish).verdicts}


def test_somebody_must_own_everything(root):
    met = verdicts(root, [*documents(), using("owners_required")])
    addresses = {a for a, _ in met}
    assert "source.people" in addresses
    assert not addresses & {"source.orders", "team.shop", "policy.p"}
    assert {v.enforce for v in met.values()} == {"deny"}


def personal(found):
    of(found, "source.orders")["columns"] = {**layered_project.COLUMNS, "amount": {"type": "int64", "tags": ["pii"]}}
    return found


def test_personal_data_is_followed_to_a_deployment(root):
    met = verdicts(root, personal([*documents(), using("pii_not_served")]))
    assert {a for a, _ in met} == {"deployment.big_live"}
    chains = [m for _, m in met]
    assert any(
        m == "personal data reaches it: source.orders.amount → feature_view.clean.net → feature_view.spend.doubled → "
        "dataset.training.spend__doubled → model.big → deployment.big_live"
        for m in chains
    )  # fmt: skip
    assert any("windows__paid_7d" in m for m in chains)
    assert not any("orders_1d" in m for m in chains)


def test_personal_data_that_is_cleared_on_the_way_is_none(root):
    found = personal([*documents(), using("pii_not_served")])
    of(found, "feature_view.clean")["features"] = {"net": {"tags": ["not_pii"]}}
    met = verdicts(root, found)
    assert met
    assert all("windows__paid_7d" in m for _, m in met)


def test_personal_data_is_not_written_for_a_step(root):
    met = verdicts(root, personal([*documents(), using("pii_not_exported", enforce="warn")]))
    assert {a for a, _ in met} == {"dataset.training"}
    assert any("source.orders.amount → dataset.training.big" in m for _, m in met)
    assert {v.enforce for v in met.values()} == {"warn"}


def test_nothing_is_deleted_without_approval(root):
    agreed = using("deletions_need_approval", approvers=["shop"], environments=["dev"])
    without = [d for d in documents() if d["name"] != "big_live"]
    met = verdicts(root, [*without, agreed])
    ((address, message), found), *more = met.items()
    assert not more
    assert (address, message, found.enforce, found.approvers) == (
        "deployment.big_live",
        "it would be deleted",
        "approve",
        ("shop",),
    )


def test_what_is_served_has_a_ttl(root):
    met = verdicts(root, [*documents(), using("ttl_required")])
    assert {a for a, _ in met} == {"feature_view.spend", "feature_view.habits", "feature_view.ranks"}
    found = [*documents(), using("ttl_required")]
    for name in ("spend", "habits", "ranks"):
        of(found, f"feature_view.{name}")["ttl"] = "30d"
    assert verdicts(root, found) == {}


def test_a_model_has_gates_and_labels_have_a_time(root):
    found = [*documents(), using("gates_required"), {**using("label_times_required"), "name": "q"}]
    assert {a for a, _ in verdicts(root, found)} == {"dataset.training"}
    del of(found, "model.big")["gates"]
    assert {a for a, _ in verdicts(root, found)} == {"dataset.training", "model.big"}
    labels = {
        "sql": "SELECT customer, at AS event_time, amount > 20 AS big, at AS known FROM orders",
        "label": "big",
        "available_time": "known",
    }
    of(found, "dataset.training").update(labels=labels, split={"time": {"test_from": "2024-01-05"}})
    assert {a for a, _ in verdicts(root, found)} == {"model.big"}


def test_a_deployment_is_hardened(root):
    found = [*documents(), using("deployments_hardened")]
    ((address, message),) = verdicts(root, found)
    assert (address, message) == (
        "deployment.big_live",
        "it has no liveness probe, no readiness probe, no `resources.cpu`, no `resources.memory`, 1 of at least 2 replicas",
    )
    probe = {"path": "/health"}
    whole = {
        "replicas": {"min": 2, "max": 3},
        "probes": {"liveness": probe, "readiness": probe},
        "resources": {"cpu": "1", "memory": "1Gi"},
    }
    of(found, "deployment.big_live").update(whole)
    assert verdicts(root, found) == {}


def test_every_pack_is_tested_here_and_on_its_page():
    text = Path(__file__).read_text("utf-8")
    page = (Path(__file__).parents[2] / "docs" / "policies.md").read_text("utf-8")
    for name in PACKS:
        assert f'"{name}"' in text
        assert f"`{name}`" in page


# -- exceptions ----------------------------------------------------------------------------------------------------------


def excepted(address, **fields):
    return using("gates_required", **{"except": [{"address": address, "reason": "a trial", **fields}]})


@pytest.mark.parametrize(
    ("exception", "met", "note"),
    [
        (excepted("model.big"), False, "excepted: policy `p` and `model.big`: a trial"),
        (
            excepted("model.*", until="2999-01-01"),
            False,
            "excepted: policy `p` and `model.big`: a trial, until 2999-01-01",
        ),
        (
            excepted("model.*", until="2020-01-01"),
            True,
            "the exception from policy `p` and `model.big` has ended on 2020-01-01 (a trial)",
        ),
        (excepted("model.other"), True, ""),
    ],
)
def test_an_exception_holds_until_its_day(root, exception, met, note):
    found = [*documents(), exception]
    del of(found, "model.big")["gates"]
    layered_project.write(root, found)
    planned = plan(root)
    assert bool(planned.verdicts) is met
    assert not note or note in planned.notes


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ({"use": "owner_required"}, "unknown-value"),
        ({"use": "owners_required", "when": "true"}, "invalid-policy"),
        ({}, "invalid-policy"),
        ({"use": "owners_required", "over": "changes"}, "meaningless-field"),
        ({"use": "deletions_need_approval"}, "invalid-policy"),
        ({"use": "gates_required", "environments": ["prd"]}, "unknown-environment"),
        ({"when": "change.rows > 1", "enforce": "warn"}, "missing-field"),
        ({"when": "change.row > 1", "enforce": "warn", "message": "x"}, "unknown-name"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(tmp_path, policy, code):
    layered_project.write_data(tmp_path)
    layered_project.write(tmp_path, [*documents(), {"kind": "policy", "name": "p", **policy}])
    with pytest.raises(Problems) as caught:
        plan(tmp_path)
    errors = [d for d in caught.value.diagnostics if d.severity.value == "error"]
    assert {d.code for d in errors} == {code}
    assert all(d.span for d in errors)


# -- where it is said ----------------------------------------------------------------------------------------------------


def test_a_condition_without_an_answer_is_told_at_its_place(tmp_path):
    columns = {"id": "int64", "amount": "int64"}
    source = {"kind": "source", "name": "orders", "files": "orders.csv", "columns": columns, "protect": True}
    rule = {
        "kind": "policy",
        "name": "careful",
        "message": "no",
        "enforce": "deny",
        "when": "change.fields[3].after == 1",
    }
    write_csv(tmp_path / "orders.csv", columns, [[1, 2]])
    write_project(tmp_path, [source, rule])
    with pytest.raises(Problems) as caught:
        plan(tmp_path)
    (found,) = caught.value.diagnostics
    assert (found.code, found.span.file) == ("policy-failed", "policy.careful.doc.yaml")
    assert "when" in (tmp_path / found.span.file).read_text().splitlines()[found.span.line - 1]


def test_what_is_protected_is_told_where_it_was_edited(tmp_path):
    columns = {"id": "int64", "amount": "int64"}
    entity = {"kind": "entity", "name": "order", "keys": {"id": "int64"}, "protect": True}
    source = {"kind": "source", "name": "orders", "files": "orders.csv", "columns": columns}
    write_csv(tmp_path / "orders.csv", columns, [[1, 2]])
    write_project(tmp_path, [source, entity])
    assert apply(tmp_path)[2].ok
    write_project(tmp_path, [source, {**entity, "keys": {"amount": "int64"}}])
    with pytest.raises(Problems) as caught:
        plan(tmp_path)
    (found,) = caught.value.diagnostics
    assert (found.code, found.span.file) == ("protected", "entity.order.doc.yaml")
    assert "amount" in (tmp_path / found.span.file).read_text().splitlines()[found.span.line - 1]
