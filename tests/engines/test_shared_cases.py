"""Published point-in-time and window cases of other projects, replayed through whole projects of ours."""

import datetime as dt
import json
from pathlib import Path

import pytest
from small_projects import apply, read, write_csv, write_project

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "cases" / "pit"
CASES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}

NOT_SAID_HERE = {
    ("chronon-doc-sawtooth", "hopping"): "both ends of the window move in steps; ours is exact at its new end",
    ("chronon-event-windows", "rating_histogram_1d"): "a histogram is no function of ours",
}
FUNCTIONS = {"average": "avg", "unique_count": "count_distinct"}
COUNTS = ("count", "unique_count")
"""Of nothing they are NULL there and 0 here."""

pytestmark = pytest.mark.skipif(
    not CASES, reason=f"THE SHARED CASES ARE ABSENT: no JSON in {FOLDER.name} beside the repository"
)


def of_kind(kind):
    return [pytest.param(c, id=name) for name, c in CASES.items() if c["kind"] == kind]


def typed(table):
    """The columns of a table of a case with the types of ours, and its rows."""
    found = {}
    for index, name in enumerate(table["columns"]):
        held = [row[index] for row in table["rows"] if row[index] is not None]
        kinds = {type(v) for v in held}
        kind = "string"
        if kinds and kinds <= {int}:
            kind = "int64"
        elif kinds and kinds <= {int, float}:
            kind = "float64"
        elif kinds == {str} and all(len(v) > 10 and v[10] == "T" for v in held):
            kind = "timestamptz"
        found[name] = kind
    return found


def source(root, name, table, renamed=(), **fields):
    write_csv(root / f"{name}.csv", table["columns"], table["rows"])
    columns = {dict(renamed).get(n, n): {"type": t, "from": n} for n, t in typed(table).items()}
    return {"kind": "source", "name": name, "files": f"{name}.csv", "columns": columns, **fields}


def dataset(root, spine, features, **more):
    labels = {"sql": "SELECT * FROM spine", "label": "asker", "event_time": "ts"}
    asked = {"columns": [*spine["columns"], "asker"], "rows": [[*row, n] for n, row in enumerate(spine["rows"])]}
    return [
        source(root, "spine", asked),
        {"kind": "feature_set", "name": "chosen", "features": features},
        {"kind": "dataset", "name": "answers", "feature_set": "chosen", "labels": labels, **more},
    ]


def answers(root, documents):
    _, _, applied = apply(write_project(root, documents))
    assert applied.ok, applied.failed
    return sorted(read(root, "dataset.answers"), key=lambda row: row["asker"])


def entities(spine, *key_lists):
    kinds = typed(spine)
    return [
        {"kind": "entity", "name": f"e{i}", "keys": {k: kinds[k] for k in keys}} for i, keys in enumerate(key_lists)
    ]


def instant(value):
    return dt.datetime.fromisoformat(value) if isinstance(value, str) and value[10:11] == "T" else value


def window_of(seconds, hop):
    """A window of ours; one that moves by the second is one that is exact."""
    window = {"window": f"{seconds}s" if seconds else "all"}
    return {**window, "hop": f"{hop}s"} if hop and hop > 1 and seconds and seconds % hop == 0 else window


def check_answers(found, expected, renamed, counts=()):
    shown = [
        tuple(instant(row[renamed.get(c, c)]) for c in expected["columns"] if renamed.get(c, c) in row) for row in found
    ]
    kept = [i for i, c in enumerate(expected["columns"]) if renamed.get(c, c) in found[0]]
    zeros = [i for i, c in enumerate(expected["columns"]) if c in counts]
    assert shown == [
        tuple(0 if i in zeros and row[i] is None else instant(row[i]) for i in kept) for row in expected["rows"]
    ]


