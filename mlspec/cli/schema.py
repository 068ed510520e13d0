"""Print a JSON Schema: of all files of a project, of one kind, of plans (`plan`) or of states (`state`)."""

import argparse

from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import results

EXAMPLES = """\
  mlspec schema > mlspec.schema.json        for an editor that completes YAML
  mlspec schema feature_view                one kind
  mlspec schema plan                        what `mlspec plan --format json` prints
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which schema."""
    parser.add_argument("what", metavar="WHAT", nargs="?", help="a kind, `plan` or `state` (default: every kind)")
    parser.add_argument("--format", choices=("json",), default="json", help="a schema is JSON")


def run(args: argparse.Namespace) -> int:
    """Print it."""
    from mlspec.session import Session  # noqa: PLC0415 - start-up time: it brings pydantic, sqlglot and a YAML parser

    found = Session.schema(args.what)
    results(args.no_color).data(as_json(found))
    return 0
