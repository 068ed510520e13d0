"""One piece of work in a process of its own: seconds, seconds of the processor, memory and what went to disk.

Run as a script it reads a job as JSON from its standard input and prints what it cost.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Cost:
    """What a piece of work took. `spilled` is the most that lay in temporary files; megabytes."""

    wall: float
    processor: float
    memory: int
    spilled: int
    rows: int = 0
    error: str = ""


def run(statement: str, views: Mapping[str, str], answer: Path, memory_limit: str = "", limit: float = 3600) -> Cost:
    """What it costs to keep the rows of a query as a table; they are then written to `answer`.

    `views` are queries by the name under which the statement reads them, in an order in which they can be made.
    """
    job = {"statement": statement, "views": {**views}, "answer": str(answer), "memory_limit": memory_limit}
    return of_process([sys.executable, __file__], json.dumps(job), limit)


def of_process(command: list[str], stdin: str = "", limit: float = 3600) -> Cost:
    """What a process says of its own cost on the last line of its output."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return Cost(limit, 0, 0, 0, error=f"not finished in {limit:.0f} s")
    if done.returncode:
        return Cost(0, 0, 0, 0, error=(done.stderr.strip().splitlines() or ["failed"])[-1])
    return Cost(**json.loads(done.stdout.strip().splitlines()[-1]))


def measured(work: Callable[[], int], temporary: Path | None = None) -> Cost:
    """What a function costs this process; it returns a number of rows."""
    most, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            most[0] = max(most[0], _size(temporary))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    rows = work()
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
    done.set()
    watcher.join()
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, used, after.ru_maxrss // 1024, most[0] // MEGABYTE, rows)


def _size(folder: Path | None) -> int:
    try:
        return sum(entry.stat().st_blocks * 512 for entry in os.scandir(folder)) if folder else 0
    except OSError:
        return 0


def _job(job: Mapping[str, str | dict[str, str]]) -> Cost:
    with tempfile.TemporaryDirectory(dir=Path(str(job["answer"])).parent) as folder:
        connection = duckdb.connect(f"{folder}/answer.duckdb")
        temporary = Path(folder) / "temporary"
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET temp_directory = '{temporary}'")
        if job["memory_limit"]:
            connection.execute(f"SET memory_limit = '{job['memory_limit']}'")
        for name, query in dict(job["views"]).items():
            connection.execute(f'CREATE VIEW "{name}" AS {query}')

        def work() -> int:
            connection.execute(f"CREATE TABLE answer AS {job['statement']}")
            return connection.execute("SELECT count(*) FROM answer").fetchone()[0]

        cost = measured(work, temporary)
        connection.execute(f"COPY answer TO '{job['answer']}' (FORMAT parquet)")
        connection.close()
    return cost


def differences(one: Path, other: Path, *, part: bool = False) -> int:
    """How many rows of two answers differ, by `id`; floats may differ in their last digits.

    The columns are those of the first one; with `part` it has an answer to some of the rows only.
    """
    connection = duckdb.connect()
    described = connection.execute(f"DESCRIBE SELECT * FROM '{one}'").fetchall()
    unlike = []
    for name, kind, *_ in described:
        a, b = f'a."{name}"', f'b."{name}"'
        near = f"abs({a} - {b}) <= 1e-9 * greatest(abs({a}), abs({b}), 1)"
        same = f"({a} IS NOT DISTINCT FROM {b} OR coalesce({near}, false))"
        unlike.append(f"NOT {same}" if kind == "DOUBLE" else f"{a} IS DISTINCT FROM {b}")
    side = "LEFT" if part else "FULL"
    query = f"SELECT count(*) FROM '{one}' AS a {side} JOIN '{other}' AS b USING (id) WHERE a.id IS NULL OR b.id IS NULL OR {' OR '.join(unlike)}"
    return connection.execute(query).fetchone()[0]


if __name__ == "__main__":
    try:
        print(json.dumps(asdict(_job(json.load(sys.stdin)))))
    except duckdb.Error as error:
        print(json.dumps(asdict(Cost(0, 0, 0, 0, error=str(error).splitlines()[0]))))
