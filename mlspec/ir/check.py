"""A check: what is measured, against what, and what happens when it does not hold."""

from mlspec.base.value import dataclass
from mlspec.ir.workflow import Schedule


@dataclass(frozen=True, slots=True)
class Expectation:
    """A query that answers one row `failed, total`; more than `max_failed` rows (a share of all) is a failure.

    `sample` is a query that shows some of the rows that fail, without the values of the `hidden` columns. Tables are
    addresses in double quotes.
    """

    name: str
    query: str
    severity: str = "error"
    max_failed: float = 0.0
    sample: str = ""
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """A metric of a subject over a window, compared with a reference; crossing a bound is an alert.

    `window` is in microseconds, 0 is everything; `query` is set for a metric of custom SQL.
    """

    metric: str
    columns: tuple[str, ...] = ()
    reference: str = ""
    window: int = 0
    minimum: float | None = None
    maximum: float | None = None
    query: str = ""
    labels: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """Expectations run by the engine at apply, or drift metrics measured on a schedule."""

    subject: str
    expectations: tuple[Expectation, ...] = ()
    drift: tuple[Drift, ...] = ()
    schedule: Schedule | None = None
    severity: str = "error"
    route: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    """Pairs of each column read and its digest: when one changes, the check is due again."""
