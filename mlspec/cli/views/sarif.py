"""Problems as SARIF 2.1.0, which code hosts and editors read.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mlspec.base.diag import Diagnostic, Note, Span
from mlspec.cli.views.diagnostics import Sources

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(found: Sequence[Diagnostic], sources: Sources) -> dict[str, Any]:
    """A log with one run; files are named as seen from the current folder, which is the checkout."""
    rules = sorted({d.code for d in found})
    driver = {"name": "mlspec", "rules": [{"id": code} for code in rules]}
    results = [_result(d, rules.index(d.code), sources) for d in found]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(problem: Diagnostic, rule: int, sources: Sources) -> dict[str, Any]:
    text = problem.message + (f"\nhelp: {problem.help}" if problem.help else "")
    result: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": str(problem.severity),
        "message": {"text": text},
    }
    if problem.span is not None:
        result["locations"] = [_location(problem.span, sources)]
    related = [_related(n, n.span, sources) for n in problem.notes if n.span is not None]
    return result | ({"relatedLocations": related} if related else {})


def _related(note: Note, span: Span, sources: Sources) -> Mapping[str, Any]:
    return {**_location(span, sources), "message": {"text": note.message}}


def _location(span: Span, sources: Sources) -> dict[str, Any]:
    region = {"startLine": max(span.line, 1), "startColumn": max(span.column, 1)}
    if span.end_line >= span.line and span.end_column:
        region |= {"endLine": span.end_line, "endColumn": span.end_column}
    return {"physicalLocation": {"artifactLocation": {"uri": quote(sources.shown(span.file))}, "region": region}}
