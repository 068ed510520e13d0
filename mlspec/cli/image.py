"""Write a Dockerfile: of a server for deployments, of the steps of pipelines, or of one model version."""

import argparse
from pathlib import Path

from mlspec.base.diag import problem
from mlspec.cli.arguments import add_format, add_global_options
from mlspec.cli.opening import open_session
from mlspec.cli.views.structured import as_json
from mlspec.cli.views.terminal import results

EXAMPLES = """\
  mlspec image server                                 docker/server/Dockerfile, for every deployment
  mlspec image step --output .                        a Dockerfile with the code of the project
  mlspec image model churn champion                   the files of a version, and a Dockerfile that holds only them
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What is made, of what, and where."""
    verbs = parser.add_subparsers(title="what for", dest="what", metavar="WHAT", required=True)
    for name, summary in (
        ("server", "an image that serves model versions"),
        ("step", "an image for steps of pipelines"),
    ):
        one = _sub(verbs, name, summary)
        one.add_argument(
            "--base", default="python:3.12-slim", metavar="IMAGE", help="what it is built on, best by digest"
        )
        one.add_argument(
            "--package", metavar="NAME", help="what pip installs for mlspec: with a version, or a wheel in the folder"
        )
    model = _sub(verbs, "model", "one model version, to be mounted by a cluster")
    model.add_argument("model", metavar="MODEL")
    model.add_argument("version", metavar="VERSION", help="a digest, how one begins, or an alias")


def _sub(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary)
    parser.add_argument("--output", metavar="DIR", help=f"where it is written (default: docker/{name})")
    add_format(parser)
    add_global_options(parser, 2)
    return parser


def run(args: argparse.Namespace) -> int:
    """Write it, and say where and how it is built."""
    with open_session(args) as session:
        folder = Path(args.directory, args.output) if args.output else session.root / "docker" / args.what
        if args.what == "model":
            paths, tag = session.model_image(args.model, args.version, folder)
        else:
            paths, tag = session.image(args.what, folder, args.base, args.package), f"{args.what}:1.0.0"
    if not paths:
        raise problem("file-in-the-way", f"everything is in `{folder}` already", help="name another folder: `--output`")
    build = f"docker build -t REGISTRY/{tag} {folder}"
    screen = results(args.no_color)
    if args.format == "json":
        screen.data(as_json({"folder": str(folder), "files": list(paths), "build": build}))
    else:
        screen.show("\n".join([*(f"wrote {folder / p}" for p in paths), f"build it: {build}"]))
    return 0
