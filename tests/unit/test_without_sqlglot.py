"""An edit of plain SQL is planned without sqlglot: what it says of words and types is kept, and is what it would say now."""

import ast
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from small_projects import write_csv, write_project

import mlspec
from mlspec.backends.engines._duckdb.functions import _COMMON, functions
from mlspec.backends.engines.duckdb import DuckDB
from mlspec.backends.port import Artifact, BackendError, SqlEngine
from mlspec.base import loading
from mlspec.base.value import replace
from mlspec.compile.cache import Cache
from mlspec.ir.columntype import ColumnType
from mlspec.ir.sql._plain import told as telling
from mlspec.ir.sql._plain.values import type_of
from mlspec.ir.sql.dialect import data_type, from_sql
from mlspec.plan.diff import Wish
from mlspec.session import Session

LOADED = ("sqlglot", "importlib.metadata", "concurrent.futures", "logging", "duckdb")
PLAN = f"""
import sys
from mlspec.cli.main import main
assert main(sys.argv[1:]) == 0
print([m for m in {LOADED!r} if m in sys.modules])
"""


def planned(root, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", PLAN, "-C", str(root), "plan", *arguments], capture_output=True, text=True, check=True
    )
    *said, loaded = done.stdout.splitlines()
    return "\n".join(said), ast.literal_eval(loaded)


LARGE = """
WITH paid AS (SELECT customer, at, amount - discount AS net FROM orders WHERE amount > 0)
SELECT p.customer, p.at, p.net, CASE WHEN p.net > 10 THEN 1 ELSE 0 END AS large FROM paid AS p
"""


def edited(root, before, after):
    path = root / "feature_view.habits.doc.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.fixture
def project(tmp_path):
    columns = {"customer": "int64", "at": "timestamptz", "amount": "float64", "discount": "float64"}
    write_csv(tmp_path / "orders.csv", columns, [[1, "2024-01-01T10:00:00Z", 61.5, 1]])
    write_project(tmp_path, [
        {"kind": "source", "name": "orders", "files": "orders.csv", "columns": columns, "event_time": "at"},
        {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}},
        {"kind": "feature_view", "name": "habits", "entities": ["customer"], "sql": LARGE, "event_time": "at"},
        {"kind": "feature_view", "name": "most", "entities": ["customer"], "event_time": "at",
         "sql": "SELECT customer, at, large * 2 AS larger FROM habits"},
    ])  # fmt: skip
    return tmp_path


def test_an_edit_of_a_plain_query_loads_no_sqlglot(project):
    planned(project, "--no-refresh")
    edited(project, "net > 10", "net > 11")
    said, loaded = planned(project, "--no-refresh")
    assert "habits" in said
    assert loaded == []
    assert planned(project, "--no-refresh", "--no-cache")[0] == said


def test_what_is_not_plain_brings_it(project):
    planned(project, "--no-refresh")
    edited(project, "net > 10", "hash(net) > 10")
    said, loaded = planned(project, "--no-refresh")
    assert "sqlglot" in loaded
    assert planned(project, "--no-refresh", "--no-cache")[0] == said


def test_what_would_be_run_is_shown_when_it_is_asked_for(project):
    planned(project, "--no-refresh")
    edited(project, "net > 10", "net > 11")
    said, loaded = planned(project, "--no-refresh", "--explain")
    assert "sqlglot" in loaded
    assert "> 11" in said
    saved = project / "saved.plan"
    planned(project, "--no-refresh", "--out", str(saved))
    assert "> 11" in saved.read_text()


def test_what_is_kept_of_it_is_what_it_says():
    found = telling.ask()
    assert telling._read(telling.write(found)) == found
    for damaged in ("", "[]", "{}", "[1, 2, 3, 4, 5, 6]", '["a"]'):
        assert telling._read(damaged) is None


def test_another_version_finds_nothing_of_it(project, monkeypatch):
    monkeypatch.setattr(telling, "_known", [])  # as a process that has just begun
    with Session(project) as session:
        assert session.compiled
    cache = Cache(project / ".mlspec" / "cache" / "facts.db")
    (name,) = [n for (n,) in cache._rows("SELECT name FROM facts", []) if n.endswith(" words")]
    assert cache.fact(name) == telling.write(telling.told())
    cache.note(name, "[]")  # of a kind that nobody wrote
    cache.close()
    monkeypatch.setattr(telling, "_known", [])
    edited(project, "net > 10", "net > 11")
    with Session(project) as session:
        assert session.compiled
    assert telling.told() == telling.ask()


