"""The journal of a run: a line for each step that begins or ends, so that nothing finished is forgotten when the runner is killed."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

NAME = "journal.jsonl"

Job = tuple[str, int | None]
"""A step, and which item of its fan-out; None for all of it."""


class Journal:
    """Appends whole lines: what is cut off at the end was not finished."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._turn = Lock()
        with self._turn:
            os.write(self._descriptor, b"\n")  # after a line that was cut off, the next one stands by itself

    def began(self, job: Job) -> None:
        """Note that it runs now."""
        self._write({"step": job[0], "item": job[1], "status": "running", "at": time.time()})

    def ended(self, job: Job, facts: Mapping[str, Any]) -> None:
        """Note what became of it."""
        self._write({"step": job[0], "item": job[1], **facts})

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _write(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(line, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"
        with self._turn:
            os.write(self._descriptor, text.encode("utf-8", "surrogateescape"))


def lines(folder: Path) -> Iterator[dict[str, Any]]:
    """What was noted, in order; lines that are no whole ones are left out."""
    try:
        text = (folder / NAME).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.split("\n"):
        if line.startswith("{"):
            with suppress(ValueError):
                found = json.loads(line)
                if isinstance(found, dict) and isinstance(found.get("step"), str):
                    yield found


def latest(folder: Path) -> dict[Job, dict[str, Any]]:
    """The last that was noted of each step and item, with when it began."""
    found: dict[Job, dict[str, Any]] = {}
    for line in lines(folder):
        job = (line["step"], line.get("item"))
        began = line.get("at") if line["status"] == "running" else found.get(job, {}).get("at")
        found[job] = line | {"at": began}
    return found
