"""What a plan costs, whole processes from Python's start: cold, with nothing changed, with one model changed; dbt beside it.

    python tests/bench/plans.py --models 1000 --dbt /path/to/dbt --format json

Seconds are of the processor (user and system). The project stands as it does after an apply: a state that has all of it, and a
warehouse with every version and every public name; its tables are empty, for a plan reads no rows.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import layers

import mlspec


@dataclass(frozen=True)
class Took:
    """What a process took: seconds of the clock and of the processor, megabytes at its largest."""

    what: str
    wall: float
    processor: float
    memory: int
    said: str = ""


def process(what: str, command: Sequence[str], folder: Path) -> Took:
    """What a command costs. Raises RuntimeError, with what it said, when it fails."""
    begun = time.perf_counter()
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # as installed
    running = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
    )
    assert running.stdout is not None
    said = running.stdout.read()
    _, status, used = os.wait4(running.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{' '.join(command)}: {said[-2000:]}")
    wall = time.perf_counter() - begun
    last = (said.strip().splitlines() or [""])[-1]
    return Took(what, wall, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024, last)


def pretend(root: Path) -> None:
    """Leave the project as an apply does, with tables that are empty."""
    # in a process of its own: what the measuring process has loaded would count as memory of those that it starts
    from mlspec.apply.work import adopt  # noqa: PLC0415
    from mlspec.backends.engines._warehouse.catalog import Catalog  # noqa: PLC0415
    from mlspec.ir.relation import Relation  # noqa: PLC0415
    from mlspec.session import Session  # noqa: PLC0415
    from mlspec.state.codec import encode  # noqa: PLC0415
    from mlspec.state.model import Record, State  # noqa: PLC0415

    with Session(root) as session:
        desired = session.compiled.desired
        records = {}
        for resource in desired:
            known = Record(resource.address, resource.form, "", "engines.duckdb" if resource.form == "relation" else "")
            known = Record(
                **{**vars(known), "outputs": {"version": resource.version} if resource.form == "relation" else {}}
            )
            rows = resource.body.rows_digest if isinstance(resource.body, Relation) else ""
            records[resource.address] = adopt(resource, Record(**{**vars(known), "rows_digest": rows}))
        state = State("11111111-1111-4111-8111-111111111111", desired.project, desired.environment, 1, records)
        session.backends.store.write("state", encode(state), None)
        engine = session.backends.engine
        line = engine.line(write=True)
        Catalog(line, engine.names).prepare()
        _fill(line.raw, [(str(r.address), r.version) for r in desired if r.form == "relation"], engine.names)


def _fill(connection: Any, kept: Sequence[tuple[str, str]], names: object) -> None:
    data, public, environment = names.data, names.public, names.environment  # type: ignore[attr-defined]
    columns = ", ".join(f'"{c}" DOUBLE' for c in layers.VALUES)
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{public}"')
    connection.execute("BEGIN")
    for address, version in kept:
        connection.execute(f'CREATE TABLE "{data}"."{version}" (k BIGINT, event_time TIMESTAMP, {columns})')
        name = address.partition(".")[2]
        connection.execute(f'CREATE VIEW "{public}"."{name}" AS SELECT * FROM "{data}"."{version}"')
    connection.executemany(f'INSERT INTO "{data}"."_versions" VALUES (?, ?, 0, 0, \'[]\')', [(v, a) for a, v in kept])
    pointers = [(environment, a, a.partition(".")[2], v) for a, v in kept]
    connection.executemany(f'INSERT INTO "{data}"."_pointers" VALUES (?, ?, ?, ?)', pointers)
    connection.execute("COMMIT")


def of_mlspec(root: Path, repeat: int) -> list[Took]:
    """The costs of mlspec."""
    program = [sys.executable, "-m", "mlspec"]
    plan = [*program, "plan"]
    found = [_best("mlspec --help", lambda: None, [*program, "--help"], root, repeat)]
    found.append(_best("cold", lambda: shutil.rmtree(root / ".mlspec" / "cache", ignore_errors=True), plan, root, 1))
    time.sleep(2.1)  # what changed a moment ago is read again
    found.append(_best("unchanged", lambda: None, plan, root, repeat + 1))
    found.append(_best("unchanged, not refreshed", lambda: None, [*plan, "--no-refresh"], root, repeat))
    found.append(_best("validate, unchanged", lambda: None, [*program, "validate"], root, repeat))
    return [*found, *(_changed(root, layer, plan) for layer in (4, 0))]


def _changed(root: Path, layer: int, plan: Sequence[str]) -> Took:
    """One model of a layer changed, and put back."""
    path = next(
        p for p in sorted((root / "views").glob(f"m{layer}_*.sql")) if layers.edit(p.read_text()) != p.read_text()
    )
    before = path.read_text()
    path.write_text(layers.edit(before))
    took = process(f"one changed, layer {layer}", plan, root)
    path.write_text(before)
    process("put back", plan, root)
    return took


def _best(what: str, prepare: Callable[[], object], command: Sequence[str], root: Path, repeat: int) -> Took:
    runs = []
    for _ in range(repeat):
        prepare()
        runs.append(process(what, command, root))
    return min(runs, key=lambda t: t.processor)


def of_dbt(root: Path, dbt: str, repeat: int) -> list[Took]:
    """What dbt takes to parse and to list what has changed, which is as near to a plan as it comes."""
    parse = [dbt, "--quiet", "parse", "--project-dir", str(root), "--profiles-dir", str(root)]
    changed = [
        dbt,
        "--quiet",
        "ls",
        "-s",
        "state:modified+",
        "--state",
        "kept",
        "--project-dir",
        str(root),
        "--profiles-dir",
        str(root),
    ]
    found = [_best("dbt: cold", lambda: shutil.rmtree(root / "target", ignore_errors=True), parse, root, 1)]
    shutil.copytree(root / "target", root / "kept", dirs_exist_ok=True)
    found.append(_best("dbt: unchanged", lambda: None, changed, root, repeat))
    path = next(p for p in sorted((root / "models").glob("m4_*.sql")) if layers.edit(p.read_text()) != p.read_text())
    path.write_text(layers.edit(path.read_text()))
    found.append(process("dbt: one changed", changed, root))
    return found


def measured(folder: Path, models: int, dbt: str, repeat: int) -> list[Took]:
    """Everything for so many models."""
    root = folder / f"plans_{models}"
    if not (root / "mlspec.yaml").exists():
        shutil.rmtree(root, ignore_errors=True)
        layers.write_mlspec(root, models)
        subprocess.run([sys.executable, __file__, "--pretend", str(root)], check=True)
    process("warm up", [sys.executable, "-m", "compileall", "-q", str(Path(mlspec.__file__).parent)], root)
    found = of_mlspec(root, repeat)
    if dbt:
        beside = folder / f"plans_{models}_dbt"
        shutil.rmtree(beside, ignore_errors=True)
        layers.write_dbt(beside, models)
        found += of_dbt(beside, dbt, repeat)
    return found


def told(models: int, found: Sequence[Took]) -> str:
    """A table for people."""
    base = next(t for t in found if t.what == "unchanged")
    lines = [
        f"{models:,} models; ratios to mlspec, unchanged",
        f"{'':26} {'wall s':>8} {'CPU s':>8} {'x CPU':>7} {'ms/model':>9} {'MB':>6}",
    ]
    for t in found:
        each = 1000 * t.processor / models
        lines.append(
            f"{t.what:26} {t.wall:8.2f} {t.processor:8.2f} {t.processor / base.processor:7.1f} {each:9.2f} {t.memory:6,}  {t.said[:60]}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, and say so."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=int, action="append", help="how many models; repeatable (default: 1000)")
    parser.add_argument("--folder", type=Path, default=Path(".bench"))
    parser.add_argument("--dbt", default="", help="the command `dbt`, with dbt-duckdb; left out without it")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--pretend", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.pretend:
        pretend(args.pretend)
        return
    args.folder.mkdir(exist_ok=True)
    for models in args.models or [1000]:
        found = measured(args.folder.resolve(), models, args.dbt, args.repeat)
        if args.format == "json":
            print(json.dumps({"models": models, "took": [asdict(t) for t in found]}))
        else:
            print(told(models, found), flush=True)


if __name__ == "__main__":
    main()
