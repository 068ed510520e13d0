"""Writes manifests: data in, YAML out that every reader, of YAML 1.1 and of 1.2, takes for the same data."""

import re
from functools import lru_cache
from typing import Any

import yaml

from mlspec.backends.error import BackendError

_PLAIN = re.compile(r"[A-Za-z_/](?:[\w ./@+-]|:(?=[\w/]))*(?<! )", re.ASCII)
"""What may stand without quotes: starts like a word, and no character in it means something in YAML."""

_WORDS = frozenset(
    {"y", "n", "yes", "no", "on", "off", "true", "false", "t", "f", "null", "nil", "nan", "inf", "infinity"}
)
"""Words, in any case, that some reader takes for a boolean, a number or nothing."""

_LONGEST_KEY = 128
"""Longer ones are written as `? key`: readers need not look further for the colon."""

_ESCAPES = {
    "\0": "\\0", "\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r", "\x1b": "\\e",
    '"': '\\"', "\\": "\\\\", "\x85": "\\N", "\u2028": "\\L", "\u2029": "\\P",
}  # fmt: skip
_QUOTED = re.compile('[\0-\x1f"\\\\\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff\U00010000-\U0010ffff]')


def manifest_text(*documents: Any, header: str = "") -> str:
    """Write one or more documents as YAML, after `header` as a comment; the same data give the same text.

    Documents are trees of dicts with text keys, lists, tuples, text, numbers, booleans and None. Keys keep their
    order. Raises TypeError for anything else.
    """
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    start = "---" if len(documents) > 1 else ""
    lines: list[str] = []
    for document in documents:
        if start or not document or not isinstance(document, dict | list | tuple):
            _node(document, 0, start, lines)
        elif isinstance(document, dict):
            _mapping(document, 0, lines)
        else:
            _sequence(document, 0, "", lines)
    text = "".join(f"{line}\n" for line in lines)
    return comment + (text if start else text.removeprefix(" "))


def read_manifest(text: str) -> Any:
    """Read one document of YAML that a cluster's own tools have written. Raises BackendError."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BackendError(f"it is not YAML: {' '.join(str(error).split())}") from None


def _node(value: Any, depth: int, before: str, lines: list[str]) -> None:
    """Add the lines of a value that follows `before` (a key with its colon, or the dash of a list) on its line."""
    if isinstance(value, str):
        lines.append(f"{before} {_text(value, depth)}")
    elif isinstance(value, dict) and value:
        lines.append(before)
        _mapping(value, depth, lines)
    elif isinstance(value, list | tuple) and value:
        lines.append(before)
        _sequence(value, depth, "", lines)
    else:
        lines.append(f"{before} {_scalar(value)}")


def _mapping(value: dict[Any, Any], depth: int, lines: list[str], first: str = "") -> None:
    """Add the lines of a mapping; `first` stands where the indentation of its first line would."""
    pad = "  " * depth
    before = first or pad
    for key, item in value.items():
        head = before + _head(key, pad)
        if type(item) is str:
            lines.append(f"{head} {_text(item, depth + 1)}")
        else:  # the dashes of a list stand below its key
            _node(item, depth if isinstance(item, list | tuple) else depth + 1, head, lines)
        before = pad


def _sequence(value: list[Any] | tuple[Any, ...], depth: int, first: str, lines: list[str]) -> None:
    pad = "  " * depth
    before = first or pad
    for item in value:
        if isinstance(item, dict) and item:
            _mapping(item, depth + 1, lines, f"{before}- ")
        elif isinstance(item, list | tuple) and item:
            _sequence(item, depth + 1, f"{before}- ", lines)
        else:
            _node(item, depth + 1, f"{before}-", lines)
        before = pad


def _scalar(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number(value)
        case dict():
            return "{}"
        case list() | tuple():
            return "[]"
    raise TypeError(f"a manifest cannot hold a {type(value).__name__}: {value!r}")


def _number(value: float) -> str:
    """As YAML 1.1 takes it for a number too: with a point, also where there is an exponent."""
    if value != value:  # noqa: PLR0124 - that is what NaN is
        return ".nan"
    if value in (float("inf"), -float("inf")):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value).lower()
    return text.replace("e", ".0e", 1) if "." not in text and "e" in text else text


@lru_cache(maxsize=4096)
def _head(key: Any, pad: str) -> str:
    """A key with its colon. Raises TypeError for one that is no text."""
    if not isinstance(key, str):
        raise TypeError(f"a manifest has text keys, not {type(key).__name__}: {key!r}")
    shown = key if _PLAIN.fullmatch(key) and key.casefold() not in _WORDS else _quoted(key)
    return f"{shown}:" if len(shown) < _LONGEST_KEY else f"? {shown}\n{pad}:"


@lru_cache(maxsize=4096)
def _text(value: str, depth: int) -> str:
    value = str(value)
    if _PLAIN.fullmatch(value) and value.casefold() not in _WORDS:
        return value
    return _block(value, depth) if _fits_block(value) else _quoted(value)


def _quoted(value: str) -> str:
    if value.isascii() and value.isprintable():
        text = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'
    return f'"{_QUOTED.sub(_escaped, value)}"'


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    wide = f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"  # noqa: PLR2004 - two bytes
    return _ESCAPES.get(char) or (f"\\x{code:02X}" if code <= 0xFF else wide)  # noqa: PLR2004 - a byte


def _block(value: str, depth: int) -> str:
    pad = "  " * max(depth, 1)
    lines = value.removesuffix("\n").split("\n")
    mark = "|" if value.endswith("\n") else "|-"
    return "\n".join([mark, *(pad + line if line else "" for line in lines)])


def _fits_block(value: str) -> bool:
    """Whether a literal block keeps it: more than one line, no blanks that a reader or an editor could lose."""
    lines = value.removesuffix("\n").split("\n")
    printable = all(line.isprintable() and not line.endswith(" ") for line in lines)
    return "\n" in value and printable and lines[-1] != "" and lines[0][:1] not in {"", " "}
