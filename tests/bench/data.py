"""Rows for the benches: skewed keys, ties, late rows, corrections and NULLs, the same for the same seed.

    python tests/bench/data.py FOLDER [--spine 1000000] [--events 5000000] [--views 3] [--keys 100000] [--days 90] [--skew 0.8] [--seed 7]

Writes `spine.parquet` and `view0.parquet`, `view1.parquet`, …; nothing is written twice.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class Shape:
    """How much of what. `skew` is Zipf's exponent (0: all keys alike, 1 is not one); the rest are parts of all rows.

    `ties` lie on whole minutes, `late` are known hours after they happened, `corrections` have key and event time of
    the row before them, and `nulls` have no key, no time or no value.
    """

    spine: int = 1_000_000
    events: int = 5_000_000
    views: int = 3
    keys: int = 100_000
    days: int = 90
    seed: int = 7
    skew: float = 0.8
    ties: float = 0.3
    late: float = 0.1
    corrections: float = 0.02
    nulls: float = 0.001

    @property
    def folder(self) -> str:
        """A name that says the shape."""
        return (
            f"{self.spine}x{self.events}x{self.views}_k{self.keys}_d{self.days}_z{self.skew}_n{self.nulls}_s{self.seed}"
        )


def write(shape: Shape, root: Path) -> Path:
    """The folder with the files of a shape, made if it is not there."""
    folder = root / shape.folder
    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    wanted = {"spine": spine(shape)} | {f"view{i}": events(shape, i) for i in range(shape.views)}
    for name, query in wanted.items():
        path = folder / f"{name}.parquet"
        if not path.exists():
            connection.execute(f"COPY ({query}) TO '{path}.part' (FORMAT parquet)")
            Path(f"{path}.part").rename(path)
    return folder


def spine(shape: Shape) -> str:
    """The rows that ask."""
    return f"""
        SELECT i AS id, {_unless(_draw(shape, "no_key"), shape.nulls, _key(shape, "spine"))} AS k,
               {_unless(_draw(shape, "no_time"), shape.nulls, _time(shape, "spine"))} AS event_time
        FROM (SELECT i, i AS j FROM range({shape.spine}) AS r(i)) ORDER BY i"""


def events(shape: Shape, view: int) -> str:
    """The rows of one view, in the order in which they arrived."""
    late = f"CAST({_draw(shape, f'late{view}')} * 12 * 3600 AS BIGINT) * 1000000"
    delay = f"CASE WHEN {_draw(shape, f'is_late{view}')} < {shape.late} THEN {late} ELSE 0 END + i % 1000000 + 1"
    corrects = f"{_draw(shape, f'corrects{view}', 'i')} < {shape.corrections}"
    return f"""
        SELECT id, k, event_time, event_time + to_microseconds(CAST(delay AS BIGINT)) AS created, v, x FROM (
            SELECT i AS id, {delay} AS delay,
                   {_unless(_draw(shape, f"no_key{view}"), shape.nulls, _key(shape, f"view{view}"))} AS k,
                   {_unless(_draw(shape, f"no_time{view}"), shape.nulls, _time(shape, f"view{view}"))} AS event_time,
                   {_unless(_draw(shape, f"no_v{view}", "i"), 10 * shape.nulls, f"CAST(floor({_draw(shape, f'v{view}', 'i')} * 1000) AS INTEGER)")} AS v,
                   {_draw(shape, f"x{view}", "i")} * 100 AS x
            FROM (SELECT i, CASE WHEN {corrects} THEN i - 1 ELSE i END AS j FROM range({shape.events}) AS r(i)))
        ORDER BY id"""


def _draw(shape: Shape, what: str, row: str = "j") -> str:
    """A number in [0, 1) of a row: always the same one, whatever the threads; hashed twice, for one hash of several values is
    linear in the last of them, and draws would follow each other."""
    return f"((hash(hash({row}, {shape.seed}, '{what}')) >> 11) / 9007199254740992.0)"


def _key(shape: Shape, what: str) -> str:
    u = _draw(shape, f"key_{what}")
    if not shape.skew:
        return f"1 + CAST(floor({shape.keys} * {u}) AS INTEGER)"
    rest = 1 - shape.skew
    return f"CAST(floor(pow(1 + {u} * ({shape.keys**rest!r} - 1), {1 / rest!r})) AS INTEGER)"


def _time(shape: Shape, what: str) -> str:
    second = 1_000_000
    exact = f"CAST({_draw(shape, f'at_{what}')} * {shape.days * 86_400 * second} AS BIGINT)"
    tied = f"{_draw(shape, f'tied_{what}')} < {shape.ties}"
    return f"TIMESTAMP '2024-01-01' + to_microseconds(CASE WHEN {tied} THEN {exact} // {60 * second} * {60 * second} ELSE {exact} END)"


def _unless(draw: str, part: float, value: str) -> str:
    return f"CASE WHEN {draw} >= {part} THEN {value} END"


def add_arguments(parser: argparse.ArgumentParser, shape: Shape) -> None:
    """The numbers of a shape as arguments."""
    for name in ("spine", "events", "views", "keys", "days", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(shape, name))
    for name in ("skew", "nulls"):
        parser.add_argument(f"--{name}", type=float, default=getattr(shape, name))


def asked_shape(asked: argparse.Namespace) -> Shape:
    """The shape that the arguments say."""
    names = ("spine", "events", "views", "keys", "days", "seed", "skew", "nulls")
    return Shape(**{name: getattr(asked, name) for name in names})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    add_arguments(parser, Shape())
    asked = parser.parse_args()
    print(write(asked_shape(asked), asked.folder))
