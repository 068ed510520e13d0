"""What it takes to open a line: the connector, which may not be installed, and secrets, which are never written down."""

import importlib
import os
import re
from collections.abc import Mapping
from typing import Any

from mlspec.backends.port import BackendError

_SECRET = re.compile(r"passw|token|secret|private_key|passphrase|credential", re.IGNORECASE)


def connector(engine: str, module: str) -> Any:
    """The library that speaks with an engine. Raises BackendError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        message = f"the engine `{engine}` needs the connector `{module}` to run anything, but not to render"
        raise BackendError(message, f"pip install 'mlspec[{engine}]'", "missing-package") from None


def secret(engine: str, field: str, reference: Mapping[str, Any]) -> str:
    """The value of the variable that is meant; none where none is named. Raises BackendError."""
    if not reference:
        return ""
    name = reference.get("env")
    if set(reference) != {"env"} or not isinstance(name, str) or not name:
        message = f"`{field}` of the engine `{engine}` is a reference to a variable"
        raise BackendError(message, f"write `{field}: {{env: NAME}}`", "invalid-secret")
    if name not in os.environ:
        message = f"the variable `{name}`, `{field}` of the engine `{engine}`, is not set"
        raise BackendError(message, f"export `{name}`", "secret-missing")
    return os.environ[name]


def given(
    engine: str, values: Mapping[str, Any], needed: tuple[str, ...], options: Mapping[str, Any]
) -> dict[str, Any]:
    """The parameters of a connection: those that are set, and `options` of the connector's own. Raises BackendError."""
    missing = [n for n in needed if not values.get(n)]
    if missing:
        message = f"the engine `{engine}` does not know its `{missing[0]}`"
        raise BackendError(message, f"set `{missing[0]}` beside `type: {engine}`", "invalid-option")
    for name in options:
        if _SECRET.search(str(name)):
            message = f"`{name}` among the `options` of the engine `{engine}` would be a secret that is written down"
            raise BackendError(message, "name a variable: `password: {env: NAME}`", "secret-literal")
    return {**{n: v for n, v in values.items() if v}, **options}
