"""A resource whose body and words are read when somebody asks for them: what an unchanged plan needs of it is known without."""

from collections.abc import Callable, Mapping
from typing import Any

from mlspec.base.address import Address
from mlspec.base.value import dataclass
from mlspec.ir.resource import Resource, Scanned

_LATER = frozenset({"body", "words"})


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a resource without its body: see `Resource`."""

    address: Address
    form: str
    digest: str
    version: str
    scanned: Scanned | None
    about: Mapping[str, Any]
    parents: tuple[Address, ...]
    owner: str
    protect: bool
    costs: Mapping[str, str]


class Deferred(Resource):
    """A resource of which `body` and `words` are read by a function of `body` or `words`, once."""

    @classmethod
    def of(cls, known: Known, read: Callable[[str], Any]) -> "Deferred":
        """The resource that is known."""
        made = object.__new__(cls)
        made.__dict__.update(
            address=known.address, about=known.about, parents=known.parents, owner=known.owner, protect=known.protect,
            costs=known.costs, _known=known, _read=read,
        )  # fmt: skip
        return made

    def __getattr__(self, name: str) -> Any:
        if name not in _LATER or "_read" not in self.__dict__:
            raise AttributeError(name)
        self.__dict__[name] = found = self.__dict__["_read"](name)
        return found

    @property
    def form(self) -> str:
        """The name of the form of its body."""
        known: Known | None = self.__dict__.get("_known")
        return known.form if known else super().form

    @property
    def digest(self) -> str:
        """The digest of what should be made."""
        known: Known | None = self.__dict__.get("_known")
        return known.digest if known else super().digest

    @property
    def scanned(self) -> Scanned | None:
        """What was seen of rows that somebody else keeps, if it reads such."""
        known: Known | None = self.__dict__.get("_known")
        return known.scanned if known else super().scanned

    @property
    def version(self) -> str:
        """The version that it makes."""
        known: Known | None = self.__dict__.get("_known")
        return known.version if known else super().version
