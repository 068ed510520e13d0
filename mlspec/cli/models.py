"""Look at models: their versions with data, code, parameters and metrics, what their aliases mean, and who moved them when."""

import argparse

from mlspec.cli.arguments import add_format, add_global_options
from mlspec.cli.opening import open_session
from mlspec.cli.views import models
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import results

EXAMPLES = """\
  mlspec models list                        every model, its aliases and who serves it
  mlspec models show churn                  its versions, with their metrics
  mlspec models show churn champion         one version in full, by alias or by digest
  mlspec models history churn               who let an alias mean what, when, and in which run
  mlspec models history churn --format json
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """One parser for each thing to do."""
    verbs = parser.add_subparsers(title="what to do", dest="doing", metavar="DO", required=True)
    _sub(verbs, "list", "every model")
    show = _sub(verbs, "show", "the versions of a model, or one of them in full")
    show.add_argument("model", metavar="MODEL")
    show.add_argument("version", metavar="VERSION", nargs="?", help="a digest, how one begins, or an alias")
    _sub(verbs, "history", "what was applied and what aliases meant, run by run").add_argument("model", metavar="MODEL")


def _sub(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary)
    add_format(parser)
    add_global_options(parser, 2)
    return parser


def run(args: argparse.Namespace) -> int:
    """Tell it."""
    screen = results(args.no_color)
    with open_session(args) as session:
        match args.doing:
            case "list":
                found = {"models": session.models()}
            case "show" if args.version:
                found = session.model_version(args.model, args.version)
            case "show":
                found = {"model": args.model, "versions": session.model_versions(args.model)}
            case _:
                found = {"model": args.model, "history": session.model_history(args.model)}
    screen.data(as_json(found)) if args.format == "json" else screen.show(models.text(found, screen.look))
    return 0
