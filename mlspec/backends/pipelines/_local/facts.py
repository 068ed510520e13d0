"""What a run is made with: the revision of the code, the interpreter, the machine, the packages."""

import platform
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlspec.base.digest import digest

_PATIENCE = 10.0


def made_with(root: Path) -> dict[str, Any]:
    """Facts that decide results without being named anywhere; the revision is empty where git keeps nothing."""
    revision = _git(root, "rev-parse", "HEAD")
    return {
        "revision": revision,
        "changed": bool(revision and _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".")),
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "packages": digest(sorted(_packages())),
    }


def _packages() -> set[str]:
    """Names and versions, from the names of their folders: to read each would take longer than many a step."""
    found: set[str] = set()
    for place in sys.path:
        with suppress(OSError):
            found |= {p.name for p in Path(place or ".").iterdir() if p.suffix in {".dist-info", ".egg-info"}}
    return found


def _git(root: Path, *words: str) -> str:
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - words of ours
            ["git", "-C", str(root), *words],  # noqa: S607 - the one that people use
            capture_output=True, text=True, timeout=_PATIENCE, check=False, errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
