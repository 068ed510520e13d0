"""One document that stands for several: each is itself, and every mistake keeps its place."""

import jsonschema
import pytest
from small_project import FILES, found, write

from mlspec.base.address import Address
from mlspec.base.diag import Report
from mlspec.documents.each import each
from mlspec.documents.reader import read_text
from mlspec.language.schema import kind_schema
from mlspec.session import KINDS, Session

VIEWS = """
kind: feature_view
name: bought_by
description: Orders by ${each}
for_each:
  customer: {entities: [customer]}
  shop:
    entities: [shop]
    aggregations: [{function: count, name: "n_${each}", window: 1d}]
source: orders
boundary: inclusive
aggregations: [{function: count, name: n, window: 7d}]
---
kind: entity
name: shop
keys: {status: string}
"""

TWICE = """\
keys: {status: string}
---
kind: entity
name: shop_x
keys: {a: int64}
---
kind: entity
name: shop
for_each: [x]
keys: {a: int64}
"""


def project(root, text):
    write(root, {**FILES, "more.yaml": text})
    return root


def test_each_is_a_spec_of_its_own(tmp_path):
    session = Session(project(tmp_path, VIEWS))
    assert not session.validate().warnings
    bound = session.compiled.gathered.bound
    by = {n: bound[Address("feature_view", f"bought_by_{n}")].spec for n in ("customer", "shop")}
    assert [str(e) for n in by for e in by[n].entities] == ["customer", "shop"]
    assert [by[n].aggregations[0].name for n in by] == ["n", "n_shop"]
    assert {by[n].description for n in by} == {"Orders by customer", "Orders by shop"}
    assert Address("feature_view", "bought_by") not in bound


def test_overrides_name_what_was_made(tmp_path):
    root = project(tmp_path, VIEWS)
    changed = 'environments: {dev: {overrides: {"feature_view.bought_by_shop": {description: here}}}}\n'
    write(root, {"mlspec.yaml": FILES["mlspec.yaml"].split("environments")[0] + changed})
    bound = Session(root).compiled.gathered.bound
    assert bound[Address("feature_view", "bought_by_shop")].spec.description == "here"
    assert bound[Address("feature_view", "bought_by_customer")].spec.description == "Orders by customer"


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("entities: [shop]", "entities: [shpo]", "unresolved-reference", 8),
        ("entities: [shop]", "entitees: [shop]", "unknown-key", 8),
        ("window: 7d", "window: seven", "invalid-duration", 12),
        ("name: shop", "name: bought_by_shop\nfor_each: {x: null}", "unresolved-reference", 8),
        ("customer: {entities: [customer]}", "Customer: {entities: [customer]}", "invalid-for-each", 6),
        ("customer: {entities: [customer]}", "customer: {name: c}", "invalid-for-each", 6),
        ("customer: {entities: [customer]}", "customer: 3", "invalid-for-each", 6),
        ("keys: {status: string}", "for_each: []\nkeys: {status: string}", "invalid-for-each", 16),
        ("keys: {status: string}", "for_each: [a, a]\nkeys: {status: string}", "invalid-for-each", 16),
        ("name: shop\n", "name: shop\ndescription: ${each}\n", "unknown-variable", 16),
        ("keys: {status: string}", TWICE, "duplicate-name", 23),
    ],
)
def test_a_mistake_has_the_place_where_it_was_written(tmp_path, old, new, code, line):
    assert old in VIEWS
    said = [
        (d.code, d.span.line) for d in found(project(tmp_path, VIEWS.replace(old, new))) if d.span.file == "more.yaml"
    ]
    assert (code, line) in said


def test_the_project_is_one(tmp_path):
    write(tmp_path, {**FILES, "mlspec.yaml": FILES["mlspec.yaml"] + "for_each: [a, b]\n"})
    assert [d.code for d in found(tmp_path)] == ["unknown-key"]


def test_without_it_a_document_is_the_same():
    (document,) = read_text("kind: team\nname: t\n", "x.yaml", Report())
    assert each(document, Report())[0] is document


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("kind: entity\nname: e\nfor_each: [a, b]\nkeys: {a: int64}", True),
        ("kind: entity\nname: e\nfor_each: {a: {keys: {a: int64}}, b: null}", True),
        ("kind: entity\nname: e\nfor_each: {a: {kind: x}}", False),
        ("kind: entity\nname: e\nfor_each: []", False),
        ("kind: entity\nname: e", False),
    ],
)
def test_the_schema_knows_it(text, sound):
    (document,) = read_text(text, "x.yaml", Report())
    assert jsonschema.Draft202012Validator(kind_schema(KINDS, "entity")).is_valid(document.data) is sound
