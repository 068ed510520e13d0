"""Build the partitions that are due, train a model, run a pipeline or checks, on what was applied; and look at runs.

The words `list`, `show`, `logs` and `resume` are about runs of models and pipelines that the target remembers.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from mlspec.base.diag import Problems, problem
from mlspec.cli.arguments import add_format, add_select, pair
from mlspec.cli.opening import open_session
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import Screen, progress, results

if TYPE_CHECKING:  # start-up time: at run time the session is loaded by the verb that runs
    from mlspec.session import Session

EXAMPLES = """\
  mlspec run                      the partitions that are due, of all feature views that are kept in some
  mlspec run feature_view.spend   those of one, and its checks
  mlspec run model.flight_delay   train it; steps whose inputs are unchanged come from the cache
  mlspec run pipeline.score --param share=0.2    run it with another value of a parameter
  mlspec run model.flight_delay --explain-cache  and say why a step is not taken from the cache
  mlspec run source.flights       its checks; exit 1 when one of severity error fails
  mlspec run --checks             the checks of everything
  mlspec run --checks --select tag:money
  mlspec run list                 the runs of models and pipelines, the newest first
  mlspec run show latest          one of them: its steps, and what it was made with
  mlspec run logs latest train    what a step has written; with `--follow` as it is written
  mlspec run resume latest        go on with one that was broken off or has failed
"""
_TICK = 0.3


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to run, or which runs to look at."""
    parser.add_argument(
        "what",
        metavar="ADDRESS",
        nargs="*",
        help="`kind.name` of a model, of a pipeline, of a feature view in partitions, or of something with checks;\n"
        "without it, all that is due; or `list [ADDRESS]`, `show RUN`, `logs RUN [STEP]`, `resume [RUN]`,\n"
        "where RUN is an id, how it begins or ends, or `latest`",
    )
    parser.add_argument("--checks", action="store_true", help="only checks: of ADDRESS, or of the whole project")
    parser.add_argument(
        "--param", metavar="K=V", action="append", type=pair, default=[], help="a parameter of the pipeline; repeatable"
    )
    parser.add_argument("--explain-cache", action="store_true", help="say why a step is not taken from the cache")
    parser.add_argument("--follow", action="store_true", help="with `logs`: go on as long as the run does")
    add_select(parser, "only what is due of this, or with `--checks` its checks")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Run it, tell how it goes, show the results; or tell of runs."""
    about = _ABOUT.get(args.what[0]) if args.what else None
    _refuse(args, about_runs=about is not None)
    with open_session(args) as session:
        if about is not None:
            return about(args, session)
        return _run(args, session, args.what[0] if args.what else None)


def _refuse(args: argparse.Namespace, *, about_runs: bool) -> None:
    """Raise Problems for words and options that mean nothing together."""
    first = args.what[0] if args.what else ""
    most = {"list": 2, "show": 2, "logs": 3, "resume": 2}.get(first, 1) if about_runs else 1
    if len(args.what) > most:
        raise problem(
            "meaningless-option", f"`{args.what[most]}` is one word too many", help="`mlspec run --help` has examples"
        )
    if about_runs and first in {"show", "logs"} and len(args.what) == 1:
        raise problem(
            "meaningless-option", f"`{first}` of which run?", help="`mlspec run list` shows all, `latest` is the last"
        )
    if first and not about_runs and (args.select or args.exclude):
        raise problem(
            "meaningless-option", f"`{first}` is one thing: nothing is selected", help="leave out one of them"
        )
    runs = bool(first) and not about_runs and not args.checks
    told = {
        "--param": bool(args.param) and not runs,
        "--explain-cache": args.explain_cache and not (runs or first == "resume"),
        "--follow": args.follow and (first != "logs" or args.format == "json"),
        "--checks": args.checks and about_runs,
        "--select": bool(args.select or args.exclude) and about_runs,
    }
    given = [name for name, _ in args.param]
    if twice := next((name for name in given if given.count(name) > 1), ""):
        raise problem("meaningless-option", f"`--param {twice}=…` is given twice", help="leave one of them out")
    for option in (name for name, is_wrong in told.items() if is_wrong):
        raise problem("meaningless-option", f"`{option}` means nothing here", help="`mlspec run --help` has examples")


def _run(args: argparse.Namespace, session: "Session", address: str | None) -> int:
    from mlspec.cli.views import events, runs  # noqa: PLC0415 - start-up time: the ports bring sqlglot

    with _resumable(session, address), events.Narrator(progress(args.no_color)) as narrator:
        if args.checks:
            found = session.run_checks(address, select=args.select, exclude=args.exclude)
        elif address is None:
            found = session.refresh(select=args.select, exclude=args.exclude, on_event=narrator)
        else:
            given = dict(args.param)
            found = (session.run(address, on_event=narrator, parameters=given, explain=args.explain_cache),)
    screen = results(args.no_color)
    if args.format == "json":
        shown = [runs.data(one) for one in found]
        screen.data(as_json(shown if args.checks or address is None else shown[0]))
    else:
        screen.show("\n\n".join(runs.ran(one, screen.look) for one in found))
    return 1 if any(not c.passed and c.severity == "error" for ran in found for c in ran.checks) else 0


@contextmanager
def _resumable(session: "Session", address: str | None) -> Iterator[None]:
    """Whoever breaks a run off is told how to go on with it."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        from mlspec.backends.port import BackendError  # noqa: PLC0415 - start-up time: it brings sqlglot

        with suppress(BackendError, Problems):  # that it was broken off is what matters
            found = session.runs(address)
            if found and found[0].status == "interrupted":
                stopped.add_note("`mlspec run resume latest` goes on with it")
        raise


