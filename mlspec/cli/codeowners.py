"""Print the CODEOWNERS lines of the project, from who owns what its files describe; write them, or check that they are up to date.

Lines of others in the file stay: mlspec's stand between two marks.
"""

import argparse
from pathlib import Path

from mlspec.cli.arguments import add_format
from mlspec.cli.opening import open_session
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import progress, results

EXAMPLES = """\
  mlspec codeowners                          print the lines
  mlspec codeowners -o .github/CODEOWNERS    write them between the marks in that file
  mlspec codeowners --check                  exit 2 when the file of the repository is out of date
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where to write, or whether to check."""
    parser.add_argument("-o", "--out", metavar="FILE", help="write them into FILE")
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit with 2 when FILE, or the file of the repository, is out of date",
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Print, write or check."""
    from mlspec.ownership import PLACES, lines, repository_of, written  # noqa: PLC0415 - start-up time

    with open_session(args) as session:
        owned, root = session.owned_files(), session.root
    top = repository_of(root)
    found = lines(owned, root, top)
    screen, aside = results(args.no_color), progress(args.no_color)
    if not args.out and not args.check:
        screen.data(as_json(owned) if args.format == "json" else "\n".join(found))
        return 0
    there = [top / p for p in PLACES if (top / p).is_file()]
    path = Path(args.out) if args.out else (there or [top / PLACES[0]])[0]
    known = path.read_text("utf-8") if path.is_file() else ""
    text = written(known, found, path.name)
    if args.check:
        current = known == text
        if args.format == "json":
            screen.data(as_json({"file": str(path), "up_to_date": current}))
        else:
            aside.show(
                f"`{path}` is {'up to date' if current else 'out of date; `mlspec codeowners -o FILE` writes it'}"
            )
        return 0 if current else 2
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    if args.format == "json":
        screen.data(as_json(owned))
    aside.show(f"Wrote {len(found)} lines into `{path}`.")
    return 0
