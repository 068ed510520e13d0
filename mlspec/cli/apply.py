"""Make the changes: those of a saved plan, or show a plan, ask, and make them. What is done is recorded at once."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mlspec.base.diag import Problems, problem
from mlspec.cli.arguments import add_breaking, add_format, add_select
from mlspec.cli.carrying_out import add_options, carry_out, refuse_with_refresh
from mlspec.cli.opening import open_session
from mlspec.cli.views.terminal import progress
from mlspec.plan.saved import read_saved

if TYPE_CHECKING:  # start-up time: at run time the session is loaded by the verb that runs
    from mlspec.session import Planned

EXAMPLES = """\
  mlspec apply                                  plan, ask, apply
  mlspec apply --auto-approve                   do not ask
  mlspec apply prod.plan                        exactly what `mlspec plan -o prod.plan` showed; refused when stale
  mlspec apply --select model.delay             only this, and what it needs
  mlspec apply --approved-by data_science       for a policy that wants the approval of a team
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """A saved plan, or what to plan."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="a plan saved by `mlspec plan -o FILE`; it is applied without asking"
    )
    add_select(parser, "only this, and what it needs", "neither this, nor what depends on it")
    parser.add_argument(
        "--replace",
        action="append",
        default=[],
        metavar="ADDR",
        help="make this anew though it is unchanged; repeatable",
    )
    parser.add_argument(
        "--no-refresh", action="store_true", help="believe the state, do not look at what is really there"
    )
    parser.add_argument(
        "--refresh-only", action="store_true", help="let the state learn what is really there, and make nothing"
    )
    add_breaking(parser)
    add_options(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Load or make the plan, and carry it out."""
    refuse_with_refresh(args)
    given = args.select or args.exclude or args.replace or args.no_refresh or args.refresh_only or args.allow_breaking
    if args.file and given:
        raise problem(
            "saved-plan",
            f"`{args.file}` is a saved plan: what it does is decided",
            help="give these options to `mlspec plan -o FILE`",
        )
    if args.file and args.environment is None:
        args.environment = _environment_of(Path(args.file))
    with open_session(args) as session:

        def plan() -> "Planned":
            session.settle(progress(args.no_color).show)
            if args.refresh_only:
                return session.plan_refresh()
            return session.plan(
                select=args.select, exclude=args.exclude, replace=args.replace, refresh=not args.no_refresh,
                allow_breaking=args.allow_breaking,
            )  # fmt: skip

        if args.file:
            return carry_out(session, session.load(Path(args.file)), args, ask=False)
        return carry_out(session, plan(), args, ask=True, again=plan)


def _environment_of(file: Path) -> str | None:
    """Where a saved plan belongs; None for what is none, which the session says."""
    try:
        found = read_saved(file)[0].get("environment")
    except Problems:
        return None
    return found if isinstance(found, str) else None
