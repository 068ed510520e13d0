"""From a relation to a query that an engine can run: the algebra, with the formulations that its traits allow."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module

from mlspec.ir.relation import Relation
from mlspec.ir.sql.changes import Between, change_points
from mlspec.ir.sql.dialect import DIALECT
from mlspec.ir.sql.glot import exp, sqlglot
from mlspec.ir.sql.partitions import in_partitions
from mlspec.ir.sql.pit import point_in_time
from mlspec.ir.sql.problem import SqlProblem, SqlProblems
from mlspec.ir.sql.traits import Traits

_TONGUES = frozenset({"postgres", "spark", "snowflake", "bigquery", "databricks", "trino", "redshift"})
"""Dialects that say some things otherwise than the canonical one; the module of that name has the words."""


def formulate(
    relation: Relation, traits: Traits, between: Between | None = None, only: Collection[str] | None = None
) -> exp.Query:
    """The tree of a relation's rows, over addresses, of nothing but what the traits have.

    Of a relation in partitions, those `between` two times; of windows, with `only` some of their features.
    """
    if relation.partitions is not None and between is not None:
        return in_partitions(_whole(relation, traits, between, only), relation.partitions, between)
    return _whole(relation, traits, None, None)


def _whole(relation: Relation, traits: Traits, between: Between | None, only: Collection[str] | None) -> exp.Query:
    if relation.as_of is not None:
        return point_in_time(relation.as_of, traits)
    if relation.windows is not None:
        return change_points(relation.windows, traits, between, only)
    return parsed_query(relation.query)


def written(tree: exp.Expr, traits: Traits, *, pretty: bool = False) -> str:
    """The text of a tree in the engine's own dialect. Raises Unspoken for what the engine cannot be asked."""
    if traits.dialect in _TONGUES:
        tree = import_module(f"mlspec.ir.sql.{traits.dialect}").spoken(tree)
    return tree.sql(traits.dialect, pretty=pretty)


def parsed_query(text: str) -> exp.Query:
    """The tree of a canonical query. Raises SqlProblems for anything else: a saved plan may have been written by others."""
    try:
        trees = sqlglot.parse(text, dialect=DIALECT)
    except (sqlglot.errors.SqlglotError, RecursionError):
        trees = []
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise SqlProblems(SqlProblem("forbidden-sql", "a definition is one query"))
    return trees[0]
