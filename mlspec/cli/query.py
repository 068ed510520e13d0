"""Read rows of a dataset, a feature view or a source, as of a time if asked, or of a SELECT over their names."""

import argparse

from mlspec.base.diag import problem
from mlspec.cli.arguments import names, pair, positive
from mlspec.cli.opening import open_session
from mlspec.cli.views.structured import as_csv, as_json
from mlspec.cli.views.table import table, vertical
from mlspec.cli.views.terminal import results

EXAMPLES = """\
  mlspec query dataset.flight_delay --limit 5
  mlspec query feature_view.carrier_delays --key carrier=UA --at 2013-07-01T12:00:00
  mlspec query source.flights --where "arr_delay > 120" --columns carrier,flight,arr_delay
  mlspec query "SELECT carrier, count(*) AS n FROM source.flights GROUP BY carrier" --format csv
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to read."""
    parser.add_argument("what", metavar="WHAT", help="`kind.name`, or one SELECT")
    parser.add_argument("--where", default="", metavar="SQL", help="only rows for which this is true")
    parser.add_argument("--columns", type=names, default=(), metavar="A,B", help="only these columns")
    parser.add_argument("--at", default="", metavar="TIME", help="as known at this time (ISO 8601, UTC)")
    parser.add_argument(
        "--key", action="append", type=pair, default=[], metavar="K=V", help="the value of an entity key; repeatable"
    )
    parser.add_argument("--limit", type=positive, default=20, metavar="N", help="rows at most (default: 20)")
    parser.add_argument(
        "--format", choices=("text", "json", "csv"), default="text", help="how the rows are written (default: text)"
    )


def run(args: argparse.Namespace) -> int:
    """Ask, and show the rows."""
    keys = dict(args.key)
    if len(keys) < len(args.key):
        raise problem("repeated-key", "a key is given twice", help="one `--key name=value` for each entity key")
    with open_session(args) as session:
        found = session.query(
            args.what, where=args.where, columns=args.columns, at=args.at, keys=keys, limit=args.limit
        )
    screen = results(args.no_color)
    match args.format:
        case "json":
            columns = [{"name": n, "type": t} for n, t in zip(found.columns, found.types, strict=True)]
            screen.data(
                as_json({"columns": columns, "rows": [dict(zip(found.columns, r, strict=True)) for r in found.rows]})
            )
        case "csv":
            screen.data(as_csv(found.columns, found.rows))
        case _ if not found.rows:
            screen.show("No rows.")
        case _ if len(found.rows) == 1:
            screen.show(vertical(list(zip(found.columns, found.rows[0], strict=True)), screen.look))
        case _:
            screen.show(table(found.columns, found.rows, screen.look))
    return 0
