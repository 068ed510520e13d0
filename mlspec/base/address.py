"""The name of one thing: `kind.name`, or `kind.name/part` for a part of it."""

import re
from functools import lru_cache

from mlspec.base.value import dataclass

_ADDRESS = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)(?:/([a-z][a-z0-9_]*))?")


@dataclass(frozen=True, order=True)
class Address:
    """A kind, a name and, where one spec makes several resources, a part."""

    kind: str
    name: str
    part: str = ""

    def __post_init__(self) -> None:
        said = f"{self.kind}.{self.name}/{self.part}" if self.part else f"{self.kind}.{self.name}"
        # a plan of a thousand resources asks for both a hundred thousand times
        vars(self).update(_said=said, _hash=hash(said))

    def __str__(self) -> str:
        return self.__dict__["_said"]  # type: ignore[no-any-return]

    def __hash__(self) -> int:
        return self.__dict__["_hash"]  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[type["Address"], tuple[str, str, str]]:
        return type(self), (self.kind, self.name, self.part)  # a hash is of one process

    @property
    def whole(self) -> "Address":
        """The address of the spec that this part belongs to."""
        return Address(self.kind, self.name) if self.part else self

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `kind.name` or `kind.name/part`; raises ValueError on anything else."""
        return _parsed(text)


@lru_cache(maxsize=1 << 16)
def _parsed(text: str) -> Address:
    """An address is read many times: by the state, by facts, by everything that has it as its parent."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is not an address; write `kind.name`")
    return Address(match[1], match[2], match[3] or "")
