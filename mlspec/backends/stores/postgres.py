"""Keeps the state in PostgreSQL: a row for each text and each line of the journal, in a schema of its own."""

import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from mlspec.backends.port import BackendError, Place
from mlspec.backends.psql import driver, parameters
from mlspec.backends.state_store import Kept, StateStore, Taken, Unreachable
from mlspec.base.value import dataclass, field

T = TypeVar("T")

_NOT_YET = {"3F000", "42P01"}
"""SQL states of a schema, and of a table, that is not there."""
_PASSING = ("08", "53", "57", "40")
"""Classes of SQL states that pass: connections, resources, a server that is shut down, transactions that met."""
_STARTING = ("starting up", "shutting down", "too many", "recovery")
_TABLES = (
    "CREATE SCHEMA IF NOT EXISTS {0}",
    "CREATE TABLE IF NOT EXISTS {0}.texts (space text, name text, tag text NOT NULL, text text NOT NULL, PRIMARY KEY (space, name))",
    "CREATE TABLE IF NOT EXISTS {0}.journal (space text, number bigint, line text NOT NULL, PRIMARY KEY (space, number))",
)


@dataclass(frozen=True)
class _Settings:
    """Where the server is, by `dsn` or part by part; `password` names a variable, never the value.

    `schema` holds the states of all projects and environments of the database. `timeout` is for how many seconds an answer
    is waited for, `patience` for how many a server that does not answer is asked again.
    """

    dsn: str = ""
    host: str = ""
    port: int = 0
    database: str = ""
    user: str = ""
    password: dict[str, str] = field(default_factory=dict)
    schema: str = "mlspec_state"
    timeout: float = 15.0
    patience: float = 60.0


class Postgres(StateStore):
    """States of several projects and environments may share a database; each has a room of its own by name."""

    Settings = _Settings

    def __init__(self, settings: _Settings, place: Place) -> None:
        super().__init__(settings, place)
        self._space = f"{place.project}/{place.environment}"
        self._lock = threading.RLock()
        self._raw: Any = None

    @property
    def patience(self) -> float:
        return float(self.settings.patience)

    @property
    def rescue(self) -> str:
        """A statement that puts the state before the last in its place."""
        table, of = f"{_quoted(self.settings.schema)}.texts", f"space = {_literal(self._space)}"
        return (
            f"put back the one before the last change: `UPDATE {table} SET text = (SELECT text FROM {table} "  # noqa: S608 - shown, not run
            f"WHERE {of} AND name = 'previous'), tag = 'restored' WHERE {of} AND name = 'state'`"
        )

    def read(self, name: str) -> Kept | None:
        query = "SELECT text, tag FROM {0}.texts WHERE space = %s AND name = %s"
        found = self._asked(query, self._space, name, missing=[])
        return Kept(*found[0]) if found else None

    def write(self, name: str, text: str, tag: str | None) -> str:
        new = uuid.uuid4().hex
        if tag is None:
            statement = "INSERT INTO {0}.texts (space, name, text, tag) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING 1"
            done = self._asked(statement, self._space, name, text, new)
        else:
            statement = (
                "UPDATE {0}.texts SET text = %s, tag = %s WHERE space = %s AND name = %s AND tag = %s RETURNING 1"
            )
            done = self._asked(statement, text, new, self._space, name, tag)
        if not done:
            raise Taken(f"`{name}` of {self._space}")
        return new

    def names(self, folder: str) -> tuple[str, ...]:
        query = "SELECT name FROM {0}.texts WHERE space = %s AND starts_with(name, %s)"
        return tuple(sorted(name for (name,) in self._asked(query, self._space, f"{folder}/", missing=[])))

    def append(self, number: int, line: str) -> None:
        statement = (
            "INSERT INTO {0}.journal (space, number, line) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING 1"
        )
        if not self._asked(statement, self._space, number, line):
            raise Taken(f"the journal of {self._space}")

    def lines(self, after: int) -> tuple[tuple[int, str], ...]:
        query = "SELECT number, line FROM {0}.journal WHERE space = %s AND number > %s ORDER BY number"
        return tuple(self._asked(query, self._space, after, missing=[]))

    def trim(self, upto: int) -> None:
        self._asked(
            "DELETE FROM {0}.journal WHERE space = %s AND number <= %s RETURNING 1", self._space, upto, missing=[]
        )

    def close(self) -> None:
        with self._lock, suppress(Exception):
            raw, self._raw = self._raw, None
            if raw is not None:
                raw.close()

    # -- pieces --------------------------------------------------------------------------------------------------------

    def _asked(self, statement: str, *values: Any, missing: list[Any] | None = None) -> list[Any]:
        """The rows of a statement; where its table is not there yet, `missing`, or the tables are made."""
        text = statement.format(_quoted(self.settings.schema))
        with self._lock:
            try:
                return self._reached(lambda raw: raw.execute(text, values).fetchall())
            except _NotYet:
                if missing is not None:
                    return missing
            self._reached(self._prepare)
            return self._reached(lambda raw: raw.execute(text, values).fetchall())

    def _prepare(self, raw: Any) -> None:
        with raw.transaction():
            raw.execute("SELECT pg_advisory_xact_lock(hashtext('mlspec state'))")
            for statement in _TABLES:
                raw.execute(statement.format(_quoted(self.settings.schema)))

    def _reached(self, ask: Callable[[Any], T]) -> T:
        """The answer of a server that is there. Raises Unreachable, BackendError."""
        psycopg = driver("the state store `postgres`")
        try:
            if self._raw is None or self._raw.closed:
                self._raw = psycopg.connect(
                    **self._parameters(psycopg), autocommit=True, prepare_threshold=None,
                    connect_timeout=max(round(self.settings.timeout), 2), application_name="mlspec state",
                )  # fmt: skip
            with _watched(self._raw, self.settings.timeout):
                return ask(self._raw)
        except psycopg.Error as error:
            state = error.sqlstate or ""
            if state in _NOT_YET:
                raise _NotYet from None
            said = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            refused = "FATAL" in said and not any(word in said for word in _STARTING)
            if (
                isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
                and not refused
                and state[:2] in {"", *_PASSING}
            ):
                self.close()
                raise Unreachable(f"the state in PostgreSQL cannot be reached: {said}") from None
            help_ = "check `host`, `port`, `database`, `user`, and that the user may make a schema and tables"
            raise BackendError(f"the state in PostgreSQL cannot be used: {said}", help_, "state-store") from None

    def _parameters(self, psycopg: Any) -> dict[str, Any]:
        said = parameters(psycopg, self.settings, "state store", "state-store")
        return {"options": "-c synchronous_commit=on -c client_encoding=UTF8", "tcp_user_timeout": 10_000} | said


class _NotYet(Exception):
    """The tables are not there."""


@contextmanager
def _watched(raw: Any, seconds: float) -> Iterator[None]:
    """Hang up when no answer comes: the library itself would wait as long as the network keeps the connection."""

    def hang_up() -> None:
        with suppress(Exception), socket.socket(fileno=os.dup(raw.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
