"""An apply brings about what the plan says: after any edits, after failures, and after a process that was killed."""

import datetime as dt
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from small_projects import actions, apply, plan, read, write_csv, write_project

from mlspec.apply.events import Done, Failed, Skipped
from mlspec.base.address import Address
from mlspec.plan.change import Action
from mlspec.session import Session

SALES = {"id": "int64", "shop": "int64", "at": "timestamp", "paid": "int64"}
SHOPS = {"shop": "int64", "size": "int64"}


def sales(root, rows=60, *, bad=False):
    start = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - wall-clock UTC
    made = [
        [i, i % 5, start + dt.timedelta(hours=3 * i), "oops" if bad and i == rows - 1 else i % 11] for i in range(rows)
    ]
    write_csv(root / "sales.csv", SALES, made)


def shops(root, *, bad=False):
    write_csv(root / "shops.csv", SHOPS, [[i, "oops" if bad and i == 0 else i * 10] for i in range(5)])


def sql_view(name, sql, **fields):
    return {
        "kind": "feature_view",
        "name": name,
        "entities": ["shop"],
        "sql": sql,
        "event_time": "at",
        "tie_break": "id",
        **fields,
    }


FOLDED = {"name": st.sampled_from(["a", "b", "c"]), "function": st.sampled_from(["sum", "count", "avg", "max"]), "column": st.just("paid"),
          "window": st.sampled_from(["1d", "7d", "all"])}  # fmt: skip


@st.composite
def projects(draw):
    """The documents of a project of three layers: two sources, up to four views, a set and a dataset."""
    base = draw(st.sampled_from(["base", "basis"]))
    threshold, factor = draw(st.integers(0, 2)), draw(st.integers(1, 3))
    more = draw(st.sampled_from(["", ", paid + 1 AS more", ", paid * 2 AS more"]))
    checks = {"checks": [{"not_null": ["paid"]}]} if draw(st.booleans()) else {}
    kept = {"materialize": draw(st.sampled_from(["table", "view"]))}
    folded = draw(st.lists(st.fixed_dictionaries(FOLDED), min_size=1, max_size=3, unique_by=lambda a: a["name"]))
    found = [
        {"kind": "entity", "name": "shop", "keys": {"shop": "int64"}},
        {
            "kind": "source",
            "name": "sales",
            "files": "sales.csv",
            "columns": SALES,
            "event_time": "at",
            "description": draw(st.sampled_from(["", "x"])),
        },
        sql_view(base, f"SELECT shop, at, id, paid{more} FROM sales WHERE paid > {threshold}", **checks),
        {"kind": "feature_view", "name": "windows", "entities": ["shop"], "source": "sales", "aggregations": folded},
        sql_view("derived", f"SELECT shop, at, id, paid * {factor} AS times FROM {base}", **kept),
    ]
    features = ["windows.*", "derived.times"]
    if draw(st.booleans()):
        found.append({"kind": "source", "name": "shops", "files": "shops.csv", "columns": SHOPS})
        found.append(
            {"kind": "feature_view", "name": "sizes", "entities": ["shop"], "sql": "SELECT shop, size FROM shops"}
        )
        features.append("sizes.size")
    if draw(st.booleans()):
        labels = {"sql": "SELECT shop, at AS event_time, paid > 5 AS big FROM sales", "label": "big"}
        found.append({"kind": "feature_set", "name": "chosen", "features": features})
        found.append({"kind": "dataset", "name": "rows", "feature_set": "chosen", "labels": labels})
    return found


