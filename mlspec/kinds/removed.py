"""A removal that is on the record: what was at an address is forgotten and goes on existing, or is destroyed."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from mlspec.language.spec import Spec
from mlspec.language.words import Bool, Whole


class Removed(Spec):
    """What is at `address` is no longer described; with `destroy: false` it is forgotten, and stays where it is."""

    name: str = ""  # it has no name of its own
    what: Annotated[Whole, Field(alias="address")]
    destroy: Bool = False

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        if isinstance(data, dict) and "name" not in data:
            return {**data, "name": str(data.get("address", "")).replace(".", "__")}
        return data
