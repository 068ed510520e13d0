"""Delete everything that was made in this environment, what depends on others first. Shows it, and asks."""

import argparse

from mlspec.cli.arguments import add_format, add_select
from mlspec.cli.carrying_out import add_options, carry_out
from mlspec.cli.opening import open_session

EXAMPLES = """\
  mlspec destroy -e dev                             everything in `dev`
  mlspec destroy --select deployment.delay_api      only this, and what depends on it
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to delete."""
    add_select(parser, "only this, and what depends on it", "neither this, nor what it needs")
    add_options(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Plan to delete, and carry it out."""
    with open_session(args) as session:
        planned = session.plan(select=args.select, exclude=args.exclude, destroy=True)
        return carry_out(session, planned, args, ask=True)
