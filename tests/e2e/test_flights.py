"""The main job on real data: from raw tables to a gated, deployable model, and what a change of it means."""

import datetime as dt
import json
import math
import random
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import sqlglot
import yaml
from brute_force import Flights, departed_at, known_at

from mlspec.base.address import Address
from mlspec.base.diag import Report
from mlspec.documents.reader import read_text
from mlspec.plan.change import Action
from mlspec.session import Session

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("flights")]


def mlspec(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlspec", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def rows_of(root: Path, query: str) -> list[dict[str, object]]:
    with duckdb.connect(str(root / ".mlspec" / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        cursor = connection.execute(query)
        names = [d[0] for d in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture
def changed(flights: Path, tmp_path: Path) -> Path:
    """A copy of the applied project that a test may edit."""
    return Path(shutil.copytree(flights, tmp_path / "specs"))


def test_the_model_is_as_good_as_the_data_allows(flights: Path) -> None:
    with Session(flights) as session:
        [version] = session.show("model.flight_delay")["versions"]
    metrics = version["metrics"]
    assert abs(metrics["auc"] - 0.754) <= 0.01
    assert metrics["log_loss"] <= 0.47
    assert metrics["calibration_gap"] <= 0.02


def test_nothing_is_left_to_do(flights: Path) -> None:
    done = mlspec(flights, "plan", "--detailed-exitcode")
    assert (done.returncode, "No changes" in done.stdout) == (0, True), done.stderr


def test_checks_find_what_is_known_of_the_data(flights: Path) -> None:
    with Session(flights) as session:
        found = {
            n: {c["name"]: c for c in session.show(f"source.{n}")["checks"]}
            for n in ("flights", "weather", "planes", "outcomes")
        }
    failed = {(s, n): c["failed"] for s, checks in found.items() for n, c in checks.items() if not c["passed"]}
    assert failed == {
        ("flights", "unique_flight_date_carrier_flight"): 24,
        ("flights", "relationship_dest"): 7602,
        ("flights", "relationship_tailnum"): 50094,
        ("weather", "range_wind_speed"): 1,
        ("weather", "freshness"): 1,
        ("planes", "range_seats"): 40,
    }
    assert found["flights"]["not_null_tailnum"]["failed"] == 2512
    assert found["flights"]["row_count_flight_date"]["total"] == 365


def test_windows_by_frames_agree_on_all_rows(flights: Path) -> None:
    """Every windowed feature of every row again, by frames over events and questions in one table."""
    with Session(flights) as session:
        desired = session.compiled.desired.resources
        version = {a: r.outputs.get("version") for a, r in session.recorded()[0].records.items()}
    [dataset] = [r for a, r in desired.items() if a.kind == "dataset" and not a.part]
    asked, different = f'"mlspec_data"."{version[dataset.address]}"', {}
    for lookup in dataset.body.as_of.lookups:
        if lookup.windows is None:
            continue
        events = f'"mlspec_data"."{version[Address.parse(lookup.windows.events)]}"'
        different |= {
            f"{lookup.address}.{a.name}": rows_of(flights, by_frames(lookup, a, asked, events))
            for a in lookup.windows.aggregates
        }
    assert len(different) > 20
    assert {name: rows[0]["n"] for name, rows in different.items() if rows[0]["n"]} == {}


def by_frames(lookup, one, asked: str, events: str) -> str:
    """How many rows of the dataset hold another value of a feature than a frame gives."""
    keys = ", ".join(f'"{ours}"' for _, ours in lookup.keys)
    theirs = ", ".join(f'"{name}"' for name, _ in lookup.keys)
    known = " AND ".join(f'"{name}" IS NOT NULL' for name, _ in lookup.keys)
    made = {"avg": f"AVG(CAST({one.value} AS DOUBLE))", "count": "COUNT(v)"}[one.function]
    value = f"CAST({one.value} AS DOUBLE)" if one.value else "1.0"
    frame = f"PARTITION BY {keys} ORDER BY t RANGE BETWEEN INTERVAL {one.window} MICROSECOND PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING"
    feature = dict(lookup.features)[one.name]
    return f"""
        WITH stream AS (
            SELECT {keys}, event_time AS t, flight_id AS asks, CAST("{feature}" AS DOUBLE) AS found, NULL::DOUBLE AS v
            FROM {asked} WHERE {known}
            UNION ALL SELECT {theirs}, "{lookup.windows.time}", NULL, NULL, {value} FROM {events}
        ), framed AS (SELECT asks, found, {made.replace(one.value, "v") if one.value else made} OVER ({frame}) AS expected FROM stream)
        SELECT count(*) AS n FROM framed WHERE asks IS NOT NULL
        AND ((found IS NULL) <> (expected IS NULL) OR abs(found - expected) > 1e-9 * greatest(1, abs(expected)))
    """


def test_the_spine_is_whole(flights: Path) -> None:
    [found] = rows_of(
        flights, "SELECT count(*) AS n, count(DISTINCT flight_id) AS ids, avg(late::int) AS rate FROM dev.flight_delay"
    )
    assert (found["n"], found["ids"]) == (334_264, 334_264)
    assert found["rate"] == pytest.approx(0.2529, abs=0.001)
    [split] = rows_of(
        flights, "SELECT count(*) FILTER (late IS NULL) AS unknown FROM dev.flight_delay WHERE split = 'train'"
    )
    assert split["unknown"] == 51


def test_features_are_what_was_known_then(flights: Path) -> None:
    """500 training rows, every feature, against a brute-force recomputation; and not what a leak would have given."""
    raw = Flights(flights / "data")
    ids = sorted(random.Random(2013).sample(sorted(raw.by_id), 600))
    listed = ", ".join(str(i) for i in ids)
    rows = rows_of(flights, f"SELECT * FROM dev.flight_delay WHERE flight_id IN ({listed}) ORDER BY flight_id")[:500]
    assert len(rows) == 500
    names = [n for n in rows[0] if "__" in n]
    assert len(names) == 58
    leaked = 0
    for row in rows:
        at = row["event_time"]
        assert isinstance(at, dt.datetime)
        source = raw.by_id[row["flight_id"]]
        expected = raw.features(source, at)
        assert set(expected) == set(names)
        for name in names:
            assert same(row[name], expected[name]), (row["flight_id"], name, row[name], expected[name])
        leaked += not same(row["carrier_performance__late_rate_1d"], leaky_late_rate(raw, source, at))
    assert leaked > 400


def leaky_late_rate(raw: Flights, row: dict[str, object], at: dt.datetime) -> float | None:
    """The late rate of a day, had every outcome been known at scheduled departure."""
    flights = [r for r in raw.carriers.by_key[row["carrier"],] if at - dt.timedelta(days=1) <= r["sched_dep_ts"] < at]  # type: ignore[operator]
    outcomes = [bool(r["cancelled"] or r["diverted"] or r["arr_delay"] > 15) for r in flights]  # type: ignore[operator]
    return sum(outcomes) / len(outcomes) if outcomes else None


def same(left: object, right: object) -> bool:
    if isinstance(left, float) and isinstance(right, float | int):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
    return left == right


def test_what_the_brute_force_assumes(flights: Path) -> None:
    raw = Flights(flights / "data")
    assert all(known_at(r) is not None and departed_at(r) is not None for r in raw.flights)


def test_layout_and_words_change_nothing(changed: Path) -> None:
    for path in sorted(changed.rglob("*.yaml")):
        if "deploy" not in path.relative_to(changed).parts:
            path.write_text(reformatted(path.read_text("utf-8")), "utf-8")
    for path in sorted(changed.rglob("*.sql")):
        path.write_text(
            "-- another layout\n"
            + sqlglot.transpile(path.read_text("utf-8"), read="duckdb", write="duckdb", pretty=True)[0],
            "utf-8",
        )
    done = mlspec(changed, "plan", "--detailed-exitcode")
    assert done.returncode == 0, done.stdout + done.stderr


def reformatted(text: str) -> str:
    """The same documents with keys in another order, in another style, with comments."""
    documents = read_text(text, "x.yaml", Report())
    turned = [turned_around(d.data) for d in documents]
    blocks = [yaml.safe_dump(json.loads(json.dumps(d)), default_flow_style=i % 2 == 1, sort_keys=False)
              for i, d in enumerate(turned)]  # fmt: skip
    return "# written anew\n" + "---\n# another comment\n".join(blocks)


def turned_around(value: object) -> object:
    if isinstance(value, dict):
        return dict(reversed([(k, turned_around(v)) for k, v in value.items()]))
    if isinstance(value, list):
        return [turned_around(v) for v in value]
    return " \n ".join(value.split(" ")) if isinstance(value, str) and value.lstrip().startswith("SELECT") else value


def test_one_window_changes_what_depends_on_it_and_nothing_else(changed: Path) -> None:
    path = changed / "features" / "airport.yaml"
    path.write_text(
        path.read_text("utf-8").replace("window: 1h, name: dep_delay_now", "window: 2h, name: dep_delay_now"), "utf-8"
    )
    done = mlspec(changed, "plan", "--detailed-exitcode", "--format", "json")
    assert done.returncode == 2, done.stderr
    plan = json.loads(done.stdout)
    assert [(c["symbol"], c["address"], c["consequences"]) for c in plan["changes"]] == [
        ("~", "feature_view.origin_congestion", []),
        ("↻", "dataset.flight_delay", ["backfill"]),
        ("↻", "model.flight_delay", ["retrain"]),
        ("~", "deployment.flight_delay", ["redeploy"]),
    ]
    assert plan["changes"][0]["columns"] == [{"name": "dep_delay_now", "change": "changed"}]
    chain = [
        "feature_view.origin_congestion.dep_delay_now",
        "dataset.flight_delay.origin_congestion__dep_delay_now",
        "model.flight_delay",
    ]
    assert plan["changes"][3]["causes"] == [[*chain, "deployment.flight_delay"]]
    assert [r["team"] for r in plan["reviews"]] == ["flight_platform", "flight_science"]
    done = mlspec(changed, "apply", "--auto-approve")
    assert done.returncode == 0, done.stderr
    assert mlspec(changed, "plan", "--detailed-exitcode").returncode == 0


def test_production_costs_nothing_that_dev_has_paid(changed: Path) -> None:
    with Session(changed, "prod") as session:
        planned = session.plan()
        built = [
            str(c.address)
            for c in planned.plan.changes
            if c.consequences and {"backfill", "retrain"} & set(c.consequences)
        ]
        assert built == []
        assert {c.action for c in planned.plan.changes} == {Action.CREATE, Action.REPOINT}
        applied = session.apply(planned, on_event=lambda event: None)
        assert applied.ok, applied.failed
    with Session(changed, "prod") as session:
        assert session.plan().plan.empty
    with Session(changed, "dev") as session:
        gone = session.apply(session.plan(destroy=True), on_event=lambda event: None)
        assert gone.ok, gone.failed
    with Session(changed, "prod") as session:
        assert session.plan().plan.empty, "destroying dev must not touch what prod stands on"


def test_manifests_are_what_kubernetes_takes(flights: Path) -> None:
    import kubernetes_validate  # noqa: PLC0415 - a hundred megabytes of schemas

    folder = flights / "deploy" / "dev" / "flight_delay"
    documents = [
        d
        for p in sorted(folder.glob("*.yaml"))
        if p.name != "kustomization.yaml"
        for d in yaml.safe_load_all(p.read_text("utf-8"))
    ]
    assert {d["kind"] for d in documents} >= {"Deployment", "Service", "HorizontalPodAutoscaler"}
    for document in documents:
        kubernetes_validate.validate(document, "1.31", strict=True)
    [deployment] = [d for d in documents if d["kind"] == "Deployment"]
    with Session(flights) as session:
        version = session.show("model.flight_delay")["versions"][-1]["version"]
    assert version in json.dumps(deployment["metadata"]["annotations"])


def test_a_model_that_is_not_good_enough_is_not_deployed(changed: Path) -> None:
    path = changed / "training" / "training.yaml"
    path.write_text(path.read_text("utf-8").replace("auc: {min: 0.74, max: 0.85}", "auc: {min: 0.99}"), "utf-8")
    before = sorted(p.read_bytes() for p in (changed / "deploy").rglob("*.yaml"))
    done = mlspec(changed, "apply", "--auto-approve")
    assert done.returncode == 1
    assert "auc" in done.stderr
    assert "0.99" in done.stderr
    assert sorted(p.read_bytes() for p in (changed / "deploy").rglob("*.yaml")) == before
