"""A feature set: an ordered list of features, the contract of a model's input."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

from mlspec.base.diag import Diagnostic, Problems, known_names
from mlspec.base.digest import digest
from mlspec.base.value import dataclass
from mlspec.ir.columntype import ColumnType
from mlspec.ir.fact import Fact
from mlspec.ir.relation import Column
from mlspec.ir.resource import Body
from mlspec.kinds._views.knowledge import in_advance
from mlspec.kinds.feature_view import FeatureView
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Part, Ref, Spec
from mlspec.language.words import ColumnName, Name, wrong

_WRITTEN = re.compile(r"([a-z][a-z0-9_]*)\.([a-z_][a-z0-9_]*|\*)")


class Feature(Part):
    """`view.feature`, or `view.*` for all features of a view by name; as `{features: view.*, as: …}` in another role.

    `as` is what the features are called instead of their view, `keys` says what those who ask call its keys, and `at`
    is a time of theirs at which a view that is known in advance is looked up.
    """

    view: Ref[FeatureView]
    feature: ColumnName | None = None
    role: Annotated[Name | None, Field(alias="as")] = None
    keys: dict[ColumnName, ColumnName] = {}
    at: ColumnName | None = None

    def __str__(self) -> str:
        keys = ", ".join(f"{theirs}: {ours}" for theirs, ours in self.keys.items())
        words = (
            f"as {self.role}" if self.role else "",
            f"by {{{keys}}}" if keys else "",
            f"at {self.at}" if self.at else "",
        )
        return " ".join(w for w in (f"{self.view}.{self.feature or '*'}", *words) if w)


class InRole(Part):
    """How a feature is written that is looked up by other names."""

    features: str
    role: Annotated[Name | None, Field(alias="as")] = None
    keys: dict[ColumnName, ColumnName] = {}
    at: ColumnName | None = None


def _feature(value: Any) -> Any:
    if isinstance(value, dict) and isinstance(value.get("features"), str):
        rest = {k: v for k, v in value.items() if k != "features"}
        return {**rest, **_feature(value["features"])}
    if not isinstance(value, str):
        return value
    match = _WRITTEN.fullmatch(value)
    if match is None:
        raise wrong("invalid-feature", "`{text}` is not a feature; write `view.feature` or `view.*`", text=value)
    return {"view": match[1], "feature": None if match[2] == "*" else match[2]}


@dataclass(frozen=True)
class Chosen:
    """A feature of the set: the view it comes from, its column there, and its name in datasets and requests.

    `renamed` pairs keys of the view with the names that those who ask give them; `at` is a time of theirs.
    """

    view: Ref[FeatureView]
    column: Column
    name: str
    renamed: tuple[tuple[str, str], ...] = ()
    at: str = ""

    def keys(self, scope: Scope) -> dict[str, tuple[str, ColumnType]]:
        """The keys of the view, each with what those who ask call it, and its type."""
        names = dict(self.renamed)
        return {k: (names.get(k, k), kind) for k, kind in scope.spec(self.view).keys(scope).items()}

    def needs(self, scope: Scope) -> dict[str, ColumnType]:
        """What a request must carry, so that the feature can be looked up or computed."""
        spec = scope.spec(self.view)
        if spec.on_request:
            return dict(spec.on_request.inputs)
        event = scope.relation(self.view).column(scope.relation(self.view).timing.event_time)
        at = {self.at: ColumnType("timestamptz") if event is None else event.type} if self.at else {}
        return dict(self.keys(scope).values()) | at


class FeatureSet(Spec):
    """The features that a model is trained on and asked with, in order, each as `view__feature`."""

    features: Annotated[
        tuple[
            Annotated[Feature, BeforeValidator(_feature, json_schema_input_type=str | InRole), PlainSerializer(str)],
            ...,
        ],
        OnChange.UPDATE,
        Field(min_length=1),
    ]

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        for index, written in enumerate(self.features):
            yield from self._role(scope, written, index)
        names = [c.name for c in self.chosen(scope)]
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield scope.error(
                "duplicate-feature", f"feature `{name.replace('__', '.', 1)}` is in `{self.name}` twice", "features"
            )

    def _role(self, scope: Scope, written: Feature, index: int) -> Iterator[Diagnostic]:
        view = scope.spec(written.view)
        path = ("features", index)
        if view.on_request and (written.keys or written.at):
            message = f"`{view.name}` is computed from the request: there is nothing to look up by other names"
            yield scope.error(
                "meaningless-field", message, *path, "keys" if written.keys else "at", key=True, help="remove it"
            )
            return
        keys = {} if view.on_request else view.keys(scope)
        for name in (n for n in written.keys if n not in keys):
            message = f"`{name}` is no key of feature view `{view.name}`"
            yield scope.error(
                "missing-key", message, *path, "keys", name, key=True, help=known_names(name, keys, "key")
            )
        relation = scope.relation(written.view)
        if written.at and not relation.timing.event_time:
            message = f"feature view `{view.name}` has no event time, so it answers the same at all times"
            yield scope.error("meaningless-field", message, *path, "at", key=True, help="remove it")
        elif written.at and not in_advance(scope, str(scope.address(written.view))):
            message = (
                f"`{view.name}` is asked at `{written.at}`, and nothing says that its rows are known before their time"
            )
            help_ = "if they are, as those of a timetable, say `known_in_advance: true` in the view or its source"
            yield scope.error("not-known-in-advance", message, *path, "at", help=help_)
        elif written.at and (relation.timing.available_time or (relation.windows and relation.windows.available)):
            message = (
                f"`{view.name}` has an available time: which of its rows were known is not seen from `{written.at}`"
            )
            help_ = "take out `at:`, or make a view of the rows without `available_time`"
            yield scope.error("not-known-in-advance", message, *path, "at", help=help_)

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
                    renamed = tuple(sorted(written.keys.items()))
                    called = f"{written.role or scope.first_name(written.view)}__{name}"
                    found.append(Chosen(written.view, column, called, renamed, written.at or ""))
        if problems:
            raise Problems(problems)
        return tuple(found)

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        chosen = self.chosen(scope)
        types = {c.name: str(c.column.type) for c in chosen}
        yield "", Fact(tuple(types.items()), tuple((n, f"{digest(n, t)} {t}") for n, t in sorted(types.items())))
