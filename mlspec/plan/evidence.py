"""What speaks for a promoted change: that the same was applied in another environment, and what it has shown there."""

from collections.abc import Mapping
from typing import Any

from mlspec.base.value import dataclass


@dataclass(frozen=True)
class Evidence:
    """`digest` is what was applied in the `environment`; empty when this change is not the same as there.

    `checks` is how many checks passed there, last at `checked_at`; `metrics` are those of the model version whose gates
    it passed; `differs` are the fields that are otherwise here, which no evidence is of.
    """

    environment: str
    digest: str = ""
    checks: int = 0
    checked_at: str = ""
    metrics: Mapping[str, float] | None = None
    differs: tuple[str, ...] = ()


def to_json(evidence: Evidence) -> dict[str, Any]:
    """Evidence as JSON."""
    return {
        "environment": evidence.environment, "digest": evidence.digest, "checks": evidence.checks,
        "checked_at": evidence.checked_at, "metrics": dict(evidence.metrics or {}), "differs": list(evidence.differs),
    }  # fmt: skip


def from_json(data: Mapping[str, Any]) -> Evidence:
    """The evidence that JSON describes."""
    return Evidence(
        data["environment"],
        data["digest"],
        data["checks"],
        data["checked_at"],
        data["metrics"] or None,
        tuple(data["differs"]),
    )
