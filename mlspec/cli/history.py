"""What was done to the environment: every apply, destroy and correction of the state; or one of them in full."""

import argparse

from mlspec.cli.arguments import add_format
from mlspec.cli.opening import open_session
from mlspec.cli.views.recorded import past_data, past_text, runs_data
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import results
from mlspec.cli.views.things import listing

EXAMPLES = """\
  mlspec history                      every run, the last one last
  mlspec history 12                   what run 12 changed, and from which commit
  mlspec history --format json        for programs
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The number of a run."""
    parser.add_argument("number", metavar="N", nargs="?", type=int, help="one run in full")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """List the runs, or show one."""
    screen = results(args.no_color)
    with open_session(args) as session:
        if args.number is not None:
            one = past_data(session.history_of(args.number))
            screen.data(as_json(one)) if args.format == "json" else screen.show(past_text(one, screen.look))
            return 0
        runs = runs_data(session.history())
    if args.format == "json":
        screen.data(as_json({"history": runs}))
    else:
        screen.show(listing(_short(runs), screen.look, "Nothing was applied yet."))
    return 0


def _short(runs: list[dict[str, object]]) -> list[dict[str, object]]:
    """What a person looks for first; no column that is empty for all."""
    wanted = ("number", "ended", "verb", "who", "revision", "result", "changes")
    shown = [name for name in wanted if any(r[name] for r in runs)]
    return [{name: r[name] for name in shown} for r in runs]
