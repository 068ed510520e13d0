"""A problem is a value: what is wrong, where, why, and what to do; collected through a phase, raised once at its end."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from mlspec.base.value import dataclass, field

SHOWN = 8
"""How many of the known names a help lists."""


class Severity(StrEnum):
    """How bad a problem is: an error stops the phase, a warning is shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """A place in a file of the project; lines and columns start at 1, the end column is exclusive."""

    file: str
    line: int = 1
    column: int = 1
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Note:
    """A second place that belongs to a problem, with what it has to do with it."""

    message: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem. `code` is a kebab-case slug with a page in `docs/errors`; `message` fits on one line."""

    code: str
    message: str
    span: Span | None = None
    label: str = ""
    help: str = ""
    notes: tuple[Note, ...] = ()
    severity: Severity = Severity.ERROR
    secret: bool = False
    """Whether the text of the span must not be shown: it may be a password."""

    @property
    def place(self) -> tuple[str, int, int, str, str]:
        """Where it is shown in a sorted list."""
        span = self.span or Span("")
        return (span.file, span.line, span.column, self.code, self.message)


class Problems(Exception):
    """Raised once at the end of a phase that found errors; carries everything found."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(set(diagnostics), key=lambda d: d.place))
        super().__init__("; ".join(d.message for d in self.diagnostics))


def problem(code: str, message: str, span: Span | None = None, *, label: str = "", help: str = "") -> Problems:  # noqa: A002
    """One error, ready to be raised where nothing else can be collected."""
    return Problems([Diagnostic(code, message, span, label, help)])


@dataclass
class Report:
    """Collects the diagnostics of a phase."""

    diagnostics: list[Diagnostic] = field(default_factory=list)

    def add(self, *found: Diagnostic) -> None:
        """Keep these."""
        self.diagnostics.extend(found)

    @property
    def failed(self) -> bool:
        """Whether an error is among them."""
        return any(d.severity is Severity.ERROR for d in self.diagnostics)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The warnings, in the order of their places."""
        found = {d for d in self.diagnostics if d.severity is Severity.WARNING}
        return tuple(sorted(found, key=lambda d: d.place))

    def close(self) -> None:
        """Raise everything found if an error is among it."""
        if self.failed:
            raise Problems(self.diagnostics)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.diagnostics)


_LENGTHS_APART = 4


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean `x`?` when something known is close enough, else nothing."""
    candidates = sorted(set(known))
    folded = {c.casefold().replace("_", "").replace("-", ""): c for c in candidates}
    same = folded.get(name.casefold().replace("_", "").replace("-", ""))
    near = [c for c in candidates if abs(len(c) - len(name)) <= _LENGTHS_APART]
    if same:
        return f"did you mean `{same}`?"
    from difflib import get_close_matches  # noqa: PLC0415 - start-up time

    close = get_close_matches(name, near, n=1, cutoff=0.7)
    return f"did you mean `{close[0]}`?" if close else ""


def known_names(name: str, known: Iterable[str], what: str) -> str:
    """The help for an unknown name: a suggestion, or the list of what there is when it is short."""
    names = sorted(set(known))
    if suggestion := did_you_mean(name, names):
        return suggestion
    if not names:
        return f"there is no {what} yet"
    shown = ", ".join(f"`{n}`" for n in names[:SHOWN])
    return f"known: {shown}" + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
