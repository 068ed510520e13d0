"""A spec: a typed document of one kind; its annotations say what it refers to and what a change of a field costs."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Body
from mlspec.language.scope import Scope
from mlspec.language.sql import Sql
from mlspec.language.words import Bool, Name, wrong

T_co = TypeVar("T_co", covariant=True)
Path = tuple[str | int, ...]


class OnChange(StrEnum):
    """What a change of a field costs; of several the heaviest wins. Without one, the digests alone decide."""

    METADATA = "metadata"
    UPDATE = "update"
    REBUILD = "rebuild"
    REPLACE = "replace"


class Ref(Generic[T_co]):
    """A reference by name to a spec of the kinds in the brackets; `kind.name` where a name is of two kinds."""

    __slots__ = ("allowed", "kind", "name")

    def __init__(self, name: str, kind: str, allowed: tuple[str, ...]) -> None:
        self.name, self.kind, self.allowed = name, kind, allowed

    def __str__(self) -> str:
        return f"{self.kind}.{self.name}" if self.kind else self.name

    def __repr__(self) -> str:
        return f"Ref({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and (self.name, self.kind, self.allowed) == (
            other.name,
            other.kind,
            other.allowed,
        )

    def __hash__(self) -> int:
        return hash((self.name, self.kind, self.allowed))

    @classmethod
    def parse(cls, text: str, allowed: tuple[str, ...]) -> "Ref[T_co]":
        """Read `name` or `kind.name`. Raises PydanticCustomError."""
        kind, _, name = text.rpartition(".")
        try:
            Address.parse(f"{kind or 'kind'}.{name}")
        except ValueError:
            raise wrong("invalid-name", "`{text}` is not a name", text=text) from None
        if kind and kind not in allowed:
            what = " or ".join(f"`{a}`" for a in allowed)
            raise wrong("wrong-kind", "`{text}` is not a {what}", text=text, what=what)
        return cls(name, kind, allowed)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        allowed = tuple(_kinds(get_args(source)))
        return core_schema.no_info_after_validator_function(
            lambda text: cls.parse(text, allowed),
            core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^([a-z][a-z0-9_]*\.)?[a-z][a-z0-9_]{0,62}$"}


def _kinds(arguments: tuple[Any, ...]) -> Iterator[str]:
    for argument in arguments:
        if isinstance(argument, str):
            yield argument
        elif isinstance(argument, type) and issubclass(argument, Spec):
            yield argument.kind_name()
        else:
            yield from _kinds(get_args(argument))


class Part(BaseModel):
    """A piece of a spec: frozen, and with no keys but its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)


class Spec(Part):
    """What every kind has. A kind answers at most three questions: `check`, `relation`, `lower`."""

    name: Name
    description: Annotated[str, OnChange.METADATA] = ""
    owner: Annotated[Ref[Literal["team"]] | None, OnChange.METADATA] = None
    tags: Annotated[tuple[str, ...], OnChange.METADATA] = ()
    labels: Annotated[dict[str, str], OnChange.METADATA] = {}
    protect: Annotated[Bool, OnChange.METADATA] = False
    ignore_changes: Annotated[tuple[str, ...], OnChange.METADATA] = ()
    """Fields, `replicas` or `resources.cpu`, of which what was applied first stays, whatever the files say later."""
    knobs: Annotated[tuple[str, ...] | None, OnChange.METADATA] = None
    """The fields, or parts of fields, that environments may override; all, where none are named."""

    @classmethod
    def kind_name(cls) -> str:
        """The kind is the name of the file that it stands in."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def offers_rows(cls) -> bool:
        """Whether SQL may read from it by its name."""
        return cls.relation is not Spec.relation

    @property
    def address(self) -> Address:
        """`kind.name`."""
        return Address(self.kind_name(), self.name)

    def check(self, scope: Scope) -> Iterator[Diagnostic]:
        """What is not sound, beyond what the types of the fields say."""
        return iter(())

    def relation(self, scope: Scope) -> Relation | None:
        """The rows that it offers to others."""
        return None

    def lower(self, scope: Scope) -> Iterator[tuple[str, Body]]:
        """What should exist because of it: pairs of part (empty for itself) and body."""
        return iter(())


def references(value: Any, path: Path = ()) -> Iterator[tuple[Path, Ref[Any]]]:
    """All references in a spec, with the path of each."""
    for where, leaf in _leaves(value, path):
        if isinstance(leaf, Ref):
            yield where, leaf


def queries(value: Any, path: Path = ()) -> Iterator[tuple[Path, Sql]]:
    """All SQL in a spec, with the path of each."""
    for where, leaf in _leaves(value, path):
        if isinstance(leaf, Sql):
            yield where, leaf


def _leaves(value: Any, path: Path) -> list[tuple[Path, Any]]:
    found: list[tuple[Path, Any]] = []
    _collect(value, path, found)
    return found


def _collect(value: Any, path: Path, found: list[tuple[Path, Any]]) -> None:
    if isinstance(value, str):  # as most are
        found.append((path, value))
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            _collect(getattr(value, name), (*path, field.alias or name), found)
    elif isinstance(value, dict):
        for key, item in value.items():
            _collect(item, (*path, key), found)
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            _collect(item, (*path, index), found)
    else:
        found.append((path, value))


def words(spec: Spec) -> tuple[dict[str, Any], dict[str, Any]]:
    """The spec in the author's words, without what is about it only; and that: descriptions, owners, tags, labels."""
    meaning, about = _split(spec)
    return meaning, about


def _split(value: Any) -> tuple[Any, Any]:
    if isinstance(value, BaseModel) and type(value).__str__ is not BaseModel.__str__:
        return str(value), {}  # a part that is written as one word
    if isinstance(value, BaseModel):
        meaning: dict[str, Any] = {}
        about: dict[str, Any] = {}
        for name, field in type(value).model_fields.items():
            if name not in value.model_fields_set:
                continue
            key, item = field.alias or name, getattr(value, name)
            if OnChange.METADATA in field.metadata:
                about[key] = _plain(item)
                continue
            meaning[key], below = _split(item)
            if below:
                about[key] = below
        return meaning, about
    if isinstance(value, dict):
        pairs = {str(k): _split(v) for k, v in value.items()}
        return {k: m for k, (m, _) in pairs.items()}, {k: a for k, (_, a) in pairs.items() if a}
    if isinstance(value, tuple | list):
        items = [_split(v) for v in value]
        return [m for m, _ in items], {str(i): a for i, (_, a) in enumerate(items) if a}
    return _plain(value), {}


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _split(value)[0]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


@cache
def costs(kind: type[Spec]) -> Mapping[str, str]:
    """What a change of each field costs, for the fields that say it."""
    found = {}
    for name, field in kind.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, OnChange):
                found[field.alias or name] = mark.value
    return found
