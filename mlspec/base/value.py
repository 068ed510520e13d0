"""Values: dataclasses that cost next to nothing until they are used, for every command begins by making two hundred of them.

The standard library writes and compiles five methods for each class when its module is loaded, which was a third of what
an unchanged `plan` took. Here `__init__` is written when the first instance is made, and the other methods are not written at
all: they read the fields through `operator.attrgetter`. To type checkers, and to whoever asks (`dataclasses.fields`,
`replace`, `asdict`, `is_dataclass`), a class made here is a standard dataclass.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, get_origin

__all__ = ["MISSING", "Field", "asdict", "dataclass", "field", "fields", "is_dataclass", "replace"]

if TYPE_CHECKING:
    from dataclasses import MISSING, Field, asdict, dataclass, field, fields, is_dataclass, replace
else:

    class _Missing:
        """What stands where there is no default."""

        def __repr__(self) -> str:
            return "<missing>"

    MISSING: Any = _Missing()

    class Field:
        """One field: its name, its annotation, its default, and in which of the methods it takes part."""

        __slots__ = ("compare", "default", "default_factory", "init", "metadata", "name", "repr", "type")

        def __init__(self, name: str = "", hint: Any = None, **said: Any) -> None:
            self.name, self.type = name, hint
            for word, usual in _USUAL.items():
                setattr(self, word, said.get(word, usual))

        def __class_getitem__(cls, _: object) -> type:
            return cls

    def field(**said: Any) -> Any:
        """A field of which more is to be said than its default; the words are the standard's. Raises TypeError for others."""
        if unknown := said.keys() - _USUAL:
            raise TypeError(f"unexpected keyword arguments: {', '.join(sorted(unknown))}")
        return Field(**said)

    def dataclass(
        cls: Any = None, /, *, eq: bool = True, order: bool = False, frozen: bool = False, slots: bool = False
    ) -> Any:
        """Make a class a dataclass, like the standard's decorator. Raises TypeError or ValueError for fields that cannot be."""
        return _made(cls, eq, order, frozen, slots) if cls is not None else lambda c: _made(c, eq, order, frozen, slots)

    def fields(of: Any) -> tuple[Any, ...]:
        """The fields of a dataclass or of an instance, in order. Raises TypeError for anything else."""
        return tuple(_known(of if isinstance(of, type) else type(of)).values())

    def is_dataclass(value: Any) -> bool:
        """Whether it is a dataclass or an instance of one, made here or by the standard library."""
        return hasattr(value if isinstance(value, type) else type(value), "__dataclass_params__")

    def replace(value: Any, /, **changes: Any) -> Any:
        """The same value with other fields. Raises TypeError for a name that is no field."""
        for one in _known(type(value)).values():
            if one.init and one.name not in changes:
                changes[one.name] = getattr(value, one.name)
        return type(value)(**changes)

    def asdict(value: Any) -> dict[str, Any]:
        """A value as a dictionary, and what it holds likewise; see `dataclasses.asdict`."""
        from dataclasses import asdict as standard  # noqa: PLC0415 - start-up time

        return standard(value)

    def _known(cls: type) -> dict[str, Any]:
        """The fields by name; a plugin's class may be made by the standard library, and its base by this module."""
        for one in cls.__mro__:
            if "__value_fields__" in vars(one):
                return one.__value_fields__
            if "__dataclass_fields__" in vars(one):
                import dataclasses  # noqa: PLC0415 - start-up time

                return {f.name: _from_standard(f, dataclasses.MISSING) for f in dataclasses.fields(one)}
        raise TypeError("must be called with a dataclass type or instance")

    def _from_standard(one: Any, missing: object) -> Any:
        said = {word: getattr(one, word) for word in _USUAL}
        return Field(one.name, one.type, **{w: v for w, v in said.items() if v is not missing})

    _USUAL = {
        "default": MISSING,
        "default_factory": MISSING,
        "init": True,
        "repr": True,
        "compare": True,
        "metadata": {},
    }


