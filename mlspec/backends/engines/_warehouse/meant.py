"""Every query that a body means, as the plan looks at it before an engine is asked."""

from __future__ import annotations

from collections.abc import Iterator

from mlspec.backends.engines._warehouse.trees import typed
from mlspec.ir.check import Check
from mlspec.ir.relation import Relation
from mlspec.ir.sql.formulate import formulate, parsed_query
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.traits import Traits


def queries_of(body: Relation | Check, traits: Traits) -> Iterator[exp.Expr]:
    """Every query that a body means."""
    if isinstance(body, Relation):
        yield typed(body, formulate(body, traits))
        texts = [body.as_of.spine] if body.as_of else []
    else:
        texts = [text for e in body.expectations for text in (e.query, e.sample)]
    yield from (parsed_query(text) for text in texts if text)


def unaddressed(tree: exp.Expr) -> exp.Expr:
    """With a short name in the place of each address, as what is kept has one."""
    for node in tree.find_all(exp.Table):
        if "." in node.name:
            node.set("this", exp.to_identifier("version", quoted=True))
    return tree
