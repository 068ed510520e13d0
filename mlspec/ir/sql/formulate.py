"""From a relation to a query that an engine can run: the algebra, with the formulations that its traits allow."""

from sqlglot import exp, parse_one

from mlspec.ir.relation import Relation
from mlspec.ir.sql.changes import change_points
from mlspec.ir.sql.dialect import DIALECT
from mlspec.ir.sql.pit import point_in_time
from mlspec.ir.sql.traits import Traits


def formulate(relation: Relation, traits: Traits) -> exp.Query:
    """The tree of a relation's rows, over addresses, of nothing but what the traits have."""
    if relation.as_of is not None:
        return point_in_time(relation.as_of, traits)
    if relation.windows is not None:
        return change_points(relation.windows)
    return parsed_query(relation.query)


def written(tree: exp.Expr, traits: Traits, *, pretty: bool = False) -> str:
    """The text of a tree in the engine's own dialect."""
    return tree.sql(traits.dialect, pretty=pretty)


def parsed_query(text: str) -> exp.Query:
    """The tree of a canonical query."""
    tree = parse_one(text, dialect=DIALECT)
    assert isinstance(tree, exp.Query)  # noqa: S101 - canonical
    return tree
