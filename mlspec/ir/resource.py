"""A resource: one thing that should exist, with its body and the words of its author."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mlspec.base.address import Address
from mlspec.base.digest import digest
from mlspec.ir.check import Check
from mlspec.ir.fact import Fact
from mlspec.ir.relation import Definition, Relation
from mlspec.ir.service import Service
from mlspec.ir.workflow import Workflow

Body = Relation | Workflow | Service | Check | Fact

FORMS: Mapping[str, type] = {
    "relation": Relation,
    "workflow": Workflow,
    "service": Service,
    "check": Check,
    "fact": Fact,
}


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

    @property
    def digest(self) -> str:
        """The digest of what should be made; words and descriptions have no part in it."""
        return body_digest(self.body)


def body_digest(body: Body) -> str:
    """Equal for bodies that make the same thing. Of a relation, the order of the columns means nothing."""
    match body:
        case Relation():
            return digest("relation", body.rows_digest, column_digests(body), body.keep, sorted(body.keys), asdict(body.timing),
                          sorted(body.unique), sorted(body.roles), *([asdict(body.partitions)] if body.partitions else []))  # fmt: skip
        case Workflow(version=version) if version:
            return digest("workflow", version, body.run_on_apply, asdict(body.register) if body.register else None)
        case _:
            return digest(type(body).__name__.lower(), asdict(body))


def column_digests(body: Body) -> dict[str, str]:
    """The digest of each output column, with its type; empty for a body without columns."""
    if not isinstance(body, Relation):
        return {}
    return {c.name: digest(c.digest, str(c.type)) for c in sorted(body.columns, key=lambda c: c.name)}


def physical_name(address: str, body: Relation) -> str:
    """The name under which an engine keeps this version of a relation: its name and its data digest.

    What is kept in partitions has the digest of its definition there: new rows are put into the version that is there.
    """
    name = Address.parse(address)
    meaning = body.definition.digest if body.definition else body_digest(body)
    return f"{name.name}__{meaning[:8]}"


def defined(body: Relation) -> Definition:
    """The definition of a relation whose digests know nothing of what its sources hold."""
    spans = sorted({(a.offset, a.window, a.hop) for a in body.windows.aggregates}) if body.windows else [body.query]
    held = replace(body.partitions, inputs=()) if body.partitions else None
    shape = digest(
        "shape", body.rows_digest, sorted(body.keys), asdict(body.timing), asdict(held) if held else None, spans
    )
    return Definition(body_digest(body), shape, tuple(column_digests(body).items()))
