"""Train a model now, or run the checks of a source or a feature view, and show the results."""

import argparse

from mlspec.cli.arguments import add_format
from mlspec.cli.opening import open_session
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import progress, results

EXAMPLES = """\
  mlspec run model.flight_delay   train it; steps whose inputs are unchanged come from the cache
  mlspec run source.flights       its checks; exit 1 when one of severity error fails
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to run."""
    parser.add_argument("address", metavar="ADDRESS", help="`kind.name` of a model, or of something with checks")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Run it, tell how it goes, show the results."""
    with open_session(args) as session:
        from mlspec.cli.views import events, runs  # noqa: PLC0415 - start-up time: the ports bring sqlglot

        with events.Narrator(progress(args.no_color)) as narrator:
            ran = session.run(args.address, on_event=narrator)
    screen = results(args.no_color)
    if args.format == "json":
        screen.data(as_json(ran))
    else:
        screen.show(runs.ran(ran, screen.look))
    failed = any(not c.passed and c.severity == "error" for c in ran.checks) or any(
        s.status == "failed" for s in ran.steps
    )
    return 1 if failed else 0
