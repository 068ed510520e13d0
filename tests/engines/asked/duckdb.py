"""DuckDB in memory."""

from dataclasses import replace

import duckdb
from asking import Asked

from mlspec.backends.engines._duckdb.line import DuckLine
from mlspec.ir.sql.traits import DUCKDB


def opened() -> Asked:
    """Every way that an engine may have is one that DuckDB has too: an as-of join, a lateral look-up, counting."""
    raw = duckdb.connect(":memory:")
    raw.execute("SET TimeZone = 'UTC'")
    raw.execute("SET threads = 1")
    other = replace(DUCKDB, asof_join=False, wide_integers=False)
    return Asked(DuckLine(raw), DUCKDB, replace(other, lateral=True), other)
