"""What is kept between runs: what it saves, when it is trusted, and that it may be damaged, shared and deleted."""

import os
import subprocess
import sys
import threading

import layered_project
import pytest
from small_projects import apply, write_csv, write_project

from mlspec.compile.cache import Cache
from mlspec.compile.request import Request
from mlspec.documents.watch import Watch
from mlspec.kinds.feature_view import FeatureView
from mlspec.session import Session

HEAVY = ("sqlglot", "pydantic", "yaml", "duckdb", "jinja2", "deepdiff")
PLAN = f"""
import sys
from mlspec.cli.main import main
assert main(sys.argv[1:]) == 0
print([m for m in {HEAVY!r} if m in sys.modules])
"""


def run(root, *arguments):
    command = [sys.executable, "-c", PLAN, "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def layered(root):
    """The layered project, compiled once."""
    layered_project.write(root)
    layered_project.write_data(root)
    with Session(root) as session:
        assert session.compiled


def edited(root, before="net > 10", after="net > 11"):
    """One view of it edited."""
    path = root / "feature_view.habits.doc.yaml"
    path.write_text(path.read_text().replace(before, after))


@pytest.fixture
def project(tmp_path):
    rows = {"kind": "source", "name": "orders", "files": "orders.csv", "columns": {"id": "int64", "amount": "int64"}}
    root = write_project(tmp_path / "project", [rows])
    write_csv(root / "orders.csv", ("id", "amount"), [[1, 2]])
    return root


def test_an_unchanged_plan_loads_nothing_that_reads_or_understands(project):
    assert apply(project)[2].ok
    old = 1_600_000_000
    with Session(project) as session:
        session.plan()
    for name in ("mlspec.yaml", "orders.csv", "source.orders.doc.yaml"):
        os.utime(project / name, (old, old))  # read again once, for its signature is another one
    assert run(project, "plan", "--no-refresh") == "[]"
    run(project, "validate")  # it looks at the other environments once
    assert run(project, "validate") == "[]"
    assert "sqlglot" in run(project, "plan", "--no-refresh", "--no-cache")


def test_an_edit_lowers_only_what_it_reaches(tmp_path, monkeypatch):
    layered_project.write(tmp_path)
    layered_project.write_data(tmp_path)
    with Session(tmp_path) as session:
        whole = session.compiled.desired.digest
    lowered = []
    lower = FeatureView.lower
    monkeypatch.setattr(FeatureView, "lower", lambda self, scope: lowered.append(self.name) or lower(self, scope))
    edited(tmp_path)
    with Session(tmp_path) as session:
        assert session.compiled.desired.digest != whole
    assert lowered == ["habits"]


def test_what_another_run_keeps_in_the_meantime_is_not_mixed_with_what_was_read(tmp_path, monkeypatch):
    """Between its two readings of the cache, another run keeps what it made of the same edit."""
    layered(tmp_path)
    edited(tmp_path)
    with Session(tmp_path, cache=False) as session:
        true = {r.address: r.digest for r in session.compiled.desired}
    read = Request.facts

    def interrupted(request):
        found = read(request)
        monkeypatch.undo()
        with Session(tmp_path) as other:
            assert other.compiled
        return found

    monkeypatch.setattr(Request, "facts", interrupted)
    for _ in range(2):  # of that run, and of the one after it
        with Session(tmp_path) as session:
            assert {r.address: r.digest for r in session.compiled.desired} == true


def test_a_file_is_trusted_when_its_times_are_past(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one")
    fresh = Watch(tmp_path)
    held = fresh.now("a.txt")
    assert fresh.seen["a.txt"] == (None, held)
    later = Watch(tmp_path, begun=fresh.begun + 10_000_000_000)
    assert later.now("a.txt") == held
    signed = later.seen["a.txt"]
    assert signed[0] is not None
    again = Watch(tmp_path, {"a.txt": (signed[0], "what was kept")})
    assert again.now("a.txt") == "what was kept"
    path.write_text("two")
    assert Watch(tmp_path, {"a.txt": signed}).now("a.txt") not in {held, ""}
    path.unlink()
    assert Watch(tmp_path, {"a.txt": signed}).now("a.txt") == ""


def test_a_file_that_changes_while_it_is_used_is_noticed(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one")
    watch = Watch(tmp_path)
    watch.read("a.txt")
    assert not watch.torn
    path.write_text("two")
    watch.read("a.txt")
    assert watch.torn


@pytest.mark.parametrize("damage", [b"", b"no database", None])
def test_what_is_damaged_is_not_there(tmp_path, damage):
    cache = Cache(tmp_path / "cache" / "facts.db")
    cache.keep({"name": "text"}, {"id": "body"}, {"id"})
    assert (cache.fact("name"), cache.body("id"), cache.fact("other")) == ("text", "body", None)
    cache.close()
    whole = cache.path.read_bytes()
    cache.path.write_bytes(whole.replace(b"body", b"bady") if damage is None else damage)
    again = Cache(cache.path)
    assert again.body("id") is None
    again.keep({"name": "more"}, {"id": "body"}, {"id"})
    assert (again.fact("name"), again.body("id")) == ("more", "body")
    again.close()


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path):
    (tmp_path / "cache").write_text("a file")
    cache = Cache(tmp_path / "cache" / "facts.db")
    cache.keep({"name": "text"}, {}, set())
    assert cache.fact("name") is None


def test_many_may_write_at_once(tmp_path):
    def work(number):
        cache = Cache(tmp_path / "facts.db")
        for i in range(10):
            cache.keep({f"{number}": f"{i}"}, {f"{number} {i}": "body"}, None)
            found = cache.fact(f"{number}")
            assert found is None or found.isdigit()
        cache.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_without_a_cache_nothing_is_kept(project, monkeypatch):
    with Session(project, cache=False) as session:
        assert session.compiled.desired.resources
    monkeypatch.setenv("MLSPEC_NO_CACHE", "1")
    with Session(project) as session:
        assert session.compiled.desired.resources
    assert not (project / ".mlspec" / "cache").exists()


def test_bodies_that_are_gone_are_made_again(project):
    with Session(project) as session:
        made = [r.body for r in session.compiled.desired]
    with Session(project) as session:
        resources = list(session.compiled.desired)
        (project / ".mlspec" / "cache" / "facts.db").unlink()
        assert [r.body for r in resources] == made


def test_what_is_lost_of_an_earlier_run_is_made_again(tmp_path, monkeypatch):
    """Bodies may go while facts stay: another environment, of an older run, took them for stale."""
    layered(tmp_path)
    edited(tmp_path)
    with Session(tmp_path, cache=False) as session:
        true = {r.address: (r.digest, r.body) for r in session.compiled.desired}
    cache = Cache(tmp_path / ".mlspec" / "cache" / "facts.db")
    cache.keep({}, {}, set())
    cache._file.execute("DELETE FROM bodies")
    cache.close()
    with Session(tmp_path) as session:
        assert {r.address: (r.digest, r.body) for r in session.compiled.desired} == true
    whole = []
    monkeypatch.setattr("mlspec.session.compile_project", lambda *a, **k: whole.append(a))
    edited(tmp_path, "net > 11", "net > 10")
    with Session(tmp_path) as session:  # it was kept whole again
        assert session.compiled.desired.resources
        assert session.compiled.graph.order
    assert not whole


def test_a_graph_that_is_asked_for_late_needs_nothing_that_is_kept(tmp_path):
    """The cache may be deleted, or lose a part, between a compile of what has changed and the question."""
    layered_project.write(tmp_path)
    layered_project.write_data(tmp_path)
    with Session(tmp_path) as session:
        true = session.compiled.graph.edges
    edited(tmp_path)
    with Session(tmp_path) as session:
        assert session.compiled
        session._cache._file.execute("DELETE FROM bodies")
        found = session.compiled.graph.edges
    assert {a: list(e) for a, e in found.items()} == {a: list(e) for a, e in true.items()}


def test_what_other_environments_need_is_not_forgotten(tmp_path):
    cache = Cache(tmp_path / "facts.db")
    texts = {f"{n:032x}": f"text {n}" for n in range(4000)}
    mine, others, nobodys = list(texts)[:10], list(texts)[10:20], list(texts)[20:]
    cache.keep({"a facts": "", "b heads": f'["{others[0]}"]', "b facts": str(others[1:])}, texts, None)
    cache.keep({"a facts": str(mine)}, {}, set(mine))
    assert cache.bodies(texts) == {i: texts[i] for i in (*mine, *others)}
    assert len(nobodys) > 3000
