"""A Spark session: in this process, or on a server by Spark Connect; its settings are those under which answers are right."""

import logging
import os
import socket
import tempfile
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlspec.backends.port import BackendError

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.storeAssignmentPolicy": "ANSI",
    "spark.sql.runSQLOnFiles": "false",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
"""Instants are shown in UTC; what overflows or cannot be cast is an error, never NULL; no query names a file."""

_LOCAL = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}
_OPENING = threading.Lock()
_PORT, _PATIENCE = 15002, 10.0


def refuse(config: Mapping[str, Any]) -> None:
    """Raise BackendError for a setting on which the answers depend, or one that is no text or number."""
    for name, value in config.items():
        if name in SETTINGS:
            raise BackendError(
                f"`config` sets `{name}`, on which answers depend", "remove it: mlspec sets it", "invalid-option"
            )
        if isinstance(value, dict | list | tuple) or value is None:
            raise BackendError(
                f"`config`: `{name}` is a list or a mapping", "write a text or a number", "invalid-option"
            )


def opened(master: str, remote: str, config: Mapping[str, Any]) -> Any:
    """A session of its own: its views and settings are nobody else's. Raises BackendError."""
    try:
        import pyspark  # noqa: F401, PLC0415 - heavy, and only this engine needs it
    except ImportError:
        raise BackendError(
            "the engine `spark` needs pyspark", "`pip install 'mlspec[spark]'`", "missing-package"
        ) from None
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL + 1)
    wanted = {name: _text(value) for name, value in config.items()}
    with _OPENING:
        session = _remote(remote, wanted) if remote else _local(master, wanted)
    for name, value in SETTINGS.items():
        session.conf.set(name, value)
    return session


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _remote(url: str, config: Mapping[str, str]) -> Any:
    try:
        from pyspark.sql.connect.session import SparkSession  # noqa: PLC0415 - needs packages of its own
    except ImportError as error:
        raise BackendError(
            f"Spark Connect needs more packages: {error}", "`pip install 'mlspec[spark]'`", "missing-package"
        ) from None
    _knock(url)
    try:
        session = SparkSession.builder.remote(url).create()
        for name, value in config.items():
            session.conf.set(name, value)
        session.sql("SELECT 1").collect()
    except Exception as error:  # noqa: BLE001 - gRPC's own, and what Spark makes of them
        said = str(error).strip().splitlines()
        raise BackendError(
            f"the Spark server `{_shown(url)}` cannot be used: {said[0][:200] if said else type(error).__name__}",
            "see that it runs and can be reached from here",
            "warehouse-unreachable",
        ) from None
    return session


def _knock(url: str) -> None:
    """See that somebody is there: gRPC would try for ten minutes. Raises BackendError."""
    parts = urlsplit(url)
    if parts.scheme != "sc" or not parts.hostname:
        raise BackendError(
            f"`remote` is `{_shown(url)}`, not a server of Spark Connect", "write `sc://host:port`", "invalid-option"
        )
    try:
        with socket.create_connection((parts.hostname, parts.port or _PORT), timeout=_PATIENCE):
            return
    except (OSError, ValueError) as error:
        raise BackendError(
            f"the Spark server `{_shown(url)}` cannot be used: {error}",
            "see that it runs and can be reached from here",
            "warehouse-unreachable",
        ) from None


def _shown(url: str) -> str:
    """The address without what follows it: a token may be among that."""
    return url.split(";", maxsplit=1)[0].rstrip("/")


def _local(master: str, config: Mapping[str, str]) -> Any:
    from pyspark import SparkContext  # noqa: PLC0415 - as above
    from pyspark.sql import SparkSession  # noqa: PLC0415 - as above

    context = SparkContext._active_spark_context  # noqa: SLF001 - whether one runs; asking in public starts one
    session = SparkSession(context if context is not None else _started(master, config)).newSession()
    _refuse_other(session, master, config)
    session.conf.set("spark.sql.shuffle.partitions", config.get("spark.sql.shuffle.partitions", _partitions(master)))
    return session


def _started(master: str, config: Mapping[str, str]) -> Any:
    """Spark in a new Java process, which says nothing on the terminal and ends with this one."""
    from py4j.protocol import Py4JError  # noqa: PLC0415 - as above
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415 - as above
    from pyspark.errors import PySparkException  # noqa: PLC0415 - as above
    from pyspark.java_gateway import launch_gateway  # noqa: PLC0415 - as above

    conf = (
        SparkConf(loadDefaults=False).setMaster(master).setAppName("mlspec").setAll(list({**_LOCAL, **config}.items()))
    )
    with tempfile.TemporaryFile() as said:
        try:
            gateway = launch_gateway(conf, popen_kwargs={"stderr": said, "stdout": said, "env": _quiet()})  # type: ignore[no-untyped-call]
            return SparkContext(conf=conf, gateway=gateway)
        except (PySparkException, Py4JError, RuntimeError, OSError) as error:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines() or str(error).strip().splitlines()
            raise BackendError(
                f"Spark cannot be started: {lines[-1][:200] if lines else type(error).__name__}",
                "it needs Java 17 or newer: install one, or let `JAVA_HOME` say where it is",
                "warehouse-unreachable",
            ) from None


def _quiet() -> dict[str, str]:
    """The environment of the Java process, with a word to its log."""
    word = f"-Dlog4j2.configurationFile={(Path(__file__).parent / 'log4j2.properties').as_uri()}"
    return {**os.environ, "SPARK_SUBMIT_OPTS": f"{os.environ.get('SPARK_SUBMIT_OPTS', '')} {word}".strip()}


def _partitions(master: str) -> str:
    """On one machine as many as it has hands; a cluster has its own default."""
    count = master.removeprefix("local[").rstrip("]").split(",")[0]
    return count if count.isdigit() else str(os.cpu_count() or 1) if master.startswith("local") else "200"


def _refuse_other(session: Any, master: str, config: Mapping[str, str]) -> None:
    """A process has one Spark: what cannot be had of the one that runs is an error."""
    there = session.sparkContext.master
    if there != master:
        raise BackendError(
            f"Spark runs in this process already, as `{there}`, not `{master}`", "use another process", "warehouse-busy"
        )
    for name, value in config.items():
        if session.conf.get(name, None) != value:
            try:
                session.conf.set(name, value)
            except Exception:  # noqa: BLE001 - it can be set only when Spark starts
                raise BackendError(
                    f"Spark runs in this process already, without `{name}: {value}`",
                    "use another process",
                    "warehouse-busy",
                ) from None
