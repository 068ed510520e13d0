"""A saved plan as it is shown: its JSON and its artifacts, read without the project, a backend, or what the plan is made of."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlspec.base.diag import problem
from mlspec.base.digest import digest
from mlspec.plan.change import FORMAT_VERSION

HELD = ("plan", "resources", "artifacts")


def read_saved(path: Path) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """The plan of a file and what it renders. Raises Problems when it is none, was edited, or is of another version."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        message = f"there is no readable file `{path}`"
        raise problem("not-a-plan", message, help="`mlspec plan -o FILE` writes one") from None
    body = checked(text, path.name)
    return body["plan"], body["artifacts"]


def checked(text: str, shown: str) -> dict[str, Any]:
    """What a plan file holds. Raises Problems as above."""
    try:
        data = json.loads(text)
        version = data["mlspec_plan"]
    except (ValueError, KeyError, TypeError):
        raise problem("not-a-plan", f"`{shown}` is not a saved plan", help="`mlspec plan -o FILE` writes one") from None
    if version != FORMAT_VERSION:
        message = f"`{shown}` has plan format {version}, this mlspec reads {FORMAT_VERSION}"
        raise problem("plan-version", message, help="plan again")
    body = {k: data.get(k) for k in HELD}
    if data.get("digest") != digest(body):
        raise problem("damaged-plan", f"`{shown}` was changed after it was saved", help="plan again")
    return dict(data)
