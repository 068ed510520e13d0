"""List what the project defines and what is made of it, show one thing, or show a plan that was saved.

Of one thing: columns, neighbours, checks, its spec. A saved plan is shown anywhere: neither the project nor a backend is needed.
"""

import argparse
from pathlib import Path

from mlspec.base.diag import problem
from mlspec.cli.arguments import add_select, positive
from mlspec.cli.opening import open_session
from mlspec.cli.showing import add_shapes, show_plan
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import results
from mlspec.cli.views.things import listing, one

EXAMPLES = """\
  mlspec show                               everything, with owner and status
  mlspec show feature_view.carrier_delays   one thing in full
  mlspec show --select owner:data,kind:source     the sources of a team
  mlspec show model.delay --format json
  mlspec show prod.plan                     a plan saved by `mlspec plan -o prod.plan`
  mlspec show prod.plan --format html > plan.html
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The address."""
    parser.add_argument(
        "address",
        metavar="ADDRESS|FILE",
        nargs="?",
        help="`kind.name`, or a saved plan; without it, everything is listed",
    )
    parser.add_argument("--last", type=positive, default=5, metavar="N", help="runs of its checks at most (default: 5)")
    add_select(parser, "list only this")
    add_shapes(parser)


def run(args: argparse.Namespace) -> int:
    """Show one or all, or a saved plan."""
    if args.address and Path(args.address).is_file():
        return _saved(args)
    if args.full or args.explain or args.format not in {"text", "json"}:
        raise problem(
            "meaningless-option",
            "`--full`, `--explain`, and Markdown and HTML are for a saved plan",
            help="leave it out",
        )
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
        nothing = (
            "Nothing of the project is selected." if args.select or args.exclude else "The project defines nothing yet."
        )
        screen.show(listing(found, screen.look, nothing))
    return 0


def _saved(args: argparse.Namespace) -> int:
    from mlspec.plan.saved import read_saved  # noqa: PLC0415 - start-up time

    if args.select or args.exclude:
        raise problem(
            "meaningless-option",
            f"`{args.address}` is a saved plan: it has been selected",
            help="leave out the selector",
        )
    plan, artifacts = read_saved(Path(args.address))
    show_plan(plan, artifacts, args)
    return 0
