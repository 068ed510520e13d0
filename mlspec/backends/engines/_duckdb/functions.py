"""Which functions DuckDB has: one that it does not have is found before anything is built."""

import re
from functools import cache

from mlspec.backends.engines._warehouse.meant import queries_of
from mlspec.base.diag import did_you_mean
from mlspec.ir.check import Check
from mlspec.ir.pack import pack
from mlspec.ir.relation import Relation
from mlspec.ir.sql.forbidden import reaches
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import Traits

_CALL = re.compile(r"(?<!\w)([A-Za-z_]\w*+)\s*+\(")
_SYNTAX = frozenset(
    """
    select from where group order by having qualify window over partition filter within in not and or on using as when then else case
    exists any all some values with recursive union except intersect distinct limit offset join lateral between like is cast try_cast
    extract interval decimal numeric varchar struct map array rows range if
    """.split()
)
_COMMON = frozenset(
    """
    abs avg ceil coalesce count date_trunc exp floor greatest least length ln lower max min nullif round round_even sqrt sum trim upper
    """.split()
)
"""Functions of which it needs no looking up that there are: most queries call no others."""


@cache
def _understood() -> frozenset[str]:
    return frozenset(name.lower() for name in exp.FUNCTION_BY_NAME)


@cache
def functions() -> frozenset[str]:
    """The names of all functions, as they are in a database that holds nothing."""
    import duckdb  # noqa: PLC0415 - start-up time: most queries call nothing that sqlglot does not know

    with duckdb.connect() as empty:
        return frozenset(
            str(name) for (name,) in empty.execute("SELECT DISTINCT function_name FROM duckdb_functions()").fetchall()
        )


def not_there(body: Relation | Check, traits: Traits) -> tuple[tuple[str, str], ...]:
    """The functions that a body calls and that there are not, each with what to do about it.

    Only what sqlglot hands on as it was written is asked for; a body that has the name of no such call is not even parsed.
    """
    called = {name.lower() for name in _CALL.findall(_said(body))} - _SYNTAX - _COMMON
    if not called or not (called := called - _understood()) or called <= functions():
        return ()
    handed = {str(n.this).lower() for tree in queries_of(body, traits) for n in tree.find_all(exp.Anonymous)}
    unknown = sorted(name for name in handed - functions() if not name.startswith("__"))
    meant = [name for name in functions() if not reaches((name,))]  # what would be refused next is no help
    return tuple((f"it has no function `{n}`", did_you_mean(n, meant)) for n in unknown)


def _said(body: Relation | Check) -> str:
    """A text that has the name of every function that a body calls."""
    plain = isinstance(body, Relation) and body.windows is None and body.as_of is None
    return body.query if isinstance(body, Relation) and plain else pack(body)
