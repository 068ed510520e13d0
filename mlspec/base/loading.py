"""Loading modules without looking for garbage among what they make: classes and functions stay until the end."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

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

    It looks through every installed package, and takes no other word for it than an environment variable.
    """
    name = "PYDANTIC_DISABLE_PLUGINS"
    if not _own or name in os.environ:
        yield
        return
    os.environ[name] = "__all__"
    try:
        yield
    finally:
        os.environ.pop(name, None)


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
