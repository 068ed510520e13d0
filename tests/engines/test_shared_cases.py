"""Published point-in-time and window cases of other projects, replayed through whole projects of ours."""

import datetime as dt
import json
from pathlib import Path

import pytest
from small_projects import apply, read, write_csv, write_project

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "cases" / "pit"
CASES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}

OUT_OF_SCOPE = {
    "chronon-fetcher-mutations-sum": "rows that take back earlier rows: a source of ours only grows",
    "chronon-mut-insert": "rows that take back earlier rows: a source of ours only grows",
    "chronon-mut-update-value": "rows that take back earlier rows: a source of ours only grows",
    "chronon-tile-merge": "intermediate results of tiles: ours are never seen",
}
NOT_SAID_HERE = {
    ("chronon-doc-sawtooth", "sawtooth"): "the old end of the window moves in steps (`hop`)",
    ("chronon-doc-sawtooth", "hopping"): "both ends of the window move in steps",
    ("chronon-event-windows", "rating_histogram_1d"): "a histogram is no function of ours",
}
FUNCTIONS = {"average": "avg", "unique_count": "count_distinct"}
COUNTS = ("count", "unique_count")
"""Of nothing they are NULL there and 0 here."""

pytestmark = pytest.mark.skipif(
    not CASES, reason=f"THE SHARED CASES ARE ABSENT: no JSON in {FOLDER.name} beside the repository"
)


def of_kind(kind):
    return [pytest.param(c, id=name) for name, c in CASES.items() if c["kind"] == kind and name not in OUT_OF_SCOPE]


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
         "window": f"{a['window_seconds']}s" if a["window_seconds"] else "all"}
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


def test_every_case_runs_or_says_why_not():
    kinds = {c["kind"] for name, c in CASES.items() if name not in OUT_OF_SCOPE}
    assert kinds == {"asof", "event_windows", "label_window"}
    assert set(OUT_OF_SCOPE) <= set(CASES)
    assert {name for name, _ in NOT_SAID_HERE} <= set(CASES)


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
