"""What is to be compiled, and where facts about it are kept from one run to the next."""

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mlspec.base.digest import digest
from mlspec.base.registry import Registry
from mlspec.base.value import dataclass, field
from mlspec.compile.cache import Cache, made_by
from mlspec.compile.facts import Facts
from mlspec.compile.gathered import Gathered
from mlspec.compile.project import Compiled
from mlspec.ir.outside import Scan, Seen

if TYPE_CHECKING:  # start-up time: it brings pydantic and sqlglot
    from mlspec.compile.details import Details, Heads
    from mlspec.language.spec import Spec

T = TypeVar("T")


@dataclass
class Request:
    """One compile of a project. `whole` compiles it as if nothing were known; `env` are the environment variables."""

    cache: Cache
    root: Path
    kinds: "Registry[Spec]"
    environment: str | None
    variables: Mapping[str, Any]
    outside: Callable[[Gathered, str, Scan], Seen]
    whole: Callable[[], Compiled]
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @cached_property
    def key(self) -> str:
        """Under which name facts are kept: who made them, of which environment, with which variables."""
        return digest(made_by(), self.environment or "", self.environment is None, dict(self.variables))

    def facts(self) -> Facts | None:
        """What an earlier run knew, in short."""
        return _read(Facts.decode, self.cache.fact(f"{self.key} facts"))

    def details(self, facts: Facts) -> "Details | None":
        """What the run that knew these facts knew of every document and spec; None where another has kept its own since."""
        from mlspec.compile.details import Details, Heads  # noqa: PLC0415 - start-up time: most runs do without

        found = _read(Heads.decode, self.cache.fact(f"{self.key} heads"))
        return Details(found, self.cache.bodies) if found is not None and found.run == facts.run else None

    def keep(self, facts: Facts, heads: "Heads | None", bodies: Mapping[str, str], needed: set[str] | None) -> None:
        """Keep facts for the next run; `needed` are the ids of all bodies that they speak of, None is those of before."""
        texts = {f"{self.key} facts": facts.encode()}
        if heads is not None:
            texts[f"{self.key} heads"] = heads.encode()
        self.cache.keep(texts, bodies, needed)


def _read(decode: Callable[[str], T], text: str | None) -> T | None:
    try:
        return None if text is None else decode(text)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
