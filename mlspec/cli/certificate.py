"""Show what a dataset was made of: definitions, sources, boundaries, rows, missing values; or whether it could be made again.

With `--verify`, exit 1 where a definition, a source or the kept rows differ from what the certificate says.
"""

import argparse

from mlspec.cli.arguments import add_format
from mlspec.cli.opening import open_session
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.table import outline
from mlspec.cli.views.terminal import results

EXAMPLES = """\
  mlspec certificate dataset.flight_delay
  mlspec certificate dataset.flight_delay --format json > flight_delay.certificate.json
  mlspec certificate dataset.flight_delay --verify
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The dataset."""
    parser.add_argument("address", metavar="DATASET", help="`dataset.name`")
    parser.add_argument(
        "--verify", action="store_true", help="compare it with what the files, the sources and the warehouse say now"
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Show or compare."""
    with open_session(args) as session:
        if not args.verify:
            found = session.certificate(args.address)
            screen = results(args.no_color)
            if args.format == "json":
                screen.data(as_json(found))
            else:
                screen.show("\n".join(outline(found)))
            return 0
        from mlspec.cli.views.verified import told  # noqa: PLC0415 - start-up time: it brings the forms

        compared = session.verify(args.address)
    screen = results(args.no_color)
    if args.format == "json":
        screen.data(as_json({"reproducible": compared.reproducible, **vars(compared)}))
    else:
        screen.show(told(compared))
    return 0 if compared.reproducible else 1
