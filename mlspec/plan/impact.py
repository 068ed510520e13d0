"""Why each resource changes: the chains from what was edited, column by column."""

from collections.abc import Mapping

from mlspec.base.address import Address
from mlspec.base.dag import upstream
from mlspec.base.value import replace
from mlspec.ir.check import Check
from mlspec.ir.relation import Origin, Relation
from mlspec.ir.resource import Resource
from mlspec.ir.workflow import Workflow
from mlspec.plan.change import Action, Change, Impact
from mlspec.plan.waits import waits_of

MAX_CHAINS = 12

Chain = tuple[str, ...]
Above = Mapping[Address, tuple[Address, ...]]
"""From each resource to those that it waits for."""


def with_causes(
    changes: tuple[Change, ...], resources: Mapping[Address, Resource], remade: Mapping[Address, frozenset[Address]]
) -> tuple[Change, ...]:
    """The changes with the chains of their causes; only those to something that exists have one.

    `remade` names causes of versions that an earlier apply has carried out already, and then could not make the version.
    """
    known: dict[tuple[str, str], list[Chain]] = {}
    found = []
    above = waits_of(resources) if changes else {}
    for change in changes:
        if change.reason in {"new", "metadata_changed"}:
            found.append(change)
            continue
        resource = resources[change.address]
        columns = {c.name for c in change.columns if c.change != "removed"}
        if isinstance(resource.body, Relation):
            chains = _relation_chains(change, resource, above, columns, known)
        else:
            chains = _plain_chains(change, resource, above, known, remade.get(change.address, frozenset()))
        causes = tuple(sorted(set(chains), key=lambda c: (len(c), c)))[:MAX_CHAINS]
        found.append(_own_content(replace(change, causes=causes), resource))
    return tuple(found)


def _own_content(change: Change, resource: Resource) -> Change:
    """A change that begins here, though no field differs, is of what its files hold: data, or code."""
    address = str(change.address)
    begins_here = all(chain[0] == address or chain[0].startswith(f"{address}.") for chain in change.causes)
    body = resource.body
    has_content = (isinstance(body, Relation) and body.scan is not None) or isinstance(body, Workflow)
    if change.reason != "upstream_changed" or not begins_here or not has_content:
        return change
    return replace(change, reason="content_changed", direct=True)


def _relation_chains(
    change: Change,
    resource: Resource,
    above: Above,
    columns: set[str],
    known: dict[tuple[str, str], list[Chain]],
) -> list[Chain]:
    body = resource.body
    if not isinstance(body, Relation):
        return []
    beside = [] if change.direct else _beside(resource.address, body, above, known)
    address = str(change.address)
    rows = Impact.ROW_SHAPE in change.impacts or Impact.UNKNOWN in change.impacts
    read = [c for parent in body.reads for c in known.get((parent, ""), [])]
    everything: list[Chain] = []
    for column in body.columns:
        if column.name not in columns:
            continue
        here = f"{address}.{column.name}"
        chains = [(*c, here) for o in column.origins for c in _of(o, known)]
        if rows and not chains:
            chains = [(*c, here) for c in read]
        if not chains:
            chains = [(*c, here) for c in beside] or [(here,)]
        known[address, column.name] = chains
        everything.extend(chains)
    if rows or not columns:
        known[address, ""] = [(*c, address) for c in read] or [(address,)]
        everything = everything or known[address, ""]
    return everything or [(address,)]


def _beside(address: Address, body: Relation, above: Above, known: dict[tuple[str, str], list[Chain]]) -> list[Chain]:
    """The chains to what has changed above, other than the rows that it reads: a feature set, an entity."""
    changed = _nearest(address, above, {key[0] for key in known}) - set(body.reads)
    return [c for one in sorted(changed) for c in known.get((one, ""), [])]


def _of(origin: Origin, known: Mapping[tuple[str, str], list[Chain]]) -> list[Chain]:
    """The chains to a column; to its relation, where that has changed as a whole."""
    return known.get((origin.address, origin.column)) or known.get((origin.address, ""), [])


def _plain_chains(
    change: Change, resource: Resource, above: Above, known: dict[tuple[str, str], list[Chain]],
    remade: frozenset[Address],
) -> list[Chain]:  # fmt: skip
    address = str(change.address)
    chains: list[Chain] = []
    body = resource.body
    another = isinstance(body, Workflow) and body.run_on_apply and change.action in {Action.REBUILD, Action.REPOINT}
    if not change.direct or another:  # a version that was edited may be another one for other reasons too
        near = _nearest(change.address, above, {key[0] for key in known})
        chains = [(*c, address) for key, group in known.items() if key[0] in near for c in group]
    if another and not chains:
        chains = [(str(a), address) for a in sorted(remade)]
    if change.direct or not chains:
        chains = [*chains, (address,)]
    if not isinstance(resource.body, Check):  # nothing is made of a check
        known[address, ""] = chains
    return chains


def _nearest(address: Address, above: Above, changed: set[str]) -> set[str]:
    """The changed resources that are met first on the way up, through those that do not change; none above another."""
    found: set[Address] = set()
    seen: set[Address] = set()
    todo = list(above[address])
    while todo:
        parent = todo.pop()
        if parent in seen:
            continue
        seen.add(parent)
        if str(parent) in changed:
            found.add(parent)
        else:
            todo.extend(above.get(parent, ()))
    higher = {a for one in found for a in upstream(above, above.get(one, ()))}
    return {str(a) for a in found - higher}
