"""Let an environment have exactly what another one has applied, by repointing. Shows the plan with its evidence, and asks.

Refused is what was not applied there alike, what has not passed its checks and gates there, and what would have to be built.
"""

import argparse
from pathlib import Path

from mlspec.base.diag import problem
from mlspec.cli.arguments import add_format, add_select
from mlspec.cli.carrying_out import add_options, carry_out, show_saved
from mlspec.cli.opening import open_session

EXAMPLES = """\
  mlspec promote dev prod                       show the plan, ask, apply
  mlspec promote --from dev --to prod -o p.plan save it; `mlspec apply -e prod p.plan` does exactly this
  mlspec promote dev prod --select model.delay  only this, and what it needs
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """From where to where."""
    parser.add_argument("environments", metavar="ENV", nargs="*", help="from which environment to which: `dev prod`")
    parser.add_argument("--from", dest="source", metavar="ENV", help="the environment that has applied it")
    parser.add_argument("--to", dest="target", metavar="ENV", help="the environment that gets it")
    parser.add_argument(
        "--build", action="store_true", help="build here what is not the same there; no evidence is of that"
    )
    parser.add_argument("-o", "--out", metavar="FILE", help="save the plan for `mlspec apply FILE`, and apply nothing")
    add_select(parser, "only this, and what it needs", "neither this, nor what depends on it")
    add_options(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Plan, and save or carry it out."""
    source, target = _named(args)
    args.environment = target
    with open_session(args) as session:
        planned = session.promote(source, select=args.select, exclude=args.exclude, build=args.build)
        if not args.out:
            return carry_out(session, planned, args, ask=True)
        session.save(planned, Path(args.out))
    return show_saved(planned, args, f"mlspec apply -e {target} {args.out}")


def _named(args: argparse.Namespace) -> tuple[str, str]:
    """The two environments, named one way or the other. Raises Problems."""
    options = [e for e in (args.source, args.target) if e]
    names = options or args.environments
    if len(names) != 2 or (options and args.environments):  # noqa: PLR2004 - from and to
        raise problem(
            "not-two-environments",
            "a promotion leads from one environment to another",
            help="`mlspec promote dev prod`",
        )
    return names[0], names[1]
