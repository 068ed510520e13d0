"""Follow a column, or a whole thing, to where it comes from, or with `--downstream` to everything that uses it."""

import argparse

from mlspec.cli.opening import open_session
from mlspec.cli.views.lineage import as_mermaid, as_tree
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import results

EXAMPLES = """\
  mlspec lineage feature_view.carrier_delays.delay_avg_7d    the columns it is made of
  mlspec lineage source.flights.arr_delay --downstream       who would notice a change
  mlspec lineage model.delay --no-columns --format mermaid   a picture for Markdown
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where to begin, and which way."""
    parser.add_argument("what", metavar="WHAT", help="`kind.name` or `kind.name.column`")
    parser.add_argument("--downstream", action="store_true", help="who uses it, instead of what it comes from")
    parser.add_argument("--no-columns", action="store_true", help="whole things only")
    parser.add_argument(
        "--format",
        choices=("text", "json", "mermaid"),
        default="text",
        help="how the result is written (default: text)",
    )


def run(args: argparse.Namespace) -> int:
    """Walk, and draw."""
    with open_session(args) as session:
        edges = session.lineage(args.what, downstream=args.downstream, columns=not args.no_columns)
    pairs = [(e.source, e.target) for e in edges]
    screen = results(args.no_color)
    match args.format:
        case "json":
            screen.data(
                as_json(
                    {
                        "what": args.what,
                        "downstream": args.downstream,
                        "edges": [{"source": s, "target": t} for s, t in pairs],
                    }
                )
            )
        case "mermaid":
            screen.data(as_mermaid(pairs))
        case _:
            screen.show(as_tree(args.what, pairs, downstream=args.downstream))
    return 0
