"""Let an environment have again what it had after an earlier run of its history. Shows the plan, and asks.

Versions of tables and models that are still kept are pointed to; nothing is computed. The files stay as they are: bring them
back as well, or the next apply leads forward again.
"""

import argparse
from pathlib import Path

from mlspec.base.diag import problem
from mlspec.cli.arguments import add_breaking, add_format, add_select
from mlspec.cli.carrying_out import add_options, carry_out, show_saved
from mlspec.cli.opening import open_session

EXAMPLES = """\
  mlspec rollback                       undo the last run: show the plan, ask, apply
  mlspec history                        which runs there were, with their numbers
  mlspec rollback 12                    what there was after run 12
  mlspec rollback 12 --select model.delay+
                                        only this, with what it needs and what depends on it
  mlspec rollback 12 -o back.plan       save it; `mlspec apply back.plan` does exactly this
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """How far to go back."""
    parser.add_argument(
        "number",
        metavar="N",
        nargs="?",
        type=int,
        help="the run of the history to go back to (default: the one before the last)",
    )
    parser.add_argument(
        "--build",
        action="store_true",
        help="build again what is not kept any more, if all that it is made of is as it was",
    )
    parser.add_argument("-o", "--out", metavar="FILE", help="save the plan for `mlspec apply FILE`, and apply nothing")
    add_select(parser, "only this, and what it needs", "neither this, nor what depends on it")
    add_breaking(parser)
    add_options(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Plan, and save or carry it out."""
    if args.number is not None and args.number < 1:
        raise problem(
            "no-such-run",
            f"the history has no number {args.number}",
            help="`mlspec history` lists it; it begins with 1",
        )
    with open_session(args) as session:
        planned = session.rollback(
            args.number, select=args.select, exclude=args.exclude, build=args.build, allow_breaking=args.allow_breaking,
        )  # fmt: skip
        if not args.out:
            return carry_out(session, planned, args, ask=True)
        session.save(planned, Path(args.out))
    return show_saved(planned, args, f"mlspec apply {args.out}")
