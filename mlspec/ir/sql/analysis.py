"""What is known of a query that was understood."""

from collections.abc import Callable

from mlspec.base.value import dataclass
from mlspec.ir.relation import Column, Relation
from mlspec.ir.sql.problem import SqlProblem

Lookup = Callable[[str], tuple[str, Relation] | SqlProblem]
"""From a table's name as written to its address and relation, or to what is wrong with the name."""


@dataclass(frozen=True)
class Analysis:
    """`query` is canonical: every table an address in double quotes. `unknown`: digested whole, not by column.

    `warnings` are about what may be meant; an error would have been raised.
    """

    query: str
    columns: tuple[Column, ...]
    rows_digest: str
    reads: tuple[str, ...]
    unknown: bool = False
    warnings: tuple[SqlProblem, ...] = ()
    ahead: tuple[SqlProblem, ...] = ()
    """Where it looks at rows later than the one it speaks about: right for what is known in advance, and for labels."""
