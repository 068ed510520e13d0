"""Every feature of a flight, recomputed from the raw tables by plain loops: slow, and easy to believe."""

import datetime as dt
from bisect import bisect_left
from collections.abc import Callable, Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

Row = dict[str, object]
HOUR = dt.timedelta(hours=1)
NEW_YORK = ZoneInfo("America/New_York")


def table(path: Path) -> list[Row]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        cursor = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [d[0] for d in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Events:
    """Rows by key in the order of a time; `between` gives those with `start <= time < end`."""

    def __init__(self, rows: Iterable[Row], keys: tuple[str, ...], time: Callable[[Row], dt.datetime]) -> None:
        self.keys, self.time = keys, time
        self.by_key: dict[tuple[object, ...], list[Row]] = {}
        for row in sorted(rows, key=time):
            key = tuple(row[k] for k in keys)
            if None not in key:
                self.by_key.setdefault(key, []).append(row)
        self.times = {k: [time(r) for r in rows] for k, rows in self.by_key.items()}

    def of(self, asked: Row) -> tuple[object, ...]:
        return tuple(asked[k] for k in self.keys)

    def between(self, asked: Row, start: dt.datetime, end: dt.datetime) -> list[Row]:
        key = self.of(asked)
        times = self.times.get(key, [])
        return self.by_key.get(key, [])[bisect_left(times, start) : bisect_left(times, end)]


def mean(values: Iterable[object]) -> float | None:
    known = [float(v) for v in values if v is not None]  # type: ignore[arg-type]
    return sum(known) / len(known) if known else None


def late(row: Row) -> bool | None:
    if row["cancelled"] or row["diverted"]:
        return True
    return None if row["arr_delay"] is None else row["arr_delay"] > 15  # type: ignore[operator]


def known_at(row: Row) -> dt.datetime:
    if row["cancelled"]:
        return row["sched_dep_ts"]  # type: ignore[return-value]
    return row["sched_arr_ts"] + 3 * HOUR if row["diverted"] else row["arr_ts"]  # type: ignore[operator,return-value]


def departed_at(row: Row) -> dt.datetime:
    return row["dep_ts"] or row["sched_dep_ts"]  # type: ignore[return-value]


class Flights:
    """The raw tables, indexed once."""

    def __init__(self, data: Path) -> None:
        self.flights = table(data / "flights.parquet")
        self.by_id = {r["flight_id"]: r for r in self.flights}
        self.planes = {r["tailnum"]: r for r in table(data / "planes.parquet")}
        self.weather = Events(table(data / "weather.parquet"), ("origin",), lambda r: r["obs_hour"])  # type: ignore[arg-type,return-value]
        self.carriers = Events(self.flights, ("carrier",), known_at)
        self.numbers = Events(self.flights, ("carrier", "flight", "origin"), known_at)
        self.aircraft = Events(self.flights, ("tailnum",), known_at)
        self.origins = Events(self.flights, ("origin",), departed_at)
        self.tails = Events(self.flights, ("tailnum",), departed_at)
        self.overdue: dict[object, list[tuple[dt.datetime, dt.datetime]]] = {}
        for row in self.flights:
            since = row["sched_dep_ts"] + dt.timedelta(minutes=15)  # type: ignore[operator]
            if row["dep_ts"] is not None and row["dep_ts"] > since:  # type: ignore[operator]
                self.overdue.setdefault(row["origin"], []).append((since, row["dep_ts"]))  # type: ignore[arg-type]
        self.schedule = Events(self.flights, ("origin",), lambda r: r["sched_dep_ts"])  # type: ignore[arg-type,return-value]

    def features(self, row: Row, t: dt.datetime) -> dict[str, object]:
        """The 58 features of a flight at `t`, by their names in the dataset."""
        found: dict[str, object] = {}
        self._outcomes(found, row, t)
        self._departures(found, row, t)
        self._weather(found, row, t)
        self._schedule(found, row)
        self._aircraft(found, row, t)
        self._request(found, row)
        return found

    def _outcomes(self, found: dict[str, object], row: Row, t: dt.datetime) -> None:
        for view, events, days in (
            ("carrier_performance", self.carriers, (1, 7, 30)),
            ("flight_history", self.numbers, (7, 30)),
        ):
            for d in days:
                rows = events.between(row, t - 24 * d * HOUR, t)
                found[f"{view}__late_rate_{d}d"] = mean(late(r) for r in rows)
                found[f"{view}__arr_delay_{d}d"] = mean(r["arr_delay"] for r in rows)
                found[f"{view}__flights_{d}d"] = len(rows)
                if view == "carrier_performance":
                    found[f"{view}__cancel_rate_{d}d"] = mean(r["cancelled"] for r in rows)

    def _departures(self, found: dict[str, object], row: Row, t: dt.datetime) -> None:
        for hours in (1, 3, 24):
            rows = self.origins.between(row, t - hours * HOUR, t)
            delay = "dep_delay_now" if hours == 1 else f"dep_delay_{hours}h"
            found[f"origin_congestion__{delay}"] = mean(r["dep_delay"] for r in rows)
            found[f"origin_congestion__left_late_{hours}h"] = mean(
                None if r["dep_delay"] is None else r["dep_delay"] > 15 for r in rows
            )  # type: ignore[operator]
            found[f"origin_congestion__cancel_rate_{hours}h"] = mean(r["cancelled"] for r in rows)
            found[f"origin_congestion__flights_{hours}h"] = len(rows)
        for name, hours in (("6h", 6), ("1d", 24)):
            rows = self.tails.between(row, t - hours * HOUR, t)
            found[f"aircraft_activity__dep_delay_{name}"] = mean(r["dep_delay"] for r in rows)
            found[f"aircraft_activity__flights_{name}"] = len(rows)
        overdue = self.overdue[row["origin"]]
        standing = sum(since <= t < left for since, left in overdue)
        found["origin_overdue__overdue"] = standing if min(overdue)[0] <= t else None

    def _weather(self, found: dict[str, object], row: Row, t: dt.datetime) -> None:
        seen = [r for r in self.weather.between(row, t - 3 * HOUR, t + HOUR) if r["obs_hour"] + HOUR <= t]  # type: ignore[operator]
        newest = max(seen, key=lambda r: r["obs_hour"]) if seen else {}  # type: ignore[arg-type,return-value]
        for name in ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"):
            found[f"origin_weather__{name}"] = newest.get(name)

    def _schedule(self, found: dict[str, object], row: Row) -> None:
        at = row["sched_dep_ts"]
        half, tick = dt.timedelta(minutes=30), dt.timedelta(microseconds=1)
        found["schedule_density__departures_around"] = len(self.schedule.between(row, at - half, at + half + tick))  # type: ignore[operator]
        found["schedule_density__departures_before"] = len(self.schedule.between(row, at - 3 * HOUR, at + tick))  # type: ignore[operator]

    def _aircraft(self, found: dict[str, object], row: Row, t: dt.datetime) -> None:
        legs = self.aircraft.between(row, t - 72 * HOUR, t + dt.timedelta(microseconds=1))
        last = max(legs, key=lambda r: (known_at(r), r["flight_id"])) if legs else None  # type: ignore[arg-type,return-value]
        found["aircraft_last_leg__arr_delay"] = last["arr_delay"] if last else None
        found["aircraft_last_leg__late"] = late(last) if last else None
        plane = self.planes.get(row["tailnum"], {})
        found["aircraft_static__age"] = None if plane.get("year") is None else 2013 - plane["year"]  # type: ignore[operator]
        found["aircraft_static__seats"] = plane.get("seats")
        found["aircraft_static__engines"] = plane.get("engines")

    def _request(self, found: dict[str, object], row: Row) -> None:
        local = row["sched_dep_ts"].astimezone(NEW_YORK)  # type: ignore[attr-defined]
        found["flight_request__carrier_code"] = row["carrier"]
        found["flight_request__origin_code"] = row["origin"]
        found["flight_request__dest_code"] = row["dest"]
        found["flight_request__distance"] = row["distance"]
        found["flight_request__minute_of_day"] = local.hour * 60 + local.minute
        found["flight_request__weekday"] = local.isoweekday()
        found["flight_request__scheduled_minutes"] = round(
            (row["sched_arr_ts"] - row["sched_dep_ts"]).total_seconds() / 60
        )  # type: ignore[operator]
