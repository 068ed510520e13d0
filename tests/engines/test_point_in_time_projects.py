"""Random whole projects, applied and read back: every cell of the dataset against the plain reference in `oracle.py`."""

import datetime as dt
import math
import os
import random
from dataclasses import replace
from zoneinfo import ZoneInfo

import duckdb
import pytest
from oracle import Timing, latest, windowed
from servers import postgres
from small_projects import apply, read, write_csv, write_project
from spark_here import ENGINE, needs_spark

UTC, NEW_YORK = dt.UTC, ZoneInfo("America/New_York")
SPRING, AUTUMN = dt.datetime(2024, 3, 10, tzinfo=UTC), dt.datetime(2024, 11, 3, tzinfo=UTC)
SPANS = {
    "45m": dt.timedelta(minutes=45),
    "1h": dt.timedelta(hours=1),
    "90m": dt.timedelta(minutes=90),
    "1d": dt.timedelta(days=1),
    "all": None,
}
FUNCTIONS = ("count", "sum", "avg", "min", "max", "stddev", "variance", "median", "count_distinct")
WHERES = {
    None: lambda _: True,
    "v >= 2": lambda r: r["v"] is not None and r["v"] >= 2,
    "x IS NULL": lambda r: r["x"] is None,
}
MICROSECOND = dt.timedelta(microseconds=1)
LABELS = ("id", "k", "j", "asked", "label")
TYPES = {
    "k": "int64",
    "j": "string",
    "at": "timestamptz",
    "known": "timestamptz",
    "tie": "int32",
    "v": "int32",
    "x": "float64",
}
SQL = {"k": "INTEGER", "local": "TIMESTAMP", "v": "INTEGER", "x": "DOUBLE", "day": "DATE"}


