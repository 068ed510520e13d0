"""A project as an earlier run compiled it: specs and bodies are read when somebody asks for them."""

import errno
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic
from mlspec.base.digest import digest_bytes
from mlspec.base.value import dataclass, field
from mlspec.compile.cache import Cache
from mlspec.compile.facts import BODY, WORDS, Facts, SpecFacts
from mlspec.compile.gathered import Gathered
from mlspec.compile.project import Compiled
from mlspec.compile.request import Request
from mlspec.documents.project import PROJECT_FILE, Files
from mlspec.ir.codec import decode
from mlspec.ir.deferred import Deferred, Known
from mlspec.ir.desired import DesiredState
from mlspec.ir.pack import pack, unpack
from mlspec.ir.resource import Resource, Scanned

if TYPE_CHECKING:  # start-up time: these bring pydantic, sqlglot and a YAML parser
    from mlspec.compile.details import Details
    from mlspec.compile.resolve import Graph, Mentions
    from mlspec.language.bind import Bound

Bind = Callable[[str], "Mapping[Address, Bound]"]
"""Reads and binds a YAML file."""


@dataclass
class Bounds(Mapping[Address, "Bound"]):
    """The specs by address, with the file of each; those that are not `known` are bound when they are asked for."""

    files: Mapping[Address, str]
    bind: Bind
    known: "dict[Address, Bound]" = field(default_factory=dict)

    def __getitem__(self, address: Address) -> "Bound":
        if address not in self.known:
            for found, one in self.bind(self.files[address]).items():
                if found in self.files:
                    self.known.setdefault(found, one)
        if address not in self.known:
            raise FileNotFoundError(errno.ENOENT, "it changed while it was read", self.files[address])
        return self.known[address]

    def items(self) -> Any:
        """Addresses with specs that are bound when somebody looks into them."""
        return [(address, Later(self, address)) for address in self.files]

    def values(self) -> Any:
        """Specs that are bound when somebody looks into them."""
        return [Later(self, address) for address in self.files]

    def __contains__(self, address: object) -> bool:
        return address in self.files

    def __iter__(self) -> Iterator[Address]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True, slots=True)
class Later:
    """A spec with its document, bound when somebody looks into it."""

    bounds: Bounds
    address: Address

    @property
    def spec(self) -> Any:
        """The spec."""
        return self.bounds[self.address].spec

    @property
    def document(self) -> Any:
        """Its document."""
        return self.bounds[self.address].document


@dataclass
class Texts:
    """What was written by an earlier run; where that is gone, everything is compiled once more."""

    cache: Cache
    whole: Callable[[], Compiled]
    made: dict[str, str] = field(default_factory=dict)
    again: Compiled | None = None

    def read(self, address: Address, part: str, id_: str) -> Any:
        """The body, or the words, of a resource."""
        text = self.made.get(id_) or self.cache.body(id_)
        if text is not None:
            return unpack(text) if part == "body" else json.loads(text)
        self.again = self.again or self.whole()
        found = getattr(self.again.desired.resources[address], part)
        if digest_bytes((pack(found).encode(),)) != id_:
            raise FileNotFoundError(errno.ENOENT, "it changed while it was read", str(address))
        return found


def deferred(row: list[Any], costs: Mapping[str, Mapping[str, str]], texts: Texts,
             parents: tuple[Address, ...] | None = None) -> Deferred:  # fmt: skip
    """The resource of a row of facts; `parents` are those of now, if they may be others."""
    address = Address.parse(row[0])
    above = tuple(map(Address.parse, row[6])) if parents is None else parents
    known = Known(
        address,
        row[1],
        row[2],
        row[3],
        Scanned(*row[4]) if row[4] else None,
        row[5],
        above,
        row[7],
        row[8],
        costs[address.kind],
    )
    ids = {"body": row[BODY], "words": row[WORDS]}
    return Deferred.of(known, lambda part: texts.read(address, part, ids[part]))


def kept(facts: Facts, texts: Texts, request: Request) -> Compiled:
    """What an earlier run made of files that are the same."""
    bounds = Bounds({Address.parse(a): f for a, f in facts.bound}, lambda file: _bound_in(request, file))
    gathered = _gathered(facts, bounds, request.root)
    resources: dict[Address, Resource] = {}
    for row in facts.resources:
        one = deferred(row, facts.costs, texts)
        resources[one.address] = one
    desired = DesiredState(facts.name, facts.environment, resources)
    return Compiled(
        gathered, lambda: _graph(bounds, request.details(facts)), desired, warnings_of(facts.warnings), ids_of(facts)
    )


def _bound_in(request: Request, file: str) -> "Mapping[Address, Bound]":
    from mlspec.compile.partly import bound_in  # noqa: PLC0415 - start-up time

    return bound_in(request, file)


def _gathered(facts: Facts, bounds: Bounds, root: Path) -> Gathered:
    heads = [a for a, f in bounds.files.items() if f == PROJECT_FILE and a.kind == "project"]
    return Gathered(
        facts.name,
        facts.environment,
        facts.backends,
        bounds,
        Files(root),
        lambda: bounds[heads[0]],
        accepts=facts.accepts,
        beside=facts.beside,
    )


def ids_of(facts: Facts) -> dict[Address, str]:
    """What tells the bodies of resources from all others: their texts, and the program that wrote them."""
    return {Address.parse(row[0]): f"{facts.made}{row[BODY]}" for row in facts.resources}


def warnings_of(written: list[Any]) -> tuple[Diagnostic, ...]:
    """Diagnostics as they were kept."""
    return tuple(decode(Diagnostic, one) for one in written)


def _graph(bounds: Bounds, details: "Details | None") -> "Graph":
    from mlspec.base.diag import Report  # noqa: PLC0415 - for the few who ask
    from mlspec.compile.resolve import resolve  # noqa: PLC0415 - start-up time

    mentions = {Address.parse(a): read_mentions(s.mentions) for a, s in _specs(details).items()}
    return resolve(bounds, frozenset(), Report(), {a: m for a, m in mentions.items() if a in bounds})


def _specs(details: "Details | None") -> "Mapping[str, SpecFacts]":
    """What is known of specs; nothing where it is not whole any more, for then they say it themselves."""
    if details is None:
        return {}
    from mlspec.compile.details import Lost  # noqa: PLC0415 - start-up time

    try:
        details.specs.load()
    except Lost:
        return {}
    return details.specs


@dataclass(frozen=True)
class Said(Mapping[Address, "Mentions"]):
    """What specs said of others when facts were kept."""

    specs: Mapping[str, SpecFacts]

    def __getitem__(self, address: Address) -> "Mentions":
        return read_mentions(self.specs[str(address)].mentions)

    def __iter__(self) -> Iterator[Address]:
        return map(Address.parse, self.specs)

    def __len__(self) -> int:
        return len(self.specs)


def read_mentions(written: list[Any]) -> "Mentions":
    """What a spec says of others, as it was kept."""
    from mlspec.compile.resolve import Mentions  # noqa: PLC0415 - start-up time
    from mlspec.language.spec import Ref  # noqa: PLC0415 - start-up time

    offers, refs, tables = written
    made = tuple((tuple(path), Ref[Any](name, kind, tuple(allowed))) for path, name, kind, allowed in refs)
    return Mentions(offers, made, tuple((tuple(path), table) for path, table in tables))


def write_mentions(said: "Mentions") -> list[Any]:
    """What a spec says of others, as it is kept."""
    refs = [[list(path), ref.name, ref.kind, list(ref.allowed)] for path, ref in said.refs]
    return [said.offers, refs, [[list(path), table] for path, table in said.tables]]