FULL = [
    {"kind": "entity", "name": "shop", "keys": {"shop": "int64"}},
    {"kind": "source", "name": "sales", "files": "sales.csv", "columns": SALES, "event_time": "at"},
    {"kind": "source", "name": "shops", "files": "shops.csv", "columns": SHOPS},
    sql_view("base", "SELECT shop, at, id, paid FROM sales WHERE paid > 0"),
    sql_view("derived", "SELECT shop, at, id, paid * 2 AS times FROM base"),
    {"kind": "feature_view", "name": "sizes", "entities": ["shop"], "sql": "SELECT shop, size FROM shops", "checks": [{"not_null": ["size"]}]},
    {"kind": "feature_set", "name": "chosen", "features": ["derived.times", "sizes.size"]},
    {"kind": "dataset", "name": "rows", "feature_set": "chosen",
     "labels": {"sql": "SELECT shop, at AS event_time, paid > 5 AS big FROM sales", "label": "big"}},
]  # fmt: skip
BELOW = {
    "sales": {"feature_view.base", "feature_view.derived", "feature_set.chosen", "dataset.rows"},
    "shops": {"feature_view.sizes", "feature_view.sizes/checks", "feature_set.chosen", "dataset.rows"},
}


def whole(root):
    """Nothing is left to do, and what is recorded is what the files ask for, neither more nor less."""
    assert actions(plan(root)) == []
    assert actions(plan(root, refresh=False)) == []
    with Session(root) as session:
        state, desired = session.recorded()[0], session.compiled.desired
        assert {str(r.address): r.digest for r in state} == {str(r.address): r.digest for r in desired}
        assert {r.address: r.parents for r in state} == {r.address: r.parents for r in desired}
        assert session.state_claims() == ()
        pointers = session.backends.engine.observe().pointers
        assert pointers == {str(r.address): r.outputs["version"] for r in state if r.form == "relation"}
    kept = versions_in(root)
    with duckdb.connect(str(root / ".mlspec" / "warehouse.duckdb"), read_only=True) as warehouse:
        there = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'mlspec_data' UNION ALL SELECT view_name FROM duckdb_views() WHERE schema_name = 'mlspec_data'"
        assert {n for (n,) in warehouse.execute(there).fetchall() if not n.startswith("_")} == kept


def versions_in(root):
    with duckdb.connect(str(root / ".mlspec" / "warehouse.duckdb"), read_only=True) as warehouse:
        return {v for (v,) in warehouse.execute("SELECT version FROM mlspec_data._versions").fetchall()}


def in_order(planned, events, before, after):
    """Parents were made before their children, and children deleted before their parents."""
    done = [e.address for e in events if isinstance(e, Done)]
    assert sorted(done) == sorted(c.address for c in planned.changes)
    place = {a: i for i, a in enumerate(done)}
    for change in planned.changes:
        above = before if change.action is Action.DELETE else after
        for parent in above.get(change.address, ()):
            gone = any(c.address == parent and c.action is Action.DELETE for c in planned.changes)
            if parent in place and gone == (change.action is Action.DELETE):
                later = place[change.address] > place[parent]
                assert later != gone, f"{change.address} and {parent}"


def parents(root, *, recorded):
    with Session(root) as session:
        return {r.address: r.parents for r in (session.recorded()[0] if recorded else session.compiled.desired)}


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(projects(), min_size=2, max_size=3))
def test_every_apply_leaves_nothing_to_do(versions):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sales(root)
        shops(root)
        for documents in versions:
            write_project(root, documents)
            before, after = parents(root, recorded=True), parents(root, recorded=False)
            planned, events, done = apply(root)
            assert done.ok, done.failed
            in_order(planned, events, before, after)
            whole(root)
        planned, events, done = apply(root, destroy=True)
        assert done.ok, done.failed
        in_order(planned, events, after, {})
        assert versions_in(root) == set()


