"""Tables in partitions: only what is due is built, by whoever comes first; whatever is cut short converges."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, nullcontext
from pathlib import Path

import duckdb
import pytest
from servers import postgres
from small_projects import apply, plan, read, write_csv, write_project

from mlspec.apply.events import Progress
from mlspec.backends.chosen import ENGINES
from mlspec.backends.engines._duckdb.line import DuckLine
from mlspec.backends.engines._warehouse.partitioned import Partitioned
from mlspec.backends.engines._warehouse.warehouse import Warehouse
from mlspec.backends.partition import Wanted
from mlspec.backends.port import Capability
from mlspec.base.diag import Problems
from mlspec.session import Session

START = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - wall-clock time in UTC
TWO_HOURS = {"function": "sum", "column": "v", "name": "s", "window": "2h"}
COUNT = {"function": "count", "name": "c", "window": "2h"}


def rows(hours: int, value: int = 1) -> list[tuple]:
    return [(h % 3, START + dt.timedelta(hours=h), value) for h in range(hours)]


def documents(aggregations=(TWO_HOURS,), partition="6h", source=None, **more) -> list[dict]:
    where = source or {"files": "events.csv"}
    columns = {"k": "int64", "at": "timestamp", "v": "int32"}
    kept = {"incremental": {"partition": partition, "start": START.isoformat()}}
    return [
        {"kind": "source", "name": "events", "columns": columns, "event_time": "at", **where},
        {"kind": "entity", "name": "thing", "keys": {"k": "int64"}},
        {"kind": "feature_view", "name": "sums", "entities": ["thing"], "source": "events", "aggregations": list(aggregations),
         "materialize": kept, **more},
        {"kind": "feature_view", "name": "whole", "entities": ["thing"], "source": "events", "aggregations": list(aggregations),
         "materialize": "table"},
    ]  # fmt: skip


@pytest.fixture
def root(tmp_path) -> Path:
    write_csv(tmp_path / "p" / "events.csv", ("k", "at", "v"), rows(24))
    return write_project(tmp_path / "p", documents())


@pytest.fixture
def on_postgres(tmp_path, request) -> Path:
    server = postgres()
    name = server.fresh(f"kept_{os.getpid()}_{abs(hash(request.node.name)) % 10**8}")
    write_csv(tmp_path / "p" / "events.csv", ("k", "at", "v"), rows(24))
    return write_project(tmp_path / "p", documents(), engine={"type": "postgres", "dsn": server.dsn(name)})


def again(root, made) -> None:
    """Other documents in the same project."""
    for document in made:
        (root / f"{document['kind']}.{document['name']}.doc.yaml").write_text(json.dumps(document))


def test_the_same_on_postgres(on_postgres) -> None:
    root = on_postgres
    apply(root)
    late = [*rows(24), (9, START + dt.timedelta(hours=1), 5)]
    write_csv(root / "events.csv", ("k", "at", "v"), late)
    _, events, _ = apply(root)
    assert said(events) == ["2024-01-01 to 2024-01-01T12:00:00, 2 partitions: 24 rows (2 of 2)"]
    alike(root)
    again(root, documents((TWO_HOURS, COUNT)))
    _, events, _ = apply(root)
    assert "50 rows, 3 columns of sums__" in said(events)[0]
    alike(root)
    assert plan(root).empty


def test_two_who_come_at_once_build_each_partition_once(on_postgres) -> None:
    """Each with a connection of its own; the second finds it done."""
    apply(on_postgres)
    with Session(on_postgres) as one, Session(on_postgres) as other:
        address = one.partitioned("feature_view.sums")
        body, live = one.compiled.desired.resources[address].body, one._as_applied()
        counted = []
        fill = Partitioned._rows

        def counting(self, between, known):
            counted.append(between)
            return fill(self, between, known)

        engines = [s.backends.engine for s in (one, other)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Partitioned, "_rows", counting)
            line, _ = engines[0].writing()
            parted = engines[0]._partitioned(line, address, body, live)
            with line.transaction(parted.version):
                parted.begin(parted.partitions())
            threads = [
                threading.Thread(target=e.refresh, args=(address, body, live, Wanted(at_once=1), lambda _: None))
                for e in engines
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(counted) == len(set(counted)) == 5
    alike(on_postgres)


def said(events, address="feature_view.sums") -> list[str]:
    return [e.line for e in events if isinstance(e, Progress) and str(e.address) == address]


def brought(root, address=None):
    events: list = []
    with Session(root) as session:
        ran = session.refresh(address, on_event=events.append)
    return [r.brought for r in ran], events


def alike(root) -> None:
    ours, whole = (sorted(map(repr, read(root, f"feature_view.{n}"))) for n in ("sums", "whole"))
    assert ours == whole


def test_only_what_changed_is_built(root) -> None:
    _, events, _ = apply(root)
    assert said(events) == ["2024-01-01 to 2024-01-02T06:00:00, 5 partitions: 48 rows (5 of 5)"]
    late = [*rows(24), (9, START + dt.timedelta(hours=1), 5)]
    write_csv(root / "events.csv", ("k", "at", "v"), late)
    change = plan(root).changes[-2]
    assert (str(change.address), change.action.word, change.consequences) == (
        "feature_view.sums",
        "update",
        ("backfill",),
    )
    assert change.estimate.partitions == 5
    _, events, _ = apply(root)
    assert said(events) == ["2024-01-01 to 2024-01-01T12:00:00, 2 partitions: 24 rows (2 of 2)"]
    alike(root)
    assert plan(root).empty
    (found,), _ = brought(root)
    assert (found.due, found.built, found.partitions) == ((), 0, 5)


def test_a_column_is_added_without_computing_the_others(root) -> None:
    apply(root)
    write_project(root, documents((TWO_HOURS, COUNT)))
    _, events, _ = apply(root)
    (line,) = said(events)
    assert "48 rows, 3 columns of sums__" in line
    alike(root)
    late = [*rows(24), (9, START + dt.timedelta(hours=1), 5)]
    write_csv(root / "events.csv", ("k", "at", "v"), late)
    write_project(root, documents((COUNT,)))
    _, events, _ = apply(root)
    assert "columns of" not in said(events)[0]  # the version before was made of other rows
    alike(root)


def test_a_column_that_went_from_the_source_is_not_missed(root) -> None:
    apply(root)
    apply(write_project(root, documents((TWO_HOURS, COUNT))))
    made = documents((COUNT,))
    del made[0]["columns"]["v"]
    write_csv(root / "events.csv", ("k", "at"), [r[:2] for r in rows(24)])
    _, events, applied = apply(write_project(root, made))
    assert applied.ok
    assert "columns of" not in said(events)[0]
    alike(root)


def test_another_window_has_other_rows(root) -> None:
    apply(root)
    write_project(root, documents((TWO_HOURS, {**COUNT, "window": "3h"})))
    _, events, _ = apply(root)
    assert "columns of" not in said(events)[0]
    alike(root)


def test_run_sees_what_has_come_into_a_table(tmp_path) -> None:
    root = write_project(tmp_path / "p", documents(source={"table": "raw.events"}))
    warehouse = root / ".mlspec" / "warehouse.duckdb"
    warehouse.parent.mkdir(parents=True)

    def run(statement: str) -> None:
        with closing(duckdb.connect(str(warehouse))) as connection:
            connection.execute(statement)

    run("CREATE SCHEMA raw")
    run("CREATE TABLE raw.events AS SELECT h % 3 AS k, TIMESTAMP '2024-01-01' + h * INTERVAL 1 HOUR AS \"at\", 1::INTEGER AS v "
        "FROM range(24) AS r(h)")  # fmt: skip
    apply(root)
    run("INSERT INTO raw.events VALUES (1, TIMESTAMP '2024-01-03', 4)")
    run("DELETE FROM raw.events AS e WHERE e.at = TIMESTAMP '2024-01-01 01:00:00'")
    assert [c.estimate.due for c in plan(root).changes if str(c.address) == "feature_view.sums"] == [4]
    (found,), _ = brought(root)
    assert [(p.due, p.rows) for p in found.due] == [("changed", 10), ("changed", 12), ("missing", 0), ("missing", 0)]
    (again,), _ = brought(root, "feature_view.sums")
    assert again.built == 0
    apply(root)
    alike(root)
    run("DELETE FROM raw.events AS e WHERE e.at >= TIMESTAMP '2024-01-03'")
    (found,), _ = brought(root)
    assert [p.due for p in found.due] == ["gone", "gone"]


def test_a_backfill_repairs_what_nobody_can_see(root) -> None:
    apply(root)
    with closing(duckdb.connect(str(root / ".mlspec" / "warehouse.duckdb"))) as connection:
        (name,) = connection.execute("SELECT version FROM mlspec_data._definitions").fetchone()
        connection.execute(f"UPDATE mlspec_data.{name} SET s = 77 WHERE event_time >= TIMESTAMP '2024-01-01 12:00:00'")
    assert brought(root)[0][0].built == 0
    with Session(root) as session:
        listed = session.backfill(
            "feature_view.sums", first="2024-01-01T13:00:00", dry_run=True, on_event=lambda _: None
        )
        assert [p.due for p in listed.due] == ["", "", ""]
        found = session.backfill("feature_view.sums", first="2024-01-01T13:00:00", at_once=2, on_event=lambda _: None)
    assert found.built == 3
    alike(root)


def test_partitions_that_were_lost_are_built_again(root) -> None:
    apply(root)
    with closing(duckdb.connect(str(root / ".mlspec" / "warehouse.duckdb"))) as connection:
        connection.execute("DELETE FROM mlspec_data._partitions WHERE begins < TIMESTAMP '2024-01-01 12:00:00'")
    assert [p.due for p in brought(root)[0][0].due] == ["missing", "missing"]
    alike(root)
    with closing(duckdb.connect(str(root / ".mlspec" / "warehouse.duckdb"))) as connection:
        connection.execute("DROP TABLE mlspec_data._partitions")
    assert [c.reason for c in plan(root).changes] == ["missing"]
    _, events, _ = apply(root)
    assert said(events) == ["2024-01-01 to 2024-01-02T06:00:00, 5 partitions: 48 rows (5 of 5)"]
    alike(root)
    with closing(duckdb.connect(str(root / ".mlspec" / "warehouse.duckdb"))) as connection:
        (name,) = connection.execute("SELECT version FROM mlspec_data._definitions").fetchone()
        connection.execute(f"DROP TABLE mlspec_data.{name}")
    assert [c.reason for c in plan(root).changes] == ["missing"]
    apply(root)
    alike(root)


def test_a_dataset_is_the_same_however_its_views_are_kept(root) -> None:
    made = documents((TWO_HOURS, COUNT))
    made[3]["materialize"] = "view"
    asked = {
        "kind": "dataset",
        "feature_set": "all",
        "labels": {"sql": "SELECT k, at + INTERVAL 30 MINUTE AS event_time, k = 1 AS y FROM events", "label": "y"},
    }
    for view in ("sums", "whole"):
        made.append({"kind": "feature_set", "name": f"of_{view}", "features": [f"{view}.*"]})
        made.append({**asked, "name": f"with_{view}", "feature_set": f"of_{view}"})
    write_project(root, made)
    assert apply(root)[2].ok
    one, other = (
        [{n.removeprefix(f"{view}__"): v for n, v in r.items()} for r in read(root, f"dataset.with_{view}")]
        for view in ("sums", "whole")
    )
    assert len(one) == 24
    assert one == other


class Cut(Exception):
    """A crash."""


@pytest.mark.parametrize("transactions", [True, False])
def test_a_crash_at_any_statement_converges(tmp_path, monkeypatch, transactions) -> None:
    """Also on an engine without transactions: what a crash leaves is never taken for whole."""
    write_csv(tmp_path / "p" / "events.csv", ("k", "at", "v"), rows(9))
    root = write_project(tmp_path / "p", documents(partition="3h"))
    apply(root)
    execute, left = DuckLine.execute, [10**9]

    def counted(line, statement):
        left[0] -= 1
        if left[0] < 0:
            raise Cut
        execute(line, statement)

    monkeypatch.setattr(DuckLine, "execute", counted)
    if not transactions:
        monkeypatch.setattr(DuckLine, "transaction", lambda *_: nullcontext())
    with Session(root) as session:
        address = session.partitioned("feature_view.sums")
        body = session.compiled.desired.resources[address].body
        engine, live = session.backends.engine, session._as_applied()
        expected = sorted(map(repr, read(root, "feature_view.whole")))
        ended = False
        for at in range(60):
            left[0] = at
            try:
                engine.refresh(address, body, live, Wanted(anew=True, at_once=2), lambda _: None)
                ended = True
            except Cut:
                pass
            left[0] = 10**9
            engine.refresh(address, body, live, Wanted(), lambda _: None)
            found = engine.partitions(address, body, live)
            assert [p.due for p in found] == [""] * len(found)
            assert sorted(map(repr, read(root, "feature_view.sums"))) == expected, at
            if ended:
                break
        assert ended


def test_a_killed_backfill_goes_on(root) -> None:
    """`kill -9` in the midst of it; `mlspec run` finishes."""
    write_csv(root / "events.csv", ("k", "at", "v"), rows(24 * 90))
    apply(root)
    command = [sys.executable, "-m", "mlspec", "-C", str(root), "backfill", "feature_view.sums", "--partitions", "1"]
    working = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=Path.cwd())
    for line in working.stderr:
        if "(7 of" in line:
            break
    os.kill(working.pid, signal.SIGKILL)
    working.wait()
    working.stderr.close()
    time.sleep(0.1)
    (found,), _ = brought(root)
    assert {p.due for p in found.due} == {"unfinished"}
    assert 0 < found.built < found.partitions
    alike(root)


def test_environments_share_what_is_defined_alike(tmp_path) -> None:
    write_csv(tmp_path / "p" / "events.csv", ("k", "at", "v"), rows(24))
    root = write_project(tmp_path / "p", documents())
    project = (root / "mlspec.yaml").read_text().replace('"dev": {}', '"dev": {}, "prod": {}')
    (root / "mlspec.yaml").write_text(project)
    apply(root)
    events: list = []
    with Session(root, "prod") as session:
        planned = session.plan()
        assert [c.action.word for c in planned.plan.changes if str(c.address) == "feature_view.sums"] == ["repoint"]
        assert session.apply(planned, on_event=events.append).ok
    assert said(events) == []
    with Session(root, "prod") as session:
        session.apply(session.plan(destroy=True), on_event=events.append)
    alike(root)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"aggregations": [{"function": "count", "name": "c", "window": "all"}]}, "invalid-partitions"),
        ({"materialize": {"incremental": {"partition": "1s", "start": "2024-01-01"}}}, "invalid-partitions"),
        ({"materialize": {"incremental": {"partition": "1d", "start": "2024-01-01", "lookback": "2d"}}}, "meaningless-field"),
        ({"materialize": {"incremental": {"partition": "1d"}}}, "missing-field"),
        ({"materialize": {"incremental": {"partition": "1d", "start": "soon"}}}, "invalid-instant"),
        ({"materialize": {"incremental": {"partition": "1d", "start": "2024-01-01", "begin": 1}}}, "unknown-key"),
        ({"materialize": {"partitioned": {}}}, "missing-field"),
        ({"materialize": "incremental"}, "unknown-value"),
        ({"aggregations": [{**COUNT, "window": "365d"}], "materialize": {"incremental": {"partition": "1m", "start": "2024-01-01"}}}, "invalid-partitions"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(root, change, code) -> None:
    write_project(root, documents(**change))
    with pytest.raises(Problems) as caught, Session(root) as session:
        session.validate()
    assert code in {d.code for d in caught.value.diagnostics}
    assert all(d.span for d in caught.value.diagnostics)


def test_a_saved_plan_builds_what_it_said(root) -> None:
    with Session(root) as session:
        session.save(session.plan(), root / "first.plan")
    with Session(root) as session:
        assert session.apply(session.load(root / "first.plan"), on_event=lambda _: None).ok
    alike(root)
    assert plan(root).empty


def test_an_engine_has_partitions_if_it_can_tell_rows_apart() -> None:
    engines = {name: ENGINES.get(name) for name in ENGINES.names()}
    able = {n for n, e in engines.items() if Capability.PARTITIONS in e.capabilities}
    assert able == {n for n, e in engines.items() if e.row_sums is not Warehouse.row_sums}
    assert {"duckdb", "postgres"} <= able


def test_an_engine_without_partitions_refuses_them(root) -> None:
    write_project(root, documents(), engine={"type": "spark"})
    with pytest.raises(Problems) as caught, Session(root) as session:
        session.validate()
    said = [d.message for d in caught.value.diagnostics if d.code == "unsupported-by-backend"]
    assert said == ["the engine `spark` cannot honour `materialize.incremental` of `feature_view.sums`"]


def test_sql_says_how_far_it_looks_back(root) -> None:
    sql = "SELECT k, at, sum(v) OVER (PARTITION BY k ORDER BY at RANGE BETWEEN INTERVAL 5 HOURS PRECEDING AND CURRENT ROW) AS s FROM events"
    shared = {"kind": "feature_view", "entities": ["thing"], "sql": sql, "event_time": "at"}
    kept = {"incremental": {"partition": "6h", "start": START.isoformat(), "lookback": "5h"}}
    made = [{**shared, "name": "sums", "materialize": kept}, {**shared, "name": "whole"}]
    write_project(root, [*documents()[:2], *made])
    apply(root)
    alike(root)
    constant = {**shared, "name": "sums", "sql": "SELECT k, max(v) AS s FROM events GROUP BY k", "materialize": kept}
    del constant["event_time"]
    write_project(root, [*documents()[:2], constant])
    with pytest.raises(Problems) as caught, Session(root) as session:
        session.validate()
    assert "invalid-partitions" in {d.code for d in caught.value.diagnostics}


def test_two_rows_that_nothing_tells_apart_are_named(root) -> None:
    shared = {"kind": "feature_view", "name": "newest", "entities": ["thing"], "source": "events", "latest": ["v"]}
    write_project(root, [*documents()[:2], {**shared, "materialize": documents()[2]["materialize"]}])
    apply(root)
    write_csv(root / "events.csv", ("k", "at", "v"), [*rows(24), (1, START + dt.timedelta(hours=1), 5)])
    _, _, applied = apply(root)
    assert [f.code for f in applied.failed] == ["ambiguous-latest"]
    write_csv(root / "events.csv", ("k", "at", "v"), rows(25))
    assert apply(root)[2].ok
    assert len(read(root, "feature_view.newest")) == 25
