"""Show what would change, down to the column, why, what it leads to, and who has to agree. Changes nothing."""

import argparse
from pathlib import Path

from mlspec.base.diag import problem
from mlspec.cli.arguments import add_breaking, add_select
from mlspec.cli.carrying_out import refuse_with_refresh
from mlspec.cli.opening import open_session, root_of
from mlspec.cli.showing import add_shapes, show_plan
from mlspec.cli.views.terminal import progress
from mlspec.cli.views.warnings import show_warnings

EXAMPLES = """\
  mlspec plan                                   what `mlspec apply` would do
  mlspec plan -e prod -o prod.plan              save it; `mlspec apply prod.plan` does exactly this
  mlspec plan --select dataset.flight_delay     only this, and what it needs
  mlspec plan --select tag:fraud --exclude kind:model+
                                                what has the tag, but no model and nothing that needs one
  mlspec plan --detailed-exitcode               0 nothing to do, 2 changes, 1 error
  mlspec plan --format markdown                 for a comment on a pull request
  mlspec plan --against main                    what the files say now against what they said in `main`, without a state
  mlspec plan --explain                         each step of the apply, with its SQL and its manifests
  mlspec plan --format html > plan.html         one page, to be opened anywhere
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to plan, and how to show it."""
    parser.add_argument("-o", "--out", metavar="FILE", help="save the plan for `mlspec apply FILE`")
    add_select(parser, "only this, and what it needs", "neither this, nor what depends on it")
    parser.add_argument(
        "--replace",
        action="append",
        default=[],
        metavar="ADDR",
        help="make this anew though it is unchanged; repeatable",
    )
    parser.add_argument("--destroy", action="store_true", help="plan to delete what was made")
    parser.add_argument(
        "--no-refresh", action="store_true", help="believe the state, do not look at what is really there"
    )
    parser.add_argument(
        "--refresh-only", action="store_true", help="show what the state would learn of what is really there"
    )
    parser.add_argument("--detailed-exitcode", action="store_true", help="exit with 2 when there are changes")
    parser.add_argument(
        "--against", metavar="REV", help="compare with what the files said in a revision of git, without any state"
    )
    add_breaking(parser)
    add_shapes(parser)


def run(args: argparse.Namespace) -> int:
    """Plan, save it if asked to, and show it."""
    refuse_with_refresh(args)
    if args.against and (args.out or args.destroy or args.replace or args.refresh_only):
        message = "`--against` compares revisions of the files: there is nothing to save, replace or destroy"
        raise problem("meaningless-option", message, help="leave the other option out")
    with open_session(args) as session:
        if args.against:
            planned = session.plan_against(args.against, select=args.select, exclude=args.exclude)
        elif args.refresh_only:
            planned = session.plan_refresh()
        else:
            planned = session.plan(
                select=args.select, exclude=args.exclude, replace=args.replace, destroy=args.destroy, refresh=not args.no_refresh,
                allow_breaking=args.allow_breaking,
            )  # fmt: skip
        if args.out:
            session.save(planned, Path(args.out))
    from mlspec.plan.file import for_people, to_json  # noqa: PLC0415 - start-up time

    show_warnings(planned.warnings, root_of(args), args.no_color)
    show_plan((to_json if args.format == "json" else for_people)(planned.plan), planned.artifacts, args)
    if args.out:
        progress(args.no_color).show(f"Saved to `{args.out}`; `mlspec apply {args.out}` does exactly this.")
    if planned.plan.denied:
        return 1
    return 2 if args.detailed_exitcode and not planned.plan.empty else 0
