"""A document: the plain data of one YAML document, and the place of every part of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import yaml

from mlspec.base.diag import Span
from mlspec.base.value import dataclass, field

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Origin:
    """Where a tree of values was written: the file, its lines, and the root of YAML's nodes."""

    file: str
    lines: tuple[str, ...]
    node: yaml.Node = field(repr=False)


@dataclass(frozen=True)
class Document:
    """`data` is plain: mappings, lists, scalars. `laid` says for a path which other origin its value came from."""

    data: dict[str, Any]
    origin: Origin
    laid: Mapping[Path, tuple[Origin, Path]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def file(self) -> str:
        """The file, relative to the project."""
        return self.origin.file

    def source(self, path: Path) -> tuple[Origin, Path]:
        """The origin of the value at a path, and its path there: an overlaid value keeps the place it came from."""
        for length in range(len(path), 0, -1):
            if found := self.laid.get(path[:length]):
                return found[0], found[1] + path[length:]
        return self.origin, path

    def span(self, path: Path = ()) -> Span:
        """The place of a value; of the nearest part above it where the path leads to nothing."""
        origin, inside = self.source(path)
        node = _descend(origin.node, inside)[0]
        return _span(origin, node)

    def key_span(self, path: Path) -> Span:
        """The place of the key that leads to a value; of the value for an item of a list."""
        origin, inside = self.source(path)
        node, key = _descend(origin.node, inside)
        return _span(origin, key or node)

    def written(self, path: Path) -> str:
        """A scalar as it was written, before it was read as a number or a boolean."""
        origin, inside = self.source(path)
        node = _descend(origin.node, inside)[0]
        return str(node.value) if isinstance(node, yaml.ScalarNode) else ""

    def style(self, path: Path) -> str:
        """How a scalar was written: `|`, `>`, `'`, `"`, or empty for plain."""
        origin, inside = self.source(path)
        node = _descend(origin.node, inside)[0]
        return (node.style or "") if isinstance(node, yaml.ScalarNode) else ""

    def rest_of_line(self, path: Path) -> str:
        """What follows a value on its line."""
        origin, inside = self.source(path)
        mark = _descend(origin.node, inside)[0].end_mark
        return origin.lines[mark.line][mark.column :] if mark.line < len(origin.lines) else ""

    def text_span(self, path: Path, line: int, column: int, length: int = 1) -> Span:
        """The place of a piece of text inside a scalar; line and column in the scalar, from 1."""
        origin, inside = self.source(path)
        node = _descend(origin.node, inside)[0]
        if not isinstance(node, yaml.ScalarNode):
            return _span(origin, node)
        start = node.start_mark
        if node.style == "|":
            indent = _block_indent(origin.lines, start.line)
            return _piece(origin, start.line + 1 + line, indent + column, length)
        if node.style != ">" and line == 1 and start.line == node.end_mark.line:
            return _piece(origin, start.line + 1, start.column + (1 if node.style else 0) + column, length)
        return _span(origin, node)


def _piece(origin: Origin, line: int, column: int, length: int) -> Span:
    """A piece of one line; never beyond its end, wherever escapes or folding have moved things."""
    line = min(line, max(len(origin.lines), 1))
    end = len(origin.lines[line - 1]) + 1 if line <= len(origin.lines) else 1
    column = min(column, max(end - 1, 1))
    return Span(origin.file, line, column, line, max(min(column + length, end), column + 1))


def _first_text(origin: Origin, header: int) -> Span:
    """The first line of the text of a block."""
    for number, text in enumerate(origin.lines[header + 1 :], header + 2):
        if text.strip():
            column = len(text) - len(text.lstrip()) + 1
            return Span(origin.file, number, column, number, len(text.rstrip()) + 1)
    return Span(origin.file, header + 1, 1, header + 1, len(origin.lines[header]) + 1)


def _block_indent(lines: tuple[str, ...], header: int) -> int:
    for text in lines[header + 1 :]:
        if text.strip():
            return len(text) - len(text.lstrip(" "))
    return 0


def _descend(node: yaml.Node, path: Path) -> tuple[yaml.Node, yaml.Node | None]:
    key: yaml.Node | None = None
    for part in path:
        found = _child(node, part)
        if found is None:
            return node, key
        node, key = found
    return node, key


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node | None] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((v, k) for k, v in node.value if str(k.value) == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], None
    return None


def _span(origin: Origin, node: yaml.Node) -> Span:
    start, end = node.start_mark, node.end_mark
    if start.line >= len(origin.lines):  # an empty value at the end of the file
        last = max(len(origin.lines), 1)
        return _piece(origin, last, len(origin.lines[last - 1]) if origin.lines else 1, 1)
    if isinstance(node, yaml.ScalarNode) and node.style == "|":
        return _first_text(origin, start.line)
    if end.line != start.line or end.column <= start.column:
        first = origin.lines[start.line]
        width = max(len(first.rstrip()) - start.column, 1)
        return Span(origin.file, start.line + 1, start.column + 1, start.line + 1, start.column + 1 + width)
    return Span(origin.file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