@pytest.mark.parametrize("case", of_kind("asof"))
def test_as_of(case, tmp_path):
    assert set(case) >= {"spine", "views", "expected"}
    cut_off = case.get("created_cutoff", False)
    documents = entities(case["spine"], *[v["keys"] for v in case["views"]])
    renamed = {}
    for index, view in enumerate(case["views"]):
        # a `created` that cuts nothing off does no more than break ties
        created = (
            {"available_time" if cut_off else "tie_break": "created"} if "created" in view["data"]["columns"] else {}
        )
        mapping = view.get("key_mapping", {})
        documents.append(
            source(tmp_path, f"data{index}", view["data"], mapping.items(), event_time="event_ts", **created)
        )
        ttl = {"ttl": f"{view['ttl_seconds']}s"} if view["ttl_seconds"] else {}
        documents.append({"kind": "feature_view", "name": view["name"], "entities": [f"e{index}"], "source": f"data{index}",
                          "latest": view["features"], **ttl})  # fmt: skip
        renamed |= {f: f"{view['name']}__{f}" for f in view["features"]}
    documents += dataset(tmp_path, case["spine"], [f"{v['name']}.*" for v in case["views"]])
    check_answers(answers(tmp_path, documents), case["expected"], renamed)


@pytest.mark.parametrize("case", of_kind("event_windows"))
def test_event_windows(case, tmp_path):
    key = case["queries"]["columns"][0]
    read_from = case["start_partition"]
    partitions = case["events"]["columns"].index("ds") if read_from else -1
    kept = [row for row in case["events"]["rows"] if not read_from or row[partitions] >= read_from]
    events = {"columns": case["events"]["columns"], "rows": kept}
    documents = [*entities(case["queries"], [key]), source(tmp_path, "events", events, event_time="ts")]
    wanted = [a for a in case["aggregations"] if (case["id"], a["name"]) not in NOT_SAID_HERE]
    last = [a for a in wanted if a["op"] == "last"]
    folded = [
        {"function": FUNCTIONS.get(a["op"], a["op"]), "name": a["name"], "column": a["input"],
         **window_of(a["window_seconds"], a.get("hop_seconds"))}
        for a in wanted if a["op"] != "last"
    ]  # fmt: skip
    if folded:
        documents.append(
            {"kind": "feature_view", "name": "v", "entities": ["e0"], "source": "events", "aggregations": folded}
        )
    if last:
        latest = {a["name"]: a["input"] for a in last}
        documents.append(
            {
                "kind": "feature_view",
                "name": "v",
                "entities": ["e0"],
                "source": "events",
                "latest": latest,
                "boundary": "exclusive",
            }
        )
    documents += dataset(tmp_path, case["queries"], ["v.*"])
    counts = [a["name"] for a in wanted if a["op"] in COUNTS]
    check_answers(
        answers(tmp_path, documents), case["expected"], {a["name"]: f"v__{a['name']}" for a in wanted}, counts
    )


STATES = """
SELECT *, 1 AS sign, CAST(CAST(ds AS DATE) + INTERVAL 1 DAY AS TIMESTAMP) AT TIME ZONE 'UTC' AS known FROM snapshot
UNION ALL
SELECT *, -1, CAST(CAST(ds AS DATE) + INTERVAL 2 DAY AS TIMESTAMP) AT TIME ZONE 'UTC' FROM snapshot
UNION ALL
SELECT {columns}, ds, CASE WHEN is_before THEN -1 ELSE 1 END, mutation_ts FROM log
UNION ALL
SELECT {columns}, ds, CASE WHEN is_before THEN 1 ELSE -1 END,
       CAST(CAST(ds AS DATE) + INTERVAL 1 DAY AS TIMESTAMP) AT TIME ZONE 'UTC' FROM log
"""
"""A table that changes, as rows that come and rows that take them back: what a day's snapshot holds is known from the
next day on, for a day; a line of the log until the snapshot of its day is known."""


@pytest.mark.parametrize("case", of_kind("entity_mutations"))
def test_a_table_that_changes(case, tmp_path):
    key, value = case["queries"]["columns"][0], case["input"]
    columns = ", ".join(c for c in case["snapshot"]["columns"] if c != "ds")
    documents = [
        *entities(case["queries"], [key]),
        source(tmp_path, "snapshot", case["snapshot"]),
        source(tmp_path, "log", case["mutations"]),
        {"kind": "source", "name": "states", "query": STATES.format(columns=columns), "event_time": "ts",
         "available_time": "known"},
    ]  # fmt: skip
    aggregations = [
        {"function": "sum", "name": "total", "expression": f"{value} * sign"},
        {"function": "sum", "name": "rows", "expression": f"CASE WHEN {value} IS NOT NULL THEN sign END"},
    ]
    seconds = case["window_seconds"]
    windowed = [{**a, **window_of(seconds, case["hop_seconds"])} for a in aggregations]
    documents.append(
        {"kind": "feature_view", "name": "v", "entities": ["e0"], "source": "states", "aggregations": windowed}
    )
    documents += dataset(tmp_path, case["queries"], ["v.*"])
    found = answers(tmp_path, documents)
    for row in found:
        row["v"] = row["v__total"] if row["v__rows"] else None
        if case["aggregation"] == "average" and row["v__rows"]:
            row["v"] = row["v__total"] / row["v__rows"]
    [name] = [c for c in case["expected"]["columns"] if c not in case["queries"]["columns"]]
    check_answers(found, case["expected"], {name: "v"})


