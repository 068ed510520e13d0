"""SQL in a spec: a text, or a file beside it; a `.sql.j2` file is a template over variables."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from mlspec.base.diag import Span
from mlspec.base.value import dataclass
from mlspec.documents.document import Document, Path
from mlspec.documents.project import Files, OutsideProject
from mlspec.documents.templates import TemplateProblem, render
from mlspec.ir.sql.analyse import named_tables
from mlspec.language.words import wrong


@dataclass(frozen=True)
class Bindings:
    """What binding a document needs besides it: the project's files, its folder, variables, the environment."""

    files: Files
    folder: str
    vars: dict[str, Any]
    environment: str


@dataclass(frozen=True, slots=True)
class Sql:
    """One SELECT. `file` is where it stands if not in the YAML itself; a rendered template has no places of its own."""

    text: str
    file: str = ""
    template: bool = False

    def __str__(self) -> str:
        return self.text.strip()

    def tables(self) -> Iterator[tuple[str, int, int]]:
        """The tables that it reads: the name as written, its offset and length; nothing if it cannot be parsed."""
        return named_tables(self.text)

    @classmethod
    def parse(cls, value: Any, info: core_schema.ValidationInfo) -> "Sql":
        """Read `sql: SELECT …` or `sql: {file: x.sql}`. Raises PydanticCustomError."""
        if isinstance(value, Sql):
            return value
        if isinstance(value, str):
            return cls(value)
        if isinstance(value, dict) and set(value) == {"file"} and isinstance(value["file"], str):
            return _from_file(value["file"], info.context)
        raise wrong("wrong-type", "expected SQL, or `{{file: name.sql}}`")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        file = {
            "type": "object",
            "properties": {"file": {"type": "string"}},
            "required": ["file"],
            "additionalProperties": False,
        }
        return {"anyOf": [{"type": "string"}, file]}


def place_in(document: Document, sql: Sql, path: Path, start: int, length: int) -> Span:
    """The place of a piece of SQL by its offset: in the SQL file, or in the YAML at the path."""
    if sql.template:
        return Span(sql.file)
    before = sql.text[:start]
    line = before.count("\n") + 1
    column = start - (before.rfind("\n") + 1) + 1
    if sql.file:
        return Span(sql.file, line, column, line, column + length)
    return document.text_span(path, line, column, length)


def _from_file(name: str, bindings: Bindings | None) -> Sql:
    if bindings is None:
        raise wrong("missing-file", "SQL from a file needs a project")
    relative = str(PurePosixPath(bindings.folder) / name)
    try:
        text = bindings.files.text(relative)
    except OutsideProject:
        raise wrong("outside-project", "`{name}` lies outside the project", name=name) from None
    except (OSError, UnicodeDecodeError):
        raise wrong("missing-file", "there is no readable file `{name}` beside this one", name=name) from None
    shown = bindings.files.name(relative)
    if not name.endswith(".j2"):
        return Sql(text, shown)
    try:
        return Sql(render(text, bindings.vars, bindings.environment), shown, template=True)
    except TemplateProblem as problem:
        raise wrong(
            "invalid-template",
            "the template cannot be rendered: {why}",
            file=shown,
            line=problem.line,
            why=_one_line(problem),
        ) from None


def _one_line(problem: TemplateProblem) -> str:
    text = " ".join(str(problem).split()).rstrip(".").replace("'", "`")
    return text[:1].lower() + text[1:]
