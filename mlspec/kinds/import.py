"""An import: something that exists is taken over as the version that the files describe, instead of being made."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, model_validator

from mlspec.base.diag import Diagnostic
from mlspec.language.scope import Scope
from mlspec.language.spec import Spec
from mlspec.language.words import TABLE, Shaped, Whole

_FIELD = {"source": "table", "feature_view": "table", "dataset": "table", "model": "version"}

_REGISTERED = Shaped(
    r"^[a-z][a-z0-9_]*/[0-9a-f]{8,32}$",
    "`{text}` is not a registered version; write `model/digest`, as in `churn/0123abcd`",
)


class Import(Spec):
    """A `table` of the warehouse for a source, a feature view or a dataset; a registered `version` (`model/digest`) for a model.

    Who imports says that it holds what the files describe: columns and their types are compared, rows are not.
    """

    name: str = ""  # it has no name of its own
    what: Annotated[Whole, Field(alias="address")]
    table: Annotated[str, TABLE] | None = None
    version: Annotated[str, _REGISTERED] | None = None

    @property
    def existing(self) -> str:
        """What is taken over."""
        return self.table or self.version or ""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        if isinstance(data, dict) and "name" not in data:
            return {**data, "name": str(data.get("address", "")).replace(".", "__")}
        return data

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        kind = self.what.partition(".")[0]
        wanted = _FIELD.get(kind)
        given = [f for f in ("table", "version") if getattr(self, f) is not None]
        if wanted is None:
            help_ = "sources, feature views and datasets take over a `table`, models a `version`; others are made anew"
            yield scope.error("invalid-import", f"a `{kind}` cannot be imported", "address", help=help_)
        elif given != [wanted]:
            found = " and ".join(f"`{g}`" for g in given) or "neither"
            yield scope.error(
                "invalid-import", f"the import of a `{kind}` has one `{wanted}`; this has {found}", "address"
            )
