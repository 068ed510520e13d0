"""Check the files of the project: names, types, references, SQL; everything that can be known without a connection."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from mlspec.base.diag import Diagnostic, Problems
from mlspec.cli.opening import open_session, root_of
from mlspec.cli.views import diagnostics
from mlspec.cli.views.github import as_commands
from mlspec.cli.views.sarif import as_sarif
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import progress, results
from mlspec.cli.views.values import count

EXAMPLES = """\
  mlspec validate                               exit 1 when something is wrong
  mlspec validate -e prod                       with the values of an environment
  mlspec validate --format github               annotations in GitHub Actions
  mlspec validate --format sarif > mlspec.sarif
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The format."""
    parser.add_argument(
        "--format",
        choices=("text", "json", "sarif", "github"),
        default="text",
        help="how the result is written (default: text)",
    )


def run(args: argparse.Namespace) -> int:
    """Validate, and show the problems or what there is."""
    try:
        with open_session(args) as session:
            found = session.validate()
    except Problems as problems:
        _show(args, problems.diagnostics, {}, "")
        return 1
    _show(args, found.warnings, found.kinds, found.environment)
    return 0


def _show(args: argparse.Namespace, found: Sequence[Diagnostic], kinds: Mapping[str, int], environment: str) -> None:
    sources, screen = diagnostics.Sources(root_of(args)), results(args.no_color)
    valid = bool(environment)
    match args.format:
        case "json":
            data: dict[str, Any] = {"valid": valid, "environment": environment, "kinds": dict(kinds)}
            screen.data(as_json(data | {"diagnostics": diagnostics.as_data(found)}))
        case "sarif":
            screen.data(as_json(as_sarif(found, sources)))
        case "github":
            if found:
                screen.data(as_commands(found, sources))
        case _:
            if found:
                errors = progress(args.no_color)
                errors.show(diagnostics.as_text(found, sources, errors.look))
            if valid:
                things = ", ".join(count(n, kind.replace("_", " ")) for kind, n in kinds.items())
                screen.show(f"Valid: {things} (environment `{environment}`)")
