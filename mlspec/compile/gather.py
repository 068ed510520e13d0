"""The documents of a project for one environment: defaults below, overrides on top, variables put in."""

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Note, Report, Severity, known_names, problem
from mlspec.base.registry import Registry
from mlspec.base.value import dataclass
from mlspec.compile.gathered import Gathered, accepts_of, backends_of, beside_of
from mlspec.compile.knobs import not_knobs
from mlspec.documents.document import Document
from mlspec.documents.document import Path as FieldPath
from mlspec.documents.each import each
from mlspec.documents.overlay import Values, overlay, put_back, substitute
from mlspec.documents.project import PROJECT_FILE, Files, read_tree
from mlspec.language.bind import Bound, bind
from mlspec.language.spec import Spec
from mlspec.language.sql import Bindings

PROJECT = "project"
Kept = Mapping[str, Mapping[FieldPath, Any]]
"""From addresses to paths of fields to the values that they have; None where there is nothing."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Head:
    """What `mlspec.yaml` says to every document: `name` is that of the environment."""

    document: Document
    name: str
    values: Values

    @property
    def overrides(self) -> dict[str, Any]:
        """The fields that the environment overrides, by address."""
        return _mapping(self.document, "environments", self.name, "overrides")

    @property
    def defaults(self) -> dict[str, Any]:
        """The fields of documents that do not say otherwise, by kind."""
        return _mapping(self.document, "defaults")


def read_head(
    head: Document, environment: str | None, variables: Mapping[str, Any], env: Mapping[str, str], report: Report
) -> Head:
    """What the document of the project says; variables that it does not know go into the report. Raises Problems."""
    name = _environment(head, environment)
    declared = _mapping(head, "environments", name, "vars")
    for unknown in sorted(set(variables) - set(declared)):
        report.add(Diagnostic("unknown-variable", f"environment `{name}` has no variable `{unknown}`", head.span(("environments", name)),
                              help=known_names(unknown, declared, "variable")))  # fmt: skip
    return Head(head, name, Values(name, {**declared, **variables}, env))


def prepared_of(
    document: Document, head: Head, report: Report, kept: Kept = MappingProxyType({})
) -> tuple[Document, ...]:
    """The documents that one stands for, over the defaults, under the overrides and what is `kept`; none where it is broken."""
    made = (document,) if document is head.document else tuple(each(document, report))
    for one in made if head.overrides else ():
        report.add(*not_knobs(one, head.document, head.name))
    prepared = (_prepare(one, head.document, head.name) for one in made)
    return tuple(put_back(one, kept[said_name(one)]) if said_name(one) in kept else one for one in prepared)


def bind_one(document: Document, kinds: Registry[Spec], files: Files, head: Head, report: Report) -> Bound | None:
    """The spec of a prepared document, variables put in; None, and the reasons in the report, when it is none."""
    whole = substitute(document, head.values, report)
    folder = str(PurePosixPath(whole.file).parent)
    return bind(whole, kinds, Bindings(files, folder, dict(head.values.vars), head.name), report)


def gather(
    root: Path, kinds: Registry[Spec], environment: str | None, variables: Mapping[str, Any], report: Report,
    kept: Kept = MappingProxyType({}),
) -> Gathered:  # fmt: skip
    """Read and bind everything below the root. Raises Problems, if the project itself cannot be read.

    `kept` are values that fields have whatever the files say.
    """
    documents = read_tree(root, report)
    unreadable = report.failed
    head = next((d for d in documents if d.file == PROJECT_FILE), None)
    if head is None:
        report.close()
        raise problem("no-project", f"`{PROJECT_FILE}` holds no document", help="`mlspec init` writes one")
    files = Files(root)
    if any(d.span and d.span.file == PROJECT_FILE and d.severity is Severity.ERROR for d in report):
        report.close()  # what it says of environments may be what could not be read
    top = read_head(head, environment, variables, dict(os.environ), report)
    made = [prepared_of(d, top, report, kept) for d in documents]
    prepared = [one for group in made for one in group]
    overrides_used(top, {said_name(d) for d in prepared}, report)
    found: dict[Address, Bound] = {}
    broken = {Address(_said(d, kinds).kind, "") for d, group in zip(documents, made, strict=True) if not group}
    project: Bound | None = None
    for document in prepared:
        one = bind_one(document, kinds, files, top, report)
        if one is None:
            broken.add(_said(document, kinds))
            continue
        first = found.setdefault(one.spec.address, one)
        if first is not one:
            report.add(_twice(one, first))
        if is_project(one, head):
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
    bound, name = project, project.spec.name
    return Gathered(
        name,
        top.name,
        backends_of(bound.spec, top.name),
        found,
        files,
        lambda: bound,
        accepts=accepts_of(bound.spec, top.name),
        beside=beside_of(bound.spec, top.name),
        broken=frozenset(broken - found.keys()),
    )


def is_project(one: Bound, head: Document) -> bool:
    """Whether it is the project itself."""
    return one.document.origin is head.origin and one.spec.kind_name() == PROJECT


def _said(document: Document, kinds: Registry[Spec]) -> Address:
    """The kind and the name that a broken document gives; empty where that is what is wrong with it."""
    kind, name = document.data.get("kind"), document.data.get("name")
    known = kind if isinstance(kind, str) and kind in kinds.names() else ""
    return Address(known, name if isinstance(name, str) and _NAME.fullmatch(name) else "")


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


def said_name(document: Document) -> str:
    """The address that a prepared document gives itself, right or wrong."""
    return f"{document.data.get('kind')}.{document.data.get('name')}"


def overrides_used(head: Head, addresses: Collection[str], report: Report) -> None:
    """Report overrides of what no document calls itself."""
    for address in head.overrides:
        if address not in addresses:
            span = head.document.key_span(("environments", head.name, "overrides", address))
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
