"""Each spec is asked its three questions, parents first; the answers become the desired state."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, Report, Severity
from mlspec.base.value import dataclass, field, replace
from mlspec.compile.gathered import Gathered
from mlspec.compile.renames import Renames, problems, renames
from mlspec.compile.resolve import Graph
from mlspec.documents.project import Asked
from mlspec.ir.alias import Alias
from mlspec.ir.outside import Scan, Seen
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Body, Resource, defined
from mlspec.ir.sql.problem import SqlProblem
from mlspec.language.ignoring import ignored
from mlspec.language.scope import Scope
from mlspec.language.spec import Spec, costs, words


class _Scope(Scope):
    """What one spec sees of the compile; what it asks for is noted in its trail."""

    def __init__(self, lowering: "Lowering", address: Address) -> None:
        one = lowering.graph.bound[address]
        self.trail = Trail()
        files = lowering.gathered.files.noting(self.trail.files)
        super().__init__(one.document, files, lowering.gathered.environment)
        self._lowering, self.blind = lowering, lowering.blind

    def address(self, ref: Any) -> Address:
        found = ref if isinstance(ref, Address) else self._lowering.graph.address(ref)
        if found is None:
            raise Problems([])  # reported where names were resolved
        return found

    def spec(self, ref: Any) -> Any:
        address = self.address(ref)
        self.trail.specs.add(address)
        return self._lowering.graph.bound[address].spec

    def first_name(self, ref: Any) -> str:
        address = self.address(ref)
        self.trail.names[address] = self._lowering.renames.first(address).name
        return self.trail.names[address]

    def relation(self, ref: Any) -> Relation:
        return self._relation(self.address(ref))

    def _relation(self, address: Address) -> Relation:
        self.trail.relations.add(address)
        return self._lowering.relation(address)

    def lookup(self, name: str) -> tuple[str, Relation] | SqlProblem:
        found = self._lowering.graph.table(name)
        if isinstance(found, SqlProblem):
            if self._lowering.graph.known_broken(name):
                raise Problems([])  # reported where it was bound
            return found
        return str(found), self._relation(found)

    def body(self, address: Address) -> Body:
        self.trail.bodies.add(address)
        return self._lowering.resources[address].body

    def outside(self, address: str, scan: Scan) -> Seen:
        seen = self._lowering.seen(address, scan)
        self.trail.looked.append((address, scan, seen))
        return seen


@dataclass
class Trail:
    """What a spec asked for while it was lowered: its resources are the same as long as all of this is.

    `blind`: also for definitions, which follow from everything above it.
    """

    files: Asked = field(default_factory=Asked)
    specs: set[Address] = field(default_factory=set)
    names: dict[Address, str] = field(default_factory=dict)
    relations: set[Address] = field(default_factory=set)
    bodies: set[Address] = field(default_factory=set)
    looked: list[tuple[str, Scan, Seen]] = field(default_factory=list)
    blind: bool = False


class Kept(ABC):
    """What is still known of specs that were lowered by an earlier run."""

    @abstractmethod
    def fresh(self, address: Address, lowering: "Lowering") -> bool:
        """Whether everything that a spec asked for is as it was."""

    @abstractmethod
    def resources(self, address: Address, lowering: "Lowering") -> Iterable[Resource]:
        """The resources of a spec that is fresh."""

    @abstractmethod
    def relation(self, address: Address) -> Relation | None:
        """The rows of a spec that is fresh, if it was asked for them."""

    @abstractmethod
    def warnings(self, address: Address) -> Iterable[Diagnostic]:
        """What was said of a spec that is fresh."""


@dataclass
class Lowering:
    """One walk over all specs; `kept` is what need not be lowered again, and `reused` those that were not."""

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
    kept: Kept | None = None
    reused: set[Address] = field(default_factory=set)
    said: dict[Address, tuple[Diagnostic, ...]] = field(default_factory=dict)

    def seen(self, address: str, scan: Scan) -> Seen:
        """What is there of what a source reads, looked at once."""
        if address not in self.looked:
            self.looked[address] = self.outside(address, scan)
        return self.looked[address]

    @cached_property
    def definitions(self) -> "Lowering":
        """The same, where what sources hold does not count."""
        return Lowering(self.gathered, self.graph, Report(), self.outside, looked=self.looked, blind=True)

    @cached_property
    def renames(self) -> Renames:
        """What was called otherwise before."""
        return renames(self.gathered.bound)

    def relation(self, address: Address) -> Relation:
        """The rows of a spec, asked for once. Raises Problems, without any if it has been reported."""
        if address in self.failed:
            raise Problems([])
        if address not in self.relations and self.kept is not None and address in self.reused:
            known = self.kept.relation(address)
            if known is not None:
                self.relations[address] = known
        if address not in self.relations:
            scope = self.scopes.setdefault(address, _Scope(self, address))
            made = self.graph.bound[address].spec.relation(scope)
            if made is None:
                raise Problems([])
            if made.partitions and not self.blind:
                scope.trail.blind = True
                made = replace(made, definition=defined(self.definitions.relation(address)))
            self.relations[address] = made
        return self.relations[address]

    def lower(self, address: Address) -> None:
        """Ask a spec for what should exist because of it, or take what an earlier run was told."""
        if self.kept is not None and self.kept.fresh(address, self):
            self.reused.add(address)
            for resource in self.kept.resources(address, self):
                self._put(address, resource)
            self.report.add(*self.kept.warnings(address))
            return
        spec = self.graph.bound[address].spec
        if any(parent in self.failed for parent in self.graph.edges[address]):
            self.failed.add(address)
            return
        scope = self.scopes.setdefault(address, _Scope(self, address))
        found: list[Diagnostic] = []
        try:
            found.extend(spec.check(scope))
            found.extend(ignored(spec, scope, self.graph.bound[address].document.data))
            if not any(d.severity is Severity.ERROR for d in found):
                for part, body in spec.lower(scope):
                    self._put(address, self._resource(spec, part, body))
        except Problems as problems:
            found.extend(problems.diagnostics)
            if not problems.diagnostics:
                self.failed.add(address)
        if any(d.severity is Severity.ERROR for d in found):
            self.failed.add(address)
        self.said[address] = (*found, *scope.warnings)
        self.report.add(*self.said[address])

    def _put(self, address: Address, resource: Resource) -> None:
        self.resources[resource.address] = resource
        self.parts.setdefault(address, []).append(resource.address)

    def parents(self, address: Address) -> tuple[Address, ...]:
        """What must exist before the resource at an address: all parts of what its spec needs, and the whole of a part."""
        whole = address.whole
        above = {a for target in self.graph.edges[whole] for a in self.parts.get(target, ())}
        return tuple(sorted({*above, *([whole] if address.part else [])}))

    def _resource(self, spec: Spec, part: str, body: Body) -> Resource:
        address = Address(spec.kind_name(), spec.name, part)
        meaning, about = words(spec)
        owner = spec.owner.name if spec.owner else ""
        protect = spec.protect or self._protected(spec.address)
        if part:
            said = meaning.get("aliases", {}).get(part) if isinstance(body, Alias) else meaning.get(part)
            meaning, about = {part: said}, {part: about.get(part)} if about.get(part) else {}
        return Resource(address, body, meaning, about, self.parents(address), owner, protect, costs(type(spec)))

    def _protected(self, address: Address) -> bool:
        chosen = getattr(self.gathered.project.spec, "environments", {}).get(self.gathered.environment)
        return chosen is not None and any(p == address.kind or fnmatchcase(str(address), p) for p in chosen.protect)


def lower(
    gathered: Gathered, graph: Graph, report: Report, outside: Callable[[str, Scan], Seen], kept: Kept | None = None
) -> Lowering:
    """What should exist, in `resources`; `outside` looks at what a source reads, by its address.

    Problems of all specs go into the report; what depends on a broken spec is passed over. What is `kept` of an earlier
    run is taken over.
    """
    lowering = Lowering(gathered, graph, report, outside, kept=kept)
    broken = graph.bound.keys() - set(graph.order)
    lowering.failed.update(broken)
    for address in graph.order:
        lowering.lower(address)
    report.add(*problems(gathered.bound))
    return lowering
