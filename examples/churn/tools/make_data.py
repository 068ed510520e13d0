"""Makes the data of this example, always the same: `python tools/make_data.py`.

Each customer has a pace that changes now and then; who looks at many pages orders soon after.
"""

import csv
import datetime as dt
import random
from collections.abc import Iterable
from pathlib import Path

TARGET = Path(__file__).parents[1] / "data"
BEGIN, END = dt.date(2024, 1, 1), dt.date(2024, 6, 30)


def main() -> None:
    """Let each customer live through half a year."""
    chance = random.Random(11)  # noqa: S311 - no secret
    orders, visits = [], []
    for customer in range(1, 301):
        pace = chance.choice([0.003, 0.006, 0.02, 0.07])
        for number in range((END - BEGIN).days + 1):
            day = BEGIN + dt.timedelta(days=number)
            if chance.random() < 0.005:
                pace = chance.choice([0.002, 0.005, 0.02, 0.07])
            if chance.random() < pace * 3:
                visits.append((customer, day.isoformat(), 1 + int(chance.expovariate(1 / 6))))
            if chance.random() < pace:
                at = dt.datetime.combine(
                    day, dt.time(chance.randrange(7, 23), chance.randrange(60), chance.randrange(60))
                )
                voucher = chance.choice(["SPRING", "WELCOME"]) if chance.random() < 0.2 else "NA"
                orders.append((at.isoformat(" "), customer, f"{5 + chance.expovariate(1 / 40):.2f}", voucher))
    numbered = [(index, row[1], row[0], row[2], row[3]) for index, row in enumerate(sorted(orders), 1)]
    _write("orders.csv", ("order_id", "customer_id", "ordered_at", "amount", "voucher"), numbered)
    _write("visits.csv", ("customer", "day", "pages"), sorted(visits, key=lambda row: (row[1], row[0])))


def _write(name: str, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    with (TARGET / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
