"""List what the project defines and what is made of it, or show one thing: columns, neighbours, checks, its spec."""

import argparse

from mlspec.base.diag import problem
from mlspec.cli.arguments import add_format, add_select, positive
from mlspec.cli.opening import open_session
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import results
from mlspec.cli.views.things import listing, one

EXAMPLES = """\
  mlspec show                               everything, with owner and status
  mlspec show feature_view.carrier_delays   one thing in full
  mlspec show --select owner:data,kind:source     the sources of a team
  mlspec show model.delay --format json
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The address."""
    parser.add_argument("address", metavar="ADDRESS", nargs="?", help="`kind.name`; without it, everything is listed")
    parser.add_argument("--last", type=positive, default=5, metavar="N", help="runs of its checks at most (default: 5)")
    add_select(parser, "list only this")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Show one or all."""
    if args.address and (args.select or args.exclude):
        raise problem(
            "meaningless-option", f"`{args.address}` is one thing: nothing is selected", help="leave out one of them"
        )
    with open_session(args) as session:
        found = session.show(args.address, args.last, select=args.select, exclude=args.exclude)
    screen = results(args.no_color)
    if args.format == "json":
        screen.data(as_json(found))
    elif args.address:
        screen.show(one(found, screen.look))
    else:
        screen.show(listing(found, screen.look, "The project defines nothing yet."))
    return 0
