"""An entity: what features are about, by its join keys."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from mlspec.ir.fact import Fact
from mlspec.ir.resource import Body
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Spec
from mlspec.language.words import ColumnName, Type


class Entity(Spec):
    """One or more join keys with their types; the names are those of the columns that hold them."""

    keys: Annotated[dict[ColumnName, Type], OnChange.REPLACE, Field(min_length=1)]

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        yield "", Fact(tuple((name, str(kind)) for name, kind in sorted(self.keys.items())))
