"""What the selectors of a command line are about: everything that the files describe, and what is recorded."""

from collections.abc import Sequence

from mlspec.compile.project import Compiled
from mlspec.compile.renames import renames
from mlspec.ir.resource import Resource
from mlspec.plan.moves import Refactoring
from mlspec.plan.select import Selectable, Selection, Thing
from mlspec.state.model import Record, State


def selection(compiled: Compiled, state: State | None, select: Sequence[str], exclude: Sequence[str]) -> Selection:
    """What is asked for. Raises Problems where a selector means nothing."""
    if not select and not exclude:
        return Selection()
    things = selectable(compiled, state)
    return Selection(things.any_of(select) if select else None, things.any_of(exclude))


def needs_state(texts: Sequence[str]) -> bool:
    """Whether selectors ask what is recorded."""
    return any("state:" in t for t in texts)


def selectable(compiled: Compiled, state: State | None) -> Selectable:
    """Everything that can be selected; without a state, all that the files describe is new."""
    found = {r.address: _described(compiled, r, state.get(r.address) if state else None) for r in compiled.desired}
    for record in state or ():
        found.setdefault(record.address, _gone(record))
    return Selectable(found)


def _described(compiled: Compiled, resource: Resource, record: Record | None) -> Thing:
    whole = compiled.desired.get(resource.address.whole) or resource
    known = "new"
    if record is not None:
        same = record.digest == resource.digest and dict(record.about) == dict(resource.about)
        known = "unchanged" if same else "modified"
    return Thing(resource.address, resource.parents, resource.owner, tuple(whole.about.get("tags", ())), known)


def _gone(record: Record) -> Thing:
    return Thing(record.address, record.parents, record.owner, tuple(record.about.get("tags", ())), "deleted")


def refactoring(compiled: Compiled) -> Refactoring:
    """What the documents `moved`, `removed` and `import` say; of a chain of moves, the last is met first."""
    said = renames(compiled.gathered.bound)
    moves = {old: said.end(old) for old in said.moves}
    return Refactoring(
        dict(sorted(moves.items(), key=lambda m: said.moves[m[0]] != m[1])), said.forgotten, said.imported
    )
