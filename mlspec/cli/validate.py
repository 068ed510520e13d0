"""Check the files of the project: names, types, references, SQL; everything that can be known without a connection."""

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mlspec.base.diag import Diagnostic, Problems
from mlspec.cli.opening import open_session, root_of
from mlspec.cli.views import diagnostics
from mlspec.cli.views.github import as_commands
from mlspec.cli.views.sarif import as_sarif
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import progress, results
from mlspec.cli.views.values import count

if TYPE_CHECKING:  # start-up time: at run time the session is loaded by the verb that runs
    from mlspec.planned import Validated

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
        _show(args, problems.diagnostics, None)
        return 1
    _show(args, found.warnings, found)
    return 0


def _show(args: argparse.Namespace, found: Sequence[Diagnostic], valid: "Validated | None") -> None:
    sources, screen = diagnostics.Sources(root_of(args)), results(args.no_color)
    match args.format:
        case "json":
            data: dict[str, Any] = {
                "valid": bool(valid),
                "environment": valid.environment if valid else "",
                "kinds": dict(valid.kinds) if valid else {},
            }
            others = valid.others if valid else ()
            data["others"] = [{"environment": o.environment, "why_not": o.why_not} for o in others]
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
                screen.show("\n".join(_valid(valid)))


def _valid(found: "Validated") -> Iterator[str]:
    things = ", ".join(count(n, kind.replace("_", " ")) for kind, n in found.kinds.items())
    whole = "".join(f", `{o.environment}`" for o in found.others if not o.why_not)
    yield f"Valid: {things} (environment{'s' if whole else ''} `{found.environment}`{whole})"
    for one in (o for o in found.others if o.why_not):
        yield f"Of environment `{one.environment}` only the backends and their options: {one.why_not} (`mlspec validate -e {one.environment}` checks all)"
