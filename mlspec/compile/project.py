"""A project compiled for one environment: from its files to its desired state, problems and all."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Report, Span
from mlspec.base.registry import Registry
from mlspec.base.value import dataclass, field
from mlspec.compile.gathered import Gathered
from mlspec.ir.desired import DesiredState
from mlspec.ir.outside import Scan, Seen

if TYPE_CHECKING:  # start-up time: these bring pydantic, sqlglot and a YAML parser
    from mlspec.compile.gather import Kept
    from mlspec.compile.resolve import Graph
    from mlspec.documents.document import Path as FieldPath
    from mlspec.language.spec import Spec


@dataclass(frozen=True)
class Compiled:
    """What the files of a project mean in one environment, and the warnings on the way."""

    gathered: Gathered
    resolved: "Callable[[], Graph]"
    desired: DesiredState
    warnings: tuple[Diagnostic, ...]
    ids: Mapping[Address, str] = field(default_factory=dict)
    """Of each resource what tells its body from all others, where something is kept from one run to the next."""
    ignored: tuple[str, ...] = ()
    """What the files say and `ignore_changes` keeps from being done, in words."""

    @property
    def graph(self) -> "Graph":
        """What every name means."""
        return self.resolved()

    def spec(self, address: Address) -> "Spec":
        """The spec that a resource comes from."""
        return self.gathered.bound[address.whole].spec

    def span(self, address: Address, path: "FieldPath" = ()) -> Span:
        """The place of a field of the spec that a resource comes from."""
        return self.gathered.bound[address.whole].document.span(path)

    def place(self, address: Address, path: "FieldPath" = ()) -> Span | None:
        """The place of a field, or of the name where it has none; nothing for what the files do not hold any more."""
        bound = self.gathered.bound.get(address.whole)
        return bound.document.key_span(path or ("name",)) if bound else None


def compile_project(
    root: Path,
    kinds: "Registry[Spec]",
    environment: str | None,
    variables: Mapping[str, Any],
    outside: Callable[[Gathered, str, Scan], Seen],
    kept: "Kept | None" = None,
) -> Compiled:
    """Compile everything below the root; `outside` looks at what a source reads, by its address; `kept` are values of fields.

    Raises Problems with all that is wrong, phase by phase.
    """
    from mlspec.compile.gather import gather  # noqa: PLC0415 - start-up time: as above
    from mlspec.compile.lower import lower  # noqa: PLC0415 - start-up time
    from mlspec.compile.named import misnamed  # noqa: PLC0415 - start-up time
    from mlspec.compile.resolve import resolve  # noqa: PLC0415 - start-up time

    report = Report()
    gathered = gather(root, kinds, environment, variables, report, kept or {})
    graph = resolve(gathered.bound, gathered.broken, report)
    lowered = lower(gathered, graph, report, lambda address, scan: outside(gathered, address, scan))
    report.add(*misnamed(gathered, kinds.names))
    report.close()
    desired = DesiredState(gathered.name, gathered.environment, lowered.resources)
    return Compiled(gathered, lambda: graph, desired, report.warnings)
