"""Reads the command line of the step wrapper, does the step, and says how it went by the exit code and on stderr."""

import argparse
import json
import os
import re
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlspec.backends.pipelines._step.task import Task
from mlspec.backends.pipelines._step.wire import NotUnderstood, unpack
from mlspec.base.digest import digest
from mlspec.step.failed import Failed
from mlspec.step.give import values_given
from mlspec.step.run import Places, do

FAILED, MISUSED, LEFT_OUT = 1, 2, 99


def main(argv: Sequence[str] | None = None) -> int:
    """Do one task; 0 is done, 1 is failed (99 with `--soft`), 2 is a command line or a task that this release does not understand."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _ended)
    try:
        task = _task(arguments.task or os.environ.get("MLSPEC_TASK", ""))
        task = values_given(task, _texts(task, arguments.param), _pairs(arguments.metric))
        metrics = do(task, _places(arguments))
    except (Failed, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return LEFT_OUT if arguments.soft else FAILED
    except (NotUnderstood, ValueError) as error:
        sys.stderr.write(f"error: the task cannot be understood: {error}\n")
        sys.stderr.write("help: render the pipeline and build the image with the same release of mlspec\n")
        return MISUSED
    sys.stdout.write(json.dumps(metrics) + "\n")  # the last line, which Airflow takes for what the task returns
    return 0


def _ended(*_: object) -> None:
    """End what runs and then this: the first process of a container has no other way to be told."""
    raise SystemExit(128 + signal.SIGTERM)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mlspec.step", description="Do one step of a pipeline in a container."
    )
    parser.add_argument("task", nargs="?", default="", help="the task as JSON; else it is in MLSPEC_TASK")
    for name, what in (
        ("param", "NAME=VALUE: a parameter of the workflow, as text or JSON; else in MLSPEC_PARAM_<NAME>"),
        ("metric", "STEP.METRIC=VALUE: a metric of an earlier step; else in MLSPEC_METRICS_<STEP> as JSON"),
        ("input", "NAME=PATH: where an input is"),
        ("output", "NAME=PATH: where an output belongs"),
        ("value", "METRIC=PATH: a file that is to hold a metric"),
        ("inherit", "NAME: a variable that the step inherits; `*` for all"),
    ):
        parser.add_argument(f"--{name}", action="append", default=[], metavar="…", help=what)
    parser.add_argument(
        "--store", default="", help="a folder that all steps share; paths are in it, by run (MLSPEC_RUN)"
    )
    parser.add_argument("--cache", default="", help="a folder that keeps the outputs of steps, by what decided them")
    parser.add_argument("--project", default="", help="the folder of the project; else the current one")
    parser.add_argument("--returns", default="", metavar="FILE", help="a file that is to hold all metrics as JSON")
    parser.add_argument(
        "--soft",
        action="store_true",
        help="a failure is told by exit code 99, which is for leaving out what comes after",
    )
    parser.add_argument(
        "--mask", default="name", choices=("name", "key"), help="how secrets are called in the environment"
    )
    return parser


def _task(text: str) -> Task:
    if not text:
        raise NotUnderstood("there is none, neither as an argument nor in MLSPEC_TASK")
    return unpack(Task, json.loads(text))


def _texts(task: Task, given: Iterable[str]) -> dict[str, str]:
    """The parameters that this run was given, as text."""
    found = {}
    for name, _ in task.parameters:
        if (text := os.environ.get(f"MLSPEC_PARAM_{name.upper()}")) is not None:
            found[name] = text
    return found | dict(_split(given))


def _pairs(given: Iterable[str]) -> dict[str, dict[str, float]]:
    """The metrics of earlier steps that this run was given."""
    found: dict[str, dict[str, float]] = {}
    for name, text in os.environ.items():
        if name.startswith("MLSPEC_METRICS_"):
            found[name.removeprefix("MLSPEC_METRICS_").lower()] = json.loads(text)
    for name, text in _split(given):
        step, _, metric = name.partition(".")
        found.setdefault(step, {})[metric] = float(text)
    return found


def _split(given: Iterable[str]) -> list[tuple[str, str]]:
    return [(name, text) for name, _, text in (one.partition("=") for one in given)]


def _places(arguments: Any) -> Places:
    base = _run_folder(Path(arguments.store)) if arguments.store else Path()
    where: Mapping[str, dict[str, Path]] = {
        kind: {name: base / path for name, path in _split(getattr(arguments, kind))}
        for kind in ("input", "output", "value")
    }
    return Places(
        where["input"], where["output"], where["value"], Path(arguments.project or ".").resolve(),
        Path(arguments.cache) if arguments.cache else None, Path(arguments.returns) if arguments.returns else None,
        tuple(arguments.inherit), by_key=arguments.mask == "key",
    )  # fmt: skip


def _run_folder(store: Path) -> Path:
    """The folder of this run, below the one that all share; a name that is no name of a folder is told by its digest too."""
    name = os.environ.get("MLSPEC_RUN", "")
    if not name:
        raise NotUnderstood("`--store` needs the name of the run in MLSPEC_RUN")
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:80]
    return store.resolve() / (plain if plain == name else f"{plain}-{digest(name)[:8]}")


if __name__ == "__main__":
    sys.exit(main())
