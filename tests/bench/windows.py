"""Windowed features for a spine: mlspec and SQL by hand, against a range join with GROUP BY, in one run.

    python tests/bench/windows.py [--spine 1000000] [--events 10000000] [--repeat 3] [--functions sums|extremes] [--memory-limit 2GB]
    python tests/bench/windows.py --growth      # the cost of ten times the events
    python tests/bench/windows.py --apply       # a whole apply, not only its statement

The range join answers one row of the spine in `--part` only: all of them would take too long. Its ratio is then of the
seconds that it really took, not of what all rows would have taken. Machines differ: only ratios mean something.
"""

from functools import partial
from pathlib import Path

import contest
import data
import projects
from measure import run
from point_in_time import HERE, applied, arguments, by_hand, chosen, growth, sources, title

FUNCTIONS = {"sums": ("windows_sql", ("count", "sum", "avg")), "extremes": ("extremes_sql", ("min", "max"))}
REFERENCE = "range_join"
SHAPE = data.Shape(events=10_000_000, views=1)


def contenders(folder: Path, functions: str, memory_limit: str = "", part: int = 1) -> dict[str, contest.Contender]:
    """mlspec's statement, those by hand, and the reference for one row in `part`."""
    queries, names = FUNCTIONS[functions]
    question = projects.windowed(names)
    projects.write_project(folder, question, memory_limit)
    between, statement = projects.statements(folder, question)
    found = {"mlspec": partial(run, statement, sources(folder) | between, memory_limit=memory_limit)}
    found |= by_hand(HERE / queries, folder, memory_limit)
    some = {
        "view0": f"SELECT * FROM read_parquet('{folder}/view0.parquet')",
        "spine": f"SELECT * FROM read_parquet('{folder}/spine.parquet') WHERE id % {part} = 0",
    }
    found[REFERENCE] = partial(run, (HERE / queries / f"{REFERENCE}.sql").read_text(), some, memory_limit=memory_limit)
    return found


def main() -> None:
    parser = arguments(__doc__, SHAPE)
    parser.add_argument("--functions", choices=sorted(FUNCTIONS), default="sums")
    parser.add_argument("--part", type=int, default=20, help="the reference answers one row in so many")
    asked = parser.parse_args()
    root = asked.folder.resolve()
    if asked.growth:
        held = []
        for events in (1_000_000, 10_000_000):
            shape = data.Shape(
                spine=asked.spine, events=events, views=1, keys=asked.keys, skew=asked.skew, nulls=asked.nulls
            )
            folder = data.write(shape, root)
            found = contenders(folder, asked.functions, asked.memory_limit)
            found.pop(REFERENCE)
            held.append({e.name: e for e in contest.hold(chosen(found, asked.only), folder, asked.repeat)})
        print(growth(*held))
        return
    shape = data.asked_shape(asked)
    folder = data.write(shape, root)
    found = chosen(contenders(folder, asked.functions, asked.memory_limit, asked.part), asked.only)
    if asked.apply:
        found["apply"] = lambda _: applied(folder)
    entries = contest.hold(found, folder, asked.repeat, part=[REFERENCE])
    note = f"; {REFERENCE} answers one row in {asked.part}" if asked.part > 1 and REFERENCE in found else ""
    print(contest.told(entries, title(shape, asked.memory_limit) + note, asked.format))


if __name__ == "__main__":
    main()
