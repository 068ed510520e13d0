"""What was lowered, written down for the next run: bodies and words by the digests of their texts."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import Report
from mlspec.base.digest import digest_bytes
from mlspec.base.value import dataclass, field, replace
from mlspec.compile.cache import made_by
from mlspec.compile.details import Heads, SpecHead, renewed
from mlspec.compile.facts import BODY, PARENTS, Doc, Facts, Rows, SpecFacts
from mlspec.compile.kept import write_mentions
from mlspec.compile.lower import Lowering, Trail
from mlspec.compile.survey import told
from mlspec.documents.project import PROJECT_FILE, Asked
from mlspec.documents.watch import Watch
from mlspec.ir.codec import encode
from mlspec.ir.outside import Scan
from mlspec.ir.pack import pack
from mlspec.ir.resource import Resource
from mlspec.language.bind import Bound


@dataclass
class Written:
    """The ids of bodies, of what was lowered now and of what is known; `texts` are those of now."""

    lowering: Lowering
    known: Mapping[str, SpecHead]
    rows: Mapping[str, list[Any]]
    texts: dict[str, str] = field(default_factory=dict)
    relations: dict[Address, str] = field(default_factory=dict)
    bodies: dict[Address, str] = field(default_factory=dict)

    def relation_id(self, address: Address) -> str:
        """The id of the rows of a spec; empty where nobody asked for them."""
        if address in self.lowering.reused:
            return self.known[str(address)].relation
        if address not in self.relations:
            made = self.lowering.relations.get(address)
            resource = self.lowering.resources.get(address)
            same = resource is not None and resource.body is made
            self.relations[address] = "" if made is None else self.body_id(address) if same else self._put(made)
        return self.relations[address]

    def body_id(self, address: Address) -> str:
        """The id of the body of a resource; empty where there is none."""
        if address.whole in self.lowering.reused:
            return str(self.rows[str(address)][BODY]) if str(address) in self.rows else ""
        if address not in self.bodies:
            resource = self.lowering.resources.get(address)
            self.bodies[address] = self._put(resource.body) if resource is not None else ""
        return self.bodies[address]

    def words_id(self, resource: Resource) -> str:
        """The id of the words of a resource that was lowered now."""
        return self._put(resource.words)

    def _put(self, value: Any) -> str:
        text = pack(value)
        id_ = digest_bytes((text.encode(),))
        self.texts[id_] = text
        return id_


@dataclass
class Gathering:
    """Documents and specs, those that are known among them; `fresh` are the addresses of those, None stands for their documents."""

    docs: dict[str, Doc | None] = field(default_factory=dict)
    files: dict[Address, str] = field(default_factory=dict)
    bound: dict[Address, Bound] = field(default_factory=dict)
    fresh: set[Address] = field(default_factory=set)
    project: Bound | None = None


@dataclass
class Run:
    """A compile that is to be written down; `data` is the digest of the document of a spec, `needs` what it needs."""

    facts: Facts | None
    heads: Heads | None
    gathering: Gathering
    lowering: Lowering
    env: Mapping[str, str]
    watch: Watch
    data: Callable[[Address], str]
    needs: Callable[[str], list[str]]


def written(run: Run, blank: Facts, ids: Written, report: Report) -> tuple[Facts, Heads, dict[str, str]]:
    """Facts and heads of a compile, and the texts that they speak of and nobody has yet."""
    lowering, gathering = run.lowering, run.gathering
    blank.run = os.urandom(16).hex()
    specs = {str(a): None if a in lowering.reused else _spec(run, a, ids) for a in lowering.graph.order}
    heads, texts = renewed(blank.run, run.heads, gathering.docs.items(), specs.items(), run.needs)
    _files(run, blank, heads, specs)
    blank.bound = [[str(a), file] for a, file in gathering.files.items()]
    blank.resources = [_row(r, lowering, ids) for r in lowering.resources.values()]
    blank.made = made_by()[:8]
    blank.costs = {a.kind: dict(r.costs) for a, r in lowering.resources.items()}
    blank.looks = _looks(run)
    blank.warnings = [encode(d) for d in report.warnings]
    return blank, heads, ids.texts | texts


def _files(run: Run, blank: Facts, heads: Heads, specs: Mapping[str, SpecFacts | None]) -> None:
    answers = replace(run.facts.asked) if run.facts else Asked()
    for one in (*run.gathering.docs.values(), *specs.values()):
        if one is not None:  # what was asked before, and by others, has the answer that it had
            answers.paths |= one.asked.paths
            answers.globs |= one.asked.globs
            answers.folders |= one.asked.folders
    blank.asked = heads.asked(answers)
    blank.env = {n: told(run.env, n) for head in heads.docs.values() for n in head.env}
    names = dict.fromkeys((PROJECT_FILE, *blank.yaml, *blank.asked.held))
    for name in names:
        run.watch.now(name)
    blank.files = {n: run.watch.seen[n] for n in names}
    blank.asked.held = {}


def _spec(run: Run, address: Address, ids: Written) -> SpecFacts:
    lowering = run.lowering
    trail = lowering.scopes[address].trail
    resources = [str(a) for a in lowering.parts.get(address, ())]
    warnings = [encode(d) for d in lowering.said.get(address, ())]
    return SpecFacts(
        run.data(address), write_mentions(lowering.graph.mentions[address]), trail.files,
        {str(a): run.data(a) for a in sorted(trail.specs)}, {str(a): n for a, n in sorted(trail.names.items())}, {str(a): ids.relation_id(a) for a in sorted(trail.relations - {address})},
        {str(a): ids.body_id(a) for a in sorted(trail.bodies)}, trail.blind, bool(_elsewhere(trail)), ids.relation_id(address), resources, warnings,
    )  # fmt: skip


def _row(resource: Resource, lowering: Lowering, ids: Written) -> list[Any]:
    address, parents = resource.address, [str(p) for p in resource.parents]
    if address.whole in lowering.reused:
        row = ids.rows[str(address)]
        return [*row[:PARENTS], parents, *row[PARENTS + 1 :]]
    about, scanned = dict(resource.about), resource.scanned
    seen = [scanned.declared, scanned.there, list(scanned.partitions)] if scanned else None
    return [
        str(address), resource.form, resource.digest, resource.version, seen, about, parents, resource.owner, resource.protect,
        ids.body_id(address), ids.words_id(resource),
    ]  # fmt: skip


def _looks(run: Run) -> Rows:
    lowering = run.lowering
    before = {row[0]: row for row in run.facts.looks} if run.facts else {}
    found: Rows = [before[str(a)] for a in lowering.graph.order if a in lowering.reused and str(a) in before]
    for address, scope in lowering.scopes.items():
        if address not in lowering.reused:
            found += [[a, pack(scan), pack(seen)] for a, scan, seen in _elsewhere(scope.trail)]
    return found


def _elsewhere(trail: Trail) -> list[tuple[str, Scan, Any]]:
    """What was looked at that no file of the project tells of."""
    return [(a, s, seen) for a, s, seen in trail.looked if s.inside or s.store is not None or s.database is not None]