class Made:
    """Rows, the view that is made of them, and what the reference says about it."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.day = dice.choice([SPRING, AUTUMN])

    def moment(self):
        """Few different moments, so that they meet; some a microsecond beside."""
        found = self.day + dt.timedelta(hours=3, minutes=15 * self.dice.randrange(24))
        return found + self.dice.choice([0, 0, 0, 1, -1]) * MICROSECOND

    def sometimes(self, value, share=0.1):
        return None if self.dice.random() < share else value

    def values(self):
        return {
            "v": self.sometimes(self.dice.randrange(-2, 5)),
            "x": self.sometimes(round(self.dice.uniform(-1, 1), 3), 0.2),
        }

    def late_rows(self):
        """Composite keys; rows known later or earlier than they happened, or never; doubles that only `tie` tells apart."""
        found, shift = [], [0, 0, 15, 60, -30, None]
        for _ in range(self.dice.randrange(60)):
            at, late = self.sometimes(self.moment()), self.dice.choice(shift)
            known = None if at is None or late is None else at + dt.timedelta(minutes=late)
            keys = {"k": self.sometimes(self.dice.randrange(3)), "j": self.sometimes(self.dice.choice("ab"))}
            found.append({**keys, "at": at, "known": known, "tie": len(found), **self.values()})
        return found

    def local_rows(self):
        """Wall-clock times of New York, one row a key and moment; hours that come twice, or never, among them."""
        found = {}
        for _ in range(self.dice.randrange(40)):
            local = self.day.replace(tzinfo=None) + dt.timedelta(minutes=30 * self.dice.randrange(10))
            row = {"k": self.dice.randrange(3), "local": local, "at": later_reading(local), **self.values()}
            found[row["k"], row["at"]] = row
        return list(found.values())

    def daily_rows(self):
        days = {
            (self.dice.randrange(3), self.day.date() + dt.timedelta(days=self.dice.randrange(-2, 1))) for _ in range(6)
        }
        return [{"k": k, "day": day, **self.values()} for k, day in sorted(days)]

    def spine(self):
        asked = [
            {"k": self.sometimes(self.dice.randrange(4)), "j": self.sometimes(self.dice.choice("abc")),
             "asked": self.sometimes(self.moment() + dt.timedelta(minutes=self.dice.choice([0, 45, 1440]))), "label": i % 2}
            for i in range(self.dice.randrange(1, 40))
        ]  # fmt: skip
        asked = [{"id": i, **row} for i, row in enumerate(asked)]
        return asked + [self.dice.choice(asked) for _ in range(4)]

    def aggregations(self, name):
        written = []
        for i in range(self.dice.randrange(1, 5)):
            function = self.dice.choice(FUNCTIONS)
            one = {
                "function": function,
                "name": f"{name}{i}",
                "windows": self.dice.sample(sorted(SPANS), 2),
                "column": self.dice.choice("vx"),
            }
            if where := self.dice.choice([*WHERES]):
                one["where"] = where
            if self.dice.random() < 0.25:
                one["offset"] = self.dice.choice(["45m", "1h"])
            written.append(one)
        return written


def later_reading(local):
    """The moment that a wall-clock time means: of two, or of the two beside a gap, the later one."""
    return max(local.replace(tzinfo=NEW_YORK, fold=f).astimezone(UTC) for f in (0, 1))


def of_windows(name, written, rows, timing, keys):
    """What the reference says of each feature of a view of windows."""
    found = {}
    for one in written:
        for span in one["windows"]:
            found[f"{name}__{one['name']}_{span}"] = lambda asked, one=one, span=span: windowed(
                rows, {k: asked[k] for k in keys}, asked["asked"], timing, one["function"], lambda r: r[one["column"]],
                window=SPANS[span], offset=SPANS[one["offset"]] if "offset" in one else dt.timedelta(0), where=WHERES[one.get("where")],
            )  # fmt: skip
    return found


def of_latest(name, features, rows, timing, keys):
    def answer(asked, feature):
        row = latest(rows, {k: asked[k] for k in keys}, asked["asked"], timing)
        return row and row[feature]

    return {f"{name}__{f}": lambda asked, f=f: answer(asked, f) for f in features}


def view(name, entity, source, **fields):
    return {"kind": "feature_view", "name": name, "entities": [entity], "source": source, **fields}


def random_project(root, seed, **environment):
    """Writes a project; answers its spine and, for each feature, what the reference says."""
    made = Made(random.Random(seed))
    late, local, daily, spine = made.late_rows(), made.local_rows(), made.daily_rows(), made.spine()
    root.mkdir()
    write_csv(root / "late.csv", TYPES, [[r[n] for n in TYPES] for r in late])
    write_csv(root / "spine.csv", LABELS, [[r[n] for n in LABELS] for r in spine])
    write_parquet(root / "local.parquet", ("k", "local", "v", "x"), local)
    write_parquet(root / "daily.parquet", ("k", "day", "v", "x"), daily)
    closed, fresh = made.dice.random() < 0.5, made.dice.choice(["1h", "1d"])
    boundary = {"boundary": "inclusive" if closed else "exclusive"}
    both, one = made.aggregations("f"), made.aggregations("g")
    columns = {"v": "int32", "x": "float64"}
    documents = [
        {"kind": "entity", "name": "pair", "keys": {"k": "int32", "j": "string"}},
        {"kind": "entity", "name": "single", "keys": {"k": "int64"}},
        {"kind": "source", "name": "late", "files": "late.csv", "columns": TYPES, "event_time": "at", "available_time": "known", "tie_break": "tie"},
        {"kind": "source", "name": "local", "files": "local.parquet", "columns": {"k": "int32", "local": "timestamp", **columns},
         "event_time": "local", "timezone": "America/New_York"},
        {"kind": "source", "name": "daily", "files": "daily.parquet", "columns": {"k": "int32", "day": "date", **columns},
         "event_time": "day", "timezone": "UTC"},
        {"kind": "source", "name": "spine", "files": "spine.csv",
         "columns": {"id": "int64", "k": "int64", "j": "string", "asked": "timestamptz", "label": "int32"}},
        view("windows", "pair", "late", aggregations=both, **boundary),
        view("newest", "pair", "late", latest=["v", "x"], ttl=fresh, **boundary),
        view("local_windows", "single", "local", aggregations=one),
        view("local_newest", "single", "local", latest={"v": "v", "half": "x / 2"}),
        view("yesterday", "single", "daily", latest=["v"]),
        {"kind": "feature_view", "name": "constant", "entities": ["single"], "sql": "SELECT k, max(v) AS top FROM local GROUP BY k"},
        {"kind": "feature_set", "name": "chosen", "features": [f"{v}.*" for v in
         ("yesterday", "windows", "newest", "constant", "local_windows", "local_newest")]},
        {"kind": "dataset", "name": "answers", "feature_set": "chosen",
         "labels": {"sql": "SELECT * FROM spine", "label": "label", "event_time": "asked"}},
    ]  # fmt: skip
    write_project(root, documents, **environment)
    known = Timing("at", "known", "tie", inclusive=closed)
    plain = Timing("at", inclusive=False)
    halves = [{**r, "half": None if r["x"] is None else r["x"] / 2} for r in local]
    ended = [{**r, "day": dt.datetime.combine(r["day"], dt.time(), UTC)} for r in daily]
    ended = [{**r, "end": r["day"] + dt.timedelta(days=1)} for r in ended]
    tops = [
        {"k": k, "top": max((r["v"] for r in local if r["k"] == k and r["v"] is not None), default=None)}
        for k in {r["k"] for r in local}
    ]
    return spine, {
        **of_windows("windows", both, late, known, ("k", "j")),
        **of_latest("newest", ("v", "x"), late, replace(known, ttl=SPANS[fresh]), ("k", "j")),
        **of_windows("local_windows", one, local, plain, ("k",)),
        **of_latest("local_newest", ("v", "half"), halves, Timing("at"), ("k",)),
        **of_latest("yesterday", ("v",), ended, Timing("day", "end"), ("k",)),
        **of_latest("constant", ("top",), tops, Timing(), ("k",)),
    }


def write_parquet(path, names, rows):
    with duckdb.connect(":memory:") as made:
        made.execute(f"CREATE TABLE t ({', '.join(f'{n} {SQL[n]}' for n in names)})")
        if rows:
            made.executemany(
                f"INSERT INTO t VALUES ({', '.join('?' for _ in names)})", [[r[n] for n in names] for r in rows]
            )
        made.execute(f"COPY t TO '{path}' (FORMAT parquet)")


ON_SPARK = [pytest.param(n, "spark", marks=[*needs_spark, pytest.mark.slow]) for n in (0, 7)]


@pytest.mark.parametrize(
    ("seed", "engine"), [(n, "duckdb") for n in range(12)] + [(n, "postgres") for n in range(12, 18)] + ON_SPARK
)
def test_a_random_project(seed, engine, tmp_path):
    where = {}
    if engine == "postgres":
        server = postgres()
        where = {"engine": {"type": "postgres", "dsn": server.dsn(server.fresh(f"random_{os.getpid()}"))}}
    elif engine == "spark":
        where = {"engine": ENGINE}
    spine, reference = random_project(tmp_path / "p", seed, **where)
    _, _, applied = apply(tmp_path / "p")
    assert applied.ok, applied.failed
    found = sorted(read(tmp_path / "p", "dataset.answers"), key=lambda r: r["id"])
    asked = sorted(spine, key=lambda r: r["id"])
    assert [r["id"] for r in found] == [r["id"] for r in asked]
    assert set(reference) == {n for n in found[0] if "__" in n}
    for row, question in zip(found, asked, strict=True):
        assert (row["k"], row["j"], row["label"]) == (question["k"], question["j"], question["label"])
        assert (row["asked"] and dt.datetime.fromisoformat(row["asked"])) == question["asked"]
        for name, answer in reference.items():
            expected = answer(question)
            if isinstance(row[name], float):
                assert expected is not None
                assert math.isclose(row[name], expected, rel_tol=1e-9, abs_tol=1e-12), (name, question)
            else:
                assert row[name] == expected, (name, question)


NEVER_SEEN = [[1, None, 5], [1, None, 6], [None, SPRING, 1], [None, SPRING, 2], [1, SPRING, 7]]


def test_rows_that_are_never_seen_may_be_double(tmp_path):
    write_csv(tmp_path / "rows.csv", ("k", "at", "v"), NEVER_SEEN)
    source = {
        "kind": "source",
        "name": "rows",
        "files": "rows.csv",
        "columns": {"k": "int64", "at": "timestamptz", "v": "int32"},
        "event_time": "at",
    }
    entity = {"kind": "entity", "name": "single", "keys": {"k": "int64"}}
    _, _, applied = apply(write_project(tmp_path, [source, entity, view("newest", "single", "rows", latest=["v"])]))
    assert applied.ok, applied.failed
    asked = read(tmp_path, "newest", at=str(SPRING), keys={"k": "1"})
    assert [row["v"] for row in asked] == [7]


def test_rows_of_which_nothing_says_which_is_last_are_refused(tmp_path):
    write_csv(tmp_path / "rows.csv", ("k", "at", "v"), [*NEVER_SEEN, [1, SPRING, 8]])
    source = {
        "kind": "source",
        "name": "rows",
        "files": "rows.csv",
        "columns": {"k": "int64", "at": "timestamptz", "v": "int32"},
        "event_time": "at",
    }
    entity = {"kind": "entity", "name": "single", "keys": {"k": "int64"}}
    _, _, applied = apply(write_project(tmp_path, [source, entity, view("newest", "single", "rows", latest=["v"])]))
    assert [(str(f.address), f.code) for f in applied.failed] == [("feature_view.newest", "ambiguous-latest")]
