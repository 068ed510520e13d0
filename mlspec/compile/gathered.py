"""The specs of one environment, gathered; what of the project everybody asks for is known without its document."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlspec.base.address import Address
from mlspec.base.value import dataclass, field
from mlspec.documents.project import Files

if TYPE_CHECKING:  # start-up time: it brings pydantic and a YAML parser
    from mlspec.language.bind import Bound

PORTS = ("engine", "state_store", "pipeline_target", "deploy_target", "model_registry")


@dataclass(frozen=True)
class Gathered:
    """The specs of one environment, each with its document; they may be read when they are asked for.

    `name` is that of the project, `backends` the options of the backends of the environment by port, `type` among them.
    """

    name: str
    environment: str
    backends: Mapping[str, Mapping[str, Any]]
    bound: "Mapping[Address, Bound]"
    files: Files
    head: "Callable[[], Bound]"
    accepts: Sequence[Sequence[str]] = ()
    """What the environment accepts of drift: address, reason, until which day, what, of which subject."""
    beside: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    """The backends of the other environments, by name."""
    broken: frozenset[Address] = frozenset()
    """Documents that could not be bound, by the kind and the name that they give; empty where those are wrong."""

    @property
    def project(self) -> "Bound":
        """The spec of `mlspec.yaml`, with its document."""
        return self.head()


def accepts_of(project: Any, environment: str) -> list[list[str]]:
    """What an environment accepts of drift, as the spec of the project says it."""
    chosen = project.environment(environment)
    return [[a.address, a.reason, str(a.until), a.what or "", a.subject or ""] for a in chosen.acknowledge]


def backends_of(project: Any, environment: str) -> dict[str, dict[str, Any]]:
    """The options of each backend that the spec of a project names for an environment, or of the embedded ones."""
    chosen = project.environment(environment)
    return {port: dict(getattr(chosen, port).model_dump()) for port in PORTS}


def beside_of(project: Any, environment: str) -> dict[str, dict[str, dict[str, Any]]]:
    """The backends of all environments but one."""
    return {name: backends_of(project, name) for name in project.environments if name != environment}
