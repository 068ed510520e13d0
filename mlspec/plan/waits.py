"""What must have been made before something is: its parents; the training of a model only for what names the version that it makes.

An alias that is pinned, and a deployment that serves such a version, need nothing of what the model is made of now.
"""

from collections.abc import Container, Iterable, Iterator, Mapping

from mlspec.base.address import Address
from mlspec.ir.alias import Alias
from mlspec.ir.resource import Resource
from mlspec.ir.service import Service
from mlspec.plan.change import Change
from mlspec.plan.compatible import same_version


class Waits(Mapping[Address, tuple[Address, ...]]):
    """For each address those that it waits for, found out when it is asked for: of most of a large project, nobody asks."""

    def __init__(self, resources: Mapping[Address, Resource], moving: Container[Address]) -> None:
        self._resources, self._moving = resources, moving

    def __getitem__(self, address: Address) -> tuple[Address, ...]:
        resource = self._resources[address]
        moves = any(p in self._moving for p in resource.parents)
        return resource.parents if moves else waits_for(resource, self._resources)

    def __iter__(self) -> Iterator[Address]:
        return iter(self._resources)

    def __len__(self) -> int:
        return len(self._resources)


def waits_of(resources: Mapping[Address, Resource], changes: Iterable[Change] = ()) -> Waits:
    """For each address those that it waits for. A version of a model that gets another name is there only after it has."""
    return Waits(resources, {c.address for c in changes if c.previous or c.existing})


def waits_for(resource: Resource, resources: Mapping[Address, Resource]) -> tuple[Address, ...]:
    """Those of the parents of a resource that it waits for."""
    if resource.form not in {"alias", "service"}:
        return resource.parents
    trained = {p: r.version for p in resource.parents if (r := resources.get(p)) and r.form == "workflow" and r.version}
    if not trained or resource.version in trained.values():
        return resource.parents  # as a rule: its body need not even be read
    body = resource.body
    if isinstance(body, Alias):
        return () if not _names(trained.values(), (body.version,)) else resource.parents
    rollout = body.rollout if isinstance(body, Service) else None
    named = (resource.version, *((rollout.shadow_version, rollout.canary_version) if rollout else ()))
    if _names(trained.values(), named):
        return resource.parents
    aliases = {p for p in resource.parents if (r := resources.get(p)) and r.form == "alias"}
    passed = {p for p in aliases if not _names((resources[p].version,), named)}
    return tuple(p for p in resource.parents if p not in trained and p not in passed)


def _names(versions: Iterable[str], named: Iterable[str]) -> bool:
    """Whether one of the versions is named, by its digest or how that begins."""
    listed = tuple(named)
    return any(same_version(version, name) for version in versions for name in listed)
