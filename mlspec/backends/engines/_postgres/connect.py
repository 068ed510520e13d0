"""How a server is reached: what may be said in `mlspec.yaml`, where the password comes from, how a session is pinned."""

import os
from collections.abc import Mapping
from typing import Any

from mlspec.backends.port import BackendError

_OLDEST = 140_000
_PINNED = {
    "TimeZone": "UTC", "DateStyle": "ISO, YMD", "IntervalStyle": "postgres", "standard_conforming_strings": "on",
    "search_path": "pg_catalog", "extra_float_digits": "1", "client_encoding": "UTF8", "bytea_output": "hex",
    "application_name": "mlspec",
}  # fmt: skip


def connect(settings: Any) -> Any:
    """A pinned connection. Raises BackendError."""
    psycopg = _driver()
    from psycopg.types.string import TextLoader  # noqa: PLC0415 - as the driver

    try:
        raw = psycopg.connect(
            **_parameters(psycopg, settings),
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=settings.connect_timeout,
        )
    except psycopg.Error as error:
        said = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        advice = "check `host`, `port`, `database`, `user`, and that the server runs; or plan with `--no-refresh`"
        raise BackendError(f"the warehouse cannot be reached: {said}", advice, "warehouse-unreachable") from None
    for name in ("json", "jsonb", "uuid"):
        raw.adapters.register_loader(name, TextLoader)
    if raw.info.server_version < _OLDEST:
        raw.close()
        raise BackendError(
            f"the server is PostgreSQL {raw.info.server_version // 10_000}, the engine needs 14 or later",
            code="engine-failed",
        )
    for name, value in _PINNED.items():
        raw.execute("SELECT set_config(%s, %s, false)", [name, value])
    if settings.role:
        raw.execute("SELECT set_config('role', %s, false)", [settings.role])
    encoding = raw.execute("SHOW server_encoding").fetchone()[0]
    if encoding != "UTF8":
        raw.close()
        raise BackendError(
            f"the database is in {encoding}, not in UTF8", "make one with `ENCODING UTF8`", "engine-failed"
        )
    return raw


def _driver() -> Any:
    try:
        import psycopg  # noqa: PLC0415 - only an environment with this engine needs it
    except ImportError:
        raise BackendError(
            "the engine `postgres` needs psycopg", "pip install 'mlspec[postgres]'", "missing-package"
        ) from None
    return psycopg


def _parameters(psycopg: Any, settings: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(settings.dsn)
    except psycopg.Error as error:
        raise BackendError(f"`dsn` cannot be read: {str(error).strip()}", code="engine-failed") from None
    if found.get("password"):
        raise BackendError(
            "`dsn` holds a password, so it is no secret",
            "take it out, and change it: `password: {env: NAME}` names the variable that holds it",
            "secret-literal",
        )
    said = {"host": settings.host, "port": settings.port, "dbname": settings.database, "user": settings.user}
    found |= {name: value for name, value in said.items() if value}
    password = _password(settings.password)
    return found | ({"password": password} if password else {})


def _password(reference: Mapping[str, str]) -> str:
    """The value of the variable; none where the server asks for none, or a password file has it."""
    if not reference:
        return ""
    name = reference.get("env", "")
    if set(reference) != {"env"} or not isinstance(name, str) or not name:
        raise BackendError(
            "the password of the engine is a reference to a variable", "write `password: {env: NAME}`", "invalid-secret"
        )
    if name not in os.environ:
        raise BackendError(
            f"the variable `{name}`, the password of the warehouse, is not set", f"export `{name}`", "secret-missing"
        )
    return os.environ[name]
