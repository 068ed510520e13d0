"""Point-in-time answers of every engine, cell by cell against the plain reference in `oracle.py`."""

import datetime as dt
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Timing, forward, latest, windowed

from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Aggregate, AsOf, Boundary, Column, Keep, Lookup, Relation, Windows
from mlspec.ir.relation import Timing as SqlTiming
from mlspec.ir.sql.aggregates import FUNCTIONS, ZERO_OF_NOTHING, result_type
from mlspec.ir.sql.lookups import look_up

FAST = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
HOUR = dt.timedelta(hours=1)
BASE = dt.datetime(2024, 3, 10)  # noqa: DTZ001 - wall-clock UTC, as a `timestamp` is
TICKS = (dt.timedelta(0), dt.timedelta(0), dt.timedelta(microseconds=1), dt.timedelta(microseconds=-1))

times = st.builds(lambda h, d: BASE + h * HOUR + d, st.integers(0, 7), st.sampled_from(TICKS))
maybe_times = st.one_of(times, times, times, times, st.none())
keys = st.one_of(st.sampled_from([1, 1, 2]), st.sampled_from([1, 2, None]))
values = st.one_of(st.integers(-3, 3), st.none())
floats = st.one_of(st.sampled_from([0.1, 0.2, 0.3, -1.5, 1e9]), st.none())
spines = st.lists(
    st.fixed_dictionaries({"k": keys, "j": st.sampled_from(["a", "b", None]), "asked": maybe_times}), max_size=8
)
DOUBLED = (dt.timedelta(0), HOUR, 3 * HOUR, -HOUR)


def rows_of(**more):
    columns = {"k": keys, "j": st.sampled_from(["a", "b", None]), "time": maybe_times, "v": values, "x": floats, **more}
    return st.lists(st.fixed_dictionaries(columns), max_size=14)


def available(rows, lateness):
    """Rows with the time at which each became known: earlier than it happened, later, or never."""
    added = [late for late, _ in zip(lateness, rows, strict=False)]
    known = [
        None if late is None or r["time"] is None else r["time"] + late for r, late in zip(rows, added, strict=True)
    ]
    return [{**r, "known": k} for r, k in zip(rows, known, strict=True)]


lateness = st.lists(st.sampled_from([*DOUBLED, None, HOUR / 2]), min_size=14, max_size=14)

SQL_TYPES = {"k": "BIGINT", "j": "VARCHAR", "time": "TIMESTAMP", "known": "TIMESTAMP", "asked": "TIMESTAMP", "v": "INTEGER", "x": "DOUBLE",
             "until": "TIMESTAMP", "tie": "INTEGER", "n": "BIGINT"}  # fmt: skip
TYPES = {
    "k": "int64",
    "j": "string",
    "time": "timestamp",
    "known": "timestamp",
    "until": "timestamp",
    "v": "int32",
    "x": "float64",
    "tie": "int32",
}


def table(engine, name, names, rows):
    engine.table(name, {n: SQL_TYPES[n] for n in names}, rows)


def asked_of(engine, spine, lookups, way=0):
    """One answer a spine row, in the order of the spine."""
    as_of = AsOf('SELECT "k", "j", "asked", "n" FROM "spine"', ("k", "j", "asked", "n"), "asked", tuple(lookups))
    return answered(engine, spine, as_of, way)


def answered(engine, spine, as_of, way=0):
    table(engine, "spine", ["k", "j", "asked", "n"], [{**r, "n": n} for n, r in enumerate(spine)])
    answers = engine.answers(Relation("", (), "", as_of=as_of), engine.way(way))
    assert [a["n"] for a in answers] == list(range(len(spine))), "the spine is sacred: all rows, once, in order"
    return answers


def same(found, expected) -> bool:
    if isinstance(found, float) and isinstance(expected, int | float):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(same(f, e) for f, e in zip(found, expected, strict=True))
    return type(found) is type(expected) and found == expected


def by_key(row, names):
    return {n: row[n] for n in names}


# -- the latest value --------------------------------------------------------------------------------------------------


def without_ties(rows, timing, names):
    """Rows of which the timing tells which is the last, as an engine demands it."""
    seen, kept = set(), []
    for row in rows:
        identity = tuple(row[n] for n in (*names, timing.time, timing.available, timing.tie_break) if n)
        if identity not in seen:
            seen.add(identity)
            kept.append(row)
    return kept