def _made(cls: Any, eq: bool, order: bool, frozen: bool, slots: bool) -> Any:  # noqa: FBT001 - the words of the decorator
    found = _fields_of(cls)
    compared = _reader(f.name for f in found.values() if f.compare)
    own = vars(cls)
    given: dict[str, Any] = {"__value_fields__": found, "__dataclass_fields__": _Standard(found, frozen)}
    given["__dataclass_params__"] = _Parameters(frozen)
    if "__init__" not in own:
        given["__init__"] = _first_init(found)
    given["__replace__"] = lambda self, /, **changes: replace(self, **changes)
    if "__repr__" not in own:
        given["__repr__"] = _repr
    if "__match_args__" not in own:
        given["__match_args__"] = tuple(f.name for f in found.values() if f.init)
    if eq and "__eq__" not in own:
        given["__eq__"] = _eq(compared)
    if eq and (own.get("__hash__") is None or "__hash__" not in own):  # Python takes it away from who defines `__eq__`
        given["__hash__"] = _hash(compared) if frozen else None
    if order:
        given.update(_order(compared))
    if frozen:
        given |= {"__setattr__": _unchanging(found), "__delattr__": _unchanging(found)}
    return _with_slots(cls, found, given, frozen) if slots else _with(cls, found, given)


def _fields_of(cls: Any) -> dict[str, Any]:
    """The fields of the bases, then those of the class."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__[1:]):
        found |= vars(base).get("__value_fields__", {})
    for name, hint in cls.__annotations__.items():
        if hint is ClassVar or get_origin(hint) is ClassVar or (isinstance(hint, str) and hint.startswith("ClassVar")):
            continue
        default = vars(cls).get(name, MISSING)
        one: Any = default if isinstance(default, Field) else field(default=default)
        one.name, one.type = name, hint
        if one.default is not MISSING and type(one.default).__hash__ is None:
            raise ValueError(f"mutable default for field {name} is not allowed: use default_factory")
        found[name] = one
    last = ""
    for one in (f for f in found.values() if f.init):
        if _optional(one):
            last = one.name
        elif last:
            raise TypeError(f"non-default argument '{one.name}' follows default argument '{last}'")
    return found


def _optional(one: Any) -> bool:
    """Whether it need not be given."""
    return one.default is not MISSING or one.default_factory is not MISSING


def _with(cls: Any, found: dict[str, Any], given: dict[str, Any]) -> Any:
    for name, one in found.items():
        if isinstance(vars(cls).get(name), Field):
            if one.default is MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, one.default)
    for name, value in given.items():
        setattr(cls, name, value)
    return cls


def _with_slots(cls: Any, found: dict[str, Any], given: dict[str, Any], frozen: bool) -> Any:  # noqa: FBT001
    """The class anew, for slots are there from the beginning or not at all."""
    inherited = {n for b in cls.__mro__[1:] for n in _names(vars(b).get("__slots__", ()))}
    own = {k: v for k, v in vars(cls).items() if k not in found and k not in {"__dict__", "__weakref__"}}
    if frozen:
        given |= {"__getstate__": _state, "__setstate__": _restore}
    made = type(cls)(
        cls.__name__, cls.__bases__, {**own, **given, "__slots__": tuple(n for n in found if n not in inherited)}
    )
    made.__qualname__ = cls.__qualname__
    return made


def _names(slots: str | Iterable[str]) -> Iterable[str]:
    return (slots,) if isinstance(slots, str) else slots


# -- the methods -------------------------------------------------------------------------------------------------------


def _first_init(found: dict[str, Any]) -> Any:
    """An `__init__` that writes the right one when it is first called, and leaves it in its place."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it is one
        home = next(c for c in type(self).__mro__ if vars(c).get("__init__") is __init__)
        made = _written(home, found)
        type.__setattr__(home, "__init__", made)
        made(self, *args, **kwargs)

    return __init__


