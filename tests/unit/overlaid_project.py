"""A project of one team, for the tests of overlays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlspec.base.address import Address
from mlspec.session import Session


def project(
    root: Path, files: Mapping[str, str], environment: str | None = None, variables: Mapping[str, Any] | None = None
) -> Any:
    """The spec of the team `growth`. Raises Problems."""
    for name, text in files.items():
        (root / name).write_text(text, "utf-8")
    session = Session(root, environment, variables)
    compiled = session.compiled
    return compiled.spec(Address("team", "growth"))