def latest_view(name, timing, names):
    kept = SqlTiming(timing.time, timing.available, timing.tie_break, Boundary.INCLUSIVE if timing.inclusive else Boundary.EXCLUSIVE,
                     int(timing.ttl / dt.timedelta(microseconds=1)) if timing.ttl else 0, timing.until)  # fmt: skip
    columns = tuple(Column(n, ColumnType(t), n) for n, t in TYPES.items())
    relation = Relation("", columns, "", keys=names, timing=kept)
    return look_up(name, relation, (("v", f"{name}_v"), ("x", f"{name}_x")), tuple((n, n) for n in names))


timings = st.builds(
    Timing,
    st.just("time"),
    st.sampled_from(["", "known"]),
    st.sampled_from(["", "tie"]),
    st.booleans(),
    st.sampled_from([None, HOUR, 2 * HOUR]),
    st.sampled_from(["", "", "until"]),
)
ways = st.integers(0, 2)
"""Which of the formulations that an engine can run."""
key_names = st.sampled_from([("k",), ("j",), ("k", "j")])


@FAST
@given(
    rows_of(tie=st.one_of(st.integers(0, 2), st.none()), until=maybe_times), lateness, timings, key_names, spines,
    ways,
)  # fmt: skip
def test_the_latest_value(engine, rows, late, timing, names, spine, way):
    rows = without_ties(available(rows, late), timing, names)
    table(engine, "view", [*TYPES], rows)
    for answer in asked_of(engine, spine, [latest_view("view", timing, names)], way):
        expected = latest(rows, by_key(answer, names), answer["asked"], timing)
        for feature in ("v", "x"):
            assert same(answer[f"view_{feature}"], expected and expected[feature])


@FAST
@given(
    rows_of(tie=st.integers(0, 2), until=maybe_times),
    lateness,
    timings,
    timings,
    key_names,
    spines,
    ways,
)
def test_several_views_do_not_disturb_each_other(engine, rows, late, one, other, names, spine, way):
    everything = available(rows, late)
    first, second = without_ties(everything, one, names), without_ties(everything, other, ("k",))
    table(engine, "first", [*TYPES], first)
    table(engine, "second", [*TYPES], second)
    for answer in asked_of(
        engine, spine, [latest_view("first", one, names), latest_view("second", other, ("k",))], way
    ):
        for name, kept, timing, on in (("first", first, one, names), ("second", second, other, ("k",))):
            expected = latest(kept, by_key(answer, on), answer["asked"], timing)
            assert same(answer[f"{name}_v"], expected and expected["v"])


@FAST
@given(st.dictionaries(st.sampled_from([1, 2, 3, None]), values), spines)
def test_rows_without_time_are_always_true(engine, held, spine):
    rows = [
        {"k": k, "v": v, "j": None, "time": None, "known": None, "x": None, "tie": None, "until": None}
        for k, v in held.items()
    ]
    table(engine, "view", [*TYPES], rows)
    for answer in asked_of(engine, spine, [latest_view("view", Timing(), ("k",))]):
        expected = latest(rows, by_key(answer, ("k",)), answer["asked"], Timing())
        assert same(answer["view_v"], expected and expected["v"])


# -- windows -----------------------------------------------------------------------------------------------------------

WHERES = {"": lambda _: True, "v > 0": lambda r: r["v"] is not None and r["v"] > 0, "j = 'a'": lambda r: r["j"] == "a"}
READ = {"v": lambda r: r["v"], "x": lambda r: r["x"], "": lambda _: 1}


ARGUMENTS = {"percentile": (0.0, 0.25, 0.9), "last_n": (1, 2), "distinct_n": (1, 2)}
HOPS = {HOUR: (HOUR / 2,), 2 * HOUR: (HOUR, HOUR / 4), 3 * HOUR: (HOUR, 3 * HOUR)}


@st.composite
def aggregates(draw, functions=FUNCTIONS, read=("v", "x")):
    function = draw(st.sampled_from(functions))
    value = draw(st.sampled_from([*read, ""] if function in {"count", "ratio"} else read))
    window, offset = draw(st.sampled_from([0, 1, 2, 3])) * HOUR, draw(st.sampled_from([0, 0, 0, 1])) * HOUR
    hop = draw(st.sampled_from([None, None, *HOPS.get(window, ())]))
    where, among = draw(st.sampled_from([*WHERES])), ""
    if function == "ratio":
        value = draw(st.sampled_from(["", "v"]))
        where, among = where or "v > 0", draw(st.sampled_from([*WHERES]))
    argument = draw(st.sampled_from(ARGUMENTS[function])) if function in ARGUMENTS else None
    return function, value, window, offset, hop, where, among, argument


