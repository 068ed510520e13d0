"""What an engine's SQL has and lacks, as a table: the algebra looks here for the formulation that it can run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Traits:
    """How an engine differs. `dialect` is sqlglot's name of what it reads.

    `asof_join`: it joins each row with the last one at or before a moment. `lateral`: it may look up one row for each
    other one, in the order of an index. An engine with neither gets the same answer by a running last value.
    `transactions`: all of a transaction happens or nothing. `views_pin`: what a view reads cannot be dropped. `longest_name`:
    the bytes of an identifier, 0 is more than anybody writes.
    """

    dialect: str
    asof_join: bool = False
    lateral: bool = False
    transactions: bool = True
    views_pin: bool = False
    longest_name: int = 0


DUCKDB = Traits("duckdb", asof_join=True)
