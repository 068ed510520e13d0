"""Print what the backends would get: SQL, pipeline definitions, manifests. Needs no connection."""

import argparse
from pathlib import Path

from mlspec.cli.arguments import add_format, add_select
from mlspec.cli.opening import open_session
from mlspec.cli.views.artifacts import as_text, write_below
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import results
from mlspec.cli.views.values import count

EXAMPLES = """\
  mlspec render                                     all of it
  mlspec render --select feature_view.carrier       the SQL of a feature view
  mlspec render -e prod -o build                    write the files below `build`
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to render, and where to."""
    parser.add_argument("-o", "--out", metavar="DIR", help="write the files below DIR instead")
    add_select(parser, "only the files of this")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Render, and print or write."""
    with open_session(args) as session:
        artifacts = session.render(args.select, args.exclude)
    screen = results(args.no_color)
    if args.out:
        write_below(Path(args.out), artifacts)
    if args.format == "json":
        screen.data(as_json(sorted(artifacts) if args.out else artifacts))
    elif args.out:
        screen.show(f"Wrote {count(len(artifacts), 'file')} below `{args.out}`.")
    else:
        screen.data(as_text(artifacts, screen.look))
    return 0
