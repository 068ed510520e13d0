"""Each spec is asked its three questions, parents first; the answers become the desired state."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, Report, Severity
from mlspec.compile.gather import Gathered
from mlspec.compile.renames import Renames, problems, renames
from mlspec.compile.resolve import Graph
from mlspec.ir.desired import DesiredState
from mlspec.ir.outside import Scan, Seen
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Body, Resource, defined
from mlspec.ir.sql.problem import SqlProblem
from mlspec.language.scope import Scope
from mlspec.language.spec import Spec, costs, words


class _Scope(Scope):
    """What one spec sees of the compile."""

    def __init__(self, lowering: "_Lowering", address: Address) -> None:
        one = lowering.graph.bound[address]
        super().__init__(one.document, lowering.gathered.files, lowering.gathered.environment)
        self._lowering, self.blind = lowering, lowering.blind

    def address(self, ref: Any) -> Address:
        found = ref if isinstance(ref, Address) else self._lowering.graph.address(ref)
        if found is None:
            raise Problems([])  # reported where names were resolved
        return found

    def spec(self, ref: Any) -> Any:
        return self._lowering.graph.bound[self.address(ref)].spec

    def first_name(self, ref: Any) -> str:
        return self._lowering.renames.first(self.address(ref)).name

    def relation(self, ref: Any) -> Relation:
        return self._lowering.relation(self.address(ref))

    def lookup(self, name: str) -> tuple[str, Relation] | SqlProblem:
        found = self._lowering.graph.table(name)
        if isinstance(found, SqlProblem):
            if self._lowering.graph.known_broken(name):
                raise Problems([])  # reported where it was bound
            return found
        return str(found), self._lowering.relation(found)

    def body(self, address: Address) -> Body:
        return self._lowering.resources[address].body

    def outside(self, address: str, scan: Scan) -> Seen:
        return self._lowering.seen(address, scan)


@dataclass
class _Lowering:
    gathered: Gathered
    graph: Graph
    report: Report
    outside: Callable[[str, Scan], Seen]
    scopes: dict[Address, _Scope] = field(default_factory=dict)
    relations: dict[Address, Relation] = field(default_factory=dict)
    resources: dict[Address, Resource] = field(default_factory=dict)
    parts: dict[Address, list[Address]] = field(default_factory=dict)
    failed: set[Address] = field(default_factory=set)
    looked: dict[str, Seen] = field(default_factory=dict)
    blind: bool = False

    def seen(self, address: str, scan: Scan) -> Seen:
        """What is there of what a source reads, looked at once."""
        if address not in self.looked:
            self.looked[address] = self.outside(address, scan)
        return self.looked[address]

    @cached_property
    def definitions(self) -> "_Lowering":
        """The same, where what sources hold does not count."""
        return _Lowering(self.gathered, self.graph, Report(), self.outside, looked=self.looked, blind=True)

    @cached_property
    def renames(self) -> Renames:
        """What was called otherwise before."""
        return renames(self.gathered.bound)

    def relation(self, address: Address) -> Relation:
        """The rows of a spec, asked for once. Raises Problems, without any if it has been reported."""
        if address in self.failed:
            raise Problems([])
        if address not in self.relations:
            scope = self.scopes.get(address) or _Scope(self, address)
            made = self.graph.bound[address].spec.relation(scope)
            if made is None:
                raise Problems([])
            if made.partitions and not self.blind:
                made = replace(made, definition=defined(self.definitions.relation(address)))
            self.relations[address] = made
        return self.relations[address]

    def lower(self, address: Address) -> None:
        spec = self.graph.bound[address].spec
        if any(parent in self.failed for parent in self.graph.edges[address]):
            self.failed.add(address)
            return
        scope = self.scopes[address] = _Scope(self, address)
        found: list[Diagnostic] = []
        try:
            found.extend(spec.check(scope))
            if not any(d.severity is Severity.ERROR for d in found):
                for part, body in spec.lower(scope):
                    resource = self._resource(spec, part, body)
                    self.resources[resource.address] = resource
                    self.parts.setdefault(address, []).append(resource.address)
        except Problems as problems:
            found.extend(problems.diagnostics)
            if not problems.diagnostics:
                self.failed.add(address)
        if any(d.severity is Severity.ERROR for d in found):
            self.failed.add(address)
        self.report.add(*found, *scope.warnings)

    def _resource(self, spec: Spec, part: str, body: Body) -> Resource:
        address = Address(spec.kind_name(), spec.name, part)
        above = [a for target in self.graph.edges[spec.address] for a in self._parts(target)]
        parents = sorted({*above, *([spec.address] if part else [])})
        meaning, about = words(spec)
        owner = spec.owner.name if spec.owner else ""
        protect = spec.protect or self._protected(spec.address)
        if part:
            meaning, about = {part: meaning.get(part)}, {part: about.get(part)} if about.get(part) else {}
        return Resource(address, body, meaning, about, tuple(parents), owner, protect, costs(type(spec)))

    def _parts(self, target: Address) -> Iterable[Address]:
        return self.parts.get(target, ())

    def _protected(self, address: Address) -> bool:
        chosen = getattr(self.gathered.project.spec, "environments", {}).get(self.gathered.environment)
        return chosen is not None and any(p in {str(address), address.kind} for p in chosen.protect)


def lower(gathered: Gathered, graph: Graph, report: Report, outside: Callable[[str, Scan], Seen]) -> DesiredState:
    """What should exist; `outside` looks at what a source reads, by its address.

    Problems of all specs go into the report; what depends on a broken spec is passed over.
    """
    lowering = _Lowering(gathered, graph, report, outside)
    broken = graph.bound.keys() - set(graph.order)
    lowering.failed.update(broken)
    for address in graph.order:
        lowering.lower(address)
    report.add(*problems(gathered.bound))
    name = gathered.project.spec.name
    return DesiredState(name, gathered.environment, lowering.resources)
