"""What an engine answers: rows, and expectations as they were measured."""

from typing import Any

from mlspec.base.value import dataclass


@dataclass(frozen=True)
class Rows:
    """The answer to a query: names, logical types, and rows of plain Python values (times as ISO 8601 text in UTC)."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class CheckResult:
    """One expectation as measured. `passed` is against `max_failed`; `sample` are some of the rows that fail."""

    name: str
    severity: str
    failed: int
    total: int
    passed: bool
    sample: Rows | None = None


@dataclass(frozen=True)
class CheckRun:
    """The checks of a subject as they were run at a time (ISO 8601, UTC)."""

    at: str
    results: tuple[CheckResult, ...]
