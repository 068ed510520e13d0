"""Problems as people read them: the message, the line of the file with what is wrong underlined, and what to do."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlspec.base.diag import Diagnostic, Severity, Span
from mlspec.base.value import dataclass, field
from mlspec.cli.views.terminal import Look, cut, display_width
from mlspec.cli.views.values import count

_TAB = 4
_HIDDEN = 8
_LONGEST = 160
"""Columns of a line of a file that are shown at most, around the place that is meant."""


@dataclass(frozen=True)
class Sources:
    """The files of a project, as lines; what cannot be read has none. `root` is None where there is no project."""

    root: Path | None = None
    _read: dict[str, list[str]] = field(default_factory=dict)

    def line(self, span: Span) -> str | None:
        """The line at which a span begins."""
        if span.file not in self._read:
            self._read[span.file] = self._lines(span.file)
        lines = self._read[span.file]
        return lines[span.line - 1] if 0 < span.line <= len(lines) else None

    def _lines(self, file: str) -> list[str]:
        if self.root is None or not file:
            return []
        try:
            text = (self.root / file).read_text("utf-8-sig", errors="replace")
        except (OSError, ValueError):
            return []
        return text.replace("\r\n", "\n").split("\n")

    def shown(self, file: str) -> str:
        """The name of a file as one would type it here, when the project is in or below the current folder."""
        if self.root is None or not file:
            return file
        try:
            folder = self.root.resolve().relative_to(Path.cwd())
        except (OSError, ValueError):
            return file
        return (folder / file).as_posix() if os.fspath(folder) != "." else file


def as_text(found: Sequence[Diagnostic], sources: Sources, look: Look) -> str:
    """All of them, separated by blank lines, and how many there are."""
    blocks = ["\n".join(_block(d, sources, look)) for d in found]
    return "\n\n".join([*blocks, total(found)]) if len(found) > 1 else "".join(blocks)


def total(found: Sequence[Diagnostic]) -> str:
    """`3 errors, 1 warning`."""
    errors = sum(d.severity is Severity.ERROR for d in found)
    parts = [count(n, what) for n, what in ((errors, "error"), (len(found) - errors, "warning")) if n]
    return ", ".join(parts)


def _block(problem: Diagnostic, sources: Sources, look: Look) -> Iterator[str]:
    color = "red" if problem.severity is Severity.ERROR else "yellow"
    first, *more = problem.message.splitlines() or [""]
    yield look.paint(f"{problem.severity}[{problem.code}]", "bold", color) + look.paint(f": {first}", "bold")
    yield from (f"  {line}" for line in more)
    spans = [s for s in (problem.span, *(n.span for n in problem.notes)) if s is not None]
    gutter = max((len(str(s.line)) for s in spans), default=1)
    if problem.span is not None:
        yield from _excerpt(problem.span, problem.label, sources, look, gutter, color, secret=problem.secret)
    for note in problem.notes:
        yield look.paint("note", "bold", "cyan") + f": {note.message}"
        if note.span is not None:
            yield from _excerpt(note.span, "", sources, look, gutter, "cyan")
    if problem.help:
        yield look.paint("help", "bold", "green") + f": {problem.help}"


def _excerpt(
    span: Span, label: str, sources: Sources, look: Look, gutter: int, color: str, *, secret: bool = False
) -> Iterator[str]:
    margin = " " * gutter
    yield f"{margin}{look.paint('-->', 'blue')} {sources.shown(span.file)}:{span.line}:{span.column}"
    bar = look.paint("|", "blue")
    line = sources.line(span)
    if secret and line is not None:
        line = line[: span.column - 1] + "*" * _HIDDEN
        span = Span(span.file, span.line, span.column, span.line, span.column + _HIDDEN)
    if line is None:
        if label:
            yield f"{margin} {look.paint('=', 'blue')} {label}"
        return
    text, before, length = _underlined(line, span)
    yield f"{margin} {bar}"
    yield f"{look.paint(str(span.line).rjust(gutter), 'blue')} {bar} {text}".rstrip()
    marks = look.paint(f"{'^' * length} {label}".rstrip(), "bold", color)
    yield f"{margin} {bar} {' ' * before}{marks}"


def _underlined(line: str, span: Span) -> tuple[str, int, int]:
    """The line as shown, how many columns stand before the underlining, and how long it is."""
    start = min(max(span.column - 1, 0), len(line))
    if span.end_line > span.line:
        end = len(line.rstrip())
    elif span.end_column and span.end_line in (0, span.line):
        end = min(span.end_column - 1, len(line))
    else:
        end = start + 1
    head, marked, tail = (part.replace("\t", " " * _TAB) for part in (line[:start], line[start:end], line[end:]))
    if display_width(head) > _LONGEST // 2 and len(line) > _LONGEST:
        head = "…" + head[-_LONGEST // 2 + 1 :]
    marked = cut(marked, _LONGEST - 1) if len(line) > _LONGEST else marked
    room = _LONGEST - display_width(head) - display_width(marked)
    tail = cut(tail, max(room, 1)) if len(line) > _LONGEST else tail
    return head + marked + tail, display_width(head), max(display_width(marked), 1)


def as_data(found: Sequence[Diagnostic]) -> list[dict[str, Any]]:
    """All of them for programs; files are named relative to the project."""
    return [
        {
            "code": d.code,
            "severity": str(d.severity),
            "message": d.message,
            "span": _span(d.span),
            "label": d.label,
            "help": d.help,
            "notes": [{"message": n.message, "span": _span(n.span)} for n in d.notes],
        }
        for d in found
    ]


def _span(span: Span | None) -> Mapping[str, Any] | None:
    if span is None:
        return None
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
