"""The documents of a project for one environment: defaults below, overrides on top, variables put in."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Note, Report, known_names, problem
from mlspec.base.registry import Registry
from mlspec.documents.document import Document
from mlspec.documents.each import each
from mlspec.documents.overlay import Values, overlay, substitute
from mlspec.documents.project import PROJECT_FILE, Files, read_tree
from mlspec.language.bind import Bound, bind
from mlspec.language.spec import Spec
from mlspec.language.sql import Bindings

PROJECT = "project"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Gathered:
    """The specs of one environment, each with its document; `project` is the one of `mlspec.yaml`."""

    project: Bound
    environment: str
    bound: Mapping[Address, Bound]
    files: Files
    broken: frozenset[Address] = frozenset()
    """Documents that could not be bound, by the kind and the name that they give; empty where those are wrong."""


def gather(
    root: Path, kinds: Registry[Spec], environment: str | None, variables: Mapping[str, Any], report: Report
) -> Gathered:
    """Read and bind everything below the root. Raises Problems, if the project itself cannot be read."""
    documents = read_tree(root, report)
    unreadable = report.failed
    head = next((d for d in documents if d.file == PROJECT_FILE), None)
    if head is None:
        report.close()
        raise problem("no-project", f"`{PROJECT_FILE}` holds no document", help="`mlspec init` writes one")
    files = Files(root)
    name = _environment(head, environment)
    chosen = _mapping(head, "environments", name)
    declared = _mapping(head, "environments", name, "vars")
    for unknown in sorted(set(variables) - set(declared)):
        report.add(Diagnostic("unknown-variable", f"environment `{name}` has no variable `{unknown}`", head.span(("environments", name)),
                              help=known_names(unknown, declared, "variable")))  # fmt: skip
    values = Values(name, {**declared, **variables}, dict(os.environ))
    made = {id(d): (d,) if d is head else each(d, report) for d in documents}
    prepared = [_prepare(one, head, name) for d in documents for one in made[id(d)]]
    _overrides_used(head, name, prepared, chosen, report)
    found: dict[Address, Bound] = {}
    broken = {Address(_said(d, kinds).kind, "") for d in documents if not made[id(d)]}
    project: Bound | None = None
    for document in prepared:
        one = _bind(substitute(document, values, report), kinds, files, values, report)
        if one is None:
            broken.add(_said(document, kinds))
            continue
        first = found.setdefault(one.spec.address, one)
        if first is not one:
            report.add(_twice(one, first))
        if document.origin is head.origin and one.spec.kind_name() == PROJECT:
            project = one
    if (
        project is None or unreadable
    ):  # what cannot be read may hold any name: looking for names would find too much missing
        report.close()
    if project is None:
        raise problem(
            "no-project",
            f"`{PROJECT_FILE}` holds no project",
            head.span(("kind",)),
            help="it begins with `kind: project`",
        )
    return Gathered(project, name, found, files, frozenset(broken - found.keys()))


def _said(document: Document, kinds: Registry[Spec]) -> Address:
    """The kind and the name that a broken document gives; empty where that is what is wrong with it."""
    kind, name = document.data.get("kind"), document.data.get("name")
    known = kind if isinstance(kind, str) and kind in kinds.names() else ""
    return Address(known, name if isinstance(name, str) and _NAME.fullmatch(name) else "")


def _bind(document: Document, kinds: Registry[Spec], files: Files, values: Values, report: Report) -> Bound | None:
    folder = str(PurePosixPath(document.file).parent)
    return bind(document, kinds, Bindings(files, folder, dict(values.vars), values.environment), report)


def _mapping(document: Document, *path: str) -> dict[str, Any]:
    data: Any = document.data
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _environment(head: Document, asked: str | None) -> str:
    known = _mapping(head, "environments")
    if asked is not None and asked not in known and (known or asked != "dev"):
        raise problem("unknown-environment", f"there is no environment `{asked}`", head.span(("environments",)),
                      help=known_names(asked, known, "environment"))  # fmt: skip
    if asked is not None:
        return asked
    default = head.data.get("default_environment")
    if isinstance(default, str):
        if default not in known:
            span = head.span(("default_environment",))
            raise problem(
                "unknown-environment",
                f"there is no environment `{default}`",
                span,
                help=known_names(default, known, "environment"),
            )
        return default
    return next(iter(known), "dev")


def _prepare(document: Document, head: Document, environment: str) -> Document:
    """The document over the defaults of its kind, under the overrides of the environment."""
    kind, name = document.data.get("kind"), document.data.get("name")
    if not isinstance(kind, str) or document is head:
        return document
    defaults = _mapping(head, "defaults", kind)
    missing = {k: v for k, v in defaults.items() if k not in document.data}
    document = overlay(document, missing, head.origin, ("defaults", kind)) if missing else document
    patch = _mapping(head, "environments", environment, "overrides", f"{kind}.{name}")
    at = ("environments", environment, "overrides", f"{kind}.{name}")
    return overlay(document, patch, head.origin, at) if patch else document


def _overrides_used(
    head: Document, name: str, documents: list[Document], chosen: dict[str, Any], report: Report
) -> None:
    addresses = {f"{d.data.get('kind')}.{d.data.get('name')}" for d in documents}
    overrides = chosen.get("overrides")
    for address in overrides if isinstance(overrides, dict) else ():
        if address not in addresses:
            span = head.key_span(("environments", name, "overrides", address))
            report.add(
                Diagnostic(
                    "unknown-override",
                    f"there is no `{address}` to override",
                    span,
                    help=known_names(address, addresses, "address"),
                )
            )


def _twice(second: Bound, first: Bound) -> Diagnostic:
    note = Note("it is declared here too", first.document.span(("name",)))
    message = f"`{second.spec.address}` is declared twice"
    return Diagnostic(
        "duplicate-name", message, second.document.span(("name",)), help="give one of them another name", notes=(note,)
    )
