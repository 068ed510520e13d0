"""Makes the data of `mlspec init`'s starter, always the same: `python tools/make_starter_data.py`.

Eight machines are read four times a day. Each wears; worn ones run hot, shake, and stop, and are as new after that.
"""

import csv
import datetime as dt
import random
from collections.abc import Iterable
from pathlib import Path

TARGET = Path(__file__).parents[1] / "mlspec" / "templates" / "starter" / "data"
BEGIN, DAYS = dt.datetime(2024, 1, 1, tzinfo=dt.UTC), 50


def main() -> None:
    """Let time pass and write what was seen."""
    chance = random.Random(7)  # noqa: S311 - no secret
    readings, stops = [], []
    for index in range(8):
        machine, wear, speed = f"press_{index + 1}", chance.random() * 0.6, chance.uniform(0.015, 0.035)
        for quarter in range(DAYS * 4):
            at = BEGIN + dt.timedelta(hours=6 * quarter, minutes=chance.randrange(20))
            wear += speed * chance.uniform(0.2, 1.8)
            temperature = 55 + 22 * wear**3 + chance.gauss(0, 2.5)
            vibration = 2 + 3.2 * wear**2 + chance.gauss(0, 0.35)
            shown = "" if chance.random() < 0.02 else f"{temperature:.1f}"
            readings.append((machine, _text(at), shown, f"{max(vibration, 0.1):.2f}"))
            if wear > 1 and chance.random() < wear - 0.85:
                stops.append((machine, _text(at + dt.timedelta(minutes=chance.randrange(30, 330)))))
                wear = chance.random() * 0.1
    _write("readings.csv", ("machine", "read_at", "temperature", "vibration"), sorted(readings, key=lambda r: r[1]))
    _write("stops.csv", ("machine", "stopped_at"), sorted(stops, key=lambda r: r[1]))


def _text(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(name: str, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with (TARGET / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
