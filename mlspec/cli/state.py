"""Look at what is recorded as made, or correct the record. What exists is never touched."""

import argparse
from dataclasses import asdict

from mlspec.cli.arguments import add_format, add_global_options
from mlspec.cli.opening import open_session
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import results
from mlspec.cli.views.things import listing, one

EXAMPLES = """\
  mlspec state list                         everything recorded, and who holds the lock
  mlspec state show model.delay             one record
  mlspec state pull > state.json            the state as it is stored
  mlspec state rm deployment.old_api        forget it; it goes on existing
  mlspec state unlock 6f1c2a                give back the lock of somebody who has died
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """One parser for each thing to do."""
    verbs = parser.add_subparsers(title="what to do", dest="doing", metavar="DO", required=True)
    add_format(_sub(verbs, "list", "everything recorded"))
    show = _sub(verbs, "show", "one record")
    show.add_argument("address", metavar="ADDRESS")
    add_format(show)
    _sub(verbs, "pull", "print the state as it is stored")
    _sub(verbs, "rm", "forget something; it goes on existing").add_argument("address", metavar="ADDRESS")
    _sub(verbs, "unlock", "break the lock with this id").add_argument("id", metavar="ID")


def _sub(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary)
    add_global_options(parser, 2)
    return parser


def run(args: argparse.Namespace) -> int:
    """Do it, and say so."""
    screen = results(args.no_color)
    with open_session(args) as session:
        match args.doing:
            case "list":
                _list(args, session.state_list(), session.state_lock())
            case "show":
                record = session.state_show(args.address)
                screen.data(as_json(record)) if args.format == "json" else screen.show(one(record, screen.look))
            case "pull":
                screen.data(session.state_pull())
            case "rm":
                session.state_remove(args.address)
                screen.show(f"Forgotten: {args.address}. What it stood for still exists.")
            case _:
                session.state_unlock(args.id)
                screen.show(f"Unlocked: {args.id}")
    return 0


def _list(args: argparse.Namespace, records: list[dict[str, object]], lock: object) -> None:
    screen = results(args.no_color)
    if args.format == "json":
        screen.data(as_json({"records": records, "lock": lock}))
        return
    screen.show(listing(records, screen.look, "Nothing is recorded yet."))
    if lock is not None:
        screen.show(f"\nLocked: {', '.join(f'{k} {v}' for k, v in asdict(lock).items())}")  # type: ignore[call-overload]
