"""Where things are kept: versions in one schema, the public names of an environment in another."""

from __future__ import annotations

from collections.abc import Mapping

from mlspec.backends.engines._warehouse.trees import table
from mlspec.base.digest import digest
from mlspec.base.value import dataclass
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import Traits


@dataclass(frozen=True)
class Names:
    """`data` and `public` are the names of the schemas; no name is longer than the engine's `traits` allow."""

    data: str
    public: str
    environment: str
    traits: Traits

    def version(self, version: str) -> exp.Table:
        """The table or view that a version is kept as."""
        return table(self.data, self.fitting(version))

    def versions(self, physical: Mapping[str, str]) -> dict[str, exp.Table]:
        """The same for each address."""
        return {address: self.version(version) for address, version in physical.items()}

    def fitting(self, name: str) -> str:
        """The name, or a shorter one that is as much its own where the engine would cut it off."""
        longest = self.traits.longest_name
        return name if not longest or len(name) <= longest else f"{name[: longest - 10]}__{digest(name)[:8]}"
