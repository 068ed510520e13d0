"""Where text goes and how it may look: colour, width, and no control character that a spec has smuggled in."""

import os
import re
import shutil
import sys
from typing import TextIO

from mlspec.base.value import dataclass, field

_STYLES = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35", "cyan": "36",
}  # fmt: skip
_OURS = re.compile(r"(\x1b\[(?:0|1|2|3[1-6])(?:;(?:1|2|3[1-6]))*m)")
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Look:
    """How text may look: in colour or not, and how many columns a line may have (0: any number)."""

    color: bool = False
    width: int = 0

    def paint(self, text: str, *styles: str) -> str:
        """The text in these styles, where there is colour."""
        if not self.color or not text:
            return text
        return f"\x1b[{';'.join(_STYLES[s] for s in styles)}m{text}\x1b[0m"


@dataclass(frozen=True)
class Screen:
    """A stream that people or programs read."""

    stream: TextIO
    look: Look = field(default_factory=Look)
    interactive: bool = False

    def show(self, text: str) -> None:
        """A line, or several, for people; control characters in it are made visible."""
        print(safe(text), file=self.stream, flush=True)

    def data(self, text: str) -> None:
        """Text for a program, as it is; a terminal still gets no control characters."""
        text = text if text.endswith("\n") else text + "\n"
        print(safe(text) if self.interactive else text, end="", file=self.stream, flush=True)

    def status(self, text: str) -> None:
        """Replace the last line of a terminal; empty text clears it."""
        room = max(self.look.width - 1, 1)
        print(f"\r\x1b[2K{cut(safe(text), room)}", end="", file=self.stream, flush=True)

    def ask(self, question: str) -> str:
        """Ask, and return the line that is answered; nothing when there is no more to read."""
        print(safe(question), end=" ", file=self.stream, flush=True)
        return sys.stdin.readline().strip()


def results(no_color: bool) -> Screen:  # noqa: FBT001 - as the option is
    """Standard output: what was asked for."""
    return _screen(sys.stdout, no_color)


def progress(no_color: bool) -> Screen:  # noqa: FBT001 - as the option is
    """Standard error: progress, problems and questions."""
    return _screen(sys.stderr, no_color)


def can_answer() -> bool:
    """Whether somebody sits there who can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def _screen(stream: TextIO, no_color: bool) -> Screen:  # noqa: FBT001 - as the option is
    interactive = stream.isatty()
    plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    width = shutil.get_terminal_size((100, 24)).columns if interactive else 0
    return Screen(stream, Look(interactive and not plain, width), interactive)


def safe(text: str) -> str:
    """The text with control characters, and those that turn the direction of writing, as escapes; our colours stay."""
    parts = _OURS.split(text)
    return "".join(p if i % 2 else _UNSAFE.sub(_escaped, p) for i, p in enumerate(parts))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - what two digits can say


def display_width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width  # noqa: PLC0415 - start-up time

    return sum(2 if east_asian_width(c) in "WF" else 0 if combining(c) else 1 for c in text)


def cut(text: str, width: int) -> str:
    """The text in at most so many columns, with `…` where something is missing; 0 means any number."""
    if not width or display_width(text) <= width:
        return text
    kept, used = [], 1
    for c in text:
        used += display_width(c)
        if used > width:
            break
        kept.append(c)
    return "".join(kept) + "…"


def padded(text: str, width: int) -> str:
    """The text filled with spaces to so many columns."""
    return text + " " * max(width - display_width(text), 0)
