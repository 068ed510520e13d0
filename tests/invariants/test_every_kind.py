"""What holds for every kind: nothing to do after an apply, nothing left after a destroy, and the rest of the law."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import smallest
from small_projects import actions, apply, plan

from mlspec.base.diag import Problems
from mlspec.documents.project import PRIVATE
from mlspec.plan.file import to_json
from mlspec.session import KINDS, Session

NO_THING = {"moved", "removed"}
"""Documents that say what is done with a thing, and are none themselves."""

DESCRIBED = [p for p in smallest.PROJECTS if p != "project"]


@pytest.fixture(scope="module", params=smallest.PROJECTS)
def applied(request, tmp_path_factory):
    """The smallest project of a kind, applied."""
    root = tmp_path_factory.mktemp(request.param)
    smallest.write_data(root)
    smallest.write_blocks(root, smallest.documents(request.param))
    planned, _, done = apply(root)
    assert done.ok, done.failed
    assert {a for _, a in actions(planned)} <= {"create"}
    return request.param, root


@pytest.fixture
def copied(applied, tmp_path):
    """A copy of it that a test may change."""
    name, root = applied
    return name, Path(shutil.copytree(root, tmp_path / "p"))


def tree(root):
    return {
        str(p.relative_to(root)): (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"")
        for p in sorted(root.rglob("*"))
        if "cache" not in p.relative_to(root).parts and p.name != PRIVATE  # what a compile found out may be kept
    }


def test_every_kind_is_here():
    here = {p.partition("_of_")[0].partition("_on_")[0] for p in smallest.PROJECTS}
    assert here == set(KINDS.names()) - {"import"}  # it needs something that exists: the tests of moves have it


def test_nothing_is_left_to_do(applied):
    assert actions(plan(applied[1])) == []
    assert actions(plan(applied[1], refresh=False)) == []


def test_a_plan_writes_nothing(copied):
    _, root = copied
    before = tree(root)
    plan(root)
    smallest.write_blocks(root, [])
    changed = tree(root)
    plan(root)
    plan(root, destroy=True)
    assert tree(root) == changed
    assert {n: b for n, (_, b) in before.items() if not n.endswith(".yaml")} == {
        n: b for n, (_, b) in changed.items() if not n.endswith(".yaml")
    }


def test_a_plan_of_nothing_yet_writes_nothing(applied, tmp_path):
    name, _ = applied
    smallest.write_data(tmp_path)
    smallest.write_blocks(tmp_path, smallest.documents(name))
    before = tree(tmp_path)
    plan(tmp_path)
    assert tree(tmp_path) == before


def test_another_hand_changes_nothing(copied):
    name, root = copied
    smallest.write_otherwise(root, smallest.documents(name))
    assert actions(plan(root)) == []


def test_another_hand_makes_the_same(applied, tmp_path):
    """Not only is the recorded state believed: what would be made anew has the same digests."""
    name, root = applied
    smallest.write_data(tmp_path)
    smallest.write_blocks(tmp_path, smallest.documents(name))
    smallest.write_otherwise(tmp_path, smallest.documents(name))
    with Session(root) as one, Session(tmp_path) as other:
        assert {str(r.address): r.digest for r in one.compiled.desired} == {
            str(r.address): r.digest for r in other.compiled.desired
        }


def test_a_description_is_no_more_than_that(copied):
    name, root = copied
    found = smallest.documents(name)
    for document in found:
        document["description"] = "In other words"
        if document["kind"] not in {
            "dataset",
            "deployment",
        }:  # there it is something else: the answers, and what manifests carry
            document["labels"] = {"colour": "blue"}
    smallest.write_blocks(root, found)
    planned = plan(root)
    whole = [c for c in planned.changes if not c.address.part]
    found = [d for d in found if d["kind"] not in NO_THING]
    assert {c.reason for c in planned.changes} <= {"metadata_changed"}
    assert len(planned.changes) == len(whole)
    assert {str(c.address) for c in whole} == {f"{d['kind']}.{d['name']}" for d in found}
    before = warehouse(root)
    assert apply(root)[2].ok
    assert warehouse(root) == before
    assert actions(plan(root)) == []


def warehouse(root):
    """Versions and public names that the warehouse holds."""
    path = root / ".mlspec" / "warehouse.duckdb"
    if not path.exists():
        return set()
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute("SELECT schema_name, table_name FROM duckdb_tables() UNION ALL "
                                   "SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal").fetchall()  # fmt: skip
    return {(s, n) for s, n in found if not n.startswith("_")}


def test_destroy_leaves_nothing(copied):
    _, root = copied
    planned, _, done = apply(root, destroy=True)
    assert done.ok, done.failed
    assert {a for _, a in actions(planned)} <= {"delete"}
    with Session(root) as session:
        assert session.state_list() == []
        assert session.backends.registry.versions("big") == ()
        assert session.state_claims() == ()
    assert warehouse(root) == set()
    assert not [p for p in (root / "deploy").rglob("*") if p.is_file()]
    created = {a for a, _ in actions(plan(root))}
    assert created == {a for a, _ in actions(planned)}


def test_destroyed_things_come_back(copied):
    _, root = copied
    apply(root, destroy=True)
    _, _, done = apply(root)
    assert done.ok, done.failed
    assert actions(plan(root)) == []


PLAN = """
import json, sys
from pathlib import Path
from mlspec.plan.file import to_json
from mlspec.session import Session
for root in sys.argv[1:]:
    with Session(Path(root)) as session:
        planned = session.plan()
        print(json.dumps([to_json(planned.plan), dict(planned.artifacts)]))
"""


def test_a_plan_is_the_same_whatever_the_hash_seed(tmp_path):
    roots = []
    for name in ("deployment", "monitor", "policy", "team", "source_of_query"):
        smallest.write_data(tmp_path / name)
        smallest.write_blocks(tmp_path / name, smallest.documents(name))
        roots.append(str(tmp_path / name))
    texts = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PLAN, *roots],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        texts.append(done.stdout)
    assert texts[0] == texts[1]
    assert len(texts[0].splitlines()) == len(roots)


def test_planning_twice_gives_the_same_bytes(copied):
    _, root = copied
    found = [json.dumps(to_json(plan(root, destroy=destroy))) for destroy in (False, False, True, True)]
    assert found[0] == found[1]
    assert found[2] == found[3]


@pytest.mark.parametrize("name", DESCRIBED)
@pytest.mark.parametrize("how", ["field", "environment"])
def test_what_is_protected_cannot_be_deleted(name, how, tmp_path):
    if name in NO_THING:
        pytest.skip("it is an instruction: nothing is made of it")
    smallest.write_data(tmp_path)
    found = smallest.documents(name)
    address = f"{found[-1]['kind']}.{found[-1]['name']}"
    environment = {"protect": [address]} if how == "environment" else {}
    if how == "field":
        found[-1]["protect"] = True
    smallest.write_blocks(tmp_path, found, **environment)
    assert apply(tmp_path)[2].ok
    smallest.write_blocks(tmp_path, found[:-1])
    for wish in ({}, {"destroy": True}):
        with pytest.raises(Problems) as caught:
            plan(tmp_path, **wish)
        assert {d.code for d in caught.value.diagnostics} == {"protected"}
        assert any(address in d.message for d in caught.value.diagnostics)
