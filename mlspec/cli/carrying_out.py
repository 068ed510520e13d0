"""Shows a plan, asks, applies it and tells how it went; what `apply` and `destroy` have in common."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlspec.base.diag import Problems, problem
from mlspec.cli.arguments import positive, seconds
from mlspec.cli.opening import root_of
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import can_answer, progress, results
from mlspec.cli.views.values import count
from mlspec.cli.views.warnings import show_warnings

if TYPE_CHECKING:  # start-up time: at run time the session is loaded by the verb that runs
    from mlspec.planned import Planned
    from mlspec.session import Session

_PLANS = 20
"""How often it is planned at most, when others are always faster."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of every verb that changes something."""
    parser.add_argument("--auto-approve", action="store_true", help="do not ask")
    parser.add_argument(
        "--approved-by",
        action="append",
        default=[],
        metavar="TEAM",
        help="a team that has approved, for policies that want it; repeatable",
    )
    parser.add_argument("--parallelism", type=positive, default=4, metavar="N", help="changes at a time (default: 4)")
    parser.add_argument(
        "--lock-timeout",
        type=seconds,
        default=0.0,
        metavar="TIME",
        help="wait so long for the lock of the state, e.g. `30s` (default: 0)",
    )


def refuse_with_refresh(args: argparse.Namespace) -> None:
    """Raise Problems for options that mean nothing beside `--refresh-only`."""
    wrong = [
        n
        for n in ("select", "exclude", "replace", "destroy", "no_refresh")
        if args.refresh_only and getattr(args, n, None)
    ]
    if wrong:
        option = f"--{wrong[0].replace('_', '-')}"
        raise problem("meaningless-option", f"`{option}` means nothing beside `--refresh-only`", help="leave it out")


def carry_out(
    session: "Session",
    planned: "Planned",
    args: argparse.Namespace,
    *,
    ask: bool,
    again: "Callable[[], Planned] | None" = None,
) -> int:
    """Show the plan, ask unless it was approved, apply it; where others were faster, plan `again`. Raises Problems."""
    for left in reversed(range(_PLANS)):
        try:
            return _carried_out(session, planned, args, ask=ask)
        except Problems as error:
            if again is None or not left or {d.code for d in error.diagnostics} != {"stale-plan"}:
                raise
        progress(args.no_color).show("\nOthers have changed what this plan relies on. Planning again.\n")
        planned = again()
    raise AssertionError  # the last plan was applied or has raised


def show_saved(planned: "Planned", args: argparse.Namespace, how: str) -> int:
    """Show a plan that was saved, and `how` it is applied; the exit code."""
    from mlspec.cli.views import plan as view  # noqa: PLC0415 - start-up time
    from mlspec.plan.file import for_people, to_json  # noqa: PLC0415 - as above

    show_warnings(planned.warnings, root_of(args), args.no_color)
    screen = results(args.no_color)
    if args.format == "json":
        screen.data(as_json(to_json(planned.plan)))
    else:
        screen.show(view.as_text(for_people(planned.plan), screen.look))
    progress(args.no_color).show(f"Saved to `{args.out}`; `{how}` does exactly this.")
    return 1 if planned.plan.denied else 0


def _carried_out(session: "Session", planned: "Planned", args: argparse.Namespace, *, ask: bool) -> int:
    from mlspec.cli.views import plan as view  # noqa: PLC0415 - start-up time
    from mlspec.plan.file import for_people  # noqa: PLC0415 - start-up time

    plan = planned.plan
    show_warnings(planned.warnings, root_of(args), args.no_color)
    screen = results(args.no_color) if args.format == "text" else progress(args.no_color)
    screen.show(view.as_text(for_people(plan), screen.look))
    for approval in (*planned.approvals, *planned.void):
        counts = "" if approval in planned.approvals else ", of another plan: it does not count"
        progress(args.no_color).show(f"Approved by {approval.who} for {approval.team}, {approval.when}{counts}")
    if plan.denied:
        if args.format == "json":
            results(args.no_color).data(as_json(_refused([v.policy for v in plan.denied])))
        return 1
    if plan.empty:
        if args.format == "json":
            results(args.no_color).data(as_json(_refused([]) | {"ok": True}))
        return 0
    if ask and not _agreed(args):
        return 1
    return _apply(session, planned, args)


def _refused(policies: list[str]) -> dict[str, object]:
    return {"ok": False, "done": [], "failed": [], "skipped": [], "denied_by": policies}


def _agreed(args: argparse.Namespace) -> bool:
    if args.auto_approve:
        return True
    if not can_answer():
        maker = args.verb if hasattr(args, "out") else "plan --destroy" if args.verb == "destroy" else "plan"
        maker += " --refresh-only" if getattr(args, "refresh_only", False) else ""
        raise problem("not-approved", "nobody can be asked: the input is not a terminal",
                      help=f"`--auto-approve` applies without asking; `mlspec {maker} -o FILE`, then `mlspec apply FILE`, applies what was reviewed")  # fmt: skip
    screen = progress(args.no_color)
    verb = "Destroy this" if args.verb == "destroy" else "Apply these changes"
    if getattr(args, "refresh_only", False):
        verb = "Let the state learn this"
    if screen.ask(f"\n{verb}? Only `yes` is accepted:") == "yes":
        return True
    screen.show("Nothing was done.")
    return False


def _apply(session: "Session", planned: "Planned", args: argparse.Namespace) -> int:
    from mlspec.cli.views import events  # noqa: PLC0415 - start-up time
    from mlspec.cli.views.diagnostics import Sources  # noqa: PLC0415 - as above

    with events.Narrator(progress(args.no_color), sources=Sources(session.root)) as narrator:
        applied = session.apply(
            planned, parallelism=args.parallelism, approved_by=args.approved_by, lock_timeout=args.lock_timeout, on_event=narrator,
        )  # fmt: skip
    screen = results(args.no_color)
    if planned.plan.refresh_only:
        learned = [str(d.address) for d in planned.plan.drift if d.acknowledged is None]
        if args.format == "json":
            screen.data(as_json({"ok": True, "learned": list(dict.fromkeys(learned))}))
        else:
            screen.show(f"Refreshed: the state has learned of {count(len(set(learned)), 'thing')}; nothing was made.")
        return 0
    if args.format == "json":
        screen.data(as_json(events.applied_data(applied)))
    else:
        screen.show(events.applied(applied))
    return 0 if applied.ok else 1
