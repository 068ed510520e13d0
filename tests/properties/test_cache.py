"""Whatever is done to a project: what is planned with kept facts is what is planned without any, message for message."""

import json
import os
import shutil
import tempfile
from dataclasses import fields
from pathlib import Path

import layered_project
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from small_projects import apply

from mlspec.base.diag import Problems
from mlspec.ir.pack import pack, unpack
from mlspec.plan.file import to_json
from mlspec.session import Session

ENVIRONMENTS = {
    "dev": {"vars": {"least": 5}},
    "prod": {"vars": {"least": 7}, "overrides": {"feature_view.spend": {"description": "money"}}, "protect": ["dataset"]},
}  # fmt: skip
TEMPLATE = "SELECT customer, at, id, amount FROM orders WHERE amount > {{ vars.least }}"


def head(**fields_) -> dict:
    made = {"kind": "project", "name": "small", "spec_version": 1, "environments": json.loads(json.dumps(ENVIRONMENTS))}
    return made | {"default_environment": "dev", **fields_}


def begin(root: Path) -> None:
    layered_project.write(root)
    layered_project.write_data(root)
    put(root, "mlspec.yaml", head())
    (root / "filed.sql").write_text("SELECT customer, at, id, amount AS a FROM clean\n")
    (root / "templated.sql.j2").write_text(TEMPLATE)
    (root / "code").mkdir()
    (root / "code" / "one.py").write_text("print(1)\n")
    view = layered_project.view
    for made in (view("filed", {"file": "filed.sql"}), view("templated", {"file": "templated.sql.j2"})):
        put(root, f"{made['name']}.yaml", made)
    each = view("each", "SELECT customer, at, id, amount * ${vars.least} AS ${each}_x FROM clean")
    put(root, "each.yaml", {**each, "for_each": ["one", "two"]})
    put(
        root,
        "called.yaml",
        {"kind": "team", "name": "called", "role": "platform", "contact": "${env.MLSPEC_TEST_CONTACT}"},
    )
    put(root, "parts.yaml", {"kind": "source", "name": "parts", "files": "parts/*.csv", "columns": {"n": "int64"}})
    part(root, "a", 1)
    train = next(p for p in root.glob("pipeline.*.yaml"))
    put(root, train.name, edited(train, lambda d: d["steps"]["train"].update(code=["code"])))


def put(root: Path, name: str, document: object) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1))


def part(root: Path, name: str, n: int) -> None:
    (root / "parts").mkdir(exist_ok=True)
    (root / "parts" / f"{name}.csv").write_text(f"n\n{n}\n")


def edited(path: Path, edit) -> dict:
    document = json.loads(path.read_text())
    edit(document)
    return document


def change(name: str, edit):
    def done(root: Path, number: int) -> None:
        path = root / name
        if path.exists() and path.read_text().startswith("{"):
            try:
                put(root, name, edited(path, lambda d: edit(d, number)))
            except (KeyError, ValueError):
                return

    return done


def text(name: str, made):
    def done(root: Path, number: int) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(made(number))

    return done


def away(name: str):
    return lambda root, _: (root / name).unlink(missing_ok=True)


def renamed(root: Path, number: int) -> None:
    old = sorted(root.glob("feature_view.spend*.yaml"))
    if old:
        old[0].rename(root / f"feature_view.spend_{number}.yaml")


