"""A resource: one thing that should exist, with its body and the words of its author."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from mlspec.base.address import Address
from mlspec.base.digest import digest
from mlspec.base.value import asdict, dataclass, field, replace
from mlspec.ir.alias import Alias
from mlspec.ir.check import Check
from mlspec.ir.fact import Fact
from mlspec.ir.later import described
from mlspec.ir.relation import Column, Definition, Relation
from mlspec.ir.service import Service
from mlspec.ir.workflow import Workflow

Body = Relation | Workflow | Service | Alias | Check | Fact

FORMS: Mapping[str, type] = {
    "relation": Relation,
    "workflow": Workflow,
    "service": Service,
    "alias": Alias,
    "check": Check,
    "fact": Fact,
}


@dataclass(frozen=True)
class Scanned:
    """The columns of rows that somebody else keeps, and their types: as declared, and as they are `there`, if a look tells it.

    `partitions` are columns that stand in the paths.
    """

    declared: Mapping[str, str]
    there: Mapping[str, str]
    partitions: tuple[str, ...]


@dataclass(frozen=True)
class Resource:
    """`words` is the spec as its author wrote it; `about` the part of it that has no effect (descriptions, owners).

    `parents` are the addresses that must exist first. `costs` says for a changed field of the words what it costs.
    """

    address: Address
    body: Body
    words: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[Address, ...] = ()
    owner: str = ""
    protect: bool = False
    costs: Mapping[str, str] = field(default_factory=dict)

    @property
    def form(self) -> str:
        """The name of the form of its body."""
        return type(self.body).__name__.lower()

    @cached_property
    def digest(self) -> str:
        """The digest of what should be made; words and descriptions have no part in it."""
        return body_digest(self.body)

    @property
    def scanned(self) -> "Scanned | None":
        """What was seen of rows that somebody else keeps, if it reads such."""
        if not isinstance(self.body, Relation) or self.body.scan is None:
            return None
        scan = self.body.scan
        return Scanned({n: str(k) for n, k in scan.declared}, dict(scan.there), tuple(scan.partitions))

    @cached_property
    def version(self) -> str:
        """The physical version of a relation, the model version of what makes, serves or names one; empty for what has none."""
        if isinstance(self.body, Relation):
            return physical_name(str(self.address), self.body, self.digest)
        return self.body.version if isinstance(self.body, Workflow | Service | Alias) else ""


def body_digest(body: Body) -> str:
    """Equal for bodies that make the same thing. Of a relation, the order of the columns means nothing."""
    match body:
        case Relation():
            return digest("relation", body.rows_digest, column_digests(body), body.keep, sorted(body.keys), asdict(body.timing),
                          sorted(body.unique), sorted(body.roles), *([asdict(body.partitions)] if body.partitions else []))  # fmt: skip
        case Workflow(version=version) if version:
            register = replace(body.register, used=()) if body.register else None
            return digest("workflow", version, body.run_on_apply, described(register) if register else None)
        case Service():
            told = replace(
                body,
                used=(),
                contract=() if body.pinned else body.contract,
                computed=() if body.pinned else body.computed,
            )
            return digest("service", described(told))
        case Alias():
            return digest("alias", body.name, body.version)
        case _:
            return digest(type(body).__name__.lower(), described(body))


def column_digests(body: Body) -> dict[str, str]:
    """The digest of each output column, with its type; empty for a body without columns."""
    if not isinstance(body, Relation):
        return {}
    return {c.name: column_digest(c) for c in sorted(body.columns, key=lambda c: c.name)}


def told_columns(body: Body) -> dict[str, str]:
    """What is recorded of the columns of a body, or of those that it reads: for each its digest and its type."""
    match body:
        case Relation():
            return {c.name: _told(column_digest(c), str(c.type)) for c in sorted(body.columns, key=lambda c: c.name)}
        case Workflow():
            return {u.name: _told(u.digest, u.type) for u in (body.register.used if body.register else ())}
        case Service():
            return {u.name: _told(u.digest, u.type) for u in body.used}
        case Check():
            return {name or "rows": digest_ for name, digest_ in body.columns}
        case Fact():
            return dict(body.columns)
        case Alias():
            return {}


def _told(digest_: str, kind: str) -> str:
    return f"{digest_} {kind}"


def column_digest(column: Column) -> str:
    """The digest of an output column, with its type."""
    return digest(column.digest, str(column.type))


def physical_name(address: str, body: Relation, digest_: str = "") -> str:
    """The name under which an engine keeps this version of a relation: its name and its data digest, which may be known.

    What is kept in partitions has the digest of its definition there: new rows are put into the version that is there.
    """
    name = Address.parse(address)
    meaning = body.definition.digest if body.definition else digest_ or body_digest(body)
    return f"{name.name}__{meaning[:8]}"


def defined(body: Relation) -> Definition:
    """The definition of a relation whose digests know nothing of what its sources hold."""
    spans = sorted({(a.offset, a.window, a.hop) for a in body.windows.aggregates}) if body.windows else [body.query]
    held = replace(body.partitions, inputs=()) if body.partitions else None
    shape = digest(
        "shape", body.rows_digest, sorted(body.keys), asdict(body.timing), asdict(held) if held else None, spans
    )
    return Definition(body_digest(body), shape, tuple(column_digests(body).items()))
