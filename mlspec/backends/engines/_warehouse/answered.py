"""Rows that ask get one answer each, in their order: those from outside are numbered for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlspec.backends.engines._warehouse import asserts
from mlspec.backends.engines._warehouse.line import Line
from mlspec.backends.engines._warehouse.trees import substituted, typed
from mlspec.backends.port import BackendError
from mlspec.ir.relation import Relation
from mlspec.ir.spine import NUMBER, SPINE
from mlspec.ir.sql.dialect import column
from mlspec.ir.sql.formulate import formulate, parsed_query
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import Traits


def retrieved(line: Line, traits: Traits, asked: Relation, kept: Mapping[str, exp.Table], spine: Any) -> Any:
    """The answers as an Arrow table; `kept` are versions by address, `spine` an Arrow table or None. Raises BackendError."""
    if spine is None:
        found = line.arrow(typed(asked, substituted(formulate(asked, traits), kept)))
        assert asked.as_of is not None  # noqa: S101 - what is asked is a join
        asserts.spine(line, asserts.ASKED, substituted(parsed_query(asked.as_of.spine), kept), found.num_rows)
        return found
    with line.loaded(_numbered(spine)) as loaded:
        tree = typed(asked, substituted(formulate(asked, traits), {**kept, SPINE: loaded}))
        found = line.arrow(tree.order_by(column(NUMBER)))
    return _in_order(found, spine.num_rows)


def _numbered(rows: Any) -> Any:
    """An Arrow table with the numbers of its rows, from 0, before its columns."""
    import pyarrow as pa  # noqa: PLC0415 - heavy; whoever has rows to ask with has it already

    numbers = _numbers(rows.num_rows)
    return rows.add_column(0, NUMBER, numbers) if rows.num_columns else pa.table({NUMBER: numbers})


def _in_order(answers: Any, rows: int) -> Any:
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