def lowered(written, name):
    function, value, window, offset, hop, where, among, argument = written
    one = dt.timedelta(microseconds=1)
    kind = ColumnType(TYPES[value]) if value else None
    return Aggregate(
        name, function, window // one, result_type(function, kind), offset // one, hop // one if hop else 0,
        f'"{value}"' if value else "", kind, where, among, float(argument or 0),
    )  # fmt: skip


def check_windows(engine, rows, late, written, boundary, names, spine, known, order="", *, keep=Keep.VIEW, way=0):
    rows = available(rows, late)
    table(engine, "source.rows", [*TYPES], [{"tie": None, "until": None, **r} for r in rows])
    made = tuple(lowered(w, f"f{i}") for i, w in enumerate(written))
    windows = Windows("source.rows", names, "time", made, known, order, boundary)
    columns = tuple(Column(a.name, a.type, a.name, empty=a.function in ZERO_OF_NOTHING) for a in made)
    relation = Relation(
        "", columns, "", keep, keys=names, timing=SqlTiming("event_time", boundary=boundary), windows=windows
    )
    if keep is Keep.TABLE:
        engine.make("view", relation, engine.way(way))
    lookup = look_up("view", relation, tuple((a.name, a.name) for a in made), tuple((n, n) for n in names))
    timing = Timing("time", known, order, inclusive=boundary is Boundary.INCLUSIVE)
    answers = asked_of(engine, spine, [lookup], way)
    for answer in answers:
        for one, (function, value, window, offset, hop, where, among, argument) in zip(made, written, strict=True):
            expected = windowed(
                [{"tie": None, **r} for r in rows], by_key(answer, names), answer["asked"], timing,
                "count_distinct" if function == "approx_count_distinct" else function, READ[value],
                window=window, offset=offset, hop=hop, where=WHERES[where], among=WHERES[among],
                argument=() if argument is None else (argument,),
            )  # fmt: skip
            as_float = one.type.name == "float64" and expected is not None
            assert same(answer[one.name], float(expected) if as_float else expected), (one, expected, answer)
    if keep is Keep.TABLE:
        twice = f'SELECT 1 AS twice FROM "view" GROUP BY {", ".join(names)}, event_time HAVING count(*) > 1'
        assert engine.rows(twice) == [], "one row for each moment"
    return answers


window_cases = (rows_of(), lateness)
boundaries, known_columns = st.sampled_from(Boundary), st.sampled_from(["", "known"])


keeps = st.builds(dict, keep=st.sampled_from([Keep.VIEW, Keep.TABLE]), way=ways)


@FAST
@given(
    *window_cases, st.lists(aggregates(), min_size=1, max_size=4), boundaries, key_names, spines, known_columns, keeps
)
def test_windows(engine, rows, late, written, boundary, names, spine, known, how):
    check_windows(engine, rows, late, written, boundary, names, spine, known, **how)


@FAST
@given(
    *window_cases, st.lists(aggregates(("count", "sum", "avg", "ratio"), ("v",)), min_size=1, max_size=4), boundaries,
    key_names, spines, known_columns, keeps,
)  # fmt: skip
def test_windows_by_running_sums(engine, rows, late, written, boundary, names, spine, known, how):
    check_windows(engine, rows, late, written, boundary, names, spine, known, **how)


@FAST
@given(
    rows_of(tie=st.one_of(st.integers(0, 2), st.none())), lateness,
    st.lists(aggregates(("first", "last", "last_n", "distinct_n")), min_size=1, max_size=3),
    boundaries, key_names, spines, known_columns, st.sampled_from(["", "tie"]), keeps,
)  # fmt: skip
def test_windows_of_rows_in_order(engine, rows, late, written, boundary, names, spine, known, order, how):
    check_windows(engine, rows, late, written, boundary, names, spine, known, order, **how)


# -- labels that look forward ------------------------------------------------------------------------------------------