def _written(cls: Any, found: dict[str, Any]) -> Callable[..., None]:
    """`__init__` as Python: arguments as the fields say, each kept, and `__post_init__` where there is one."""
    known: dict[str, Any] = {"_keep": object.__setattr__, "_missing": MISSING}
    frozen = "__setattr__" in dir(cls) and cls.__setattr__ is not object.__setattr__
    arguments, body = ["self"], []
    for name, one in found.items():
        value = name
        if one.default_factory is not MISSING:
            known[f"_make_{name}"] = one.default_factory
            value = f"_make_{name}() if {name} is _missing else {name}" if one.init else f"_make_{name}()"
        elif one.default is not MISSING:
            known[f"_default_{name}"] = one.default
        if one.init:
            absent = f"=_default_{name}" if one.default is not MISSING else "=_missing" if _optional(one) else ""
            arguments.append(f"{name}{absent}")
        elif not _optional(one):
            continue
        elif one.default is not MISSING:
            value = f"_default_{name}"
        body.append(f"_keep(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    text = f"def __init__({', '.join(arguments)}):\n  " + "\n  ".join(body or ["pass"])
    exec(text, known)  # noqa: S102 - of names that are Python's own; as the standard library does it
    made: Any = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made  # type: ignore[no-any-return]


def _reader(names: Iterable[str]) -> Callable[[Any], tuple[Any, ...]]:
    """From an instance to its fields, as a tuple."""
    all_of_them = tuple(names)
    match all_of_them:
        case ():
            return lambda _: ()
        case (name,):
            return lambda value: (getattr(value, name),)
    return attrgetter(*all_of_them)


def _eq(read: Callable[[Any], tuple[Any, ...]]) -> Any:
    def __eq__(self: Any, other: object) -> Any:  # noqa: N807 - it is one
        return read(self) == read(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hash(read: Callable[[Any], tuple[Any, ...]]) -> Any:
    def __hash__(self: Any) -> int:  # noqa: N807 - it is one
        return hash(read(self))

    return __hash__


def _order(read: Callable[[Any], tuple[Any, ...]]) -> dict[str, Any]:
    def less(self: Any, other: object) -> Any:
        return read(self) < read(other) if other.__class__ is self.__class__ else NotImplemented

    def less_or_equal(self: Any, other: object) -> Any:
        return read(self) <= read(other) if other.__class__ is self.__class__ else NotImplemented

    def greater(self: Any, other: object) -> Any:
        return read(self) > read(other) if other.__class__ is self.__class__ else NotImplemented

    def greater_or_equal(self: Any, other: object) -> Any:
        return read(self) >= read(other) if other.__class__ is self.__class__ else NotImplemented

    return {"__lt__": less, "__le__": less_or_equal, "__gt__": greater, "__ge__": greater_or_equal}


def _repr(self: Any) -> str:
    shown = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in self.__value_fields__.values() if f.repr)
    return f"{type(self).__qualname__}({shown})"


def _unchanging(found: dict[str, Any]) -> Any:
    """A frozen value's fields are never set or deleted; what a property keeps beside them is not set this way."""

    def refuse(_: Any, name: str, *__: object) -> None:
        from dataclasses import FrozenInstanceError  # noqa: PLC0415 - start-up time

        raise FrozenInstanceError(f"cannot assign to field {name!r}" if name in found else f"{name!r} is no field")

    return refuse


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__value_fields__]


def _restore(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__value_fields__, state, strict=True):
        object.__setattr__(self, name, value)


class _Parameters:
    """What the standard library asks of the base of a class that it makes."""

    def __init__(self, frozen: bool) -> None:  # noqa: FBT001 - as in the decorator
        self.frozen = frozen


class _Standard:
    """The fields as the standard library describes them, made when they are asked for."""

    def __init__(self, found: dict[str, Any], frozen: bool) -> None:  # noqa: FBT001 - as in the decorator
        self.found, self.frozen = found, frozen
        self.made: dict[str, Any] | None = None

    def __get__(self, instance: object, owner: type) -> dict[str, Any]:
        if self.made is None:
            import dataclasses  # noqa: PLC0415 - start-up time

            like: dict[str, Any] = {"__annotations__": {n: f.type for n, f in self.found.items()}}
            for name, one in self.found.items():
                said = {k: getattr(one, k) for k in ("init", "repr", "compare", "metadata")}
                said |= {k: v for k in ("default", "default_factory") if (v := getattr(one, k)) is not MISSING}
                like[name] = dataclasses.field(**said)
            shadow: Any = dataclasses.dataclass(frozen=self.frozen)(type(owner.__name__, (), like))
            self.made = shadow.__dataclass_fields__
        return self.made
