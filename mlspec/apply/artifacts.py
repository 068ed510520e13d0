"""What is written for a resource: the artifacts of its backend, and a dataset with its certificate."""

import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlspec.backends.chosen import Backends
from mlspec.backends.port import BackendError, SqlEngine
from mlspec.base.address import Address
from mlspec.ir.desired import DesiredState
from mlspec.ir.relation import Relation
from mlspec.ir.resource import Resource
from mlspec.ir.service import Service
from mlspec.ir.workflow import DatasetStep, Workflow

CERTIFICATE = "dataset.certificate.json"


class Artifacts(Mapping[str, str]):
    """Artifacts by path. Statements of what was compiled (`sound`) are made when they are read: that they can be is known before."""

    def __init__(self, sound: Container[Address]) -> None:
        self.sound = sound
        self._made: dict[str, str | Callable[[], str]] = {}
        self.paths: dict[Address, tuple[str, ...]] = {}
        """Those of each resource."""

    def add(self, resource: Resource, backends: Backends, physical: Mapping[str, str]) -> None:
        """Add the artifacts of a resource."""
        found = _of(resource, backends, physical, sound=resource.address in self.sound)
        self.paths[resource.address] = tuple(found)
        self._made |= found

    def __getitem__(self, path: str) -> str:
        made = self._made[path]
        if not isinstance(made, str):
            made = self._made[path] = made()
        return made

    def __contains__(self, path: object) -> bool:
        return path in self._made

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        return dict, (dict(self),)  # statements cannot be made elsewhere


def _of(
    resource: Resource, backends: Backends, physical: Mapping[str, str], *, sound: bool
) -> Mapping[str, str | Callable[[], str]]:
    match resource.body:
        case Relation() as body:
            engine, address = backends.engine, resource.address
            if sound and (path := engine.rendered_at(address)):
                return {path: lambda: engine.render(address, body, physical).text}
            artifact = engine.render(address, body, physical)
            return {artifact.path: artifact.text}
        case Workflow() as body:
            return {a.path: a.text for a in backends.pipelines.render(body)}
        case Service() as body:
            return {a.path: a.text for a in backends.deploys.render(body, None)}
        case _:
            return {}


def all_rendered(
    desired: DesiredState, backends: Backends, physical: Mapping[str, str], addresses: Iterable[Address],
    sound: Container[Address] = (),
) -> Artifacts:  # fmt: skip
    """The artifacts of resources; `sound` are those that were compiled now: nothing in them is refused later."""
    found = Artifacts(sound)
    for address in sorted(addresses):
        found.add(desired.resources[address], backends, physical)
    return found


def export(
    step: DatasetStep, folder: Path, desired: DesiredState, engine: SqlEngine, physical: Mapping[str, str]
) -> None:
    """Write a dataset: `data.<format>`, and `dataset.json` with its columns by role, and its certificate beside them."""
    resource = desired.resources[Address.parse(step.relation)]
    body = resource.body
    if not isinstance(body, Relation):
        raise BackendError(f"`{step.relation}` is no dataset")
    rows = engine.export(physical[step.relation], folder / f"data.{step.format}", step.format)
    types = {c.name: str(c.type) for c in body.columns}
    roles: dict[str, list[str]] = {}
    for name, role in body.roles:
        roles.setdefault(role, []).append(name)
    about = {
        "dataset": step.relation, "format": step.format, "rows": rows, "digest": step.digest,
        "features": [{"name": n, "type": types[n]} for n in roles.get("feature", [])],
        "labels": roles.get("label", []), "keys": roles.get("key", []), "time": roles.get("time", [""])[0],
        "split": roles.get("split", [""])[0], "certificate": CERTIFICATE,
    }  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    certificate = engine.certificate(physical[step.relation])
    (folder / CERTIFICATE).write_text(json.dumps(certificate, indent=1) + "\n", "utf-8")


def certificates(workflow: Workflow, engine: SqlEngine, physical: Mapping[str, str]) -> dict[str, Any]:
    """The certificates of the datasets that a workflow is trained on, by address."""
    found = {s.relation: engine.certificate(physical[s.relation]) for s in workflow.steps if isinstance(s, DatasetStep)}
    return {address: certificate for address, certificate in found.items() if certificate is not None}
