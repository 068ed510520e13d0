"""The command `mlspec`: finds the verb, runs it, and turns whatever goes wrong into a message and an exit code."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from mlspec.base.loading import loading, own_process
from mlspec.cli.arguments import Later, Parser, add_global_options

OK, ERROR, INTERRUPTED, TERMINATED = 0, 1, 130, 143
VERBS = {
    "init": "start a project in an empty folder",
    "validate": "check the files of the project",
    "plan": "show what would change, why, and what that leads to",
    "approve": "agree to a saved plan, for a team",
    "apply": "make the changes of a plan",
    "drift": "show what is really there and not as it was recorded; changes nothing",
    "diff": "show what differs between two environments",
    "promote": "let an environment have what another one has shown to be sound",
    "rollback": "let an environment have again what an earlier run left",
    "gc": "remove versions, models and caches that nothing needs any more",
    "destroy": "delete everything that was made",
    "render": "print the SQL, manifests and pipeline definitions",
    "show": "list what the project defines, or show one thing",
    "lineage": "follow a column or a thing to where it comes from, or to who uses it",
    "query": "read rows of a dataset, a feature view or a source",
    "models": "list models and versions, show one, or what their aliases meant when",
    "image": "write a Dockerfile of a server, of steps, or of a model version",
    "certificate": "show what a dataset was made of, or see whether it could be made again",
    "run": "bring tables in partitions up to date, train a model, run a pipeline or checks now; look at runs",
    "backfill": "build partitions of a table anew",
    "import": "write a valohai.yaml in the words of mlspec",
    "history": "list what was applied, or show one run",
    "state": "look at what is recorded as made, or correct it",
    "codeowners": "say who reviews which file, for GitHub and GitLab",
    "schema": "print the JSON Schema of the files, of plans or of states",
}
"""In the order of the help; a verb is the module of its name, loaded when it is used (start-up time)."""

_EPILOG = """\
exit codes: 0 fine, 1 error, 2 changes are pending (only `plan --detailed-exitcode`) or drift was found (`drift`), 130 interrupted

a first round:
  mlspec init flights && cd flights
  mlspec validate
  mlspec plan
  mlspec apply
"""


class _Version(argparse.Action):
    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - start-up time

        try:
            known = version("mlspec")
        except PackageNotFoundError:
            known = "(not installed)"
        sys.stdout.write(f"mlspec {known}\n")
        parser.exit(OK)


def make_parser() -> Parser:
    """The parser of the whole command line."""
    one_of_them: Any = Later
    parser = Parser(
        prog="mlspec",
        description="Config-as-code for machine-learning teams: from raw data to a deployed model.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    add_global_options(parser, 0)
    verbs = parser.add_subparsers(
        prog="mlspec", title="verbs", dest="verb", metavar="VERB", required=True, parser_class=one_of_them
    )
    for name, summary in VERBS.items():
        verbs.add_parser(name, help=summary, fill=partial(_fill, name))
    return parser


def _fill(name: str, parser: argparse.ArgumentParser) -> None:
    verb = _module(name)
    first, _, rest = (verb.__doc__ or "").partition("\n")
    parser.description = f"{first}{rest}".rstrip()
    parser.epilog = f"examples:\n{verb.EXAMPLES}"
    verb.arguments(parser)
    add_global_options(parser, 1)


def _module(name: str) -> Any:
    with loading():
        return importlib.import_module(f"mlspec.cli.{name}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; a usage error and `--help` exit by themselves."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Unicode shows `?` rather than a traceback
    own_process()
    args = make_parser().parse_args(arguments)
    _end_in_order()
    try:
        code: int = _module(args.verb).run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read has gone: nothing more to write
        return ERROR
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - the last one who can say it
        return _failed(error, args)
    return code


class Terminated(KeyboardInterrupt):
    """SIGTERM: what is going on is ended as if somebody had pressed Ctrl-C."""


def _end_in_order() -> None:
    """Let SIGTERM leave nothing behind either; not where another program's thread calls this."""
    import signal  # noqa: PLC0415 - start-up time
    import threading  # noqa: PLC0415 - start-up time

    def terminate(*_: object) -> None:
        raise Terminated

    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, terminate)


def _failed(error: BaseException, args: argparse.Namespace) -> int:
    from mlspec.backends.port import BackendError  # noqa: PLC0415 - start-up time: it brings sqlglot
    from mlspec.base.diag import Diagnostic, Problems  # noqa: PLC0415 - start-up time
    from mlspec.cli.opening import root_of  # noqa: PLC0415 - start-up time
    from mlspec.cli.views import failures  # noqa: PLC0415 - start-up time

    match error:
        case KeyboardInterrupt():
            failures.interrupted(error, args.no_color)
            return TERMINATED if isinstance(error, Terminated) else INTERRUPTED
        case Problems():
            failures.problems(error.diagnostics, root_of(args), args.no_color)
        case BackendError():
            failures.problems([Diagnostic(error.code, str(error), help=error.help)], root_of(args), args.no_color)
        case OSError() if error.filename:
            message = f"cannot use `{error.filename}`: {error.strerror}"
            failures.problems([Diagnostic("file-not-usable", message)], None, args.no_color)
        case _:
            failures.internal(error, verbose=args.verbose, no_color=args.no_color)
    return ERROR
