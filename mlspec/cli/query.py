"""Read rows of a dataset, a feature view or a source, or of a SELECT; or features for rows of your own.

With `--spine` or `--spine-sql` the answer has the rows of the spine, as many and in their order, each with the values
that the features had when it asked.
"""

import argparse
from pathlib import Path
from typing import Any

from mlspec.base.diag import problem
from mlspec.cli.arguments import names, pair, positive
from mlspec.cli.opening import open_session
from mlspec.cli.views.structured import as_csv, as_json
from mlspec.cli.views.table import table, vertical
from mlspec.cli.views.terminal import progress, results

EXAMPLES = """\
  mlspec query dataset.flight_delay --limit 5
  mlspec query feature_view.carrier_delays --key carrier=UA --at 2013-07-01T12:00:00
  mlspec query source.flights --where "arr_delay > 120" --columns carrier,flight,arr_delay
  mlspec query "SELECT carrier, count(*) AS n FROM source.flights GROUP BY carrier" --format csv
  mlspec query feature_set.flight_delay --spine flights.csv -o features.parquet
  mlspec query --features "carrier_delays.*,weather_now.temp" --spine - --at scheduled < flights.csv
  mlspec query feature_set.flight_delay --spine-sql "SELECT * FROM source.flights" --at sched_dep_ts
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to read."""
    parser.add_argument(
        "what",
        metavar="WHAT",
        nargs="?",
        default="",
        help="`kind.name`, or one SELECT; with a spine a feature set or view",
    )
    parser.add_argument("--where", default="", metavar="SQL", help="only rows for which this is true")
    parser.add_argument("--columns", type=names, default=(), metavar="A,B", help="only these columns")
    parser.add_argument(
        "--at", default="", metavar="TIME|COLUMN",
        help="as known at this time (ISO 8601, UTC); of a spine, the column that says it (default: event_time)",
    )  # fmt: skip
    parser.add_argument(
        "--key", action="append", type=pair, default=[], metavar="K=V", help="the value of an entity key; repeatable"
    )
    asking = parser.add_mutually_exclusive_group()
    asking.add_argument(
        "--spine", default="", metavar="FILE", help="rows that ask: Parquet, CSV, JSON or Arrow; `-` is standard input"
    )
    asking.add_argument(
        "--spine-sql", default="", metavar="SQL", help="rows that ask: one SELECT over what was applied"
    )
    parser.add_argument(
        "--features", type=names, default=(), metavar="V.A,V.*", help="features for the spine, by view and name"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the answer: .parquet, .csv or .arrow")
    parser.add_argument(
        "--limit", type=positive, metavar="N", help="rows at most (default: 20; a spine is answered whole)"
    )
    parser.add_argument(
        "--format", choices=("text", "json", "csv"), default="text", help="how the rows are written (default: text)"
    )


def run(args: argparse.Namespace) -> int:
    """Ask, and show the rows."""
    keys = dict(args.key)
    if len(keys) < len(args.key):
        raise problem("repeated-key", "a key is given twice", help="one `--key name=value` for each entity key")
    from mlspec.questions import is_select  # noqa: PLC0415 - start-up time

    if args.spine_sql and not is_select(args.spine_sql):
        raise problem(
            "forbidden-sql",
            "`--spine-sql` takes one SELECT over what was applied",
            help="a file of rows goes with `--spine`",
        )
    if args.spine or args.spine_sql:
        return _for_spine(args)
    if args.features or args.output:
        option = "--features" if args.features else "-o"
        raise problem(
            "meaningless-option", f"`{option}` needs rows that ask", help="add `--spine FILE` or `--spine-sql SQL`"
        )
    if not args.what:
        raise problem("meaningless-option", "nothing says what is asked", help="name `kind.name`, or write one SELECT")
    with open_session(args) as session:
        found = session.query(
            args.what, where=args.where, columns=args.columns, at=args.at, keys=keys, limit=args.limit or 20
        )
    return _show(found, args)


def _for_spine(args: argparse.Namespace) -> int:
    for option in ("where", "columns", "key", "limit"):
        if getattr(args, option):
            message = f"`--{option}` means nothing with a spine: all its rows are answered"
            raise problem("meaningless-option", message, help="choose rows in the spine, features with `--features`")
    features = [*([args.what] if args.what else []), *args.features]
    with open_session(args) as session:
        from mlspec.backends.outside.arrow import shown  # noqa: PLC0415 - start-up time: the ports bring sqlglot
        from mlspec.backends.outside.written import format_of, write_table  # noqa: PLC0415 - as above

        if args.output:
            format_of(args.output)  # before the work, not after it
        spine = Path(args.spine) if args.spine else args.spine_sql
        found = session.features(features, spine, at=args.at or "event_time")
        if args.output:
            write_table(found, args.output)
            progress(args.no_color).show(f"{found.num_rows:,} rows with {found.num_columns} columns in {args.output}")
            return 0
        return _show(shown(found), args)


def _show(found: Any, args: argparse.Namespace) -> int:
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
