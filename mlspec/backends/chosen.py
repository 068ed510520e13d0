"""The backends that an environment has chosen, each made when it is first used."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

from mlspec.backends.port import Backend, DeployTarget, ModelRegistry, PipelineTarget, Place, SqlEngine
from mlspec.backends.state_store import StateStore
from mlspec.base.diag import Diagnostic, Problems, Span, known_names
from mlspec.base.registry import Registry, UnknownName
from mlspec.base.value import dataclass

ENGINES = Registry("mlspec.backends.engines", SqlEngine)
PIPELINES = Registry("mlspec.backends.pipelines", PipelineTarget)
DEPLOYS = Registry("mlspec.backends.deploys", DeployTarget)
REGISTRIES = Registry("mlspec.backends.registries", ModelRegistry)
STORES = Registry("mlspec.backends.stores", StateStore)

_REGISTRIES: Mapping[str, Registry[Any]] = {
    "engine": ENGINES, "pipeline_target": PIPELINES, "deploy_target": DEPLOYS, "model_registry": REGISTRIES, "state_store": STORES,
}  # fmt: skip

B = TypeVar("B", bound=Backend)


@dataclass(frozen=True)
class Choice:
    """A backend by name, its options, and where in the project each stands (`type` for the name)."""

    type: str
    options: Mapping[str, Any]
    spans: Mapping[str, Span]


class Backends:
    """One of each port, for one environment."""

    def __init__(self, choices: Mapping[str, Choice], place: Place) -> None:
        self.choices, self.place = choices, place
        self._made: dict[str, Backend] = {}

    @property
    def engine(self) -> SqlEngine:
        """The engine that keeps relations."""
        return self._one("engine", ENGINES)

    @property
    def pipelines(self) -> PipelineTarget:
        """The target that runs workflows."""
        return self._one("pipeline_target", PIPELINES)

    @property
    def deploys(self) -> DeployTarget:
        """The target that makes services."""
        return self._one("deploy_target", DEPLOYS)

    @property
    def registry(self) -> ModelRegistry:
        """The registry of model versions."""
        return self._one("model_registry", REGISTRIES)

    @property
    def store(self) -> StateStore:
        """The store of the state."""
        return self._one("state_store", STORES)

    def check(self) -> None:
        """Look for each backend and at its options, without making any. Raises Problems with all that is wrong."""
        found: list[Diagnostic] = []
        for port, registry in _REGISTRIES.items():
            try:
                _settings(port, self.choices[port], registry)
            except Problems as problems:
                found.extend(problems.diagnostics)
        if found:
            raise Problems(found)

    def of(self, port: str) -> Backend:
        """The backend of a port."""
        ports: dict[str, Callable[[], Backend]] = {
            "engine": lambda: self.engine, "pipeline_target": lambda: self.pipelines, "deploy_target": lambda: self.deploys,
            "model_registry": lambda: self.registry, "state_store": lambda: self.store,
        }  # fmt: skip
        return ports[port]()

    def name(self, port: str) -> str:
        """The name of the backend that was chosen for a port."""
        return self.choices[port].type

    @property
    def made(self) -> tuple[Backend, ...]:
        """Those that were used so far."""
        return tuple(self._made.values())

    def rest(self) -> None:
        """Let others at what the engine holds, where it was used at all: one that was not is not even imported."""
        if "engine" in self._made:
            self.engine.rest()

    def close(self) -> None:
        """Close what was made."""
        for backend in self._made.values():
            backend.close()
        self._made.clear()

    def _one(self, port: str, registry: Registry[B]) -> B:
        if port not in self._made:
            self._made[port] = _make(port, self.choices[port], registry, self.place)
        made: Any = self._made[port]
        return made  # type: ignore[no-any-return]


def _make(port: str, choice: Choice, registry: Registry[B], place: Place) -> B:
    kind, settings = _settings(port, choice, registry)
    return kind(settings, place)


def _settings(port: str, choice: Choice, registry: Registry[B]) -> tuple[type[B], Any]:
    """The class of a backend, and its options as it takes them. Raises Problems."""
    shown = port.replace("_", " ")
    try:
        kind = registry.get(choice.type)
    except UnknownName as error:
        help_ = known_names(choice.type, error.known, shown)
        raise Problems(
            [
                Diagnostic(
                    "unknown-backend", f"there is no {shown} `{choice.type}`", choice.spans.get("type"), help=help_
                )
            ]
        ) from None
    hints = get_type_hints(kind.Settings)
    found = []
    for name, value in choice.options.items():
        if name not in hints:
            message = f"the {shown} `{choice.type}` has no option `{name}`"
            found.append(
                Diagnostic("unknown-key", message, choice.spans.get(name), help=known_names(name, hints, "option"))
            )
        elif not _fits(value, hints[name]):
            expected = getattr(hints[name], "__name__", str(hints[name]))
            found.append(
                Diagnostic("wrong-type", f"`{name}`: expected {expected}, found `{value!r}`", choice.spans.get(name))
            )
    if found:
        raise Problems(found)
    options = {n: tuple(v) if isinstance(v, list) else v for n, v in choice.options.items()}
    return kind, kind.Settings(**options)


def _fits(value: Any, hint: Any) -> bool:
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in {str, bool}:
        return isinstance(value, hint)
    return isinstance(value, list | tuple | dict)
