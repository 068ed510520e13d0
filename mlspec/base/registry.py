"""Finds what people add by its file name: a kind, an engine, a target, a store; imports only what is named."""

import importlib
import os
from functools import cache
from importlib.machinery import all_suffixes
from typing import Any, Generic, TypeVar

from mlspec.base.value import dataclass

T = TypeVar("T")


class UnknownName(Exception):
    """Nothing in the folder is called that; `known` is what is there."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name, self.known = name, known
        super().__init__(f"nothing is called `{name}`")


@dataclass(frozen=True)
class Registry(Generic[T]):
    """The classes of one port, a file each: `package` is the folder, `port` what each of them is; a heavy one by its full name.

    Another distribution adds to it by an entry point in the group `mlspec.<folder>`, named as the file would be.
    """

    package: str
    port: type[T] | str

    def names(self) -> tuple[str, ...]:
        """What the folder holds, by file name, without importing any of it."""
        return _modules(self.package) + _plugins(self.group)

    @property
    def group(self) -> str:
        """The entry-point group of this folder."""
        return "mlspec." + self.package.rpartition(".")[2]

    def get(self, name: str) -> type[T]:
        """The class in the file of that name. Raises UnknownName."""
        if name in _modules(self.package):
            found: type[T] = _only_class(f"{self.package}.{name}", _port(self.port))
            return found
        for point in _points(self.group):
            if point.name == name:
                loaded: type[T] = point.load()
                return loaded
        raise UnknownName(name, self.names())


@cache
def _modules(package: str) -> tuple[str, ...]:
    path = importlib.import_module(package).__path__
    try:  # as pkgutil does it, which brings `inspect` along
        listed = [(folder, name) for folder in path for name in os.listdir(folder)]  # noqa: PTH208 - start-up time
        found = {name.partition(".")[0] for folder, name in listed if _is_module(folder, name)}
    except OSError:  # not in a folder: an archive, say
        from pkgutil import iter_modules  # noqa: PLC0415 - start-up time

        found = {m.name for m in iter_modules(path)}
    return tuple(sorted(name for name in found if not name.startswith("_")))


def _is_module(folder: str, name: str) -> bool:
    return name.endswith(tuple(all_suffixes())) or os.path.isfile(f"{folder}/{name}/__init__.py")  # noqa: PTH113


@cache
def _plugins(group: str) -> tuple[str, ...]:
    return tuple(sorted(p.name for p in _points(group)))


def _points(group: str) -> Any:
    from importlib.metadata import entry_points  # noqa: PLC0415 - start-up time: most need no other distribution

    return entry_points(group=group)


def _port(port: type | str) -> type:
    if isinstance(port, type):
        return port
    module, _, name = port.rpartition(".")
    found: type = getattr(importlib.import_module(module), name)
    return found


@cache
def _only_class(module_name: str, port: type) -> Any:
    module = importlib.import_module(module_name)
    found = [
        c
        for c in vars(module).values()
        if isinstance(c, type)
        and c.__module__ == module_name
        and issubclass(c, port)
        and not c.__name__.startswith("_")
    ]
    if len(found) != 1:
        raise TypeError(f"{module_name} must hold exactly one {port.__name__}, it holds {len(found)}")
    return found[0]
