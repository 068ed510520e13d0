"""Start a project in an empty folder: a few files that plan and apply at once."""

import argparse
from pathlib import Path

from mlspec.cli.views.terminal import results
from mlspec.cli.views.values import count

EXAMPLES = """\
  mlspec init flights                   the starter project in the new folder `flights`
  mlspec init . --template starter      the same here
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The folder and the template."""
    parser.add_argument(
        "folder", metavar="DIR", nargs="?", default=".", help="an empty or new folder (default: this one)"
    )
    parser.add_argument("--template", default="starter", metavar="NAME", help="what to begin with (default: starter)")


def run(args: argparse.Namespace) -> int:
    """Write the files."""
    from mlspec.session import Session  # noqa: PLC0415 - start-up time: it brings pydantic, sqlglot and a YAML parser

    folder = Path(args.directory) / args.folder
    written = Session.init(folder, args.template)
    lines = [f"Wrote {count(len(written), 'file')} to `{folder}`:", *(f"  {name}" for name in written), ""]
    step = "" if args.folder == "." else f" -C {folder}"
    lines += ["Next:", f"  mlspec{step} validate", f"  mlspec{step} plan", f"  mlspec{step} apply"]
    results(args.no_color).show("\n".join(lines))
    return 0
