"""An alias: a name, such as `champion`, that means one version of a model in an environment."""

from mlspec.base.value import dataclass


@dataclass(frozen=True, slots=True)
class Alias:
    """`version` is the digest of the version that it means, or how that begins; `pinned` if the files give it."""

    model: str
    name: str
    version: str
    pinned: bool = False
