"""Delete everything that was made in this environment, what depends on others first. Shows it, and asks."""

import argparse
from typing import TYPE_CHECKING

from mlspec.cli.arguments import add_format, add_select
from mlspec.cli.carrying_out import add_options, carry_out
from mlspec.cli.opening import open_session
from mlspec.cli.views.terminal import progress

if TYPE_CHECKING:  # start-up time: at run time the session is loaded by the verb that runs
    from mlspec.session import Planned

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

        def plan() -> "Planned":
            session.settle(progress(args.no_color).show)
            return session.plan(select=args.select, exclude=args.exclude, destroy=True)

        return carry_out(session, plan(), args, ask=True, again=plan)
