"""What was done while the store of the state could not be reached: kept on this machine, and recorded later."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlspec.state.journal import Drop, Entry, Step, decode_entry, encode_entry
from mlspec.state.model import Record, State

FOLDER = "rescue"


class Rescue:
    """A file of entries for each run that was cut off, in the private folder of the project."""

    def __init__(self, private: Path, environment: str) -> None:
        self.folder, self.environment = private / FOLDER, environment

    def path(self, run: str) -> Path:
        """Where the entries of a run are kept."""
        return self.folder / f"{self.environment}.{run}.jsonl"

    def keep(self, entry: Entry, before: Mapping[str, str]) -> Path:
        """Keep an entry, with the digests of the records that it replaces. Raises OSError."""
        path = self.path(entry.run)
        self.folder.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            line = json.dumps({"before": dict(before), "entry": encode_entry(entry)}, ensure_ascii=False)
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return path

    def runs(self) -> tuple[str, ...]:
        """The runs that left something here."""
        return tuple(sorted(p.name.split(".")[1] for p in self.folder.glob(f"{self.environment}.*.jsonl")))

    def entries(self, run: str) -> Iterator[tuple[Entry, Mapping[str, str]]]:
        """The entries of a run, each with the digests of what was there before; half a last line is none."""
        for line in self.path(run).read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                raw: Any = json.loads(line)
                yield decode_entry(raw["entry"]), raw["before"]

    def forget(self, run: str) -> None:
        """They are recorded."""
        self.path(run).unlink(missing_ok=True)


def still_true(step: Step, before: Mapping[str, str], state: State) -> bool:
    """Whether nobody has recorded something else in the meantime, so that the step leads on from what is recorded."""
    now = state.get(step.address)
    return fingerprint(now) == before.get(str(step.address), "")


def done(step: Step, state: State) -> bool:
    """Whether it is recorded already."""
    now = state.get(step.address)
    return now is None if isinstance(step, Drop) else now == step.record


def fingerprint(record: Record | None) -> str:
    """What tells a record from others at its address; empty for none."""
    if record is None:
        return ""
    from mlspec.base.digest import digest  # noqa: PLC0415 - below

    return digest(record.digest, record.backend, record.about, record.outputs, [str(p) for p in record.parents])
