"""Record in a saved plan that a team agrees to it; `mlspec apply FILE` then has what policies and reviews want.

Who approves is taken from `MLSPEC_USER`, else from git's `user.email`, and must be listed in the team. It is a record, not a signature.
"""

import argparse
from pathlib import Path

from mlspec.cli.arguments import add_format
from mlspec.cli.opening import open_session
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import results

EXAMPLES = """\
  mlspec approve -e prod prod.plan --team data         agree to exactly this plan, as `mlspec plan -o prod.plan` saved it
  mlspec apply -e prod prod.plan                       it is applied when all who are asked have agreed
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which plan, for which team."""
    parser.add_argument("file", metavar="FILE", help="a plan saved by `mlspec plan -o FILE`")
    parser.add_argument("--team", metavar="TEAM", required=True, help="the team that agrees")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Record it, and say who is still asked."""
    with open_session(args) as session:
        agreed = session.approve(Path(args.file), args.team)
    screen = results(args.no_color)
    if args.format == "json":
        screen.data(as_json(agreed))
        return 0
    screen.show(f"Approved by {agreed.approval.who} for {agreed.approval.team}: `{args.file}`")
    screen.show(f"Still asked: {', '.join(agreed.waiting)}" if agreed.waiting else "Nobody else is asked.")
    return 0
