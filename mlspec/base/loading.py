"""Loading modules without looking for garbage among what they make: classes and functions stay until the end."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_MANY = 100_000
"""So many new objects before Python looks for cycles among them: it looks in vain while a project is read, and often."""

_own = False


def own_process() -> None:
    """Say that this process is a command of mlspec and nobody else's: only then its collector is told what to do."""
    global _own  # noqa: PLW0603 - there is one collector in a process
    _own = True
    gc.set_threshold(_MANY, *gc.get_threshold()[1:])


@contextmanager
def without_plugins() -> Iterator[None]:
    """Inside, pydantic makes the classes of the language without looking for plugins that watch the program: there are none for them.

    It would look through every installed package, and loads a twentieth of all modules of a plan for it. An environment variable
    says no, as its documentation has it; what stands for the module that looks spares its loading, where it is of this name.
    """
    variable, module = "PYDANTIC_DISABLE_PLUGINS", "pydantic.plugin._loader"
    if not _own or variable in os.environ:
        yield
        return
    stand_in: Any = ModuleType(module)
    stand_in.get_plugins = tuple
    os.environ[variable] = "__all__"
    own = sys.modules.setdefault(module, stand_in) is stand_in
    try:
        yield
    finally:
        os.environ.pop(variable, None)
        if own:
            sys.modules.pop(module, None)


@contextmanager
def loading() -> Iterator[None]:
    """Modules are loaded inside: what they leave is not looked at by the collector, neither now nor later."""
    before = len(sys.modules)
    if not _own or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > before:
            gc.freeze()
        gc.enable()
