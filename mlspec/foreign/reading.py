"""A foreign file while it is read: what was taken of each mapping, and what is left, with its place."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from mlspec.base.diag import Diagnostic, Problems, Report, Severity, Span, problem
from mlspec.base.value import dataclass, field, replace
from mlspec.documents.document import Document
from mlspec.documents.reader import read_text

Path = tuple[str | int, ...]
_TOP = "items"


@dataclass
class Reading:
    """A file whose top is a list; `shift` is how many lines were put before it, `said` what could not be taken over."""

    document: Document
    shift: int
    said: list[Diagnostic] = field(default_factory=list)

    def say(self, path: Path, message: str, help_: str = "", *, key: bool = False) -> None:
        """Note something at a place."""
        whole = (_TOP, *path)
        found = self.document.key_span(whole) if key else self.document.span(whole)
        self.said.append(Diagnostic("not-imported", message, self._moved(found), help=help_, severity=Severity.WARNING))

    def _moved(self, span: Span) -> Span:
        return replace(span, line=span.line - self.shift, end_line=max(span.end_line - self.shift, 0))


@dataclass
class Fields:
    """A mapping of the file: what is never taken is told in the end."""

    reading: Reading
    data: dict[str, Any]
    path: Path
    taken: set[str] = field(default_factory=set)

    def take(self, key: str, default: Any = None) -> Any:
        """The value of a key."""
        self.taken.add(key)
        found = self.data.get(key)
        return default if found is None else found

    def text(self, key: str) -> str:
        """The value of a key as text; empty where there is none."""
        found = self.take(key, "")
        return found if isinstance(found, str) else str(found)

    def listed(self, key: str) -> list[Any]:
        """The values under a key: those of a list, or the one that stands for it; what is no scalar is told."""
        found = self.take(key, [])
        values = found if isinstance(found, list) else [found]
        for value in values:
            if not isinstance(value, str | int | float):
                self.say(f"`{value}` in `{key}` is not read", key)
        return [v for v in values if isinstance(v, str | int | float)]

    def parts(self, key: str) -> Iterator["Fields"]:
        """The mappings in a list, or in what stands for one."""
        found = self.take(key, [])
        if isinstance(found, dict):
            found = [
                {"name": name, **(one if isinstance(one, dict) else {"default": one})} for name, one in found.items()
            ]
        for index, one in enumerate(found if isinstance(found, list) else ()):
            if isinstance(one, dict):
                yield Fields(self.reading, one, (*self.path, key, index))
            else:
                self.say(f"`{one}` in `{key}` is no mapping", key)

    def part(self, key: str) -> "Fields":
        """The mapping under a key, empty where there is none."""
        found = self.take(key, {})
        return Fields(self.reading, found if isinstance(found, dict) else {}, (*self.path, key))

    def say(self, message: str, key: str = "", help_: str = "") -> None:
        """Note something at a field, or at the whole."""
        path = (*self.path, key) if key else self.path
        self.reading.say(path, message, help_, key=bool(key))

    def at(self, key: str) -> Callable[[str, str], None]:
        """What notes something, and its help, at a field."""
        return lambda message, help_: self.say(message, key, help_)

    def leave(self, what: str, **why: str) -> None:
        """Tell of everything that was not taken; `why` says more of some fields, with `_` for `-`."""
        for key in self.data.keys() - self.taken:
            more = why.get(key.replace("-", "_"), "")
            self.say(f"`{key}` of {what} has no counterpart", key, more)


def read_list(text: str, shown: str) -> Reading:
    """Read a YAML file that is a list. Raises Problems."""
    report = Report()
    head, _, rest = text.partition("\n")
    marked = head.strip() == "---"
    documents = read_text(f"{_TOP}:\n{rest if marked else text}", shown, report)
    if report.failed:
        raise Problems(report.diagnostics)
    if len(documents) != 1 or not isinstance(documents[0].data.get(_TOP), list):
        raise problem("not-a-list", f"`{shown}` is not a list of steps, tasks, pipelines and endpoints")
    return Reading(documents[0], 0 if marked else 1)


class Names:
    """Names of ours for theirs: lower case, letters, digits and `_`, no two the same."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The name of ours."""
        if name not in self.known:
            plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:50] or "x"
            plain = plain if plain[0].isalpha() else f"x_{plain}"
            found, number = plain, 2
            while found in self.known.values():
                found, number = f"{plain}_{number}", number + 1
            self.known[name] = found
        return self.known[name]
