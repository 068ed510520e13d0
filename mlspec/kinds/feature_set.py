"""A feature set: an ordered list of features, the contract of a model's input."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

from mlspec.base.diag import Diagnostic, Problems, known_names
from mlspec.ir.fact import Fact
from mlspec.ir.relation import Column
from mlspec.ir.resource import Body
from mlspec.kinds.feature_view import FeatureView
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Part, Ref, Spec
from mlspec.language.words import ColumnName, wrong

_WRITTEN = re.compile(r"([a-z][a-z0-9_]*)\.([a-z_][a-z0-9_]*|\*)")


class Feature(Part):
    """`view.feature`, or `view.*` for all features of a view by name."""

    view: Ref[FeatureView]
    feature: ColumnName | None = None

    def __str__(self) -> str:
        return f"{self.view}.{self.feature or '*'}"


def _feature(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _WRITTEN.fullmatch(value)
    if match is None:
        raise wrong("invalid-feature", "`{text}` is not a feature; write `view.feature` or `view.*`", text=value)
    return {"view": match[1], "feature": None if match[2] == "*" else match[2]}


@dataclass(frozen=True)
class Chosen:
    """A feature of the set: the view it comes from, its column there, and its name in datasets and requests."""

    view: Ref[FeatureView]
    column: Column
    name: str


class FeatureSet(Spec):
    """The features that a model is trained on and asked with, in order, each as `view__feature`."""

    features: Annotated[
        tuple[Annotated[Feature, BeforeValidator(_feature, json_schema_input_type=str), PlainSerializer(str)], ...],
        OnChange.UPDATE,
        Field(min_length=1),
    ]

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        names = [c.name for c in self.chosen(scope)]
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield scope.error(
                "duplicate-feature", f"feature `{name.replace('__', '.', 1)}` is in `{self.name}` twice", "features"
            )

    def chosen(self, scope: Scope) -> tuple[Chosen, ...]:
        """The features in order, `*` written out. Raises Problems."""
        found: list[Chosen] = []
        problems: list[Diagnostic] = []
        for index, written in enumerate(self.features):
            view = scope.spec(written.view)
            relation = scope.relation(written.view)
            offered = view.feature_names(scope, relation)
            for name in sorted(offered) if written.feature is None else (written.feature,):
                column = relation.column(name)
                if column is None or name not in offered:
                    message = f"feature view `{view.name}` has no feature `{name}`"
                    problems.append(
                        scope.error(
                            "unknown-feature", message, "features", index, help=known_names(name, offered, "feature")
                        )
                    )
                else:
                    found.append(Chosen(written.view, column, f"{view.name}__{name}"))
        if problems:
            raise Problems(problems)
        return tuple(found)

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        yield "", Fact(tuple((c.name, str(c.column.type)) for c in self.chosen(scope)))
