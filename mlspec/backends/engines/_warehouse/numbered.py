"""Rows that ask are numbered, so that one answer for each can come back, in their order."""

from typing import Any

from mlspec.backends.port import BackendError
from mlspec.ir.spine import NUMBER


def numbered(rows: Any) -> Any:
    """An Arrow table with the numbers of its rows, from 0, before its columns."""
    import pyarrow as pa  # noqa: PLC0415 - heavy; whoever has rows to ask with has it already

    numbers = _numbers(rows.num_rows)
    return rows.add_column(0, NUMBER, numbers) if rows.num_columns else pa.table({NUMBER: numbers})


def in_order(answers: Any, rows: int) -> Any:
    """The answers without their numbers. Raises BackendError unless there is one for each row, in their order."""
    numbers = answers.column(NUMBER).combine_chunks()
    if not numbers.equals(_numbers(rows)):
        raise BackendError(f"{rows:,} rows ask, {len(numbers):,} answers came back: a join lost, doubled or mixed some",
                           "a feature view without event time must have one row for each key", "spine-changed")  # fmt: skip
    return answers.drop_columns([NUMBER])


def _numbers(rows: int) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    ones = pa.repeat(pa.scalar(1, pa.int64()), rows)
    return pc.subtract(pc.cumulative_sum(ones), pa.scalar(1, pa.int64()))
