"""Reads a bundle: the folder that says which model version a server serves, under which contract, and where."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlspec.base.value import dataclass
from mlspec.ir.service import Computed

Fields = tuple[tuple[str, str], ...]


class BundleError(Exception):
    """The bundle, or the model in it, cannot be served; the message is for the user."""


@dataclass(frozen=True)
class Bundle:
    """What `service.json` (the deployment) and `version.json` (the files of the model version) say.

    `contract` and `output` pair names with logical types; `computed` are features computed from the request; `live` and `ready` are the paths of the probes.
    """

    model: str
    version: str
    port: int
    contract: Fields
    output: Fields
    request: Fields
    live: str
    ready: str
    format: str
    files: Path
    computed: tuple[Computed, ...] = ()
    startup: str = ""


def read_bundle(folder: Path) -> Bundle:
    """Read both files of a bundle. Raises BundleError."""
    service, version = _read(folder / "service.json"), _read(folder / "version.json")
    try:
        return Bundle(
            model=service["model"],
            version=service["version"],
            port=service["port"],
            contract=_fields(service["contract"]),
            output=_fields(version["output"]),
            request=_fields(service["request"]),
            live=service["liveness"]["path"] if service["liveness"] else "",
            ready=service["readiness"]["path"] if service["readiness"] else "",
            format=version["format"],
            files=Path(version["files"]),
            startup=service["startup"]["path"] if service.get("startup") else "",
            computed=tuple(_computed(one) for one in service.get("computed", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"`{folder}` is not a bundle: {error!r}") from None


def read_features(folder: Path) -> tuple[dict[str, Any], ...]:
    """Read `features` of the `model.json` beside a model: name, type and, for text, the known categories."""
    described = _read(folder / "model.json")
    features = described.get("features")
    if not isinstance(features, list) or not all(
        isinstance(f, dict) and {"name", "type"} <= f.keys() for f in features
    ):
        raise BundleError("`model.json` lists no features with `name` and `type`")
    return tuple(features)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"cannot read `{path}`: {error}") from None
    if not isinstance(found, dict):
        raise BundleError(f"`{path}` is not a JSON object")
    return found


def _computed(said: dict[str, Any]) -> Computed:
    inputs = tuple((name, kind) for name, kind in said["inputs"])
    return Computed(said["name"], said["type"], said["expression"], inputs)


def _fields(listed: Iterable[dict[str, str]]) -> Fields:
    return tuple((field["name"], field["type"]) for field in listed)
