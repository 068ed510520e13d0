"""What the documents `moved`, `removed` and `import` say together: who is called otherwise now, what is let go, what is taken over."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Note, did_you_mean
from mlspec.base.value import dataclass, field

if TYPE_CHECKING:  # start-up time: it brings pydantic and a YAML parser
    from mlspec.language.bind import Bound

MOVED, REMOVED, IMPORT = "moved", "removed", "import"
DOCUMENTS = frozenset({MOVED, REMOVED, IMPORT})
"""Kinds that say something about other addresses, and describe nothing by themselves."""


@dataclass(frozen=True)
class Renames:
    """`moves` leads from each address to the next; `forgotten` goes on existing; `imported` says what is taken over."""

    moves: Mapping[Address, Address] = field(default_factory=dict)
    forgotten: frozenset[Address] = frozenset()
    imported: Mapping[Address, str] = field(default_factory=dict)

    def end(self, address: Address) -> Address:
        """What an address is called now, after all its moves."""
        while address in self.moves:
            address = self.moves[address]
        return address

    def first(self, address: Address) -> Address:
        """What an address was called before all its moves."""
        back = {new: old for old, new in self.moves.items()}
        while address in back:
            address = back[address]
        return address


def renames(bound: Mapping[Address, "Bound"]) -> Renames:
    """What the documents say; of what is wrong with them, `problems` tells, and it is left out here."""
    moves: dict[Address, Address] = {}
    for one in _of(bound, MOVED):
        old, new = Address.parse(one.spec.before), Address.parse(one.spec.to)
        if old not in moves and new not in moves.values() and not _leads(moves, new, old):
            moves[old] = new
    forgotten = frozenset(Address.parse(o.spec.what) for o in _of(bound, REMOVED) if not o.spec.destroy)
    imported = {Address.parse(o.spec.what): str(o.spec.existing) for o in _of(bound, IMPORT)}
    return Renames(moves, forgotten, imported)


def _of(bound: Mapping[Address, "Bound"], kind: str) -> list[Any]:
    return [bound[a] for a in sorted(a for a in bound if a.kind == kind)]  # the others may not be bound yet


def _leads(moves: Mapping[Address, Address], start: Address, wanted: Address) -> bool:
    while start in moves and start != wanted:
        start = moves[start]
    return start == wanted


def problems(bound: Mapping[Address, "Bound"]) -> Iterator[Diagnostic]:
    """What is wrong with moves and removals, with both places where two do not go together."""
    known = {a for a in bound if a.kind not in DOCUMENTS}
    froms: dict[str, Bound] = {}
    tos: dict[str, Bound] = {}
    for one in _of(bound, MOVED):
        yield from _move(one, known)
        for said, key, seen in ((one.spec.before, "from", froms), (one.spec.to, "to", tos)):
            first = seen.setdefault(said, one)
            if first is not one:
                yield _twice(one, first, said, key)
    yield from _circles(froms)
    for one in (*_of(bound, REMOVED), *_of(bound, IMPORT)):
        yield from _about(one, known)
    for one in _of(bound, MOVED):
        if one.spec.to not in tos or (Address.parse(one.spec.to) not in known and one.spec.to not in froms):
            help_ = did_you_mean(one.spec.to, map(str, known)) or "a move leads to something that the files describe"
            yield _at(one, "to", f"there is no `{one.spec.to}` to move to", help_)


def _at(one: "Bound", key: str, message: str, help_: str, notes: tuple[Note, ...] = ()) -> Diagnostic:
    code = "ambiguous-move" if notes and notes[0].message.startswith("it is") else "invalid-move"
    return Diagnostic(code, message, one.document.span((key,)), help=help_, notes=notes)


def _move(one: Any, known: set[Address]) -> Iterator[Diagnostic]:
    old, new = Address.parse(one.spec.before), Address.parse(one.spec.to)
    if old.kind != new.kind:
        yield _at(one, "to", f"a `{old.kind}` does not become a `{new.kind}` by a move", "a move keeps the kind")
    elif old in known:
        message = f"`{old}` was moved to `{new}`, and is still described"
        yield _at(one, "from", message, "take the document or this one away: two things cannot be the same one")


def _twice(one: "Bound", first: "Bound", said: str, key: str) -> Diagnostic:
    note = Note("it is said here too", first.document.span((key,)))
    what = "moved to two places" if key == "from" else "where two things are moved to"
    return _at(one, key, f"`{said}` is {what}", "leave one of them", (note,))


def _circles(froms: Mapping[str, Any]) -> Iterator[Diagnostic]:
    done: set[str] = set()
    for start in froms:
        path = [start]
        while (last := path[-1]) in froms and last not in done:
            done.add(last)
            path.append(froms[last].spec.to)
            if path[-1] in path[:-1]:
                circle = path[path.index(path[-1]) :]
                notes = tuple(
                    Note(f"`{a}` becomes `{froms[a].spec.to}`", froms[a].document.span(("to",))) for a in circle[:-1]
                )
                message = "moves in a circle: " + " -> ".join(circle)
                yield _at(froms[circle[0]], "to", message, "one of them is not meant", notes)


def _about(one: Any, known: set[Address]) -> Iterator[Diagnostic]:
    address, removed = Address.parse(one.spec.what), one.spec.kind_name() == REMOVED
    if removed and address in known:
        message = f"`{address}` is said to be removed, and is still described"
        yield Diagnostic("invalid-removal", message, one.document.span(("address",)), help="take one of them away")
    if not removed and address not in known:
        help_ = did_you_mean(str(address), map(str, known)) or "write the document of what is taken over, too"
        yield Diagnostic(
            "invalid-import", f"there is no `{address}` to import", one.document.span(("address",)), help=help_
        )
