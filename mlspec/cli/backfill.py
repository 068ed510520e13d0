"""Build partitions of a table anew: all, or those between two times. What is cut short, `mlspec run` finishes."""

import argparse

from mlspec.cli.arguments import add_format, positive, seconds
from mlspec.cli.opening import open_session
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import progress, results

EXAMPLES = """\
  mlspec backfill feature_view.spend                                       all of it
  mlspec backfill feature_view.spend --from 2024-01-01 --to 2024-02-01     one month
  mlspec backfill feature_view.spend --from 2024-01-01 --dry-run           which partitions that would be
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which partitions of what."""
    parser.add_argument("address", metavar="ADDRESS", help="`kind.name` of a feature view that is kept in partitions")
    parser.add_argument("--from", dest="first", default="", metavar="TIME", help="from this time on (ISO 8601, UTC)")
    parser.add_argument("--to", dest="end", default="", metavar="TIME", help="until before this time")
    parser.add_argument(
        "--partitions",
        type=positive,
        default=30,
        metavar="N",
        help="so many side by side in one transaction (default: 30)",
    )
    parser.add_argument("--dry-run", action="store_true", help="list them, and do nothing")
    parser.add_argument(
        "--lock-timeout",
        type=seconds,
        default=0.0,
        metavar="TIME",
        help="wait so long for the lock of the state (default: 0)",
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Build them, tell how it goes, show what there is now."""
    with open_session(args) as session:
        from mlspec.cli.views import events, parts  # noqa: PLC0415 - start-up time: the ports bring sqlglot

        with events.Narrator(progress(args.no_color)) as narrator:
            found = session.backfill(
                args.address, first=args.first, end=args.end, at_once=args.partitions, dry_run=args.dry_run,
                lock_timeout=args.lock_timeout, on_event=narrator,
            )  # fmt: skip
    screen = results(args.no_color)
    if args.format == "json":
        screen.data(as_json(parts.data(found, dry_run=args.dry_run)))
    elif args.dry_run:
        screen.show(parts.listing(found, screen.look))
    else:
        screen.show(parts.brought(found))
    return 0
