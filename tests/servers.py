"""Servers that the tests start for themselves, once for each process, and stop when it ends; none is asked for that is not there."""

import atexit
import functools
import os
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Server:
    """A PostgreSQL on this machine; `user` may do everything."""

    port: int
    user: str = "mlspec"
    host: str = "127.0.0.1"

    def dsn(self, database: str = "postgres") -> str:
        return f"host={self.host} port={self.port} user={self.user} dbname={database}"

    def connect(self, database: str = "postgres"):
        import psycopg  # noqa: PLC0415 - of an extra

        return psycopg.connect(self.dsn(database), autocommit=True)

    def fresh(self, name: str) -> str:
        """A new, empty database."""
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0")
        return name


def _programs() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((p for p in places if (p / "initdb").exists() and (p / "pg_ctl").exists()), None)


def postgres() -> Server:
    """The server of this process; skips where none can be had."""
    pytest.importorskip("psycopg", reason="needs the extra `postgres`")
    server = _started()
    if isinstance(server, str):
        pytest.skip(server)
    return server


@functools.cache
def _started() -> Server | str:
    programs = _programs()
    if programs is None:
        return "no PostgreSQL server is installed"
    folder = tempfile.mkdtemp(prefix="mlspec-pg-", dir="/tmp")
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to be root
        as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        shutil.chown(folder, "nobody", "nogroup")
    data = f"{folder}/data"
    # a locale that is not "C", where there is one: what is compared must not depend on it
    made = subprocess.run([*as_user, programs / "initdb", "-D", data, "-U", "mlspec", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"],
                          capture_output=True, check=False, cwd=folder, text=True)  # fmt: skip
    if made.returncode:
        return f"no PostgreSQL can be set up here: {made.stderr.strip()[-200:]}"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = (
        f"-p {port} -k {folder} -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c shared_buffers=64MB"
    )
    control = [*as_user, programs / "pg_ctl", "-D", data, "-w"]
    subprocess.run(
        [*control, "-o", options, "-l", f"{folder}/log", "start"], check=True, capture_output=True, cwd=folder
    )

    def stop() -> None:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return Server(port)
