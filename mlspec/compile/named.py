"""What the project and its policies say about others by name, without needing them: kinds, addresses and environments that there are."""

from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlspec.base.diag import Diagnostic, Severity, did_you_mean, known_names
from mlspec.base.value import dataclass
from mlspec.compile.gathered import Gathered
from mlspec.compile.renames import DOCUMENTS, REMOVED

if TYPE_CHECKING:  # start-up time: it brings a YAML parser
    from mlspec.documents.document import Document, Path

PROTECTS_NOTHING, NAMES_NOTHING = "protects-nothing", "names-nothing"
POLICY = "policy"
_WILD = frozenset("*?[")


def misnamed(gathered: Gathered, kinds: Callable[[], Collection[str]]) -> Iterator[Diagnostic]:
    """Errors for kinds and environments that there are not; warnings for addresses that the files do not describe.

    A pattern (`deployment.*`) may match nothing, and so may what another environment names: its files may be others.
    """
    names = _Names(gathered, kinds)
    project: Any = gathered.project.spec
    head = gathered.project.document
    for kind in getattr(project, "defaults", {}):
        if kind not in names.kinds:
            message = f"`defaults` are for a kind `{kind}`, which there is not"
            yield Diagnostic(
                "unknown-kind", message, head.key_span(("defaults", kind)), help=known_names(kind, names.kinds, "kind")
            )
    for name, chosen in getattr(project, "environments", {}).items():
        here, at = name == gathered.environment, ("environments", name)
        for index, text in enumerate(chosen.protect):
            yield from names.wrong(
                text, head, (*at, "protect", index), f"environment `{name}` protects", PROTECTS_NOTHING, here=here
            )
        for index, one in enumerate(chosen.acknowledge):
            path = (*at, "acknowledge", index, "address")
            yield from names.wrong(
                one.address, head, path, f"environment `{name}` accepts drift of", NAMES_NOTHING, here=here
            )
    yield from _documents(gathered, names)


def _documents(gathered: Gathered, names: "_Names") -> Iterator[Diagnostic]:
    known = {*getattr(gathered.project.spec, "environments", {}), gathered.environment}
    for address in sorted(a for a in gathered.bound if a.kind in {POLICY, REMOVED}):
        one: Any = gathered.bound[address]
        if address.kind == REMOVED:
            kind = one.spec.what.partition(".")[0]
            if kind not in names.kinds:
                yield names.no_kind(kind, one.document, ("address",), "this removes")
            continue
        for index, name in enumerate(one.spec.environments):
            if name not in known:
                message = f"policy `{address.name}` is for environment `{name}`, which there is not"
                span = one.document.span(("environments", index))
                yield Diagnostic("unknown-environment", message, span, help=known_names(name, known, "environment"))
        for index, said in enumerate(one.spec.exempt):
            path = ("except", index, "address")
            yield from names.wrong(
                said.address, one.document, path, f"policy `{address.name}` excepts", NAMES_NOTHING, here=True
            )


def about(warning: Diagnostic) -> str:
    """The address that a warning of here is about; empty for any other warning."""
    named = warning.code in {PROTECTS_NOTHING, NAMES_NOTHING}
    return warning.message.rpartition(": ")[2].strip("`") if named else ""


@dataclass
class _Names:
    gathered: Gathered
    all_kinds: Callable[[], Collection[str]]

    @cached_property
    def kinds(self) -> Collection[str]:
        """The kinds that there are: for those of others, all that is installed is looked through."""
        return self.all_kinds()

    @cached_property
    def known(self) -> set[str]:
        """What the files describe, and what they say is not described any more."""
        bound = self.gathered.bound
        gone: list[Any] = [bound[a].spec for a in bound if a.kind == REMOVED]
        return {str(a) for a in bound if a.kind not in DOCUMENTS} | {one.what for one in gone}

    def wrong(
        self, text: str, document: "Document", path: "Path", who: str, code: str, *, here: bool
    ) -> Iterator[Diagnostic]:
        """What is wrong with a kind, an address or a pattern; with an address only if it is one of `here`."""
        kind, dot, _ = text.partition(".")
        if _WILD.intersection(kind):
            return
        if kind not in self.kinds:
            yield self.no_kind(kind, document, path, who)
            return
        if _WILD.intersection(text) or not here or self.gathered.broken or (code == PROTECTS_NOTHING and not dot):
            return
        whole = text.partition("/")[0]
        if whole not in self.known:
            help_ = did_you_mean(whole, self.known) or "take it away, or write the address of something that is there"
            message = f"{who} what the files do not describe: `{text}`"
            yield Diagnostic(code, message, document.span(path), help=help_, severity=Severity.WARNING)

    def no_kind(self, kind: str, document: "Document", path: "Path", who: str) -> Diagnostic:
        """The error for a kind that there is not."""
        help_ = known_names(kind, self.kinds, "kind")
        return Diagnostic("unknown-kind", f"{who} a kind `{kind}`, which there is not", document.span(path), help=help_)
