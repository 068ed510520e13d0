"""What a run knew of every document and spec, as text of which each part is read when somebody asks for it.

A run that compiles a part of the project again needs to know of the rest only that it is the same: for that, the head of the
text is enough. What is kept of such a run is the old text with other parts.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from mlspec.base.value import dataclass, field
from mlspec.compile.facts import Doc, SpecFacts, doc_of, encode, spec_of
from mlspec.documents.project import Asked

T = TypeVar("T")


class DocHead(NamedTuple):
    """A document in short: what it asked of files, which environment variables it asked for, whether there are warnings."""

    held: list[str]
    paths: list[str]
    globs: list[str]
    folders: list[str]
    env: list[str]
    warned: bool


class SpecHead(NamedTuple):
    """A spec in short: what it asked of files; `others`, specs and resources that it asked about; what it needs.

    `blind`: everything above it counts. `offers` rows under its name, which have the id `relation`.
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


class Parts(Mapping[str, T], Generic[T]):
    """Parts by name, each read when it is asked for."""

    def __init__(self, texts: Mapping[str, str], read: Callable[[str], T]) -> None:
        self.texts, self._read, self._known = texts, read, dict[str, T]()

    def __getitem__(self, name: str) -> T:
        if name not in self._known:
            self._known[name] = self._read(self.texts[name])
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self.texts

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def __len__(self) -> int:
        return len(self.texts)


@dataclass
class Details:
    """Documents by file, and specs by address in the order in which each comes after what it needs; `run` as in the facts."""

    run: str = ""
    doc_heads: dict[str, DocHead] = field(default_factory=dict)
    spec_heads: dict[str, SpecHead] = field(default_factory=dict)
    docs: Parts[Doc] = field(default_factory=lambda: Parts({}, doc_of))
    specs: Parts[SpecFacts] = field(default_factory=lambda: Parts({}, spec_of))

    def encode(self) -> str:
        """As text."""
        texts = [*self.docs.texts.values(), *self.specs.texts.values()]
        head = [self.run, list(self.doc_heads.items()), list(self.spec_heads.items()), [len(t) for t in texts]]
        return "\n".join((encode(head), "".join(texts)))

    @classmethod
    def decode(cls, text: str) -> "Details":
        """Read what `encode` wrote."""
        first, _, rest = text.partition("\n")
        run, docs, specs, sizes = json.loads(first)
        texts, start = [], 0
        for size in sizes:
            texts.append(rest[start : start + size])
            start += size
        doc_heads = {n: DocHead._make(h) for n, h in docs}
        spec_heads = {a: SpecHead._make(h) for a, h in specs}
        return cls(
            run, doc_heads, spec_heads, Parts(dict(zip(doc_heads, texts, strict=False)), doc_of),
            Parts(dict(zip(spec_heads, texts[len(doc_heads) :], strict=True)), spec_of),
        )  # fmt: skip

    def asked(self, known: Asked) -> Asked:
        """Everything that was asked of files, with the answers that are known; of contents, only of which."""
        whole = Asked()
        heads: list[DocHead | SpecHead] = [*self.doc_heads.values(), *self.spec_heads.values()]
        for head in heads:
            whole.held.update(dict.fromkeys(head.held, ""))
            whole.paths.update((name, known.paths[name]) for name in head.paths)
            whole.globs.update((name, known.globs[name]) for name in head.globs)
            whole.folders.update((name, known.folders[name]) for name in head.folders)
        return whole


def renewed(
    run: str, before: Details | None, docs: Iterable[tuple[str, Doc | None]], specs: Iterable[tuple[str, SpecFacts | None]],
    needs: Callable[[str], list[str]],
) -> Details:  # fmt: skip
    """Details of another run; None stands for what is as it was before. `needs` tells what a spec needs."""
    doc_heads, doc_texts, spec_heads, spec_texts = {}, {}, {}, {}
    old = before or Details()
    for name, doc in docs:
        doc_heads[name] = _doc_head(doc) if doc else old.doc_heads[name]
        doc_texts[name] = encode(doc) if doc else old.docs.texts[name]
    for address, spec in specs:
        needed = needs(address)
        spec_heads[address] = _spec_head(address, spec, needed) if spec else _with(old.spec_heads[address], needed)
        spec_texts[address] = encode(spec) if spec else old.specs.texts[address]
    return Details(run, doc_heads, spec_heads, Parts(doc_texts, doc_of), Parts(spec_texts, spec_of))


def _with(head: SpecHead, needed: list[str]) -> SpecHead:
    return head if head.needs == needed else head._replace(needs=needed)


def _doc_head(doc: Doc) -> DocHead:
    return DocHead(*_names(doc.asked), doc.env, bool(doc.warnings))


def _spec_head(address: str, spec: SpecFacts, needed: list[str]) -> SpecHead:
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
    )


def _names(asked: Asked) -> tuple[list[str], list[str], list[str], list[str]]:
    return list(asked.held), list(asked.paths), list(asked.globs), list(asked.folders)
