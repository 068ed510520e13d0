"""Questions to what was applied, as canonical queries: rows of a relation, a SELECT, feature values at a time."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, known_names, problem
from mlspec.compile.project import Compiled
from mlspec.compile.retrieval import choose
from mlspec.ir.columntype import INTEGERS
from mlspec.ir.relation import AsOf, Keep, Relation
from mlspec.ir.sql.analyse import analyse, expression
from mlspec.ir.sql.analysis import Analysis
from mlspec.ir.sql.dialect import DIALECT, column, data_type, table
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.lookups import look_up
from mlspec.ir.sql.problem import SqlProblem, SqlProblems


def question(
    compiled: Compiled, what: str, *, where: str, columns: Sequence[str], at: str, keys: dict[str, str]
) -> Relation:
    """The rows that answer: a relation of nothing but what computes them, and what it reads. Raises Problems."""
    if " " in what.strip():
        found = understood(compiled, what)
        return _rows(found.query, found.reads)
    address = relation_address(compiled, what)
    body: Any = compiled.desired.resources[address].body
    if at or keys:
        return _values_at(compiled, address, body, at, keys)
    known = {c.name: c for c in body.columns}
    for name in columns:
        if name not in known:
            raise problem("unknown-column", f"`{what}` has no column `{name}`", help=known_names(name, known, "column"))
    query = exp.select(*[column(n) for n in columns or known]).from_(table(str(address)))
    if where:
        try:
            query = query.where(expression(where, known)[0])
        except SqlProblems as error:
            raise _problems(error) from None
    return _rows(query.sql(DIALECT), (str(address),))


def understood(compiled: Compiled, text: str) -> Analysis:
    """A SELECT over what the project offers, as confined as any definition. Raises Problems."""
    try:
        return analyse(text, lambda name: _lookup(compiled, name))
    except SqlProblems as error:
        raise _problems(error) from None


def _rows(query: str, reads: tuple[str, ...]) -> Relation:
    return Relation(query, (), "", Keep.VIEW, reads=reads)


def _problems(error: SqlProblems) -> Problems:
    return Problems(Diagnostic(p.code, p.message, None, p.label, p.help) for p in error.problems)


def _answers(compiled: Compiled, what: str) -> bool:
    """Whether it is something that answers rows of one's own."""
    try:
        choose(compiled, [what])
    except Problems:
        return False
    return True


def relation_address(compiled: Compiled, what: str) -> Address:
    """The relation that a name or an address means. Raises Problems."""
    relations = {str(r.address): r.address for r in compiled.desired if isinstance(r.body, Relation)}
    relations |= {a.name: a for a in relations.values() if sum(b.name == a.name for b in relations.values()) == 1}
    several = sorted(
        str(r.address) for r in compiled.desired if isinstance(r.body, Relation) and r.address.name == what
    )
    if what not in relations and several:
        raise problem(
            "ambiguous-table",
            f"`{what}` may be {' or '.join(f'`{a}`' for a in several)}",
            help="say which: name its kind, too",
        )
    if what not in relations and _answers(compiled, what):
        message = f"`{what}` has no rows of its own: it answers rows that ask"
        raise problem(
            "unknown-address", message, help=f"`mlspec query {what} --spine FILE`, or `--spine-sql SQL`, gives it some"
        )
    if what not in relations:
        raise problem(
            "unknown-address", f"there are no rows called `{what}`", help=known_names(what, relations, "relation")
        )
    return relations[what]


def _lookup(compiled: Compiled, name: str) -> tuple[str, Relation] | SqlProblem:
    try:
        address = relation_address(compiled, name)
    except Problems as error:
        return SqlProblem("unknown-table", error.diagnostics[0].message, help=error.diagnostics[0].help)
    body: Any = compiled.desired.resources[address].body
    return str(address), body


def _values_at(compiled: Compiled, address: Address, body: Relation, at: str, keys: dict[str, str]) -> Relation:
    """The feature values that would be answered for keys at a time."""
    view: Any = compiled.spec(address)
    if not hasattr(view, "entities"):
        raise problem("not-a-feature-view", f"`{address}` is no feature view: `--at` and `--key` are for those")
    if unknown := sorted(set(keys) - set(body.keys)):
        raise problem(
            "unknown-key", f"`{unknown[0]}` is no key of `{address}`", help=known_names(unknown[0], body.keys, "key")
        )
    missing = [k for k in body.keys if k not in keys]
    if missing or not at:
        wanted = " ".join(f"--key {k}=…" for k in body.keys)
        raise problem(
            "missing-key",
            f"`{address}` is asked by its keys at a time",
            help=f"write {wanted} --at 2013-06-01T12:00:00Z",
        )
    try:
        dt.datetime.fromisoformat(at)
    except ValueError:
        raise problem("invalid-instant", f"`{at}` is not a time", help="write `2013-06-01T12:00:00Z`") from None
    for name in body.keys:
        kind = body.column(name)
        if kind is not None and kind.type.name in INTEGERS and not keys[name].lstrip("+-").isdigit():
            raise problem(
                "invalid-value", f"`--key {name}={keys[name]}`: the key is `{kind.type}`", help="write a whole number"
            )
    times = {body.timing.event_time, body.timing.available_time, body.timing.tie_break, body.timing.valid_to}
    features = tuple((c.name, c.name) for c in body.columns if c.name not in body.keys and c.name not in times)
    types = {c.name: c.type for c in body.columns}
    asked = exp.select(
        *[exp.alias_(exp.cast(exp.Literal.string(keys[k]), data_type(types[k])), k, quoted=True) for k in body.keys]
    )
    asked = asked.select(exp.alias_(exp.cast(exp.Literal.string(at), "TIMESTAMPTZ"), "__asked_at", quoted=True))
    lookup = look_up(str(address), body, features, tuple((k, k) for k in body.keys))
    as_of = AsOf(asked.sql(DIALECT), body.keys, "__asked_at", (lookup,))
    reads = (lookup.windows.events if lookup.windows else str(address),)
    return Relation("", (), "", Keep.VIEW, reads=reads, as_of=as_of)
