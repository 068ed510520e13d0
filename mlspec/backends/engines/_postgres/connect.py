"""How a server is reached: what may be said in `mlspec.yaml`, where the password comes from, how a session is pinned."""

from typing import Any

from mlspec.backends.port import BackendError
from mlspec.backends.psql import driver, parameters

_OLDEST = 140_000
_PINNED = {
    "TimeZone": "UTC", "DateStyle": "ISO, YMD", "IntervalStyle": "postgres", "standard_conforming_strings": "on",
    "search_path": "pg_catalog", "extra_float_digits": "1", "client_encoding": "UTF8", "bytea_output": "hex",
    "application_name": "mlspec",
}  # fmt: skip


def connect(settings: Any) -> Any:
    """A pinned connection. Raises BackendError."""
    psycopg = driver("the engine `postgres`")
    from psycopg.types.string import TextLoader  # noqa: PLC0415 - as the driver

    try:
        raw = psycopg.connect(
            **parameters(psycopg, settings, "warehouse", "engine-failed"),
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
