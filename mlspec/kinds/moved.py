"""A move: what was called `from` is called `to` now, and is the same thing. The document may stay when it has been applied."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from mlspec.language.spec import Spec
from mlspec.language.words import Whole

_JOINT = "__to__"


class Moved(Spec):
    """Nothing is built because of a move: what exists, and what is recorded, gets the new name."""

    name: str = ""  # it has no name of its own: it is the pair
    before: Annotated[Whole, Field(alias="from")]
    to: Whole

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        if isinstance(data, dict) and "name" not in data:
            pair = (str(data.get(key, "")).replace(".", "__") for key in ("from", "to"))
            return {**data, "name": _JOINT.join(pair)}
        return data
