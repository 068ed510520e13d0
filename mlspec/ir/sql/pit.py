"""The point-in-time join: to every row of a spine, the feature values that would have been answered at its time.

Rows of the spine are never lost or doubled: every look-up is joined by keys that have one row there. docs/semantics.md
says what is visible when, with pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlspec.ir.relation import AsOf, Lookup
from mlspec.ir.sql.dialect import DIALECT, column, microseconds
from mlspec.ir.sql.glot import exp, sqlglot
from mlspec.ir.sql.latest import found_rows
from mlspec.ir.sql.spans import ASKED
from mlspec.ir.sql.traits import Traits
from mlspec.ir.sql.windows import answers

ROW = "__row"


def point_in_time(as_of: AsOf, traits: Traits) -> exp.Query:
    """The columns of the spine, the features in the order of the look-ups, then what is computed; in the spine's order."""
    numbered = exp.select(exp.Star()).from_(exp.alias_(_tree(as_of.spine).subquery(), "__asked", table=True))
    if traits.ordered_rows:
        number = exp.alias_(exp.Window(this=exp.RowNumber()), ROW, quoted=True)
        numbered = numbered.select(number, append=True, copy=False)
    final = exp.select(*[column(c, "__s") for c in as_of.columns])
    final = final.from_(exp.alias_(exp.to_table("__spine"), "__s", table=True))
    ctes: list[tuple[str, exp.Query]] = []
    for index, lookup in enumerate(as_of.lookups):
        final = _joined(final, as_of, lookup, index, traits, ctes)
    for name, text in as_of.computed:
        node = _over(sqlglot.parse_one(text, dialect=DIALECT), "__s")
        final = final.select(exp.alias_(node, name, quoted=True), copy=False)
    final = final.with_("__spine", as_=numbered, materialized=True, copy=False)
    for name, query in ctes:
        final = final.with_(name, as_=query, materialized=True, copy=False)
    return final.order_by(column(ROW, "__s"), copy=False) if traits.ordered_rows else final


def _tree(text: str) -> exp.Query:
    tree = sqlglot.parse_one(text, dialect=DIALECT)
    assert isinstance(tree, exp.Query)  # noqa: S101 - canonical
    return tree


def _over(node: exp.Expr, alias: str) -> exp.Expr:
    found = [node] if isinstance(node, exp.Column) else list(node.find_all(exp.Column))
    for part in found:
        part.set("table", exp.to_identifier(alias, quoted=True))
    return node


def _joined(
    final: exp.Select, as_of: AsOf, lookup: Lookup, index: int, traits: Traits, ctes: list[tuple[str, exp.Query]]
) -> exp.Select:
    """The look-up joined, and its features selected."""
    asked = column(lookup.at or as_of.time, "__s")
    values: Mapping[str, exp.Expr]
    if lookup.windows is None:
        final, values = found_rows(final, lookup, asked, f"__f{index}", traits)
    else:
        final, values = _windowed(final, as_of, lookup, index, traits, ctes)
    for feature, name in lookup.features:
        node = values[feature]
        if feature in lookup.zero:
            node = exp.func("COALESCE", node, exp.Literal.number(0))
        if lookup.given:
            node = exp.Case(ifs=[exp.If(this=column(lookup.given, "__s"), true=node)])
        final = final.select(exp.alias_(node, name, quoted=True), copy=False)
    return final


def _windowed(
    final: exp.Select, as_of: AsOf, lookup: Lookup, index: int, traits: Traits, ctes: list[tuple[str, exp.Query]]
) -> tuple[exp.Select, Mapping[str, exp.Expr]]:
    """Windows are computed once for each question, and joined to all rows that ask it."""
    windows = lookup.windows
    assert windows is not None  # noqa: S101 - said by the caller
    time = lookup.at or as_of.time
    ours = [dict(lookup.keys)[k] for k in windows.keys]
    asked = exp.select(*[exp.alias_(column(o), f"__k{i}", quoted=True) for i, o in enumerate(ours)])
    asked = asked.select(exp.alias_(microseconds(column(time), zoned=windows.zoned), ASKED, quoted=True), copy=False)
    known = [column(n).is_(exp.null()).not_() for n in dict.fromkeys((*ours, time))]
    questions = f"__q{index}"
    ctes.append((questions, asked.distinct().from_("__spine").where(*known)))
    values: dict[str, exp.Expr] = {}
    for part, answer in enumerate(answers(windows, questions, traits)):
        alias = f"__f{index}_{part}"
        at = microseconds(column(time, "__s"), zoned=windows.zoned)
        same: Sequence[exp.Expr] = [
            *[exp.EQ(this=column(o, "__s"), expression=column(f"__k{i}", alias)) for i, o in enumerate(ours)],
            exp.EQ(this=at, expression=column(ASKED, alias)),
        ]
        rows = exp.alias_(answer.query.subquery(), alias, table=True, quoted=True)
        final = final.join(rows, on=exp.and_(*same), join_type="LEFT", copy=False)
        values |= {f: column(f, alias) for f in answer.features}
    return final, values
