"""Remove versions of tables, model versions and caches that nothing needs any more. Shows them first, and asks.

Needed is what any public name in the warehouse means and what that reads, whatever project or environment it is of; what the
states and the files of this project name; and what was made or used within the grace.
"""

import argparse

from mlspec.base.diag import problem
from mlspec.cli.arguments import add_format, seconds
from mlspec.cli.opening import open_session
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import can_answer, progress, results

EXAMPLES = """\
  mlspec gc --dry-run                       what could go, and how much that is
  mlspec gc                                 ask, and remove it
  mlspec gc --grace 30d --auto-approve      keep what was in use within 30 days; for a scheduled job
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """How long to keep, and whether to ask."""
    parser.add_argument(
        "--grace",
        type=seconds,
        default=7 * 86400.0,
        metavar="TIME",
        help="keep what was made or used within this time, so that one can go back to it (default: 7d)",
    )
    parser.add_argument("--dry-run", action="store_true", help="list it, and remove nothing")
    parser.add_argument("--auto-approve", action="store_true", help="do not ask")
    parser.add_argument(
        "--lock-timeout",
        type=seconds,
        default=0.0,
        metavar="TIME",
        help="wait so long for those who change this environment (default: 0)",
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """List it, ask, remove it."""
    with open_session(args) as session:
        from mlspec.cli.views import garbage as view  # noqa: PLC0415 - start-up time: the ports bring sqlglot

        found = session.gc(grace=args.grace, dry_run=True)
        screen = results(args.no_color)
        if args.dry_run or not found.gone:
            screen.data(as_json(view.data(found))) if args.format == "json" else screen.show(
                view.as_text(found, screen.look)
            )
            return 0
        if args.format == "text":
            screen.show(view.as_text(found, screen.look))
        if not _agreed(args):
            return 1
        done = session.gc(grace=args.grace, dry_run=False, lock_timeout=args.lock_timeout)
    screen.data(as_json(view.data(done))) if args.format == "json" else screen.show(view.removed(done))
    return 0


def _agreed(args: argparse.Namespace) -> bool:
    if args.auto_approve:
        return True
    if not can_answer():
        raise problem("not-approved", "nobody can be asked: the input is not a terminal",
                      help="`--auto-approve` removes without asking, `--dry-run` only lists")  # fmt: skip
    screen = progress(args.no_color)
    if screen.ask("\nRemove this? Only `yes` is accepted:") == "yes":
        return True
    screen.show("Nothing was removed.")
    return False
