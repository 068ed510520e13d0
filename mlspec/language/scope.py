"""What a kind sees of the rest while it is compiled: what it refers to, the project's files, and where things stand."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Note, Problems, Severity, Span
from mlspec.base.value import replace
from mlspec.documents.document import Document, Path
from mlspec.documents.project import Files
from mlspec.ir.columntype import ColumnType
from mlspec.ir.outside import Scan, Seen
from mlspec.ir.relation import Column, Relation
from mlspec.ir.sql.analyse import analyse, expression
from mlspec.ir.sql.analysis import Analysis
from mlspec.ir.sql.problem import SqlProblem, SqlProblems
from mlspec.language.sql import Sql, place_in


class Scope(ABC):
    """Handed to a spec when it is asked its questions.

    `blind`: what sources hold does not count, so that the digests are those of definitions.
    """

    blind = False

    def __init__(self, document: Document, files: Files, environment: str) -> None:
        self.document, self.files, self.environment = document, files, environment
        self.warnings: list[Diagnostic] = []
        self._analysed: dict[str, Analysis] = {}

    @abstractmethod
    def address(self, ref: Any) -> Address:
        """The address that a reference means."""

    @abstractmethod
    def spec(self, ref: Any) -> Any:
        """The spec that a reference, or an address, means."""

    @abstractmethod
    def first_name(self, ref: Any) -> str:
        """What a reference means by the name that it had before all moves: that of its features, and of what knows them."""

    @abstractmethod
    def relation(self, ref: Any) -> Relation:
        """The rows that a reference, or an address, offers."""

    @abstractmethod
    def lookup(self, name: str) -> tuple[str, Relation] | SqlProblem:
        """The address and rows of a table as SQL names it."""

    @abstractmethod
    def body(self, address: Address) -> Any:
        """The body that a spec already lowered to, by its address."""

    @abstractmethod
    def outside(self, address: str, scan: Scan) -> Seen:
        """What is there of what a source reads, and whether it is as declared; no snapshot where nothing is there."""

    def span(self, path: Path, *, key: bool = False) -> Span:
        """The place of a field."""
        return self.document.key_span(path) if key else self.document.span(path)

    def error(self, code: str, message: str, *path: str | int, label: str = "", help: str = "", key: bool = False,  # noqa: A002
              notes: tuple[Note, ...] = ()) -> Diagnostic:  # fmt: skip
        """An error at a field."""
        return Diagnostic(code, message, self.span(path, key=key), label, help, notes)

    def warning(self, code: str, message: str, *path: str | int, help: str = "") -> Diagnostic:  # noqa: A002
        """A warning at a field."""
        return Diagnostic(code, message, self.span(path), help=help, severity=Severity.WARNING)

    def analyse(self, sql: Sql, *path: str | int, this: tuple[str, Relation] | None = None) -> Analysis:
        """Understand a query, in which `this` may be a table too. Raises Problems with the places in the YAML or the SQL file."""
        known = self._analysed.get(sql.text)
        if known is None:
            try:
                known = analyse(sql.text, lambda name: this if this and name == "this" else self.lookup(name))
            except SqlProblems as error:
                raise Problems(self._diagnostic(p, sql, path) for p in error.problems) from None
            self._analysed[sql.text] = known
            self.warnings.extend(self._traps(sql, path))
            self.warn(known.warnings, sql, *path)
        return known

    def warn(self, problems: Iterable[SqlProblem], sql: Sql, *path: str | int) -> None:
        """Say something of a query as warnings, at its places."""
        self.warnings.extend(replace(self._diagnostic(p, sql, path), severity=Severity.WARNING) for p in problems)

    def expression(
        self, text: str, columns: Mapping[str, Column], *path: str | int
    ) -> tuple[Any, ColumnType, frozenset[str]]:
        """Understand an expression over columns. Raises Problems."""
        try:
            return expression(text, columns)
        except SqlProblems as error:
            raise Problems(self._diagnostic(p, Sql(text), path) for p in error.problems) from None

    def _diagnostic(self, problem: SqlProblem, sql: Sql, path: Path) -> Diagnostic:
        span = place_in(self.document, sql, path, problem.start, problem.length)
        return Diagnostic(problem.code, problem.message, span, problem.label, problem.help)

    def _traps(self, sql: Sql, path: Path) -> list[Diagnostic]:
        if sql.file:
            return []
        if self.document.style(path) == "" and self.document.rest_of_line(path).lstrip().startswith("#"):
            message = "the text after `#` is a YAML comment, not part of the SQL"
            return [self.warning("comment-in-sql", message, *path, help="write the SQL in a `|` block")]
        return []
