"""Where facts of a compile are kept between runs: one file that can be deleted at any time, and is shared by processes.

What cannot be read is not there; what cannot be written is not kept. A value is a text with the digest of itself before it.
"""

import os
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlspec import __version__
from mlspec.base.digest import digest, digest_bytes

FORMAT = 5
_KEPT = 32
"""Texts by name that are kept: of several environments, with several values of variables."""
_DIGITS = 32
_ID = re.compile(rb"[0-9a-f]{32}")
_SPARE = 3
"""Values that nobody may need any more, for each that somebody does."""
_AT_ONCE = 500
"""Values that are asked for in one question."""
_PATIENCE = 0.2
"""Seconds to wait for another process that writes."""


class Cache:
    """Texts by name and by digest in an SQLite file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    @cached_property
    def _file(self) -> Any:
        """The open file, None where there is none and none can be made."""
        try:
            import sqlite3  # noqa: PLC0415 - start-up time, and Python may be built without it
        except ImportError:
            return None
        for _ in range(2):
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                file = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
                file.execute("PRAGMA synchronous = OFF")
                file.execute("CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB, at INTEGER)")
                file.execute("CREATE TABLE IF NOT EXISTS bodies (id TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")
            except sqlite3.OperationalError:
                return None
            except (sqlite3.DatabaseError, OSError):
                with suppress(OSError):
                    self.path.unlink()
            else:
                return file
        return None

    def fact(self, name: str) -> str | None:
        """A text by name, if it is there and whole."""
        return self._one("SELECT value FROM facts WHERE name = ?", name)

    def body(self, id_: str) -> str | None:
        """A text by its digest, if it is there and whole."""
        return self._one("SELECT value FROM bodies WHERE id = ?", id_)

    def bodies(self, ids: Iterable[str]) -> dict[str, str]:
        """Texts by their digests, of those that are there and whole."""
        wanted, found = list(dict.fromkeys(ids)), {}
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            for id_, value in self._rows(f"SELECT id, value FROM bodies WHERE id IN ({marks})", some):  # noqa: S608 - question marks
                text = _text(value)
                if text is not None:
                    found[id_] = text
        return found

    def _one(self, query: str, name: str) -> str | None:
        rows = self._rows(query, [name])
        return _text(rows[0][0]) if rows else None

    def _rows(self, query: str, values: list[str]) -> list[tuple[Any, ...]]:
        if not self.path.exists() or self._file is None:
            return []
        try:
            with self._lock:
                return list(self._file.execute(query, values))
        except Exception:  # noqa: BLE001 - a damaged file is no file
            return []

    def keep(self, facts: Mapping[str, str], bodies: Mapping[str, str], needed: set[str] | None) -> None:
        """Keep texts by name, and others by digest; `needed` are all digests that they speak of, None is those of before."""
        file = self._file
        if file is None:
            return
        try:
            file.execute("BEGIN IMMEDIATE")
            rows = ((i, _whole(t)) for i, t in bodies.items())
            file.executemany("INSERT OR REPLACE INTO bodies VALUES (?, ?)", rows)
            for name, text in facts.items():
                at = "(SELECT coalesce(max(at), 0) + 1 FROM facts)"
                file.execute(f"INSERT OR REPLACE INTO facts VALUES (?, ?, {at})", [name, _whole(text)])  # noqa: S608 - ours
            if needed is not None:
                self._forget(file, needed)
            file.execute("COMMIT")
        except Exception:  # noqa: BLE001 - the next run computes it again
            with suppress(Exception):
                file.execute("ROLLBACK")

    def note(self, name: str, text: str) -> None:
        """Keep a text by name."""
        self.keep({name: text}, {}, None)

    def _forget(self, file: Any, needed: set[str]) -> None:
        """Let go of old compiles, and of all bodies that no compile speaks of when there are too many."""
        file.execute("DELETE FROM facts WHERE name NOT IN (SELECT name FROM facts ORDER BY at DESC LIMIT ?)", [_KEPT])
        (count,) = file.execute("SELECT count(*) FROM bodies").fetchone()
        (compiles,) = file.execute("SELECT count(*) FROM facts WHERE name LIKE '% facts'").fetchone()
        if count <= len(needed) * _SPARE * max(compiles, 1) + 1000:
            return
        spoken = set[bytes]()
        for (value,) in file.execute("SELECT value FROM facts"):  # other environments need theirs
            spoken.update(_ID.findall(value))
        stale = [(i,) for (i,) in file.execute("SELECT id FROM bodies") if i.encode() not in spoken and i not in needed]
        file.executemany("DELETE FROM bodies WHERE id = ?", stale)

    def close(self) -> None:
        """Let go of the file."""
        file = self.__dict__.pop("_file", None)
        if file is not None:
            file.close()


def _text(value: object) -> str | None:
    """What was kept; None for what is not whole."""
    if not isinstance(value, bytes):
        return None
    said, text = value[:_DIGITS], value[_DIGITS:]
    return text.decode() if digest_bytes((text,)).encode() == said else None


def _whole(text: str) -> bytes:
    raw = text.encode()
    return digest_bytes((raw,)).encode() + raw


@cache
def made_by() -> str:
    """The digest of what decides what a compile makes of files: this program, its SQL library, Python."""
    home = Path(__file__).parents[1]
    installed = not {"site-packages", "dist-packages"}.isdisjoint(home.parts)
    code = [] if installed else sorted(_code(str(home)))
    return digest(FORMAT, __version__, sys.version_info[:2], _library("sqlglot"), _library("duckdb"), code)


def _code(folder: str) -> Iterable[tuple[str, int, int]]:
    """Of a program that is being worked on: its files."""
    for top, _, files in os.walk(folder):
        for name in files:
            if name.endswith(".py"):
                found = os.stat(f"{top}/{name}")  # noqa: PTH116 - hundreds of them
                yield f"{top}/{name}", found.st_size, found.st_mtime_ns


def _library(name: str) -> list[str]:
    """What tells versions of a library apart without loading it: the names of what is installed beside it."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return []
    beside = Path(spec.origin).parents[1]
    return sorted(entry.name for entry in os.scandir(beside) if entry.name.startswith(name) and entry.name != name)
