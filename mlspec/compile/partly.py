"""Compiles what has changed of a project, takes over the rest, and keeps facts of both for the next run."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from mlspec.base.address import Address
from mlspec.base.dag import upstream
from mlspec.base.diag import Diagnostic, Problems, Report
from mlspec.base.digest import digest
from mlspec.base.value import dataclass, field, replace
from mlspec.compile.cache import made_by
from mlspec.compile.details import Details, DocHead, Lost, SpecHead
from mlspec.compile.facts import BODY, WORDS, Doc, Facts, SpecFacts
from mlspec.compile.gather import Head, bind_one, is_project, overrides_used, prepared_of, read_head, said_name
from mlspec.compile.gathered import Gathered, accepts_of, backends_of, beside_of
from mlspec.compile.kept import Bounds, Said, Texts, deferred, ids_of, warnings_of, write_mentions
from mlspec.compile.lower import Kept, Lowering, lower
from mlspec.compile.named import misnamed
from mlspec.compile.project import Compiled
from mlspec.compile.renames import MOVED
from mlspec.compile.request import Request
from mlspec.compile.resolve import Graph, mentions_of, resolve, tables_among
from mlspec.compile.survey import Changed, Env, moved
from mlspec.compile.written import Gathering, Run, Written, written
from mlspec.documents.document import Document, Path
from mlspec.documents.project import PROJECT_FILE, Asked, Files, ignored_by, yaml_files
from mlspec.documents.reader import read_bytes
from mlspec.ir.codec import encode
from mlspec.ir.desired import DesiredState
from mlspec.ir.pack import unpack
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Resource
from mlspec.ir.sql.analyse import forget, remember
from mlspec.language.bind import Bound


class _Given(Exception):
    """Something is wrong: it is for the compile that knows nothing to say what."""


def compile_partly(
    request: Request, facts: Facts | None, details: Details | None, changed: Changed, files: Files
) -> Compiled | None:
    """The project compiled, and kept; None where something is wrong with it."""
    words = f"{made_by()} words"
    try:
        remember(lambda: request.cache.fact(words), lambda text: request.cache.note(words, text))
        return _Partly(request, facts if details else None, details, changed, files).compiled()
    except (_Given, Problems):
        return None
    finally:
        forget()


def bound_in(
    request: Request, file: str, project: tuple[tuple[Document, ...], Head] | None = None
) -> dict[Address, Bound]:
    """The specs of one file, with nothing known; `project` are the documents of `mlspec.yaml` and what they say to all others."""
    report = Report()
    files = Files(request.root)
    documents, head = project or _head(request, files, request.env, report)
    if file != PROJECT_FILE:
        documents = read_bytes((request.root / file).read_bytes(), file, report)
    made = [bind_one(p, request.kinds, files, head, report) for d in documents for p in prepared_of(d, head, report)]
    return {one.spec.address: one for one in made if one is not None}


def _head(request: Request, files: Files, env: Mapping[str, str], report: Report) -> tuple[tuple[Document, ...], Head]:
    """The documents of `mlspec.yaml`, and what the first of them says to all others."""
    raw = files.watch.read(PROJECT_FILE) if files.watch else (request.root / PROJECT_FILE).read_bytes()
    documents = read_bytes(raw, PROJECT_FILE, report)
    if not documents or report.failed:
        raise _Given
    return documents, read_head(documents[0], request.environment, request.variables, env, report)


def _context(head: Head, held: str) -> str:
    """The digest of what every document depends on in `mlspec.yaml`; where values are laid over others, also on their places."""
    laid = held if head.overrides or head.defaults else ""
    chosen = head.document.data.get("environments")
    protected = chosen.get(head.name, {}) if isinstance(chosen, dict) else {}
    protect = protected.get("protect") if isinstance(protected, dict) else None
    return digest(head.name, dict(head.values.vars), head.overrides, head.defaults, laid, protect)


@dataclass
class _Partly(Kept):
    request: Request
    facts: Facts | None
    details: Details | None
    changed: Changed
    all_files: Files
    report: Report = field(default_factory=Report)
    gathering: Gathering = field(default_factory=Gathering)
    same: set[str] = field(default_factory=set)
    """Specs and resources that are taken over: as above, what facts say of them is true."""
    data_of: dict[Address, str] = field(default_factory=dict)
    resolved: bool = False
    """Whether names may mean something else than they did."""
    lowering: Lowering = field(init=False)

    @cached_property
    def texts(self) -> Texts:
        return Texts(self.request.cache, self.request.whole)

    @cached_property
    def rows(self) -> dict[str, list[Any]]:
        return {row[0]: row for row in self.facts.resources} if self.facts else {}

    @cached_property
    def parts(self) -> dict[str, list[str]]:
        """The resources of each spec, as they were."""
        found: dict[str, list[str]] = {}
        for text in self.rows:
            found.setdefault(text.partition("/")[0], []).append(text)
        return found

    @property
    def heads(self) -> Mapping[str, SpecHead]:
        """What is known of specs by an earlier run, in short."""
        return self.details.heads.specs if self.details else {}

    @property
    def specs(self) -> Mapping[str, SpecFacts]:
        """The same, as it was told."""
        return self.details.specs if self.details else {}

    def compiled(self) -> Compiled:
        """The project, compiled and kept."""
        gathered, context, ignored, names = self._gathered()
        bound = gathered.bound
        graph = self._graph(bound)
        self._sound()
        look = lambda address, scan: self.request.outside(gathered, address, scan)  # noqa: E731
        if self.facts is not None:
            self.changed.looked = moved(self.facts, look)
        self.lowering = lower(gathered, graph, self.report, look, self)
        self.report.add(*misnamed(gathered, self.request.kinds.names))
        self._sound()
        desired = DesiredState(gathered.name, gathered.environment, self.lowering.resources)
        blank = Facts(gathered.name, gathered.environment, gathered.backends, context, ignored, names)
        blank.accepts, blank.beside = [list(a) for a in gathered.accepts], gathered.beside
        ids = self._keep(blank)
        plain = replace(gathered, files=Files(self.request.root))  # what files hold later is looked at then
        return Compiled(
            plain, lambda: graph if self.resolved else self._asked_for(bound), desired, self.report.warnings, ids
        )

    def _graph(self, bound: Mapping[Address, Bound]) -> Graph:
        """What every name means: what it meant, if the same specs say the same of each other. Then no edge tells where it stands."""
        heads, fresh = self.heads, self.gathering.fresh
        said = Said(self.specs)
        files = self.gathering.files
        if heads.keys() != {str(a) for a in files} or any(
            write_mentions(mentions_of(bound[a].spec)) != self.specs[str(a)].mentions for a in files if a not in fresh
        ):
            self.resolved = True
            return self._resolved(bound)
        order = tuple(map(Address.parse, heads))
        edges: dict[Address, dict[Address, Path]] = {
            a: dict.fromkeys(map(Address.parse, heads[str(a)].needs), ()) for a in order
        }
        tables = tables_among(a for a in files if heads[str(a)].offers)
        return Graph(bound, order, edges, tables, mentions=said)

    def _asked_for(self, bound: Mapping[Address, Bound]) -> Graph:
        """The graph, for somebody who asks for it when all is done; what is not kept any more is bound again."""
        try:
            return self._resolved(bound)
        except Lost:
            return resolve(bound, frozenset(), Report(), {})

    def _resolved(self, bound: Mapping[Address, Bound]) -> Graph:
        if self.details is not None:
            self.details.specs.load(map(str, self.gathering.fresh))
        said = Said(self.specs)
        return resolve(bound, frozenset(), self.report, {a: said[a] for a in self.gathering.fresh})

    def _needs(self, address: str) -> list[str]:
        if self.resolved:
            return [str(a) for a in self.lowering.graph.edges[Address.parse(address)]]
        return self.heads[address].needs

    # -- gathered ------------------------------------------------------------------------------------------------------

    def _gathered(self) -> tuple[Gathered, str, list[str], list[str]]:
        env = Env(self.request.env)
        documents, head = _head(self.request, self.all_files, env, self.report)
        context = _context(head, self._held(PROJECT_FILE))
        same = self.facts is not None and self.facts.context == context
        ignored = ignored_by(head.document.data)
        listed_anew = self.changed.listed or PROJECT_FILE in self.changed.held
        names = yaml_files(self.request.root, ignored) if self.facts is None or listed_anew else self.facts.yaml
        for name in (PROJECT_FILE, *names):
            doc = self.details.heads.docs.get(name) if same and self.details else None
            if doc is not None and self._as_it_was(name, doc):
                self._take(name, doc)
            else:
                self._bind(name, documents if name == PROJECT_FILE else None, head, env)
        self._sound()
        if head.overrides:
            overrides_used(head, {s for name in self.gathering.docs for s in self._doc(name).said}, self.report)
        self._sound()
        return self._whole(head, documents), context, list(ignored), list(names)

    def _whole(self, head: Head, documents: tuple[Document, ...]) -> Gathered:
        found, env = self.gathering, head.name
        bounds = Bounds(found.files, lambda file: bound_in(self.request, file, (documents, head)), found.bound)
        project = found.project
        if project is not None:
            spec, name, chosen = project.spec, project.spec.name, backends_of(project.spec, env)
            accepts, beside = accepts_of(spec, env), beside_of(spec, env)
            return Gathered(name, env, chosen, bounds, self.all_files, lambda: project, accepts=accepts, beside=beside)
        heads = [a for a, file in found.files.items() if file == PROJECT_FILE and a.kind == "project"]
        if self.facts is None or not heads:
            raise _Given
        known, of = self.facts, lambda: bounds[heads[0]]
        return Gathered(
            known.name, env, known.backends, bounds, self.all_files, of, accepts=known.accepts, beside=known.beside
        )

    def _as_it_was(self, name: str, doc: DocHead) -> bool:
        changed = self.changed
        return name not in changed.held and not changed.touched(doc) and changed.env.isdisjoint(doc.env)

    def _take(self, name: str, doc: DocHead) -> None:
        self.gathering.docs[name] = None
        if doc.warned:
            self.report.add(*warnings_of(self._doc(name).warnings))
        for address in self.listed.get(name, ()):
            self._add(address, name)
            self.gathering.fresh.add(address)

    def _doc(self, name: str) -> Doc:
        doc = self.gathering.docs[name]
        if doc is None and self.details is not None:  # it was taken over
            return self.details.docs[name]
        assert doc is not None  # noqa: S101 - nothing is taken over where nothing is known
        return doc

    @cached_property
    def listed(self) -> dict[str, list[Address]]:
        """The specs of each file, as they were."""
        found: dict[str, list[Address]] = {}
        for text, name in self.facts.bound if self.facts else ():
            found.setdefault(name, []).append(Address.parse(text))
        return found

    def _bind(self, name: str, documents: tuple[Document, ...] | None, head: Head, env: Env) -> None:
        asked, report = Asked(), Report()
        env.asked = set()
        if documents is None:
            assert self.all_files.watch is not None  # noqa: S101 - files of a compile that keeps facts
            documents = read_bytes(self.all_files.watch.read(name), name, report)
        doc = Doc([], [], asked, [], [])
        for prepared in (p for d in documents for p in prepared_of(d, head, report)):
            doc.said.append(said_name(prepared))
            one = bind_one(prepared, self.request.kinds, self.all_files.noting(asked), head, report)
            if one is None:
                raise _Given
            self._add(one.spec.address, name)
            doc.specs.append(str(one.spec.address))
            self.gathering.bound[one.spec.address] = one
            if name == PROJECT_FILE and is_project(one, head.document):
                self.gathering.project = one
        doc.env = sorted(env.asked)
        doc.warnings = [encode(d) for d in report.diagnostics]
        self.report.add(*report.diagnostics)
        self.gathering.docs[name] = doc

    def _add(self, address: Address, name: str) -> None:
        if address in self.gathering.files:
            raise _Given
        self.gathering.files[address] = name

    def _held(self, name: str) -> str:
        assert self.all_files.watch is not None  # noqa: S101 - as above
        return self.all_files.watch.now(name)

    def _sound(self) -> None:
        if self.report.failed:
            raise _Given

    # -- lowered -------------------------------------------------------------------------------------------------------

    def data(self, address: Address) -> str:
        """The digest of the document of a spec; empty where there is none any more."""
        found = self.data_of.get(address)
        if found is None:
            found = self.data_of[address] = self._data(address)
        return found

    def _data(self, address: Address) -> str:
        if address not in self.gathering.files:
            return ""
        if address in self.gathering.fresh:
            return str(self.specs[str(address)].data)
        asked = self._doc(self.gathering.files[address]).asked
        return digest(self.gathering.bound[address].document.data, asked.held)

    def fresh(self, address: Address, lowering: Lowering) -> bool:
        head = self.heads.get(str(address)) if address in self.gathering.fresh else None
        if head is None or str(address) in self.changed.looked or self.changed.touched(head):
            return False
        if lowering.failed and any(target in lowering.failed for target in lowering.graph.edges[address]):
            return False
        if head.blind and not self._untouched(address, lowering):
            return False
        return (self.called and self.same.issuperset(head.others)) or self._answered(address, lowering)

    def _answered(self, address: Address, lowering: Lowering) -> bool:
        """Whether every question that a spec asked about others would be answered as it was."""
        known, made, taken, same = self.specs[str(address)], self.written(lowering), self.taken, self.same
        return (
            all(lowering.renames.first(Address.parse(a)).name == name for a, name in known.names.items())
            and all(self.data(Address.parse(a)) == id_ for a, id_ in known.specs.items() if a not in taken)
            and all(made.relation_id(Address.parse(a)) == id_ for a, id_ in known.relations.items() if a not in same)
            and all(made.body_id(Address.parse(a)) == id_ for a, id_ in known.bodies.items() if a not in same)
        )

    @cached_property
    def called(self) -> bool:
        """Whether everything is called what it was called."""
        fresh = {str(a) for a in self.gathering.fresh}
        return all(a in fresh for a in (*self.heads, *map(str, self.gathering.files)) if a.startswith(f"{MOVED}."))

    @cached_property
    def taken(self) -> frozenset[str]:
        """The specs whose documents are as they were: what facts of others say of them is true, for one run wrote it all."""
        return frozenset(str(a) for a in self.gathering.fresh)

    def _untouched(self, address: Address, lowering: Lowering) -> bool:
        return upstream(lowering.graph.edges, [address]) - {address} <= lowering.reused

    def resources(self, address: Address, lowering: Lowering) -> Iterable[Resource]:
        assert self.facts is not None  # noqa: S101 - only what is known is fresh
        self.same.add(str(address))
        for text in self.parts.get(str(address), ()):
            self.same.add(text)
            parents = lowering.parents(Address.parse(text))
            yield deferred(self.rows[text], self.facts.costs, self.texts, parents)

    def relation(self, address: Address) -> Relation | None:
        id_ = self.heads[str(address)].relation
        text = self.request.cache.body(id_) if id_ else None
        found: Relation | None = unpack(text) if text else None
        return found

    def warnings(self, address: Address) -> Iterable[Diagnostic]:
        return warnings_of(self.specs[str(address)].warnings) if self.heads[str(address)].warned else ()

    def written(self, lowering: Lowering) -> Written:
        """The ids of what was lowered."""
        if "_written" not in self.__dict__:
            self.__dict__["_written"] = Written(lowering, self.heads, self.rows)
        made: Written = self.__dict__["_written"]
        return made

    # -- kept ----------------------------------------------------------------------------------------------------------

    def _keep(self, blank: Facts) -> dict[Address, str]:
        watch = self.all_files.watch
        foreign = any(not type(b.spec).__module__.startswith("mlspec.") for b in self.gathering.bound.values())
        if watch is None or watch.torn or foreign:
            return {}
        run = Run(
            self.facts,
            self.details.heads if self.details else None,
            self.gathering,
            self.lowering,
            self.request.env,
            watch,
            self.data,
            self._needs,
        )
        facts, heads, bodies = written(run, blank, self.written(self.lowering), self.report)
        self.texts.made.update(bodies)
        needed = {id_ for row in facts.resources for id_ in (row[BODY], row[WORDS])}
        self.request.keep(facts, heads, bodies, needed | heads.needed())
        return ids_of(facts)
