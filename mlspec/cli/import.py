"""Write a valohai.yaml in the words of mlspec; what has no counterpart is told with its place.

Steps become documents of kind `step`, pipelines and tasks documents of kind `pipeline`. Nothing of the project is changed.
"""

import argparse
from pathlib import Path

from mlspec.base.diag import problem
from mlspec.cli.arguments import add_format
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import progress, results

EXAMPLES = """\
  mlspec import valohai.yaml                      on standard output
  mlspec import valohai.yaml -o pipelines.yaml    into a file that is not there yet
  mlspec import valohai.yaml --format json        the documents, and what could not be taken over
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and where to write."""
    parser.add_argument("file", metavar="FILE", help="a valohai.yaml")
    parser.add_argument("-o", "--out", metavar="FILE", help="write the documents there")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Read it, write it."""
    from mlspec.cli.views.diagnostics import as_text  # noqa: PLC0415 - start-up time
    from mlspec.foreign.valohai import from_valohai  # noqa: PLC0415 - start-up time: it brings a YAML parser

    path = Path(args.directory) / args.file
    found = from_valohai(path.read_text("utf-8-sig", errors="replace"), args.file)
    if args.out:
        target = Path(args.directory) / args.out
        if target.exists():
            raise problem("file-in-the-way", f"`{args.out}` is there already", help="choose another name")
        target.write_text(found.text, "utf-8")
    screen, told = results(args.no_color), progress(args.no_color)
    if args.format == "json":
        said = [{"message": d.message, "line": d.span.line if d.span else 0, "help": d.help} for d in found.said]
        screen.data(as_json({"documents": found.documents, "not_imported": said}))
    elif not args.out:
        screen.data(found.text)
    if found.said and args.format != "json":
        from mlspec.cli.views.diagnostics import Sources  # noqa: PLC0415 - start-up time

        told.show(as_text(list(found.said), Sources(Path(args.directory)), told.look))
    return 0
