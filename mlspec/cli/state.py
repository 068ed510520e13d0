"""Look at what is recorded as made, or correct the record. What exists is never touched."""

import argparse
import sys
from pathlib import Path

from mlspec.base.diag import problem
from mlspec.cli.arguments import add_format, add_global_options, seconds
from mlspec.cli.opening import open_session
from mlspec.cli.views.recorded import claims_data, claims_text
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import results
from mlspec.cli.views.things import listing, one

EXAMPLES = """\
  mlspec state list                         everything recorded, and who is changing what
  mlspec state show model.delay             one record
  mlspec state mv source.flights source.all_flights    record it under another name, for others too
  mlspec state rm deployment.old_api        forget it; it goes on existing
  mlspec state pull > state.json            the whole state as text
  mlspec state push state.json              let the state be this text
  mlspec state unlock 6f1c2a                break the claim of somebody who has died
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """One parser for each thing to do."""
    verbs = parser.add_subparsers(title="what to do", dest="doing", metavar="DO", required=True)
    add_format(_sub(verbs, "list", "everything recorded"))
    show = _sub(verbs, "show", "one record")
    show.add_argument("address", metavar="ADDRESS")
    add_format(show)
    move = _sub(verbs, "mv", "record something under another name", changes=True)
    move.add_argument("old", metavar="OLD")
    move.add_argument("new", metavar="NEW")
    _sub(verbs, "rm", "forget something; it goes on existing", changes=True).add_argument("address", metavar="ADDRESS")
    _sub(verbs, "pull", "print the whole state as text")
    push = _sub(verbs, "push", "let the state be what a file says", changes=True)
    push.add_argument("file", metavar="FILE", help="what `mlspec state pull` has printed; `-` reads it from the input")
    push.add_argument("--force", action="store_true", help="also when it is older, or of another lineage")
    unlock = _sub(verbs, "unlock", "break the claim with this id")
    unlock.add_argument("id", metavar="ID", help="or its first digits; `all` when the claims cannot be read")


def _sub(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str, *, changes: bool = False
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary)
    if changes:
        help_ = "wait so long for whoever is changing something, e.g. `30s` (default: 0)"
        parser.add_argument("--lock-timeout", type=seconds, default=0.0, metavar="TIME", help=help_)
    add_global_options(parser, 2)
    return parser


def run(args: argparse.Namespace) -> int:
    """Do it, and say so."""
    screen = results(args.no_color)
    with open_session(args) as session:
        match args.doing:
            case "list":
                _list(args, session.state_list(), claims_data(session.state_claims()))
            case "show":
                record = session.state_show(args.address)
                screen.data(as_json(record)) if args.format == "json" else screen.show(one(record, screen.look))
            case "mv":
                found = session.state_move(args.old, args.new, lock_timeout=args.lock_timeout)
                screen.show(f"Recorded as {', '.join(found)}. What it stands for is as it was.")
            case "pull":
                screen.data(session.state_pull())
            case "push":
                count = session.state_push(_read(args.file), force=args.force, lock_timeout=args.lock_timeout)
                screen.show(f"Pushed: {count} {'record has' if count == 1 else 'records have'} changed.")
            case "rm":
                session.state_remove(args.address, lock_timeout=args.lock_timeout)
                screen.show(f"Forgotten: {args.address}. What it stood for still exists.")
            case _:
                session.state_unlock(args.id)
                screen.show(f"Unlocked: {args.id}")
    return 0


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise problem(
            "not-a-state", f"there is no readable file `{name}`", help="`mlspec state pull` prints one"
        ) from None


def _list(args: argparse.Namespace, records: list[dict[str, object]], held: list[dict[str, object]]) -> None:
    screen = results(args.no_color)
    if args.format == "json":
        screen.data(as_json({"records": records, "claims": held}))
        return
    screen.show(listing(records, screen.look, "Nothing is recorded yet."))
    if held:
        screen.show(f"\n{claims_text(held, screen.look)}")
