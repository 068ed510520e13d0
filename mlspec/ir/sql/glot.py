"""The door to sqlglot, which is loaded when something of it is asked for: a plain query is planned without it.

To type checkers `sqlglot` and `exp` are the package and `sqlglot.exp`. Modules that come with every compile ask for nothing
of them while they are loaded; their annotations are text (`from __future__ import annotations`).
"""

from typing import TYPE_CHECKING, Any

__all__ = ["exp", "sqlglot"]

if TYPE_CHECKING:
    import sqlglot
    from sqlglot import exp
else:

    class _Later:
        """Stands for a module, and has what that has once it is loaded."""

        def __init__(self, module: str) -> None:
            self.__dict__["_module"] = module

        def __getattr__(self, name: str) -> Any:
            import logging  # noqa: PLC0415 - start-up time
            from importlib import import_module  # noqa: PLC0415

            # sqlglot says on stderr what it is not sure to translate between dialects; what is refused here is refused with a place
            logging.getLogger("sqlglot").setLevel(logging.ERROR)
            found = import_module(self._module)
            self.__dict__.update(vars(found))
            return getattr(found, name)

    sqlglot, exp = _Later("sqlglot"), _Later("sqlglot.expressions")