@pytest.mark.parametrize("case", of_kind("tile_merge"))
def test_groups_of_rows_are_as_good_as_their_rows(case, tmp_path):
    columns = ["k", *case["tiles"][0]["columns"]]
    rows = [[1, *row] for tile in case["tiles"] for row in tile["rows"]]
    wanted = {name: name.rstrip(")").partition("(")[::2] for name in case["expected"]}
    aggregations = [
        {"function": FUNCTIONS.get(function, function), "name": f"{function}_{column}", "column": column}
        for function, column in wanted.values()
    ]
    instants = [[*row[:1], dt.datetime.fromtimestamp(row[1] / 1000, dt.UTC).isoformat(), *row[2:]] for row in rows]
    spine = {"columns": ["k", "ts"], "rows": [[1, "2018-03-02T00:00:00+00:00"]]}
    documents = [
        *entities(spine, ["k"]),
        source(tmp_path, "events", {"columns": columns, "rows": instants}, event_time="ts_ms"),
        {"kind": "feature_view", "name": "v", "entities": ["e0"], "source": "events", "aggregations": aggregations, "windows": ["7d"]},
        *dataset(tmp_path, spine, ["v.*"]),
    ]  # fmt: skip
    [row] = answers(tmp_path, documents)
    assert {name: row[f"v__{f}_{c}_7d"] for name, (f, c) in wanted.items()} == case["expected"]


@pytest.mark.parametrize("case", of_kind("label_window"))
def test_label_window(tmp_path, case):
    """A day is a date there: `[left ds, left ds + 5 days)` is known when the data of the last of them is complete."""
    left, held = case["left"], case["labels"]
    window, kinds = f"{case['window_days']}d", {"listing": "int64", "ds": "timestamp", "is_active": "int64"}
    write_csv(tmp_path / "left.csv", ["n", *left["columns"]], [[n, *row] for n, row in enumerate(left["rows"])])
    write_csv(tmp_path / "labels.csv", held["columns"], held["rows"])
    label = {
        "function": "max",
        "column": "is_active",
        "name": "label",
        "source": "labels",
        "keys": ["listing"],
        "window": window,
    }
    documents = [
        {"kind": "source", "name": "asked", "files": "left.csv", "columns": {"n": "int64", "listing": "int64", "ds": "timestamp"}},
        {"kind": "source", "name": "labels", "files": "labels.csv", "columns": {c: kinds[c] for c in held["columns"]}, "event_time": "ds"},
        {"kind": "entity", "name": "listing", "keys": {"listing": "int64"}},
        {"kind": "feature_view", "name": "view", "entities": ["listing"], "on_request": {"inputs": {"n": "int64"}, "features": {"n": "n"}}},
        {"kind": "feature_set", "name": "chosen", "features": ["view.*"]},
        {"kind": "dataset", "name": "answers", "feature_set": "chosen",
         "labels": {"sql": "SELECT n, listing, ds FROM asked", "event_time": "ds", "forward": [label]}},
    ]  # fmt: skip
    _, _, applied = apply(write_project(tmp_path, documents))
    assert applied.ok, applied.failed
    found = [
        (row["listing"], row["ds"][:10], row["label"])
        for row in read(tmp_path, "dataset.answers")
        if row["label"] is not None
    ]
    assert sorted(found) == sorted((listing, ds, label) for listing, ds, _, label in case["expected"]["rows"])


def test_every_case_runs_or_says_why_not():
    run = {"asof", "event_windows", "entity_mutations", "tile_merge", "label_window"}
    assert {c["kind"] for c in CASES.values()} <= run
    assert {name for name, _ in NOT_SAID_HERE} <= set(CASES)
