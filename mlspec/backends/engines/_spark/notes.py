"""Notes: what the bookkeeping knows, a small JSON object a name, each replaced in one step.

On this machine a note is a file, so that reading them starts no Spark; on a server it is a view that answers its text.
"""

import base64
import json
import os
import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlspec.backends.port import BackendError

Note = Mapping[str, Any]


class Notes(ABC):
    """Notes by kind (`version`, `pointer`, `check`) and name."""

    @abstractmethod
    def all(self, kind: str) -> dict[str, Note]:
        """All notes of a kind, by name."""

    @abstractmethod
    def put(self, kind: str, name: str, note: Note) -> None:
        """Write a note, or replace it."""

    @abstractmethod
    def erase(self, kind: str, name: str) -> None:
        """Take a note away; none there is none away."""


class Files(Notes):
    """A file a note, in a folder a kind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self, kind: str) -> dict[str, Note]:
        found = {}
        for path in sorted((self.folder / kind).glob("*.json")):
            try:
                found[path.stem] = json.loads(path.read_text("utf-8"))
            except FileNotFoundError:  # somebody else has just erased it
                continue
            except ValueError:
                raise BackendError(
                    f"the note `{path}` of the warehouse is damaged",
                    "remove it: the next apply builds what it was about anew",
                    "warehouse-damaged",
                ) from None
        return found

    def put(self, kind: str, name: str, note: Note) -> None:
        folder = self.folder / kind
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f".{name}.{uuid.uuid4().hex}"
        with beside.open("w", encoding="utf-8") as file:
            json.dump(note, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(folder / f"{name}.json")

    def erase(self, kind: str, name: str) -> None:
        (self.folder / kind / f"{name}.json").unlink(missing_ok=True)


class Views(Notes):
    """A view a note, in a schema; `ask` answers rows, `run` carries out a statement."""

    def __init__(self, schema: str, ask: Callable[[str], list[tuple[Any, ...]]], run: Callable[[str], object]) -> None:
        self.schema, self.ask, self.run = schema, ask, run

    def all(self, kind: str) -> dict[str, Note]:
        if (self.schema,) not in [(row[0],) for row in self.ask("SHOW SCHEMAS")]:
            return {}
        start = f"_{kind}__"
        names = [row[1] for row in self.ask(f"SHOW VIEWS IN `{self.schema}`") if row[1].startswith(start)]
        if not names:
            return {}
        parts = [f"SELECT '{n}' AS name, note FROM `{self.schema}`.`{n}`" for n in sorted(names)]  # noqa: S608 - ours
        rows = self.ask(" UNION ALL ".join(parts))
        return {name.removeprefix(start): json.loads(base64.b64decode(text)) for name, text in rows}

    def put(self, kind: str, name: str, note: Note) -> None:
        text = base64.b64encode(json.dumps(note).encode()).decode()
        self.run(f"CREATE SCHEMA IF NOT EXISTS `{self.schema}`")
        self.run(f"CREATE OR REPLACE VIEW {self._view(kind, name)} AS SELECT '{text}' AS note")

    def erase(self, kind: str, name: str) -> None:
        self.run(f"DROP VIEW IF EXISTS {self._view(kind, name)}")

    def _view(self, kind: str, name: str) -> str:
        return f"`{self.schema}`.`_{kind}__{re.sub(r'[^a-z0-9_]', '_', name.lower())}`"
