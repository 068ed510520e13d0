"""The latest values of several views for a spine: mlspec, SQL by hand, and Feast if there is one, in one run.

    python tests/bench/point_in_time.py [--spine 1000000] [--events 5000000] [--repeat 3] [--feast-python PATH] [--memory-limit 2GB]
    python tests/bench/point_in_time.py --growth      # the cost of ten times the events
    python tests/bench/point_in_time.py --apply       # a whole apply, not only its statement

Machines differ: only ratios mean something.
"""

import argparse
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import contest
import data
import projects
from measure import Cost, of_process, run

HERE = Path(__file__).parent
FRIENDLY = data.Shape(skew=0.0, nulls=0.0)
"""What Feast finishes: its join grows with the square of a key's rows."""


def contenders(folder: Path, views: int, memory_limit: str = "") -> dict[str, contest.Contender]:
    """mlspec's statement and those by hand, over the same files."""
    question = projects.latest(views)
    projects.write_project(folder, question, memory_limit)
    between, statement = projects.statements(folder, question)
    found = {"mlspec": partial(run, statement, sources(folder) | between, memory_limit=memory_limit)}
    if views == data.Shape.views:
        found |= by_hand(HERE / "point_in_time_sql", folder, memory_limit)
    return found


def by_hand(queries: Path, folder: Path, memory_limit: str) -> dict[str, contest.Contender]:
    """One contender a file."""
    tables = {p.stem: f"SELECT * FROM read_parquet('{p}')" for p in files(folder)}
    return {
        p.stem: partial(run, p.read_text(), tables, memory_limit=memory_limit) for p in sorted(queries.glob("*.sql"))
    }


def sources(folder: Path) -> dict[str, str]:
    """The files under the names that mlspec gives them."""
    return {f"source.{p.stem}": f"SELECT * FROM read_parquet('{p}')" for p in files(folder)}


def files(folder: Path) -> list[Path]:
    """The files that `data.py` wrote."""
    return sorted([*folder.glob("view?.parquet"), folder / "spine.parquet"])


def feast(python: Path, folder: Path, store: str) -> contest.Contender:
    """Feast with one of its offline stores."""
    script = str(HERE / "feast_reference.py")
    return lambda answer: of_process([str(python), "-W", "ignore", script, str(folder), str(answer), "--store", store])


def growth(entries: Mapping[str, contest.Entry], more: Mapping[str, contest.Entry]) -> str:
    """How many times dearer ten times the events are."""
    lines = ["ten times the events", f"{'':28} {'x wall':>6} {'x CPU':>6}"]
    for name, entry in entries.items():
        few, many = entry.best, more[name].best
        if few.error or many.error:
            continue
        lines.append(f"{name:28} {many.wall / few.wall:6.2f} {many.processor / few.processor:6.2f}")
    return "\n".join(lines)


def applied(folder: Path) -> Cost:
    """A whole apply of the project in a folder, in a process of its own."""
    return of_process([sys.executable, str(HERE / "projects.py"), str(folder)])


def arguments(text: str, shape: data.Shape) -> argparse.ArgumentParser:
    """The arguments that both benches have."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    data.add_arguments(parser, shape)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(".bench"), help="where data and answers lie")
    parser.add_argument("--memory-limit", default="", help="of DuckDB, such as 2GB")
    parser.add_argument("--growth", action="store_true", help="instead, one million against ten million events")
    parser.add_argument("--apply", action="store_true", help="a whole apply beside the statement")
    parser.add_argument("--only", nargs="*", default=[], help="contenders by name")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    return parser


def chosen(found: dict[str, contest.Contender], only: list[str]) -> dict[str, contest.Contender]:
    """Those that were asked for, or all."""
    return {n: c for n, c in found.items() if not only or n in only}


def title(shape: data.Shape, memory_limit: str) -> str:
    """What is asked of what."""
    bound = f", memory limit {memory_limit}" if memory_limit else ""
    return f"{shape.spine:,} rows ask {shape.views} view(s) of {shape.events:,} rows, {shape.keys:,} keys, skew {shape.skew}{bound}"


def main() -> None:
    parser = arguments(__doc__, FRIENDLY)
    parser.add_argument("--feast-python", type=Path, help="a Python with feast[duckdb]")
    parser.add_argument("--feast-stores", nargs="*", default=["duckdb", "file"])
    asked = parser.parse_args()
    root = asked.folder.resolve()
    if asked.growth:
        held = []
        for events in (1_000_000, 10_000_000):
            shape = data.Shape(
                spine=asked.spine, events=events, views=1, keys=asked.keys, skew=asked.skew, nulls=asked.nulls
            )
            folder = data.write(shape, root)
            held.append(
                {e.name: e for e in contest.hold(contenders(folder, 1, asked.memory_limit), folder, asked.repeat)}
            )
        print(growth(*held))
        return
    shape = data.asked_shape(asked)
    folder = data.write(shape, root)
    found = chosen(contenders(folder, shape.views, asked.memory_limit), asked.only)
    if asked.apply:
        found["apply"] = lambda _: applied(folder)
    once = [f"feast_{s}" for s in asked.feast_stores] if asked.feast_python else []
    found |= {f"feast_{s}": feast(asked.feast_python, folder, s) for s in asked.feast_stores if once}
    entries = contest.hold(found, folder, asked.repeat, part=once)
    print(contest.told(entries, title(shape, asked.memory_limit), asked.format))


if __name__ == "__main__":
    main()
