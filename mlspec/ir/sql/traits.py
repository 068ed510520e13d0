"""What an engine's SQL has and lacks, as a table: the algebra looks here for the formulation that it can run."""

from mlspec.base.value import dataclass


@dataclass(frozen=True)
class Traits:
    """How an engine differs. `dialect` is sqlglot's name of what it reads.

    `asof_join`: it joins each row with the last one at or before a moment. `lateral`: it may look up one row for each
    other one, in the order of an index. An engine with neither gets the same answer by counting rows. `wide_integers`:
    it has integers of 128 bits. `ordered_streams`: a window function without an order runs along the order of its
    subquery, in one pass. `frames`: functions over sliding frames take little more than a look-up each. `ordered_rows`: the rows of a table have an order, so that a training dataset keeps
    that of its labels.
    `transactions`: all of a transaction happens or nothing. `views_pin`: what a view reads cannot be dropped. `longest_name`:
    the bytes of an identifier, 0 is more than anybody writes.
    """

    dialect: str
    asof_join: bool = False
    lateral: bool = False
    transactions: bool = True
    views_pin: bool = False
    longest_name: int = 0
    wide_integers: bool = False
    ordered_streams: bool = False
    frames: bool = False
    ordered_rows: bool = True


DUCKDB = Traits("duckdb", asof_join=True, wide_integers=True, ordered_streams=True, frames=True)
SPARK = Traits("spark", transactions=False, ordered_rows=False)
POSTGRES = Traits("postgres", lateral=True, views_pin=True, longest_name=63)
SNOWFLAKE = Traits("snowflake", transactions=False, longest_name=255, ordered_rows=False)
BIGQUERY = Traits("bigquery", transactions=False, longest_name=300, ordered_rows=False)
DATABRICKS = Traits("databricks", transactions=False, longest_name=255, ordered_rows=False)
TRINO = Traits("trino", transactions=False, longest_name=128, ordered_rows=False)
REDSHIFT = Traits("redshift", longest_name=127, ordered_rows=False)
