"""Outputs of earlier steps, found by the digest of everything that decided them, verified before they are used."""

import json
import shutil
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlspec.backends.pipelines._local.outputs import BadOutput, Outputs, collect, declared, output_paths
from mlspec.base.folder import NotCopyable, copy_path, link
from mlspec.ir.workflow import CommandStep, DatasetStep, Step

_ENTRY = "entry.json"
_UNUSED = 24 * 3600.0


class NotKept(Exception):
    """There is nothing to take under a key; the message says why."""


class Cache:
    """A folder with one folder per key: the outputs and `entry.json`, which says their digests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fetch(self, key: str, step: Step, target: Path) -> Outputs:
        """Put the outputs of that key into a folder. Raises NotKept unless they are there, whole, and young enough."""
        entry = self.folder / key
        kept = _read(entry / _ENTRY)
        if kept is None:
            raise NotKept(
                "what an earlier run made is not kept any more" if entry.exists() else "nothing is kept of it"
            )
        ttl = step.cache_ttl if isinstance(step, CommandStep) else 0.0
        if ttl and time.time() - float(kept.get("at", 0.0)) > ttl:
            raise NotKept(f"what is kept is older than {ttl:g} s")
        if target.exists():
            shutil.rmtree(target)
        target.mkdir(parents=True)
        try:
            for path in output_paths(step, target).values():
                copy_path(entry / path.name, path, link)
            found = collect(step, target)
        except (OSError, NotCopyable, BadOutput):
            raise NotKept("what is kept is not whole") from None
        if {name: output.digest for name, output in found.files.items()} != kept.get("outputs"):
            raise NotKept("what is kept has been changed")
        with suppress(OSError):
            (entry / _ENTRY).touch()
        return found

    def store(self, key: str, step: Step, outputs: Outputs) -> None:
        """Keep the outputs of a step under a key, in one step; what was there under it is replaced."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=self.folder))
        try:
            for output in outputs.files.values():
                copy_path(output.path, draft / output.path.name, link)
            digests = {name: output.digest for name, output in outputs.files.items()}
            entry = {"step": step.name, "outputs": digests, "at": time.time()}
            (draft / _ENTRY).write_text(json.dumps(entry), encoding="utf-8")
            _replace(draft, self.folder / key)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def prune(self, used: Collection[str]) -> None:
        """Take away what no kept run used and nobody asked for since yesterday."""
        for entry in self.folder.glob("*") if self.folder.is_dir() else ():
            if entry.name not in used and _age(entry) > _UNUSED:
                shutil.rmtree(entry, ignore_errors=True)

    def unused(self, used: Collection[str], grace: float) -> list[tuple[Path, float]]:
        """What no kept run used, and nobody asked for in so many seconds; with how long that is."""
        there = [(entry, _age(entry)) for entry in sorted(self.folder.glob("*"))] if self.folder.is_dir() else []
        return [(entry, age) for entry, age in there if entry.name not in used and age >= grace]


def keeps(step: Step) -> bool:
    """Whether a step's outputs are kept: it has some, and does not decline."""
    return isinstance(step, DatasetStep) or (isinstance(step, CommandStep) and step.cache and bool(declared(step)))


def _replace(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError:  # somebody kept it before, or what is there is damaged
        shutil.rmtree(target, ignore_errors=True)
        with suppress(OSError):
            draft.rename(target)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _age(entry: Path) -> float:
    for path in (entry / _ENTRY, entry):
        with suppress(OSError):
            return time.time() - path.stat().st_mtime
    return 0.0
