"""A team: who owns things, what its role is, who reviews for it."""

from collections.abc import Iterator
from typing import Annotated, Literal

from mlspec.ir.fact import Fact
from mlspec.ir.resource import Body
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Spec


class Team(Spec):
    """People who own resources; the plan asks them for review when what they own is affected."""

    role: Literal["data_engineering", "data_science", "ml_engineering", "platform"]
    members: Annotated[tuple[str, ...], OnChange.METADATA] = ()
    contact: Annotated[str, OnChange.METADATA] = ""
    reviewers: Annotated[tuple[str, ...], OnChange.METADATA] = ()

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        yield "", Fact((("role", self.role),))
