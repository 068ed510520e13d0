"""The project: its name, its environments and what each is made with."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from mlspec.language.spec import OnChange, Part, Spec
from mlspec.language.words import Name


class Choice(BaseModel):
    """A backend by the name of its file, and its options."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str


def _choice(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


Backend = Annotated[Choice, BeforeValidator(_choice, json_schema_input_type=str | Choice)]


class Environment(Part):
    """What the resources of an environment are made with; overrides and variables; addresses that it protects."""

    engine: Backend = Choice(type="duckdb")
    state_store: Backend = Choice(type="file")
    pipeline_target: Backend = Choice(type="local")
    deploy_target: Backend = Choice(type="kubernetes")
    model_registry: Backend = Choice(type="file")
    vars: dict[Name, Any] = {}
    overrides: dict[str, dict[str, Any]] = {}
    protect: tuple[str, ...] = ()


class Project(Spec):
    """The document in `mlspec.yaml`. `defaults` are fields for every document of a kind that does not say otherwise."""

    spec_version: Literal[1]
    required_version: str = ""
    default_environment: Name | None = None
    environments: dict[Name, Environment] = {}
    defaults: Annotated[dict[Name, dict[str, Any]], OnChange.METADATA] = {}

    def environment(self, name: str) -> Environment:
        """An environment by name; the embedded backends where none is declared."""
        return self.environments.get(name, Environment())