VIEW = "feature_view.{}.doc.yaml"
EDITS = {
    "a column of a view": change(VIEW.format("clean"), lambda d, n: d.update(sql=f"SELECT customer, at, id, amount, amount - {n} AS net, discount FROM orders")),
    "a filter": change(VIEW.format("clean"), lambda d, n: d.update(sql=layered_project.CLEAN + f" AND amount > {n}")),
    "a comment": change(VIEW.format("habits"), lambda d, n: d.update(sql=layered_project.HABITS + f" -- {n}")),
    "one more column": change(VIEW.format("spend"), lambda d, n: d.update(sql=f"SELECT customer, at, id, net * 2 AS doubled, amount AS gross, {n} AS more FROM clean")),
    "what looks ahead": change(VIEW.format("habits"), lambda d, n: d.update(sql=f"SELECT customer, at, id, net > {n} AS large, lead(net) OVER (ORDER BY at) AS later FROM clean")),
    "a file of SQL": text("filed.sql", lambda n: f"SELECT customer, at, id, amount + {n} AS a FROM clean\n"),
    "a template": text("templated.sql.j2", lambda n: TEMPLATE.replace("least }}", f"least + {n} }}}}")),
    "a broken template": text("templated.sql.j2", lambda _: "SELECT {{ nothing }} FROM orders"),
    "no file of SQL": away("filed.sql"),
    "broken YAML": text("each.yaml", lambda _: "kind: [\n"),
    "a view gone": away(VIEW.format("ranks")),
    "a view that is read gone": away(VIEW.format("clean")),
    "another file name": renamed,
    "twice": text("twice.yaml", lambda n: json.dumps({"kind": "team", "name": "shop" if n % 2 else "other", "role": "platform"})),
    "an unknown reference": text("wrong.yaml", lambda _: json.dumps({"kind": "feature_set", "name": "wrong", "features": ["nobody.x"]})),
    "no unknown reference": away("wrong.yaml"),
    "a key": change("entity.customer.doc.yaml", lambda d, n: d.update(keys={"customer": "int64" if n % 3 else "int32"})),
    "words": change("entity.customer.doc.yaml", lambda d, n: d.update(description=f"who buys {n}")),
    "data": lambda root, n: (root / "orders.csv").write_text((root / "orders.csv").read_text() + f"{1000 + n},1,2024-02-01 00:00:00,3,1,paid\n"),
    "a header": lambda root, _: (root / "people.csv").write_text("customer,land\n1,a\n"),
    "one more file": lambda root, n: part(root, f"p{n % 3}", n),
    "a file less": away("parts/p1.csv"),
    "code": text("code/one.py", lambda n: f"print({n})\n"),
    "more code": text("code/deep/two.py", lambda n: f"print({n})\n"),
    "entries": change("each.yaml", lambda d, n: d.update(for_each=["one", "two", "three"][: 1 + n % 3])),
    "a value": change("mlspec.yaml", lambda d, n: d["environments"]["dev"]["vars"].update(least=n)),
    "an override": change("mlspec.yaml", lambda d, n: d["environments"]["dev"].update(overrides={"feature_view.spend": {"tags": [f"t{n}"]}})),
    "an override of nobody": change("mlspec.yaml", lambda d, _: d["environments"]["dev"].update(overrides={"feature_view.nobody": {"tags": []}})),
    "no overrides": change("mlspec.yaml", lambda d, _: d["environments"]["dev"].pop("overrides", None)),
    "defaults": change("mlspec.yaml", lambda d, n: d.update(defaults={"feature_view": {"owner": "shop", "description": f"d{n}"}})),
    "no defaults": change("mlspec.yaml", lambda d, _: d.pop("defaults", None)),
    "ignored": change("mlspec.yaml", lambda d, n: d.update(ignore=["each.yaml"] if n % 2 else [])),
    "protected": change("mlspec.yaml", lambda d, n: d["environments"]["dev"].update(protect=["model"] if n % 2 else [])),
    "another engine": change("mlspec.yaml", lambda d, n: d["environments"]["dev"].update(engine="postgres" if n % 2 else "duckdb")),
    "the name": change("mlspec.yaml", lambda d, n: d.update(name=f"small{n}")),
    "everything anew": lambda root, _: (shutil.rmtree(root / "code"), (root / "parts" / "p1.csv").unlink(missing_ok=True), begin(root)),
    "the contact": lambda _, n: os.environ.update(MLSPEC_TEST_CONTACT=f"c{n}"),
    "a policy": text("policy.yaml", lambda n: json.dumps({"kind": "policy", "name": "p", "when": f"change.name == 'x{n}'", "message": "no", "enforce": "deny"})),
    "touched": lambda root, _: [os.utime(p) for p in root.glob("*.yaml")],
    "a damaged cache": lambda root, n: [p.write_bytes(p.read_bytes()[: 3000 + 100 * n]) for p in root.glob(".mlspec/cache/*")],
    "no cache": lambda root, _: shutil.rmtree(root / ".mlspec" / "cache", ignore_errors=True),
}  # fmt: skip

STEPS = st.tuples(st.sampled_from(sorted(EDITS)), st.integers(0, 5))
ASKED = st.tuples(st.sampled_from([None, None, None, "prod", "test"]), st.sampled_from([{}, {}, {"least": 3}]))


def answer(root: Path, *, cache: bool, environment=None, variables=None):
    """Everything that a plan says, and everything that was compiled for it."""
    try:
        with Session(root, environment, variables, cache=cache) as session:
            planned = session.plan(refresh=False)
            found = [
                (str(r.address), r.form, r.digest, r.version, pack(r.body), [getattr(r, f.name) for f in fields(r)])
                for r in session.compiled.desired
            ]
            bound = {a: (b.spec, b.document.span(("name",))) for a, b in session.compiled.gathered.bound.items()}
            graph = session.compiled.graph
            names = (list(bound), list(graph.order), {a: dict(e) for a, e in graph.edges.items()}, graph.tables)
            said = session.validate()
            return to_json(planned.plan), planned.warnings, planned.artifacts, found, bound, names, said
    except Problems as problems:
        return problems.diagnostics


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(st.lists(st.tuples(st.lists(STEPS, min_size=1, max_size=2), ASKED), min_size=3, max_size=5))
def test_kept_facts_change_no_answer(steps):
    os.environ["MLSPEC_TEST_CONTACT"] = "c"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        begin(root)
        assert answer(root, cache=True) == answer(root, cache=False)
        for edits, (environment, variables) in steps:
            for name, number in edits:
                EDITS[name](root, number)
            for _ in range(2):
                kept = answer(root, cache=True, environment=environment, variables=variables)
                assert kept == answer(root, cache=False, environment=environment, variables=variables)


@pytest.mark.parametrize("name", sorted(EDITS))
def test_an_edit_and_back(name, tmp_path, monkeypatch):
    monkeypatch.setenv("MLSPEC_TEST_CONTACT", "c")
    begin(tmp_path)
    assert answer(tmp_path, cache=True) == answer(tmp_path, cache=False)
    EDITS[name](tmp_path, 1)
    assert answer(tmp_path, cache=True) == answer(tmp_path, cache=False)


def test_with_a_state_the_answers_are_the_same_too(tmp_path):
    layered_project.write(tmp_path, layered_project.documents()[:10])
    layered_project.write_data(tmp_path)
    apply(tmp_path)
    for edit in ("a column of a view", "data", "a view gone", "words"):
        EDITS[edit](tmp_path, 2)
        plans = []
        for cache in (True, False, True):
            with Session(tmp_path, cache=cache) as session:
                planned = session.plan()
                plans.append((to_json(planned.plan), planned.warnings, planned.artifacts))
        assert plans[0] == plans[1] == plans[2]


def test_forms_come_back_as_they_were(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSPEC_TEST_CONTACT", "c")
    begin(tmp_path)
    with Session(tmp_path, cache=False) as session:
        for resource in session.compiled.desired:
            found = unpack(pack(resource.body))
            assert found == resource.body
            assert repr(found) == repr(resource.body)  # a word of an enumeration equals its text, and is not the same
