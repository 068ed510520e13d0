"""How PostgreSQL is reached, whatever is kept there: its library, where the server is, and a password that is never written down."""

import os
from collections.abc import Mapping
from typing import Any

from mlspec.backends.port import BackendError


def driver(who: str) -> Any:
    """The library, for the backend that `who` names. Raises BackendError where it is not installed."""
    try:
        import psycopg  # noqa: PLC0415 - of the extra `postgres`: only an environment that uses it needs it
    except ImportError:
        raise BackendError(f"{who} needs psycopg", "pip install 'mlspec[postgres]'", "missing-package") from None
    return psycopg


def parameters(psycopg: Any, settings: Any, what: str, code: str) -> dict[str, Any]:
    """What `dsn`, `host`, `port`, `database`, `user` and `password` of the settings say, as libpq calls it.

    `what` is kept there (`warehouse`, `state store`), `code` is of a `dsn` that cannot be read. Raises BackendError.
    """
    try:
        found: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(settings.dsn)
    except psycopg.Error as error:
        raise BackendError(f"`dsn` cannot be read: {str(error).strip()}", code=code) from None
    if found.get("password"):
        raise BackendError(
            "`dsn` holds a password, so it is no secret",
            "take it out, and change it: `password: {env: NAME}` names the variable that holds it",
            "secret-literal",
        )
    said = {"host": settings.host, "port": settings.port, "dbname": settings.database, "user": settings.user}
    found |= {name: value for name, value in (said | {"password": _password(settings.password, what)}).items() if value}
    return found


def _password(reference: Mapping[str, str], what: str) -> str:
    """The value of the variable; none where the server asks for none, or a password file has it."""
    if not reference:
        return ""
    name = reference.get("env", "")
    if set(reference) != {"env"} or not isinstance(name, str) or not name:
        message = f"the password of the {what} is a reference to a variable"
        raise BackendError(message, "write `password: {env: NAME}`", "invalid-secret")
    if name not in os.environ:
        message = f"the variable `{name}`, the password of the {what}, is not set"
        raise BackendError(message, f"export `{name}`", "secret-missing")
    return os.environ[name]