def _list(args: argparse.Namespace, session: "Session") -> int:
    from mlspec.cli.views import remembered  # noqa: PLC0415 - start-up time: the ports bring sqlglot

    found = session.runs(args.what[1] if len(args.what) > 1 else None)
    screen = results(args.no_color)
    if args.format == "json":
        screen.data(as_json([remembered.short(r) for r in found]))
    else:
        screen.show(remembered.listed(found, screen.look))
    return 0


def _show(args: argparse.Namespace, session: "Session") -> int:
    from mlspec.cli.views import remembered  # noqa: PLC0415 - start-up time: the ports bring sqlglot

    found = session.run_told(args.what[1])
    screen = results(args.no_color)
    screen.data(as_json(remembered.data(found))) if args.format == "json" else screen.show(
        remembered.whole(found, screen.look)
    )
    return 0


def _logs(args: argparse.Namespace, session: "Session") -> int:
    from mlspec.cli.views import remembered  # noqa: PLC0415 - start-up time: the ports bring sqlglot

    record = session.run_told(args.what[1])
    labels = [args.what[2]] if len(args.what) > 2 else [s.label for s in record.steps]  # noqa: PLR2004 - `logs RUN STEP`
    screen = results(args.no_color)
    if args.format == "json":
        texts = {label: _read(session, record.id, label, 0)[0] for label in labels}
        screen.data(as_json({"run": record.id, "logs": texts}))
        return 0
    at: dict[str, int] = dict.fromkeys(labels, 0)
    while True:
        record = session.run_told(record.id)
        for label in at:
            _tell(screen, session, record.id, label, at, headed=len(at) > 1)
        if not args.follow or record.status != "running":
            if not any(at.values()):
                progress(args.no_color).show(remembered.silent(record, args.what[2:]))
            return 0
        if len(args.what) == 2:  # noqa: PLR2004 - `logs RUN`: steps that have begun since then
            at.update({s.label: 0 for s in record.steps if s.label not in at})
        time.sleep(_TICK)


def _tell(screen: Screen, session: "Session", run: str, label: str, at: dict[str, int], *, headed: bool) -> None:
    """What was written since the last time, and how far that is."""
    text, at[label] = _read(session, run, label, at[label])
    if text:
        screen.show((f"==> {label} <==\n" if headed else "") + text.rstrip("\n"))


def _read(session: "Session", run: str, label: str, start: int) -> tuple[str, int]:
    path = session.run_log(run, label)
    if not path.exists():
        return "", start
    with path.open("rb") as file:
        file.seek(start)
        found = file.read()
    return found.decode("utf-8", "replace"), start + len(found)


def _resume(args: argparse.Namespace, session: "Session") -> int:
    from mlspec.cli.views import events, runs  # noqa: PLC0415 - start-up time: the ports bring sqlglot

    with _resumable(session, None), events.Narrator(progress(args.no_color)) as narrator:
        name = args.what[1] if len(args.what) > 1 else "latest"
        found = session.resume(name, on_event=narrator, explain=args.explain_cache)
    screen = results(args.no_color)
    screen.data(as_json(runs.data(found))) if args.format == "json" else screen.show(runs.ran(found, screen.look))
    return 0


_ABOUT: Mapping[str, Callable[[argparse.Namespace, "Session"], int]] = {
    "list": _list,
    "show": _show,
    "logs": _logs,
    "resume": _resume,
}