@pytest.mark.parametrize(
    "text",
    "boolean int32 int64 float32 float64 string bytes date timestamp timestamptz json decimal(10,2) decimal(38,0) "
    "array<int64> array<decimal(5,1)> array<array<string>> struct<a:int64,Day:date,b:array<decimal(9,3)>>".split(),
)
def test_the_types_of_columns_are_those_of_the_whole_parser(text):
    kind = ColumnType.parse(text)
    built = data_type(kind)
    assert type_of(kind) == ("" if built.expressions else built.this.value, from_sql(built))


def test_functions_that_are_not_looked_up_are_there():
    assert _COMMON - {"coalesce", "nullif"} <= functions()  # those two are of its grammar


def test_modules_of_every_compile_ask_for_nothing_of_it():
    """Of the kinds, the engine that is embedded and all that they load."""
    kinds = [f"mlspec.kinds.{p.stem}" for p in (Path(mlspec.__file__).parent / "kinds").glob("[a-z]*.py")]
    modules = ["mlspec.compile.partly", "mlspec.backends.engines.duckdb", *kinds]
    code = f"import sys, importlib\nfor m in {modules!r}: importlib.import_module(m)\nprint('sqlglot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "False"


# -- statements ----------------------------------------------------------------------------------------------------------


def artifacts(project):
    with Session(project) as session:
        assert session.plan(refresh=False)
    edited(project, "net > 10", "net > 11")
    with Session(project) as session:
        return session.plan(refresh=False).artifacts


def test_statements_are_a_mapping_like_any_other(project):
    found = artifacts(project)
    (path,) = [p for p in found if "habits" in p]
    assert path in found
    assert "habits" not in found
    sent = pickle.loads(pickle.dumps(found))  # noqa: S301 - just made
    assert type(sent) is dict
    assert sent == dict(found)
    assert "> 11" in sent[path]


def test_an_engine_that_says_nothing_of_its_paths_is_asked_while_a_plan_is_made(project, monkeypatch):
    monkeypatch.setattr(DuckDB, "rendered_at", SqlEngine.rendered_at)
    monkeypatch.setattr(DuckDB, "render", lambda self, address, *_: Artifact(f"mine/{address.name}", "text"))
    assert artifacts(project)["mine/habits"] == "text"


def test_what_was_recorded_is_looked_at_before_anything_is_done(project):
    """What an apply goes back to was not compiled now: that it may be run is found when the plan is made."""
    with Session(project) as session:
        planned = session.plan()
        assert session.apply(planned, on_event=lambda _: None).ok
    edited(project, "net > 10", "net > 11")
    with Session(project) as session:
        assert session.apply(session.plan(), on_event=lambda _: None).ok
    with Session(project) as session:
        then = session.applied_after(1)
        resources = {
            a: replace(r, body=replace(r.body, query="SELECT * FROM read_csv('/etc/passwd')"))
            if a.name == "habits"
            else r
            for a, r in then.resources.items()
        }
        damaged = replace(session.compiled, desired=replace(then, resources=resources), ids={})
        with pytest.raises(BackendError, match="a definition may only read declared sources"):
            session.plan_of(damaged, session.recorded()[0], Wish())


# -- plugins of pydantic -------------------------------------------------------------------------------------------------


def test_plugins_are_not_looked_for_inside_and_are_as_before_outside(monkeypatch):
    name = "PYDANTIC_DISABLE_PLUGINS"
    monkeypatch.setattr(loading, "_own", True)
    monkeypatch.delenv(name, raising=False)
    before = sys.modules.get("pydantic.plugin._loader")
    with loading.without_plugins():
        assert os.environ[name] == "__all__"
        assert tuple(sys.modules["pydantic.plugin._loader"].get_plugins()) == ()
    assert name not in os.environ
    assert sys.modules.get("pydantic.plugin._loader") is before
    monkeypatch.setenv(name, "one")
    with loading.without_plugins():
        assert os.environ[name] == "one"  # whoever says something of it is heard
