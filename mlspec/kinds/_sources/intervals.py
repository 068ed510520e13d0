"""Rows that are valid from one moment to another: what must hold of the two columns, and is checked at every apply."""

from collections.abc import Iterator

from mlspec.base.diag import Diagnostic, known_names
from mlspec.ir.check import Expectation
from mlspec.ir.relation import Relation
from mlspec.ir.sql.dialect import DIALECT, column, table
from mlspec.ir.sql.glot import exp
from mlspec.language.scope import Scope

MOMENTS = frozenset({"timestamp", "timestamptz"})
_FOR_EVER = "9999-12-31 00:00:00"


def unsound(
    scope: Scope, relation: Relation, valid_from: str | None, valid_to: str | None, keys: tuple[str, ...]
) -> Iterator[Diagnostic]:
    """What is wrong with the two columns."""
    if valid_from is None or valid_to is None:
        there, missing = ("valid_to", "valid_from") if valid_from is None else ("valid_from", "valid_to")
        yield scope.error("missing-field", f"`{there}` needs `{missing}`", there, key=True, help=f"add `{missing}:`")
        return
    kinds = {}
    for field, name in (("valid_from", valid_from), ("valid_to", valid_to)):
        found = relation.column(name)
        if found is None:
            help_ = known_names(name, relation.names, "column")
            yield scope.error("unknown-column", f"there is no column `{name}`", field, help=help_)
        elif found.type.name == "date":
            message = f"`{name}` is a `date`, and rows are valid from one moment to another"
            yield scope.error("date-as-moment", message, field, help="cast it to a timestamp in a `query:`")
        elif found.type.name not in MOMENTS:
            yield scope.error("wrong-type", f"`{name}` is `{found.type}`, not a time", field)
        else:
            kinds[field] = found.type.name
    if len(set(kinds.values())) > 1:
        message = f"`{valid_from}` is `{kinds['valid_from']}`, `{valid_to}` is `{kinds['valid_to']}`"
        help_ = "one has a time zone and the other has none: declare `timezone`, or cast"
        yield scope.error("naive-aware-comparison", message, "valid_to", help=help_)
    if not keys:
        help_ = "add `keys:`, the columns that say which rows are states of one thing"
        yield scope.error(
            "missing-field", "rows that are valid for a time need `keys`", "valid_from", key=True, help=help_
        )


def expectations(address: str, relation: Relation, keys: tuple[str, ...]) -> tuple[Expectation, ...]:
    """Each row ends after it begins, and begins when all of the same keys before it have ended."""
    valid_from, valid_to = relation.timing.event_time, relation.timing.valid_to
    begins, ends = column(valid_from), column(valid_to)
    found = relation.column(valid_to)
    kind = "TIMESTAMPTZ" if found and found.type.name == "timestamptz" else "TIMESTAMP"
    backwards = exp.LTE(this=ends, expression=begins)
    ended = exp.func("COALESCE", ends.copy(), exp.cast(exp.Literal.string(_FOR_EVER), kind))
    frame = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="1", end_side="PRECEDING")
    before = exp.Window(
        this=exp.Max(this=ended), partition_by=[column(k) for k in keys], spec=frame,
        order=exp.Order(expressions=[exp.Ordered(this=begins.copy(), nulls_first=False)]),
    )  # fmt: skip
    known = [column(n).is_(exp.null()).not_() for n in (*keys, valid_from)]
    states = exp.select(exp.Star(), exp.alias_(before, "__until", quoted=True)).from_(table(address)).where(*known)
    overlaps = exp.LT(this=begins.copy(), expression=column("__until"))
    shown = [column(n) for n in dict.fromkeys((*keys, valid_from, valid_to))]
    return (
        _counted("ends_after_it_begins", table(address), backwards, shown),
        _counted("one_state_at_a_time", states.subquery("states"), overlaps, shown),
    )


def _counted(name: str, rows: "exp.Expr", fails: "exp.Expr", shown: "list[exp.Column]") -> Expectation:
    query = exp.select(exp.func("COUNT_IF", fails), exp.Count(this=exp.Star())).from_(rows)
    sample = exp.select(*[c.copy() for c in shown]).from_(rows.copy()).where(fails.copy())
    return Expectation(name, query.sql(DIALECT), sample=sample.sql(DIALECT))
