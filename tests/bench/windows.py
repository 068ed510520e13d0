"""Windowed features for a spine: change points and an as-of join, against a range join with GROUP BY, in one run.

    python tests/bench/windows.py [--events 200000] [--spine 50000] [--keys 200]

Prints seconds and the ratio; both answers are compared row by row first. Machines differ: only the ratio means something.
"""

import argparse
import time

import duckdb

from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Boundary, Column, Relation, Timing
from mlspec.ir.sql.dialect import column
from mlspec.ir.sql.parse import parse
from mlspec.ir.sql.pit import Lookup, Spine, point_in_time, sql
from mlspec.ir.sql.windows import Aggregate, Events, change_points

HOUR = 3_600_000_000
WINDOWS = {"1h": HOUR, "1d": 24 * HOUR, "7d": 168 * HOUR}
FUNCTIONS = ("count", "sum", "avg")


def data(connection: duckdb.DuckDBPyConnection, events: int, spine: int, keys: int) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SELECT setseed(0.42)")
    span = 90 * 24 * 3600
    for name, rows in (("events", events), ("spine", spine)):
        connection.execute(
            f'CREATE TABLE "source.{name}" AS SELECT i AS id, CAST(floor(random() * {keys}) AS INTEGER) AS k, '
            f"TIMESTAMP '2024-01-01' + to_seconds(CAST(floor(random() * {span}) AS INTEGER)) AS t, "
            f"CAST(floor(random() * 100) AS INTEGER) AS v FROM range({rows}) AS r(i)"
        )


def aggregates() -> list[Aggregate]:
    value, kind = column("v"), ColumnType("int32")
    return [
        Aggregate(f"{f}_{n}", f, w, 0, None if f == "count" else value, None if f == "count" else kind)
        for n, w in WINDOWS.items()
        for f in FUNCTIONS
    ]


def by_change_points(connection: duckdb.DuckDBPyConnection) -> None:
    wanted = aggregates()
    query = change_points(Events("source.events", ("k",), "t"), wanted)
    connection.execute(f'CREATE TABLE "feature_view.v" AS {query}')
    columns = tuple(Column(a.name, a.type, "", empty=a.function == "count") for a in wanted)
    view = Relation(query, columns, "", keys=("k",), timing=Timing("event_time", boundary=Boundary.EXCLUSIVE))
    lookup = Lookup("feature_view.v", view, tuple((a.name, a.name) for a in wanted), (("k", "k"),))
    spine = Spine(parse('SELECT id, k, t FROM "source.spine"'), ("id", "k", "t"), "t")
    connection.execute(f"CREATE TABLE ours AS {sql(point_in_time(spine, [lookup], {}, {}))}")


def by_range_join(connection: duckdb.DuckDBPyConnection) -> None:
    features = ", ".join(
        f"{f}({'*' if f == 'count' else 'e.v'}) FILTER (WHERE e.t >= s.t - to_microseconds({w}) AND e.id IS NOT NULL) AS {f}_{n}"
        for n, w in WINDOWS.items()
        for f in FUNCTIONS
    )
    longest = max(WINDOWS.values())
    connection.execute(
        f'CREATE TABLE reference AS SELECT s.id, s.k, s.t, {features} FROM "source.spine" AS s LEFT JOIN "source.events" AS e '
        f"ON e.k = s.k AND e.t < s.t AND e.t >= s.t - to_microseconds({longest}) GROUP BY ALL"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("events", 200_000), ("spine", 50_000), ("keys", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    connection = duckdb.connect()
    data(connection, asked.events, asked.spine, asked.keys)
    seconds = {}
    for name, work in (("change points", by_change_points), ("range join", by_range_join)):
        begun = time.perf_counter()
        work(connection)
        seconds[name] = time.perf_counter() - begun
    different = connection.execute(
        "SELECT count(*) FROM (SELECT * FROM ours EXCEPT SELECT * FROM reference)"
    ).fetchone()
    print(
        f"{asked.spine:,} rows ask, {asked.events:,} events, {asked.keys:,} keys, 9 features; rows that differ: {different[0]}"
    )
    for name, taken in seconds.items():
        print(f"{name:>14}  {taken:6.2f} s")
    print(f"{'ratio':>14}  {seconds['range join'] / seconds['change points']:6.2f}")


if __name__ == "__main__":
    main()
