"""Which column comes from which, through datasets and models to what is deployed."""

from collections.abc import Iterable, Iterator

from mlspec.base.value import dataclass
from mlspec.ir.check import Check
from mlspec.ir.desired import DesiredState
from mlspec.ir.relation import Relation
from mlspec.ir.service import Service
from mlspec.ir.workflow import DatasetStep, Workflow


@dataclass(frozen=True, order=True)
class Edge:
    """`target` is made from `source`; each is an address or `address.column`."""

    source: str
    target: str


def edges(desired: DesiredState, *, columns: bool) -> tuple[Edge, ...]:
    """All direct lineage: column by column where there are columns, else resource by resource."""
    if not columns:
        return tuple(
            sorted(
                {
                    Edge(str(p.whole), str(r.address.whole))
                    for r in desired
                    for p in r.parents
                    if p.whole != r.address.whole
                }
            )
        )
    return tuple(sorted({e for r in desired for e in _edges(desired, str(r.address), r.body)}))


def _edges(desired: DesiredState, address: str, body: object) -> Iterator[Edge]:
    match body:
        case Relation():
            for column in body.columns:
                for origin in column.origins:
                    yield Edge(f"{origin.address}.{origin.column}", f"{address}.{column.name}")
        case Workflow(run_on_apply=True):
            datasets = {s.relation for s in body.steps if isinstance(s, DatasetStep)}
            for resource in desired:
                if str(resource.address) in datasets and isinstance(resource.body, Relation):
                    for name, role in resource.body.roles:
                        if role in {"feature", "label"}:
                            yield Edge(f"{resource.address}.{name}", address)
        case Service():
            yield Edge(f"model.{body.model}", address)
        case Check(drift=drift) if drift:
            yield Edge(body.subject, address)


def reach(found: Iterable[Edge], start: str, *, downstream: bool) -> tuple[Edge, ...]:
    """The edges that lead to `start` (or away from it), nearest first; an address stands for all its columns too."""
    found = tuple(found)
    seen: set[Edge] = set()
    order: list[Edge] = []
    todo = [start]
    done: set[str] = set()
    while todo:
        here = todo.pop(0)
        if here in done:
            continue
        done.add(here)
        for edge in found:
            near, far = (edge.source, edge.target) if downstream else (edge.target, edge.source)
            if _is(near, here) and edge not in seen:
                seen.add(edge)
                order.append(edge)
                todo.append(far)
    return tuple(order)


def _is(name: str, wanted: str) -> bool:
    return name == wanted or (wanted.count(".") == 1 and name.startswith(f"{wanted}."))
