"""The desired state: every resource that should exist, parents first."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from mlspec.base.address import Address
from mlspec.base.digest import digest
from mlspec.base.value import dataclass, field
from mlspec.ir.resource import Resource


@dataclass(frozen=True)
class DesiredState:
    """Resources by address, in an order in which each comes after its parents."""

    project: str
    environment: str
    resources: Mapping[Address, Resource] = field(default_factory=lambda: MappingProxyType({}))

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.resources.values())

    def get(self, address: Address) -> Resource | None:
        """The resource at that address, if there is one."""
        return self.resources.get(address)

    @property
    def digest(self) -> str:
        """The digest of all that should be made, and of the words about it."""
        return digest(self.project, self.environment, [(str(r.address), r.digest, r.about) for r in self])
