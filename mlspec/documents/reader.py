"""YAML text to documents: YAML 1.2 core rules, a place for every value, every trap named instead of sprung."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mlspec.base.diag import Diagnostic, Note, Report, Severity, Span
from mlspec.base.value import dataclass, field
from mlspec.documents.document import Document, Origin
from mlspec.documents.scalars import plain

# what YAML 1.2 calls not printable, and the breaks that only YAML 1.1 knew: they would make two ways to count lines
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]|\\r(?!\\n)")
RENDERED = b"# Rendered by mlspec from "
"""How every rendered file begins; who renders says it in its first line."""
MAX_BYTES = 8_000_000
MAX_DEPTH = 60
MAX_NODES = 200_000

_Parser: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STRING_TAG = "tag:yaml.org,2002:str"
_CORE_TAGS = frozenset(f"tag:yaml.org,2002:{t}" for t in ("str", "map", "seq"))


class _Loader(_Parser):  # type: ignore[misc]
    """PyYAML's C parser with no implicit types: they are decided by `scalars.plain`."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own name and shape


def read_file(path: Path, shown: str, report: Report) -> tuple[Document, ...]:
    """All documents of a file; `shown` is its name in messages. Problems go into the report."""
    return read_bytes(path.read_bytes(), shown, report)


def read_bytes(raw: bytes, shown: str, report: Report) -> tuple[Document, ...]:
    """All documents of what the file `shown` holds; one that mlspec has rendered holds none, wherever it lies."""
    if raw.startswith(RENDERED):
        return ()
    if len(raw) > MAX_BYTES:
        report.add(
            Diagnostic(
                "file-too-large", f"`{shown}` has {len(raw):,} bytes, at most {MAX_BYTES:,} are read", Span(shown)
            )
        )
        return ()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report.add(_not_utf8(raw, error.start, shown))
        return ()
    return read_text(text, shown, report)


def read_text(text: str, shown: str, report: Report) -> tuple[Document, ...]:
    """All documents of a text, as if it stood in the file `shown`."""
    lines = tuple(text.splitlines())
    before = len(report.diagnostics)
    if found := _FORBIDDEN.search(text):
        line, column = text.count("\n", 0, found.start()) + 1, found.start() - text.rfind("\n", 0, found.start())
        message = f"character U+{ord(found[0]):04X} is not allowed in YAML"
        report.add(Diagnostic("invalid-yaml", message, Span(shown, line, column, line, column + 1), help="remove it"))
        return ()
    try:
        nodes = list(_compose(text))
    except yaml.YAMLError as error:
        report.add(_syntax(error, shown, lines))
        return ()
    except RecursionError:
        report.add(Diagnostic("too-deep", f"`{shown}` is nested too deeply", Span(shown)))
        return ()
    documents = []
    for node in nodes:
        if isinstance(node, yaml.ScalarNode) and node.value == "":
            continue
        origin = Origin(shown, lines, node)
        data = _Reading(origin, report).value(node, 0)
        if isinstance(data, dict):
            documents.append(Document(data, origin))
        elif data is not _BROKEN:
            report.add(_not_mapping(node, origin))
    if not documents and len(report.diagnostics) == before:
        message = f"`{shown}` holds no document; it is skipped"
        report.add(Diagnostic("empty-file", message, Span(shown), severity=Severity.WARNING))
    return tuple(documents)


def _not_utf8(raw: bytes, offset: int, shown: str) -> Diagnostic:
    begin = raw.rfind(b"\n", 0, offset) + 1
    line, column = raw.count(b"\n", 0, offset) + 1, len(raw[begin:offset].decode("utf-8", "replace")) + 1
    message = f"`{shown}` is not UTF-8: byte 0x{raw[offset]:02X} at offset {offset}"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        message = f"`{shown}` is UTF-16, not UTF-8"
    return Diagnostic("not-utf8", message, Span(shown, line, column, line, column + 1), help="save the file as UTF-8")


def _compose(text: str) -> Iterator[yaml.Node]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            yield loader.get_node()
    finally:
        loader.dispose()


def _not_mapping(node: yaml.Node, origin: Origin) -> Diagnostic:
    what = "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
    span = Document({}, origin).span()
    return Diagnostic("not-a-mapping", f"expected a mapping with `kind`, found {what}", span)


_BROKEN = object()