@FAST
@given(
    rows_of(), st.lists(aggregates(("count", "sum", "avg", "min", "max", "median", "count_distinct", "first", "last")), min_size=1, max_size=3),
    key_names, spines,
)  # fmt: skip
def test_labels_that_look_forward(engine, rows, written, names, spine):
    """As a dataset asks for them: a window that lies after the question, and no answer before it has passed."""
    wanted = [(w[0], w[1] or "v", w[2] or HOUR, w[5]) for w in written]
    table(engine, "source.rows", [*TYPES], [{"known": None, "tie": None, "until": None, **r} for r in rows])
    lookups, given = [], []
    for index, (function, value, window, where) in enumerate(wanted):
        made = lowered((function, value, window, -window, None, where, "", None), f"f{index}")
        windows = Windows("source.rows", names, "time", (made,))
        zero = (made.name,) if function in ZERO_OF_NOTHING else ()
        lookups.append(Lookup("source.rows", tuple((n, n) for n in names), ((made.name, made.name),), SqlTiming("time"), zero, windows,
                              given=f"g{index}"))  # fmt: skip
        length = window // dt.timedelta(microseconds=1)
        given.append(f'asked + INTERVAL {length} MICROSECOND <= (SELECT MAX(time) FROM "source.rows") AS "g{index}"')
    as_of = AsOf(f"SELECT *, {', '.join(given)} FROM spine", ("k", "j", "asked", "n"), "asked", tuple(lookups))
    answers = answered(engine, spine, as_of)
    ends = max((r["time"] for r in rows if r["time"] is not None), default=None)
    for answer in answers:
        for index, (function, value, window, where) in enumerate(wanted):
            expected = forward(rows, by_key(answer, names), answer["asked"], "time", function, READ[value],
                               window=window, ends=ends, where=WHERES[where])  # fmt: skip
            as_float = isinstance(answer[f"f{index}"], float) and expected is not None
            assert same(answer[f"f{index}"], float(expected) if as_float else expected)


# -- the edges, one by one ---------------------------------------------------------------------------------------------

AT = BASE + 5 * HOUR
EDGES = [
    # boundary, what is in the window of three hours that ends at `AT`
    (Boundary.EXCLUSIVE, {-3 * HOUR: 1, -3 * HOUR - TICKS[2]: 0, -TICKS[2]: 1, dt.timedelta(0): 0}),
    (Boundary.INCLUSIVE, {-3 * HOUR: 0, -3 * HOUR + TICKS[2]: 1, dt.timedelta(0): 1, TICKS[2]: 0}),
]


@pytest.mark.parametrize(("boundary", "moved", "counted"), [(b, m, n) for b, edges in EDGES for m, n in edges.items()])
@pytest.mark.parametrize("function", ["count", "count_distinct"])
def test_an_edge_of_a_window(engine, boundary, moved, counted, function):
    row = {"k": 1, "j": "a", "time": AT + moved, "v": 1, "x": 0.5}
    spine = [{"k": 1, "j": "a", "asked": AT}]
    answers = check_windows(
        engine,
        [row],
        [dt.timedelta(0)],
        [(function, "v", 3 * HOUR, 0 * HOUR, None, "", "", None)],
        boundary,
        ("k",),
        spine,
        "",
    )
    assert [a["f0"] for a in answers] == [counted]


def test_the_reference_knows_the_edges():
    """The reference itself, by numbers that a reader can check."""
    rows = [{"k": 1, "t": BASE + h * HOUR, "v": 2**h} for h in range(6)]
    exclusive, inclusive = Timing("t", inclusive=False), Timing("t")

    def summed(timing):
        return windowed(rows, {"k": 1}, BASE + 4 * HOUR, timing, "sum", lambda r: r["v"], window=3 * HOUR)

    assert summed(exclusive) == 2 + 4 + 8
    assert summed(inclusive) == 4 + 8 + 16
    assert windowed(rows, {"k": 2}, BASE, exclusive, "count", lambda r: r["v"]) == 0
    assert windowed(rows, {"k": 2}, BASE, exclusive, "sum", lambda r: r["v"]) is None
    assert latest(rows, {"k": 1}, BASE + 9 * HOUR, Timing("t", ttl=4 * HOUR))["v"] == 32
    assert latest(rows, {"k": 1}, BASE + 9 * HOUR + TICKS[2], Timing("t", ttl=4 * HOUR)) is None
