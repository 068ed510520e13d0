"""Several processes apply at once to one environment: what comes out is what some order of them would have made."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_projects import apply, read, write_csv, write_project

from mlspec.session import Session

SALES = {"id": "int64", "shop": "int64", "at": "timestamp", "paid": "int64"}
REPOSITORY = Path(__file__).parents[2]


def documents(factors):
    view = {"kind": "feature_view", "entities": ["shop"], "event_time": "at", "tie_break": "id", "materialize": "table"}
    views = [
        {**view, "name": f"v{i}", "sql": f"SELECT shop, at, id, paid * {f} AS times FROM sales"}
        for i, f in enumerate(factors)
    ]
    return [
        {"kind": "entity", "name": "shop", "keys": {"shop": "int64"}},
        {"kind": "source", "name": "sales", "files": "sales.csv", "columns": SALES, "event_time": "at"},
        *views,
    ]


def copy(folder, name, factors):
    """A checkout of the project of its own, with the state and the warehouse of all."""
    root = folder / name
    write_csv(root / "sales.csv", SALES, [[i, i % 3, f"2024-01-{1 + i:02} 00:00:00", i] for i in range(9)])
    return write_project(root, documents(factors), engine={"type": "duckdb", "path": str(folder / "all.duckdb")},
                         state_store={"type": "file", "path": str(folder / "all.json")})  # fmt: skip


def start(root, *words):
    command = [sys.executable, "-m", "mlspec", "-C", str(root), "apply", "--auto-approve", "--lock-timeout", "10m"]
    return subprocess.Popen([*command, *words], env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, cwd=root,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip


def ended(processes):
    said = [p.communicate(timeout=600)[0] for p in processes]
    assert [p.returncode for p in processes] == [0] * len(processes), "\n".join(said)


@pytest.mark.slow
def test_eight_who_want_different_things_leave_what_one_of_them_wanted(tmp_path):
    roots = [copy(tmp_path, f"c{i}", [i + 2, (i + 2) * 10]) for i in range(8)]
    ended([start(root) for root in roots])
    with Session(roots[0]) as session:
        past = session.history()
        state = session.recorded()[0]
        assert session.ledger.claims() == ()
    assert {p.result for p in past} == {"applied"}
    assert [p.number for p in past] == list(range(1, len(past) + 1))
    assert 1 < len(past) <= 8
    spans = [p.serials for p in past]
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans)), "one after the other"
    last = next(root for root in roots if f" {root} " in past[-1].command)
    with Session(last) as session:
        assert {r.address: r.digest for r in state} == {r.address: r.digest for r in session.compiled.desired}
        assert not session.plan().plan.changes
    factor = roots.index(last) + 2
    for view, times in (("v0", factor), ("v1", factor * 10)):
        assert sorted(row["times"] for row in read(last, f"feature_view.{view}")) == [i * times for i in range(9)]


def test_those_who_touch_different_things_all_succeed(tmp_path):
    root = copy(tmp_path, "p", [1, 1, 1, 1])
    assert apply(root)[2].ok
    copy(tmp_path, "p", [2, 3, 4, 5])
    ended([start(root, "--select", f"feature_view.v{i}") for i in range(4)])
    with Session(root) as session:
        assert not session.plan().plan.changes
        past = session.history()
        assert sorted(c["address"] for p in past[1:] for c in p.changes) == [f"feature_view.v{i}" for i in range(4)]
        assert {p.result for p in past} == {"applied"}
        assert session.ledger.claims() == ()
