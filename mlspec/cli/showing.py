"""How a plan is shown: in which shape, and with how much of what it would make; of one just made, and of one that was saved."""

import argparse
from collections.abc import Mapping
from typing import Any

from mlspec.cli.views.plan import as_text
from mlspec.cli.views.plan_markdown import as_markdown
from mlspec.cli.views.plan_steps import as_steps
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import results


def add_shapes(parser: argparse.ArgumentParser) -> None:
    """`--format`, `--full` and `--explain`."""
    parser.add_argument("--full", action="store_true", help="shorten nothing")
    parser.add_argument(
        "--explain", action="store_true", help="every step of the apply in order, with what is rendered for it"
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "markdown", "html"),
        default="text",
        help="how the plan is written (default: text)",
    )


def show_plan(plan: Mapping[str, Any], artifacts: Mapping[str, str], args: argparse.Namespace) -> None:
    """Print a plan; everything that is said is in its JSON."""
    screen = results(args.no_color)
    files = artifacts if args.explain else {}
    match args.format:
        case "json":
            screen.data(as_json({**plan, "artifacts": dict(files)} if args.explain else plan))
        case "markdown":
            screen.data(as_markdown(plan, files))
        case "html":
            from mlspec.cli.views.plan_html import as_html  # noqa: PLC0415 - start-up time: it brings Jinja

            screen.data(as_html(plan, artifacts))
        case _:
            screen.show(as_text(plan, screen.look, full=args.full))
            if args.explain and plan["steps"]:
                screen.show("\n" + as_steps(plan, artifacts, screen.look))
