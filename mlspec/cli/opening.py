"""Opens the session that the global options ask for."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlspec.base.loading import loading
from mlspec.cli.arguments import all_variables
from mlspec.documents.scalars import plain

if TYPE_CHECKING:  # start-up time: at run time the session is loaded by the verb that runs
    from mlspec.session import Session


def open_session(args: argparse.Namespace) -> "Session":
    """The session of the project. Raises Problems."""
    with loading():
        from mlspec.session import Session  # noqa: PLC0415 - start-up time

    without = {"cache": False} if args.no_cache else {}
    session = Session(Path(args.directory), args.environment, variables(args), **without)
    session.command = typed(sys.argv[1:])
    return session


def typed(words: Sequence[str]) -> str:
    """What was typed, for the history; the values of variables are left out, for nobody knows what they hold."""
    shown, hide = [], False
    for word in words:
        name, equals, _ = word.removeprefix("--var=").partition("=")
        secret = hide or word.startswith("--var=")
        shown.append((f"--var={name}=…" if word.startswith("--var=") else f"{name}=…") if secret and equals else word)
        hide = word == "--var"
    from shlex import join  # noqa: PLC0415 - start-up time

    return join(["mlspec", *shown])


def variables(args: argparse.Namespace) -> dict[str, Any]:
    """The variables of the command line; values are read as YAML reads a plain scalar."""
    return {name: plain(text) for name, text in all_variables(args)}


def root_of(args: argparse.Namespace) -> Path | None:
    """The project's folder, if there is one; for showing lines of its files."""
    from mlspec.base.diag import Problems  # noqa: PLC0415 - start-up time
    from mlspec.documents.project import find_root  # noqa: PLC0415 - start-up time: it brings a YAML parser

    try:
        return find_root(Path(args.directory))
    except (Problems, OSError):
        return None
