"""How arguments are read: the options of every verb, usage errors with a suggestion, values such as `30s`."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

USAGE_ERROR = 1
"""2 means that changes are pending, so a usage error is an error like any other."""

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Parser(argparse.ArgumentParser):
    """Exits with 1 for a usage error, and suggests what may have been meant."""

    _width: int | None = None
    """Columns for help; None for those of the terminal."""

    def __init__(
        self, *args: Any, fill: Callable[[argparse.ArgumentParser], None] | None = None, **options: Any
    ) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **options})
        self._fill = fill

    def add_argument(self, *names: Any, **options: Any) -> Any:
        """As everywhere, but for looking how wide the terminal is, which only help needs to know."""
        self._width = 80
        try:
            return super().add_argument(*names, **options)
        finally:
            self._width = None

    def _get_formatter(self) -> argparse.HelpFormatter:
        return argparse.RawDescriptionHelpFormatter(self.prog, width=self._width)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; a verb gets its own arguments only now, so that the others cost nothing."""
        if self._fill is not None:
            fill, self._fill = self._fill, None
            fill(self)
        return super().parse_known_args(args, namespace)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        choices = [str(c) for c in action.choices]
        import difflib  # noqa: PLC0415 - start-up time

        close = difflib.get_close_matches(str(value), choices, n=1)
        known = ", ".join(choices)
        hint = f"did you mean `{close[0]}`?" if close else f"known: {known}"
        raise argparse.ArgumentError(action, f"there is no `{value}`; {hint}")

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, on stderr."""
        self.print_usage(sys.stderr)
        self.exit(USAGE_ERROR, f"{self.prog}: {message}\nrun `{self.prog} --help` for what it takes\n")


class Later:
    """The parser of a verb, made when the verb is used: for the others it is enough that they are there."""

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._made: Parser | None = None

    def __getattr__(self, name: str) -> Any:
        if self._made is None:
            self._made = Parser(**self._options)
        return getattr(self._made, name)


def add_global_options(parser: argparse.ArgumentParser, depth: int) -> None:
    """The options that may stand before and after a verb; `depth` counts the verbs before this parser.

    Below the top they have no default, else they would hide what stood before the verb.
    """

    def default(value: Any) -> Any:
        return value if depth == 0 else argparse.SUPPRESS

    group = parser.add_argument_group("options of every verb")
    group.add_argument("-C", dest="directory", metavar="DIR", default=default("."), help="look for the project in DIR")
    group.add_argument(
        "-e", "--environment", metavar="NAME", default=default(None), help="environment (default: the project's)"
    )
    group.add_argument("--var", dest=f"variables{depth}", metavar="K=V", action="append", type=variable, default=default([]),
                       help="set a variable, the value is read as YAML; repeatable")  # fmt: skip
    off = default(value=False)
    group.add_argument("--no-color", action="store_true", default=off, help="no colours (so does NO_COLOR)")
    group.add_argument(
        "--no-cache", action="store_true", default=off, help="compile everything anew (so does MLSPEC_NO_CACHE)"
    )
    group.add_argument("-v", "--verbose", action="store_true", default=off, help="tracebacks of internal errors")


def variable(text: str) -> tuple[str, str]:
    """Read `name=value`; the value is text still."""
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise argparse.ArgumentTypeError(f"`{text}` is not `name=value`")
    return name, value


def pair(text: str) -> tuple[str, str]:
    """Read `key=value`."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"`{text}` is not `key=value`")
    return name, value


def seconds(text: str) -> float:
    """Read `30s`, `2m`, `1h` or a number of seconds."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhdw]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"`{text}` is not a duration such as `30s` or `2m`")
    return float(match[1]) * _SECONDS[match[2]]


def positive(text: str) -> int:
    """Read a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"`{text}` is not a whole number from 1 on")
    return int(text)


def names(text: str) -> tuple[str, ...]:
    """Read `a,b,c`."""
    return tuple(n.strip() for n in text.split(",") if n.strip())


def add_format(parser: argparse.ArgumentParser, *more: str) -> None:
    """`--format`, with text and JSON and what else a verb has."""
    parser.add_argument(
        "--format", choices=("text", "json", *more), default="text", help="how the result is written (default: text)"
    )


def add_select(parser: argparse.ArgumentParser, what: str, but: str = "not this") -> None:
    """`--select` and `--exclude`, with what they mean for this verb."""
    parser.add_argument(
        "--select",
        "--target",
        action="append",
        default=[],
        metavar="SELECTOR",
        help=f"{what}: `kind.name`, `name`, `kind.user_*`, `tag:`, `owner:`, `kind:`, `state:`,\n"
        "`+x` with what it needs, `x+` with what needs it, `a,b` both at once; repeatable",
    )
    parser.add_argument("--exclude", action="append", default=[], metavar="SELECTOR", help=f"{but}; repeatable")


def add_breaking(parser: argparse.ArgumentParser) -> None:
    """`--allow-breaking`."""
    parser.add_argument(
        "--allow-breaking",
        action="store_true",
        help="take columns away though a live deployment reads them and does not move",
    )


def all_variables(args: argparse.Namespace) -> Sequence[tuple[str, str]]:
    """The variables given before and after the verb, in their order."""
    return [pair for depth in range(3) for pair in getattr(args, f"variables{depth}", [])]
