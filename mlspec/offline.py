"""Features for many rows at once, from Python: what `mlspec query --spine` does, for notebooks and programs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from mlspec.base.diag import problem
from mlspec.session import Session


def get_features(
    project: str | Path | Session, features: str | Sequence[str], spine: Any, *, at: str = "event_time",
    environment: str | None = None, variables: Mapping[str, Any] | None = None,
    output: Literal["arrow", "pandas", "polars"] = "arrow",
) -> Any:  # fmt: skip
    """The rows of a spine, as many and in their order, each with the values that the features had when it asked.

    `project` is a folder in a project, or an open `Session`. `features` are `feature_set.x`, `feature_view.x`,
    `view.feature` or `view.*`; each becomes a column `view__feature`. The spine is a path (Parquet, CSV, JSON, Arrow), one
    SELECT over what was applied, a data frame of pandas or polars, an Arrow table or a list of dictionaries, with the keys
    of the views and the time at which each row asks in the column `at`; or `at` is one moment for all rows.

    Raises Problems, and BackendError where an engine fails.
    """
    if output not in {"arrow", "pandas", "polars"}:
        raise problem("unknown-format", f"there is no output `{output}`", help="known: `arrow`, `pandas`, `polars`")
    wanted = [features] if isinstance(features, str) else list(features)
    if isinstance(project, Session):
        return _given(project.features(wanted, spine, at=at), output)
    with Session(Path(project), environment, variables) as session:
        return _given(session.features(wanted, spine, at=at), output)


def _given(table: Any, output: str) -> Any:
    if output == "pandas":
        return table.to_pandas()
    if output == "polars":
        import polars as pl  # noqa: PLC0415 - heavy, and only those who ask for it have it

        return pl.from_arrow(table)
    return table
