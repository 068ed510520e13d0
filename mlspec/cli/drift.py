"""Show what is really there and not as it was recorded: by whom it was not made is for you to find out. Changes nothing.

Exit code 0: no drift; 2: drift that nobody has accepted; 1: it could not be found out.
"""

import argparse

from mlspec.cli.arguments import add_format
from mlspec.cli.opening import open_session, root_of
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import results
from mlspec.cli.views.warnings import show_warnings

EXAMPLES = """\
  mlspec drift -e prod                      what somebody has changed by hand, or upstream
  mlspec drift -e prod --format json        recorded, observed and desired, for programs
  mlspec plan --refresh-only                what the state would learn of it
"""
DRIFTED = 2


def arguments(parser: argparse.ArgumentParser) -> None:
    """How it is written."""
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Look, and say what was found."""
    with open_session(args) as session:
        found = session.drift()
    from mlspec.cli.views import drift as view  # noqa: PLC0415 - start-up time: plans bring sqlglot
    from mlspec.plan.drift import to_json  # noqa: PLC0415 - as above

    show_warnings(found.warnings, root_of(args), args.no_color)
    drift, screen = [to_json(d) for d in found.drift], results(args.no_color)
    if args.format == "json":
        screen.data(as_json(view.data(found.project, found.environment, drift, found.recorded)))
    else:
        screen.show(view.as_text(found.project, found.environment, drift, found.recorded, screen.look))
    return DRIFTED if found.open else 0
