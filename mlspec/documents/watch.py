"""What files hold, known by their signature where nobody can have changed them since, read where somebody may have."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from mlspec.base.digest import digest_bytes
from mlspec.base.value import dataclass, field

Signature = tuple[int, int, int, int]
"""Size, time of the last change of what is inside and of what is known about it, and number of the file."""

_TICK = 2_000_000_000
"""Nanoseconds: of a file that changed so shortly before it was read, the next change may have the same time."""


@dataclass
class Watch:
    """The files of a project by name relative to its root; `known` are signatures and digests of an earlier run.

    A signature that is None is not to be trusted. `seen` is what was found by this run.
    """

    root: Path
    known: Mapping[str, tuple[Signature | None, str]] = field(default_factory=dict)
    seen: dict[str, tuple[Signature | None, str]] = field(default_factory=dict)
    begun: int = field(default_factory=time.time_ns)
    torn: bool = False
    """Whether a file changed while it was being used, so that what was made of it belongs to no state of the files."""

    def now(self, name: str) -> str:
        """The digest of what a file holds; empty where it cannot be read."""
        if name in self.seen:
            return self.seen[name][1]
        found = signature(f"{self.root}/{name}")
        before = self.known.get(name)
        if found is not None and before is not None and before[0] == found:
            self.seen[name] = before
            return before[1]
        return self._digest(name, found)

    def read(self, name: str) -> bytes:
        """What a file holds. Raises OSError."""
        path = f"{self.root}/{name}"
        found = signature(path)
        with open(path, "rb") as file:  # noqa: PTH123 - thousands of them
            raw = file.read()
        held = digest_bytes((raw,))
        self.torn |= name in self.seen and self.seen[name][1] != held
        self.seen[name] = (self._trusted(found), held)
        return raw

    def _digest(self, name: str, found: Signature | None) -> str:
        try:
            with (self.root / name).open("rb") as file:
                held = digest_bytes(iter(lambda: file.read(1 << 20), b""))
        except OSError:
            found, held = None, ""
        self.seen[name] = (self._trusted(found), held)
        return held

    def _trusted(self, found: Signature | None) -> Signature | None:
        """A signature that will have changed when what is inside has."""
        return found if found is not None and max(found[1], found[2]) < self.begun - _TICK else None


def signature(path: str) -> Signature | None:
    """The signature of a file; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of them
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