def test_what_is_read_under_a_new_name_is_not_left_behind(tmp_path):
    """A view over a renamed view means the same as before; its old foundation goes when nothing stands on it."""
    sales(tmp_path)
    for name in ("base", "basis"):
        views = [sql_view(name, "SELECT shop, at, id, paid FROM sales WHERE paid > 0"),
                 sql_view("derived", f"SELECT shop, at, id, paid * 2 AS times FROM {name}", materialize="view")]  # fmt: skip
        write_project(tmp_path, [*FULL[:2], *views])
        assert apply(tmp_path)[2].ok
        whole(tmp_path)
        assert len(read(tmp_path, "derived")) == len(read(tmp_path, name)) > 0
    assert apply(tmp_path, destroy=True)[2].ok
    assert versions_in(tmp_path) == set()


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", BELOW)
@pytest.mark.parametrize("first", [True, False])
def test_a_failure_stops_what_needs_it_and_nothing_else(tmp_path, broken, first):
    sales(tmp_path)
    shops(tmp_path)
    write_project(tmp_path, FULL)
    if not first:
        assert apply(tmp_path)[2].ok
        before = read(tmp_path, "dataset.rows")
    sales(tmp_path, 70, bad=broken == "sales")
    shops(tmp_path, bad=broken == "shops")
    planned, _, done = apply(tmp_path)
    touched = {str(c.address) for c in planned.changes}
    assert {str(f.address) for f in done.failed} == {f"source.{broken}"}
    assert {str(s.address) for s in done.skipped} == BELOW[broken] & touched
    assert {s.because for s in done.skipped} <= {Address("source", broken)}
    assert {str(d.address) for d in done.done} == touched - BELOW[broken] - {f"source.{broken}"}
    if not first:
        assert sorted(map(str, read(tmp_path, "dataset.rows"))) == sorted(map(str, before)), "what is live is as it was"
    left = {a for a, _ in actions(plan(tmp_path))}
    assert left == (BELOW[broken] & touched) | {f"source.{broken}"}
    sales(tmp_path, 70)
    shops(tmp_path)
    assert apply(tmp_path)[2].ok
    whole(tmp_path)


def test_a_check_that_fails_stops_what_reads_the_data(tmp_path):
    sales(tmp_path)
    write_csv(tmp_path / "shops.csv", SHOPS, [[0, None], [1, 10]])
    write_project(tmp_path, FULL)
    _, events, done = apply(tmp_path)
    assert [(str(f.address), f.code) for f in done.failed] == [("feature_view.sizes/checks", "check-failed")]
    assert {str(s.address) for s in done.skipped} == {"feature_set.chosen", "dataset.rows"}
    assert [type(e) for e in events if isinstance(e, Failed | Skipped)] != []
    shops(tmp_path)
    assert apply(tmp_path)[2].ok
    whole(tmp_path)


# -- kill -9 -----------------------------------------------------------------------------------------------------------

APPLY = """
import sys, time
from pathlib import Path
from mlspec.session import Session
def told(event):
    print(type(event).__name__, event.address, flush=True)
    time.sleep(0.02)
with Session(Path(sys.argv[1])) as session:
    session.apply(session.plan(), on_event=told)
"""


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_apply_loses_nothing_and_doubles_nothing(tmp_path, seed):
    dice = random.Random(seed)
    root = tmp_path / "p"
    root.mkdir()
    sales(root)
    shops(root)
    write_project(root, FULL)
    if seed % 2:
        assert apply(root)[2].ok
        sales(root, 90)
        shops(root)
    running = subprocess.Popen([sys.executable, "-c", APPLY, str(root)], stdout=subprocess.PIPE, text=True)
    for _ in range(dice.randrange(1, 14)):
        running.stdout.readline()
    time.sleep(dice.uniform(0, 0.05))
    running.send_signal(signal.SIGKILL)
    running.wait(timeout=30)
    with Session(root) as session:
        for held in session.state_claims():
            assert (held.pid, held.gone) == (running.pid, True)
    planned, events, done = apply(root)
    assert done.ok, done.failed
    assert sorted(e.address for e in events if isinstance(e, Done)) == sorted(c.address for c in planned.changes)
    whole(root)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    sales(fresh, 90 if seed % 2 else 60)
    shops(fresh)
    assert apply(write_project(fresh, FULL))[2].ok
    for what in ("dataset.rows", "source.sales", "feature_view.derived", "feature_view.sizes"):
        assert sorted(map(str, read(root, what))) == sorted(map(str, read(fresh, what)))
