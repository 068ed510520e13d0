"""One document that stands for several: `for_each` makes one of each of its entries, with the entry's fields laid over."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlspec.base.diag import Diagnostic, Report
from mlspec.base.value import replace
from mlspec.documents.document import Document
from mlspec.documents.overlay import overlay

FOR_EACH = "for_each"
_ENTRY = re.compile(r"[a-z0-9_]+")
_EACH = re.compile(r"\$\{\s*each\s*\}")
_OWN = ("kind", "name", FOR_EACH)
_SHAPE = "`for_each` is a mapping of entries to their fields, or a list of names, each there once"


def each(document: Document, report: Report) -> tuple[Document, ...]:
    """The documents that a document stands for: itself, or one called `name_entry` for each entry of `for_each`."""
    if FOR_EACH not in document.data:
        return (document,)
    entries = _entries(document.data[FOR_EACH])
    problems = list(_problems(document, entries))
    report.add(*problems)
    if problems:
        return ()
    rest = replace(document, data={k: v for k, v in document.data.items() if k != FOR_EACH})
    return tuple(_made(rest, entry, fields or {}) for entry, fields in entries.items())


def _entries(written: Any) -> dict[str, Any]:
    """The entries by name; none where they are not written as they must be."""
    if isinstance(written, list) and all(isinstance(e, str) for e in written) and len({*written}) == len(written):
        return dict.fromkeys(written)
    return written if isinstance(written, dict) else {}


def _made(rest: Document, entry: str, fields: Mapping[str, Any]) -> Document:
    laid = overlay(rest, fields, rest.origin, (FOR_EACH, entry))
    data = _filled(laid.data, entry)
    name = rest.data.get("name")
    return replace(laid, data={**data, "name": f"{name}_{entry}"} if isinstance(name, str) else data)


def _problems(document: Document, entries: Mapping[str, Any]) -> Iterator[Diagnostic]:
    if not entries:
        help_ = "as in `{carrier: {entities: [carrier]}}` or `[carrier, origin]`"
        yield Diagnostic("invalid-for-each", _SHAPE, document.span((FOR_EACH,)), help=help_)
    for entry, fields in entries.items():
        at = document.key_span((FOR_EACH, entry))
        if not _ENTRY.fullmatch(entry):
            message = f"`{entry}` cannot be the end of a name: lower-case letters, digits and `_`"
            yield Diagnostic("invalid-for-each", message, at)
        if fields is not None and not isinstance(fields, Mapping):
            message = f"entry `{entry}` of `for_each` is no mapping of fields"
            yield Diagnostic("invalid-for-each", message, at, help="write `{field: value}`, or nothing")
            continue
        for key in (k for k in _OWN if k in (fields or {})):
            span = document.key_span((FOR_EACH, entry, key))
            message = f"an entry of `for_each` cannot have `{key}`"
            help_ = f"what it makes is of this kind, and called `{document.data.get('name')}_{entry}`"
            yield Diagnostic("invalid-for-each", message, span, help=help_)


def _filled(value: Any, entry: str) -> Any:
    """A value with the name of the entry in the place of every `${each}`."""
    if isinstance(value, dict):
        return {k: _filled(v, entry) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, entry) for v in value]
    return _EACH.sub(entry, value) if isinstance(value, str) else value