@dataclass
class _Reading:
    """One walk over the nodes of a document."""

    origin: Origin
    report: Report
    nodes: int = 0
    open: list[int] = field(default_factory=list)

    def value(self, node: yaml.Node, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES + 1:
            return _BROKEN
        if self.nodes > MAX_NODES:
            return self._broken("alias-bomb", f"more than {MAX_NODES:,} values once aliases are followed", node)
        if depth > MAX_DEPTH:
            return self._broken("too-deep", f"nested deeper than {MAX_DEPTH} levels", node)
        if id(node) in self.open:
            return self._broken("recursive-alias", "an alias contains itself", node)
        if node.tag not in _CORE_TAGS and node.tag != "!":
            shown = node.tag.replace("tag:yaml.org,2002:", "!!")
            return self._broken(
                "custom-tag", f"tag `{shown}` is not allowed", node, "remove it; quote the value if it is text"
            )
        if isinstance(node, yaml.ScalarNode):
            return node.value if node.style else plain(node.value)
        self.open.append(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return self._sequence(node, depth)
            return self._mapping(node, depth)
        finally:
            self.open.pop()

    def _sequence(self, node: yaml.Node, depth: int) -> Any:
        items = [self.value(item, depth + 1) for item in node.value]
        return _BROKEN if any(i is _BROKEN for i in items) else items

    def _mapping(self, node: yaml.Node, depth: int) -> Any:
        found: dict[str, Any] = {}
        keys: dict[str, yaml.Node] = {}
        broken = False
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                return self._odd_key(key_node, node)
            key = str(key_node.value)
            if key in keys:
                self._duplicate(key, key_node, keys[key])
                broken = True
            keys[key] = key_node
            value = self.value(value_node, depth + 1)
            if value is _BROKEN:
                if self.nodes > MAX_NODES:
                    return _BROKEN
                broken = True
            else:
                found[key] = value
        return _BROKEN if broken else found

    def _duplicate(self, key: str, node: yaml.Node, first: yaml.Node) -> None:
        note = Note(f"`{key}` stands here first", self._place(first))
        message = f"key `{key}` is written twice (first at line {first.start_mark.line + 1})"
        self.report.add(Diagnostic("duplicate-key", message, self._place(node), notes=(note,)))

    def _odd_key(self, key: yaml.Node, node: yaml.Node) -> Any:
        line = self.origin.lines[key.start_mark.line][node.start_mark.column :]
        if line.startswith(("{{", "{ {")):
            help_ = "write `${vars.name}`, or quote the value if the braces are meant"
            return self._broken(
                "looks-like-template", "`{{` looks like a template; YAML reads it as a mapping", node, help_
            )
        return self._broken("odd-key", "a key must be a plain word", key)

    def _broken(self, code: str, message: str, node: yaml.Node, help_: str = "") -> Any:
        self.report.add(Diagnostic(code, message, self._place(node), help=help_))
        return _BROKEN

    def _place(self, node: yaml.Node) -> Span:
        return Document({}, Origin(self.origin.file, self.origin.lines, node)).span()


def _syntax(error: yaml.YAMLError, shown: str, lines: tuple[str, ...]) -> Diagnostic:
    mark = getattr(error, "problem_mark", None)
    what = str(getattr(error, "problem", "") or error).strip()
    line, column = (mark.line, mark.column) if mark else (0, 0)
    if line >= len(lines):  # the end of the file came too early
        line = max(len(lines) - 1, 0)
        column = max(len(lines[line]) - 1, 0) if lines else 0
    here = lines[line] if lines else ""
    column = min(column, max(len(here) - 1, 0))
    span = Span(shown, line + 1, column + 1, line + 1, column + 2)
    if "\t" in here[: len(here) - len(here.lstrip())] or "'\\t'" in what:
        at = here.find("\t") + 1 or column + 1
        return Diagnostic(
            "tab-indentation",
            "a tab cannot indent YAML",
            Span(shown, line + 1, at, line + 1, at + 1),
            help="use spaces",
        )
    if re.match(r"[^:]*:\s*[^'\"|>\s][^'\"]*:\s", here) and "mapping values" in what:
        return Diagnostic(
            "invalid-yaml", "a `:` inside an unquoted value", span, help="quote the value, or use a `|` block"
        )
    if "{{" in here:
        at = here.index("{{") + 1
        help_ = "write `${vars.name}`, or quote the value if the braces are meant"
        return Diagnostic("looks-like-template", "`{{` looks like a template; YAML reads it as a mapping",
                          Span(shown, line + 1, at, line + 1, at + 2), help=help_)  # fmt: skip
    return Diagnostic("invalid-yaml", _first_line(what), span)


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else "this is not YAML"
