"""What a run knew of every document and spec: the head of each, and the rest where its digest says, read when somebody asks for it.

A run that compiles a part of the project again needs to know of the rest only that it is the same: for that, heads are
enough. What is kept of such a run are other heads; of the rest, only what is new is written.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from mlspec.base.digest import digest_bytes
from mlspec.base.value import dataclass, field
from mlspec.compile.facts import Doc, SpecFacts, doc_of, encode, spec_of
from mlspec.documents.project import Asked

T = TypeVar("T")
Fetch = Callable[[Iterable[str]], Mapping[str, str]]
"""From digests to texts, of those that are still there."""


class Lost(Exception):
    """What is kept of an earlier run is not whole any more: everything is compiled as if nothing were known."""


class DocHead(NamedTuple):
    """A document in short: what it asked of files, which environment variables it asked for, whether there are warnings.

    `rest` is the digest of the whole.
    """

    held: list[str]
    paths: list[str]
    globs: list[str]
    folders: list[str]
    env: list[str]
    warned: bool
    rest: str


class SpecHead(NamedTuple):
    """A spec in short: what it asked of files; `others`, specs and resources that it asked about; what it needs.

    `blind`: everything above it counts. `offers` rows under its name, which have the id `relation`. `rest` is the digest of the whole.
    """

    held: list[str]
    paths: list[str]
    globs: list[str]
    folders: list[str]
    others: list[str]
    blind: bool
    warned: bool
    relation: str
    offers: bool
    needs: list[str]
    rest: str


@dataclass
class Heads:
    """Documents by file, and specs by address in the order in which each comes after what it needs; `run` as in the facts."""

    run: str = ""
    docs: dict[str, DocHead] = field(default_factory=dict)
    specs: dict[str, SpecHead] = field(default_factory=dict)

    def encode(self) -> str:
        """As text."""
        return encode([self.run, list(self.docs.items()), list(self.specs.items())])

    @classmethod
    def decode(cls, text: str) -> "Heads":
        """Read what `encode` wrote."""
        run, docs, specs = json.loads(text)
        return cls(run, {n: DocHead._make(h) for n, h in docs}, {a: SpecHead._make(h) for a, h in specs})

    def asked(self, known: Asked) -> Asked:
        """Everything that was asked of files, with the answers that are known; of contents, only of which."""
        whole = Asked()
        heads: list[DocHead | SpecHead] = [*self.docs.values(), *self.specs.values()]
        for head in heads:  # most asked for one file, or for none
            for name in head.held:
                whole.held[name] = ""
            for name in head.paths:
                whole.paths[name] = known.paths[name]
            for name in head.globs:
                whole.globs[name] = known.globs[name]
            for name in head.folders:
                whole.folders[name] = known.folders[name]
        return whole

    def needed(self) -> set[str]:
        """The digests of all that the heads speak of."""
        rests = {h.rest for h in self.docs.values()} | {h.rest for h in self.specs.values()}
        return rests | {h.relation for h in self.specs.values()}


class Parts(Mapping[str, T], Generic[T]):
    """Parts by name, each read when it is asked for. Raises Lost."""

    def __init__(self, rests: Mapping[str, str], fetch: Fetch, read: Callable[[str], T]) -> None:
        self._rests, self._fetch, self._read, self._known = rests, fetch, read, dict[str, T]()

    def __getitem__(self, name: str) -> T:
        if name not in self._known:
            self._load([name])
        return self._known[name]

    def load(self, names: Iterable[str] | None = None) -> None:
        """Read several of them, or all, for somebody who will ask for each."""
        self._load([n for n in (self._rests if names is None else names) if n in self._rests and n not in self._known])

    def _load(self, names: list[str]) -> None:
        texts = self._fetch([self._rests[name] for name in names])
        try:
            self._known.update((name, self._read(texts[self._rests[name]])) for name in names)
        except (ValueError, LookupError, TypeError, AttributeError):
            raise Lost from None

    def __contains__(self, name: object) -> bool:
        return name in self._rests

    def __iter__(self) -> Iterator[str]:
        return iter(self._rests)

    def __len__(self) -> int:
        return len(self._rests)


class Details:
    """What a run knew: heads, and what they are the heads of."""

    def __init__(self, heads: Heads, fetch: Fetch) -> None:
        self.heads = heads
        self.docs = Parts({n: h.rest for n, h in heads.docs.items()}, fetch, doc_of)
        self.specs = Parts({a: h.rest for a, h in heads.specs.items()}, fetch, spec_of)


def renewed(
    run: str, before: Heads | None, docs: Iterable[tuple[str, Doc | None]], specs: Iterable[tuple[str, SpecFacts | None]],
    needs: Callable[[str], list[str]],
) -> tuple[Heads, dict[str, str]]:  # fmt: skip
    """The heads of another run, and the texts of what is new; None stands for what is as it was before. `needs` tells what a spec needs."""
    old, made, texts = before or Heads(), Heads(run), dict[str, str]()

    def put(value: Doc | SpecFacts) -> str:
        text = encode(value)
        rest = digest_bytes((text.encode(),))
        texts[rest] = text
        return rest

    for name, doc in docs:
        made.docs[name] = _doc_head(doc, put(doc)) if doc else old.docs[name]
    for address, spec in specs:
        needed = needs(address)
        made.specs[address] = (
            _spec_head(address, spec, needed, put(spec)) if spec else _with(old.specs[address], needed)
        )
    return made, texts


def _with(head: SpecHead, needed: list[str]) -> SpecHead:
    return head if head.needs == needed else head._replace(needs=needed)


def _doc_head(doc: Doc, rest: str) -> DocHead:
    return DocHead(*_names(doc.asked), doc.env, bool(doc.warnings), rest)


def _spec_head(address: str, spec: SpecFacts, needed: list[str], rest: str) -> SpecHead:
    others = {**spec.specs, **spec.names, **spec.relations, **spec.bodies}
    others.pop(address, None)
    return SpecHead(
        *_names(spec.asked),
        list(others),
        spec.blind,
        bool(spec.warnings),
        spec.relation,
        bool(spec.mentions[0]),
        needed,
        rest,
    )


def _names(asked: Asked) -> tuple[list[str], list[str], list[str], list[str]]:
    return list(asked.held), list(asked.paths), list(asked.globs), list(asked.folders)
