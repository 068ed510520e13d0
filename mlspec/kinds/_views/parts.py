"""What stands inside a feature view: aggregations, expressions of a request, the documentation of a feature."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from mlspec.language.spec import OnChange, Part
from mlspec.language.words import ColumnName, Duration, Float, Int, Type, wrong

Function = Literal[
    "count", "sum", "avg", "min", "max", "stddev", "variance", "median", "percentile", "count_distinct",
    "approx_count_distinct", "first", "last", "last_n", "distinct_n", "ratio",
]  # fmt: skip


def _window(value: Any) -> Any:
    return None if value == "all" else Duration.parse(value)


Window = Annotated[Duration | None, BeforeValidator(_window, json_schema_input_type=Literal["all"] | Duration)]
"""A duration, or `all`: everything so far."""


class FeatureDoc(Part):
    """What a feature means, and its tags."""

    description: Annotated[str, OnChange.METADATA] = ""
    tags: Annotated[tuple[str, ...], OnChange.METADATA] = ()


class Aggregation(Part):
    """A function of the rows in each window: one feature `name`, or `name_7d` for each of several windows.

    `where` says which rows count; of a `ratio`, which of those `among` all are above the line. `fraction` is for
    `percentile`, `n` for `last_n` and `distinct_n`. With `hop`, the old end of the window moves in steps.
    """

    function: Function
    name: ColumnName
    column: ColumnName | None = None
    expression: str | None = None
    where: str | None = None
    among: str | None = None
    fraction: Float | None = Field(default=None, gt=0, lt=1)
    n: Int | None = Field(default=None, ge=1, le=1000)
    window: Window | Literal[""] = ""
    windows: tuple[Window, ...] = ()
    offset: Duration | None = None
    hop: Duration | None = None
    description: Annotated[str, OnChange.METADATA] = ""

    @model_validator(mode="after")
    def _one_each(self) -> "Aggregation":
        if self.window != "" and self.windows:
            raise wrong("invalid-aggregation", "`{name}` has both `window` and `windows`", name=self.name)
        if self.column and self.expression:
            raise wrong("invalid-aggregation", "`{name}` has both `column` and `expression`", name=self.name)
        return self


class OnRequest(Part):
    """Features computed from the request alone: its fields with their types, and an expression for each feature."""

    inputs: dict[ColumnName, Type] = Field(min_length=1)
    features: dict[ColumnName, str] = Field(min_length=1)
