"""What tells whether a database is as it was, without opening it."""

import os
import time
from collections.abc import Mapping
from typing import Any

from mlspec.backends.port import Place

_TICK = 2_000_000_000
"""Nanoseconds: a file that changed so lately may change again at what is the same time to the file system."""


def stamp(options: Mapping[str, Any], place: Place) -> str:
    """A text that is another one once something was written; empty where that cannot be promised."""
    path = (place.root / str(options.get("path", ".mlspec/warehouse.duckdb"))).resolve()
    found = []
    for name in (path, f"{path}.wal"):
        try:
            about = os.stat(name)  # noqa: PTH116 - two of them, on every run
        except OSError:
            found.append("nothing")
            continue
        if max(about.st_mtime_ns, about.st_ctime_ns) > time.time_ns() - _TICK:
            return ""
        found.append(f"{about.st_size} {about.st_mtime_ns} {about.st_ctime_ns} {about.st_ino}")
    return " ".join([str(path), *found])
