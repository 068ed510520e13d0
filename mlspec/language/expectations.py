"""Quality checks as people write them on sources and feature views, and the queries that they mean."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, Strict

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, known_names
from mlspec.ir.check import Check, Expectation
from mlspec.ir.relation import Column, Relation
from mlspec.ir.sql.dialect import DIALECT, column, interval, table
from mlspec.ir.sql.formulate import parsed_query
from mlspec.ir.sql.glot import exp
from mlspec.language.checked import Read, of_columns, of_expression, of_query, of_rows, of_target
from mlspec.language.scope import Scope
from mlspec.language.spec import OnChange, Part
from mlspec.language.sql import Sql
from mlspec.language.words import ColumnName, Duration, Float, Instant, Int, Name, Shaped

Path = tuple[str | int, ...]


class AcceptedValues(Part):
    """The column holds nothing but these values (and NULL)."""

    column: ColumnName
    values: tuple[str | Annotated[int, Strict()] | Float, ...] = Field(min_length=1)  # as large as a decimal can be


class Range(Part):
    """Every value of the column lies between the bounds, both included; NULL passes."""

    column: ColumnName
    min: Float | None = None
    max: Float | None = None


_COLUMN_THERE = Shaped(
    r"^[a-z][a-z0-9_]*\.[a-z_][a-z0-9_]*$",
    "`{text}` is not the column of a table; write `name.column`, as in `customers.customer_id`",
)


class Relationship(Part):
    """Every value of the column is found in a column of another table; NULL passes."""

    column: ColumnName
    to: Annotated[str, _COLUMN_THERE]


class RowCount(Part):
    """How many rows there are; with `per`, on each day of a time column on which there is any."""

    min: Int | None = None
    max: Int | None = None
    per_day_of: ColumnName | None = None


class Freshness(Part):
    """The newest value of a time column is not older than this, now or at a fixed moment."""

    max_age: Duration
    column: ColumnName | None = None
    as_of: Instant | None = None


class Quality(Part):
    """One check. `max_failed` is the share of rows that may fail; `severity: warn` reports and goes on.

    `sql` is a SELECT whose rows are the failures; `this` is what is checked.
    """

    name: Name | None = None
    description: Annotated[str, OnChange.METADATA] = ""
    severity: Literal["error", "warn"] = "error"
    max_failed: Float = Field(default=0.0, ge=0.0, lt=1.0)
    unique: tuple[ColumnName, ...] | None = None
    not_null: tuple[ColumnName, ...] | None = None
    accepted_values: AcceptedValues | None = None
    range: Range | None = None
    relationship: Relationship | None = None
    expression: str | None = None
    sql: Sql | None = None
    row_count: RowCount | None = None
    freshness: Freshness | None = None

    @property
    def what(self) -> str:
        """Which of the checks it is; empty if it is none or several."""
        found = [w for w in _WHAT if getattr(self, w) is not None]
        return found[0] if len(found) == 1 else ""

    def columns(self) -> tuple[str, ...]:
        """The columns that it names."""
        part = getattr(self, self.what)
        if isinstance(part, tuple):
            return part
        named = getattr(part, "column", None) or getattr(part, "per_day_of", None)
        return (named,) if named else ()


_WHAT = (
    "unique",
    "not_null",
    "accepted_values",
    "range",
    "relationship",
    "expression",
    "sql",
    "row_count",
    "freshness",
)
THIS = "this"
"""What the SQL of a check calls the rows that are checked."""
_PII = "pii"


def check_qualities(
    scope: Scope, checks: tuple[Quality, ...], relation: Relation, own: Address
) -> Iterator[Diagnostic]:
    """What is wrong with the checks of a relation."""
    what = f"{own.kind.replace('_', ' ')} `{own.name}`"
    names: set[str] = set()
    for index, quality in enumerate(checks):
        path: Path = ("checks", index)
        if not quality.what:
            yield scope.error("invalid-check", f"a check is one of {', '.join(_WHAT)}", *path)
            continue
        for name in quality.columns():
            if relation.column(name) is None:
                help_ = known_names(name, relation.names, "column")
                yield scope.error("unknown-column", f"{what} has no column `{name}`", *path, quality.what, help=help_)
        if quality.sql is not None:
            scope.analyse(quality.sql, *path, "sql", this=(str(own), relation))
        yield from _check_one(scope, quality, relation, path)
        name = _name(quality, index)
        if name in names:
            yield scope.error("duplicate-name", f"two checks are called `{name}`", *path, help="give one a `name:`")
        names.add(name)


def _check_one(scope: Scope, quality: Quality, relation: Relation, path: Path) -> Iterator[Diagnostic]:
    if quality.expression is not None:
        known = {c.name: c for c in relation.columns}
        _, kind, _ = scope.expression(quality.expression, known, *path, "expression")
        if kind.name != "boolean":
            yield scope.error("wrong-type", f"a check is true or false, this is `{kind}`", *path, "expression")
    if quality.range is not None:
        if quality.range.min is None and quality.range.max is None:
            yield scope.error("invalid-check", "a range needs `min` or `max`", *path, "range")
        kind_of = relation.column(quality.range.column)
        if kind_of and not kind_of.type.numeric:
            yield scope.error(
                "wrong-type", f"a range needs a number, `{kind_of.name}` is `{kind_of.type}`", *path, "range", "column"
            )
    if quality.relationship is not None:
        target, _, name = quality.relationship.to.partition(".")
        found = scope.lookup(target)
        if not isinstance(found, tuple):
            yield scope.error(found.code, found.message, *path, "relationship", "to", help=found.help)
        elif found[1].column(name) is None:
            help_ = known_names(name, found[1].names, "column")
            yield scope.error(
                "unknown-column", f"`{target}` has no column `{name}`", *path, "relationship", "to", help=help_
            )
    if quality.row_count is not None and quality.row_count.min is None and quality.row_count.max is None:
        yield scope.error("invalid-check", "a row count needs `min` or `max`", *path, "row_count")
    if quality.freshness is not None and not (quality.freshness.column or relation.timing.event_time):
        yield scope.error("invalid-check", "freshness needs a `column`: there is no event time", *path, "freshness")


def tables_of(checks: tuple[Quality, ...]) -> Iterator[str]:
    """The names of other tables that the checks read."""
    for quality in checks:
        if quality.relationship is not None:
            yield quality.relationship.to.partition(".")[0]


def lower_qualities(scope: Scope, checks: tuple[Quality, ...], address: str, relation: Relation) -> Check:
    """The body that runs the checks."""
    found = tuple(_expectation(scope, q, i, address, relation) for i, q in enumerate(checks))
    read = {r for i, q in enumerate(checks) for r in _read(scope, q, i, address, relation)}
    return Check(subject=address, expectations=found, columns=tuple(sorted(read)))


def _read(scope: Scope, quality: Quality, index: int, address: str, relation: Relation) -> Iterator[Read]:
    """What a check reads, each with its digest: when that has changed, it is due again."""
    yield from of_columns(relation, quality.columns())
    if quality.relationship is not None:
        yield from of_target(scope, quality.relationship.to)
    if quality.row_count is not None:
        yield of_rows(relation)
    if quality.freshness is not None:
        yield from of_columns(relation, [quality.freshness.column or relation.timing.event_time])
    if quality.expression is not None:
        yield from of_expression(scope, quality.expression, relation, "checks", index, "expression")
    if quality.sql is not None:
        asked = scope.analyse(quality.sql, "checks", index, "sql", this=(address, relation))
        yield of_query(f"query {index}", asked.rows_digest, asked.columns)
        yield of_rows(relation)  # failures are a share of all rows


def keys_quality(keys: tuple[str, ...]) -> Quality:
    """What declaring keys promises."""
    return Quality(name="keys", unique=keys)


def _name(quality: Quality, index: int) -> str:
    return quality.name or "_".join((quality.what, *quality.columns())) or f"check_{index}"


def _expectation(scope: Scope, quality: Quality, index: int, address: str, relation: Relation) -> Expectation:
    query, sample = _query(scope, quality, address, relation, index)
    sampled = sample.sql(DIALECT) if sample is not None else ""
    shown = relation.columns
    if quality.sql is not None:
        shown = scope.analyse(quality.sql, "checks", index, "sql", this=(address, relation)).columns
    hidden = tuple(c.name for c in shown if _personal(scope, c, address, relation))
    return Expectation(_name(quality, index), query.sql(DIALECT), quality.severity, quality.max_failed, sampled, hidden)


def _personal(scope: Scope, one: Column, address: str, relation: Relation) -> bool:
    """Whether a column, or one that it is computed from, has the tag `pii`."""
    if _PII in one.tags:
        return True
    for origin in one.origins:
        above = relation if origin.address == address else scope.relation(Address.parse(origin.address))
        found = above.column(origin.column)
        if found is not None and _personal(scope, found, address, relation):
            return True
    return False


def _query(
    scope: Scope, quality: Quality, address: str, relation: Relation, index: int
) -> "tuple[exp.Select, exp.Query | None]":
    rows = table(address)
    if quality.sql is not None:
        return _custom(rows, scope.analyse(quality.sql, "checks", index, "sql", this=(address, relation)).query)
    if quality.unique is not None:
        return _unique(rows, quality.unique)
    if quality.relationship is not None:
        return _missing(scope, rows, quality.relationship)
    if quality.row_count is not None:
        return _row_count(rows, quality.row_count), None
    if quality.freshness is not None:
        name = quality.freshness.column or relation.timing.event_time
        return _freshness(rows, name, quality.freshness), None
    fails = _fails(scope, quality, relation, index)
    counted = exp.select(exp.func("COUNT_IF", fails), exp.Count(this=exp.Star())).from_(rows)
    return counted, exp.select("*").from_(rows.copy()).where(fails.copy())


def _unique(rows: "exp.Table", names: tuple[str, ...]) -> "tuple[exp.Select, exp.Select]":
    keys = [column(n) for n in names]
    known = exp.and_(*[column(n).is_(exp.null()).not_() for n in names])
    groups = (
        exp.select(*keys, exp.alias_(exp.Count(this=exp.Star()), "rows", quoted=True))
        .from_(rows)
        .where(known)
        .group_by(*keys)
    )
    count = column("rows")
    doubled = exp.func("COUNT_IF", exp.GT(this=count, expression=exp.Literal.number(1)))
    total = exp.func("COALESCE", exp.Sum(this=count.copy()), exp.Literal.number(0))
    sample = groups.copy().having(exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1)))
    return exp.select(doubled, total).from_(groups.subquery("groups")), sample


def _custom(rows: "exp.Table", failing: str) -> "tuple[exp.Select, exp.Query]":
    tree = parsed_query(failing)
    all_rows = exp.select(exp.alias_(exp.Count(this=exp.Star()), "n", quoted=True)).from_(rows).subquery("whole")
    failed = (
        exp.select(exp.alias_(exp.Count(this=exp.Star()), "n", quoted=True))
        .from_(tree.subquery("failing"))
        .subquery("bad")
    )
    return exp.select(column("n", "bad"), column("n", "whole")).from_(failed).join(
        all_rows, join_type="cross"
    ), tree.copy()


def _row_count(rows: "exp.Table", wanted: RowCount) -> "exp.Select":
    bounds = [exp.LT(this=column("n"), expression=exp.Literal.number(wanted.min))] if wanted.min is not None else []
    if wanted.max is not None:
        bounds.append(exp.GT(this=column("n"), expression=exp.Literal.number(wanted.max)))  # type: ignore[arg-type]
    counted = exp.select(exp.alias_(exp.Count(this=exp.Star()), "n", quoted=True)).from_(rows)
    if wanted.per_day_of:
        day = exp.cast(column(wanted.per_day_of), "DATE")
        counted = counted.where(column(wanted.per_day_of).is_(exp.null()).not_()).group_by(day)
    return exp.select(exp.func("COUNT_IF", exp.or_(*bounds)), exp.Count(this=exp.Star())).from_(
        counted.subquery("days")
    )


def _freshness(rows: "exp.Table", name: str, wanted: Freshness) -> "exp.Select":
    now = exp.cast(exp.Literal.string(wanted.as_of), "TIMESTAMPTZ") if wanted.as_of else exp.CurrentTimestamp()
    newest = exp.cast(exp.Max(this=column(name)), "TIMESTAMPTZ")
    old = exp.LT(this=newest, expression=exp.Sub(this=now, expression=interval(wanted.max_age.microseconds)))
    failed = exp.Case(ifs=[exp.If(this=old, true=exp.Literal.number(1))], default=exp.Literal.number(0))
    empty = exp.Case(ifs=[exp.If(this=newest.copy().is_(exp.null()), true=exp.Literal.number(1))], default=failed)
    return exp.select(empty, exp.Literal.number(1)).from_(rows)


def _fails(scope: Scope, quality: Quality, relation: Relation, index: int) -> "exp.Expr":
    if quality.not_null is not None:
        return exp.or_(*[column(n).is_(exp.null()) for n in quality.not_null])
    if quality.accepted_values is not None:
        values = [exp.convert(v) for v in quality.accepted_values.values]
        return exp.not_(column(quality.accepted_values.column).isin(*values))
    if quality.range is not None:
        value = column(quality.range.column)
        parts: list[exp.Expr] = []
        if quality.range.min is not None:
            parts.append(exp.LT(this=value, expression=exp.convert(quality.range.min)))
        if quality.range.max is not None:
            parts.append(exp.GT(this=value.copy(), expression=exp.convert(quality.range.max)))
        return exp.or_(*parts)
    known: Mapping[str, Column] = {c.name: c for c in relation.columns}
    tree: Any = scope.expression(quality.expression or "", known, "checks", index, "expression")[0]
    return exp.not_(exp.paren(tree))


def _missing(scope: Scope, rows: "exp.Table", wanted: Relationship) -> "tuple[exp.Select, exp.Select]":
    """Joined, not `NOT IN`: that no engine refuses, and a hash table answers it."""
    target, _, name = wanted.to.partition(".")
    found = scope.lookup(target)
    address = found[0] if isinstance(found, tuple) else target
    known = exp.select(exp.alias_(column(name), "key", quoted=True)).distinct().from_(table(address))
    own = column(wanted.column, "checked")
    fails = exp.and_(own.is_(exp.null()).not_(), column("key", "known").is_(exp.null()))
    checked = exp.alias_(rows, "checked", table=True, quoted=True)

    def joined(*selected: "exp.Expr") -> "exp.Select":
        same = exp.EQ(this=own.copy(), expression=column("key", "known"))
        return exp.select(*selected).from_(checked.copy()).join(known.subquery("known"), on=same, join_type="left")

    every = exp.Column(this=exp.Star(), table=exp.to_identifier("checked", quoted=True))
    return joined(exp.func("COUNT_IF", fails), exp.Count(this=exp.Star())), joined(every).where(fails.copy())
