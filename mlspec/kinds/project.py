"""The project: its name, its environments and what each is made with."""

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from mlspec import __version__
from mlspec.base.diag import Diagnostic
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Part, Spec
from mlspec.language.words import Bool, Name, wrong


class Choice(BaseModel):
    """A backend by the name of its file, and its options."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    type: str


def _choice(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


Backend = Annotated[Choice, BeforeValidator(_choice, json_schema_input_type=str | Choice)]


def _day(text: str) -> str:
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise wrong("invalid-instant", "`{text}` is not a day; write `2026-12-31`", text=text) from None


Day = Annotated[str, AfterValidator(_day)]
What = Literal[
    "missing",
    "altered",
    "repointed",
    "unnoted",
    "edited",
    "stopped",
    "column_added",
    "column_removed",
    "column_retyped",
]


class Acknowledgement(Part):
    """Drift of an address that is accepted until a day: all of it, or what happened (`what`), or to one thing (`subject`)."""

    address: str
    reason: str
    until: Day
    what: What | None = None
    subject: str | None = None


class Environment(Part):
    """What the resources of an environment are made with; overrides and variables; addresses that it protects.

    `acknowledge` is drift that is accepted as it is, for a time.
    """

    engine: Backend = Choice(type="duckdb")
    state_store: Backend = Choice(type="file")
    pipeline_target: Backend = Choice(type="local")
    deploy_target: Backend = Choice(type="kubernetes")
    model_registry: Backend = Choice(type="file")
    vars: dict[Name, Any] = {}
    overrides: dict[str, dict[str, Any]] = {}
    protect: tuple[str, ...] = ()
    acknowledge: tuple[Acknowledgement, ...] = ()
    require_reviews: Bool = False
    """Nothing is applied before every team that owns something affected has approved."""


class Project(Spec):
    """The document in `mlspec.yaml`.

    `defaults` are fields for every document of a kind that does not say otherwise; `ignore` are patterns of YAML files,
    and of whole folders, that are not mlspec's.
    """

    spec_version: Literal[1]
    required_version: str = ""
    ignore: Annotated[tuple[str, ...], OnChange.METADATA] = ()
    default_environment: Name | None = None
    environments: dict[Name, Environment] = {}
    defaults: Annotated[dict[Name, dict[str, Any]], OnChange.METADATA] = {}

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        if not self.required_version:
            return
        from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - for projects that ask for a version

        try:
            wanted = SpecifierSet(self.required_version)
        except InvalidSpecifier:
            message = f"`{self.required_version}` does not say which versions; write `>=0.1,<0.2`"
            yield scope.error("invalid-version", message, "required_version")
            return
        if not wanted.contains(__version__, prereleases=True):
            message = f"this is mlspec {__version__}, the project wants `{self.required_version}`"
            yield scope.error("version-mismatch", message, "required_version", help="install a version that fits")

    def environment(self, name: str) -> Environment:
        """An environment by name; the embedded backends where none is declared."""
        return self.environments.get(name) or Environment.model_construct()  # of defaults, which need no judging
