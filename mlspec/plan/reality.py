"""What is really there, as far as somebody looked."""

from collections.abc import Mapping

from mlspec.base.address import Address
from mlspec.base.value import dataclass, field
from mlspec.plan.change import Estimate
from mlspec.plan.drift import Drift


@dataclass(frozen=True)
class Reality:
    """What is really there: kept versions with rows and bytes, public names, and what is not as it was recorded.

    `known` is false when nobody looked: then the state is believed.
    """

    known: bool = False
    versions: Mapping[str, Estimate] = field(default_factory=dict)
    pointers: Mapping[str, str] = field(default_factory=dict)
    drifted: frozenset[Address] = frozenset()
    models: frozenset[str] = frozenset()
    """Model versions that are registered already, as `model/version`."""
    remade: Mapping[Address, frozenset[Address]] = field(default_factory=dict)
    """Of models whose recorded version is not the one that is wanted: which of what they depend on decides otherwise now."""
    due: Mapping[Address, int] = field(default_factory=dict)
    """Partitions that would be built, where that can be told before the sources are read."""
    drift: tuple[Drift, ...] = ()
    """All that is not as it was recorded; `drifted` are the addresses of what an apply would put right of it."""
    accepted: frozenset[Address] = frozenset()
    """What has drifted and was accepted as it is."""
