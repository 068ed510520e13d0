"""Show what differs between two environments, as applied or as the files describe them, down to the column. Changes nothing."""

import argparse

from mlspec.cli.opening import open_session
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import results

EXAMPLES = """\
  mlspec diff dev prod                      what was applied in dev and is otherwise, or not, in prod
  mlspec diff dev prod --desired            what the files want of each: overrides and variables
  mlspec diff dev prod --format markdown    for a comment
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which two."""
    parser.add_argument("first", metavar="ENV1", help="an environment of the project")
    parser.add_argument("second", metavar="ENV2", help="another one")
    parser.add_argument("--desired", action="store_true", help="compare what the files describe, not what was applied")
    parser.add_argument("--exit-code", action="store_true", help="exit with 2 when they differ in more than words")
    parser.add_argument(
        "--format", choices=("text", "json", "markdown"), default="text", help="how it is written (default: text)"
    )


def run(args: argparse.Namespace) -> int:
    """Compare, and say what was found."""
    args.environment = args.first
    with open_session(args) as session:
        found = session.diff(args.second, desired=args.desired)
    from mlspec.cli.views import between as view  # noqa: PLC0415 - start-up time: plans bring sqlglot
    from mlspec.plan.between import to_json  # noqa: PLC0415 - as above

    data, screen = to_json(found), results(args.no_color)
    match args.format:
        case "json":
            screen.data(as_json(data))
        case "markdown":
            screen.data(view.as_markdown(data))
        case _:
            screen.show(view.as_text(data, screen.look))
    differ = any(d.status != "words" for d in found.differences)
    return 2 if args.exit_code and differ else 0
