"""Build the partitions that are due, train a model, or run checks; on what was applied."""

import argparse

from mlspec.base.diag import problem
from mlspec.cli.arguments import add_format, add_select
from mlspec.cli.opening import open_session
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import progress, results

EXAMPLES = """\
  mlspec run                      the partitions that are due, of all feature views that are kept in some
  mlspec run feature_view.spend   those of one, and its checks
  mlspec run model.flight_delay   train it; steps whose inputs are unchanged come from the cache
  mlspec run source.flights       its checks; exit 1 when one of severity error fails
  mlspec run --checks             the checks of everything
  mlspec run --checks --select tag:money
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to run."""
    parser.add_argument(
        "address",
        metavar="ADDRESS",
        nargs="?",
        help="`kind.name` of a model, of a feature view in partitions, or of something with checks;\nwithout it, all that is due",
    )
    parser.add_argument("--checks", action="store_true", help="only checks: of ADDRESS, or of the whole project")
    add_select(parser, "only what is due of this, or with `--checks` its checks")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Run it, tell how it goes, show the results."""
    if args.address and (args.select or args.exclude):
        raise problem(
            "meaningless-option", f"`{args.address}` is one thing: nothing is selected", help="leave out one of them"
        )
    with open_session(args) as session:
        from mlspec.cli.views import events, runs  # noqa: PLC0415 - start-up time: the ports bring sqlglot

        with events.Narrator(progress(args.no_color)) as narrator:
            if args.checks:
                found = session.run_checks(args.address, select=args.select, exclude=args.exclude)
            elif args.address is None:
                found = session.refresh(select=args.select, exclude=args.exclude, on_event=narrator)
            else:
                found = (session.run(args.address, on_event=narrator),)
    screen = results(args.no_color)
    if args.format == "json":
        shown = [runs.data(one) for one in found]
        screen.data(as_json(shown if args.checks or args.address is None else shown[0]))
    else:
        screen.show("\n\n".join(runs.ran(one, screen.look) for one in found))
    failed = [c for ran in found for c in ran.checks if not c.passed and c.severity == "error"]
    return 1 if failed or any(s.status == "failed" for ran in found for s in ran.steps) else 0
