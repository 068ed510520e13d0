"""Names become addresses: which spec each reference and each table in SQL means, in an order parents first."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from mlspec.base.address import Address
from mlspec.base.dag import Cycle, downstream, in_order
from mlspec.base.diag import Diagnostic, Note, Report, Span, known_names
from mlspec.base.value import dataclass, field
from mlspec.documents.document import Path
from mlspec.ir.sql.problem import SqlProblem
from mlspec.language.bind import Bound
from mlspec.language.expectations import THIS, Quality, tables_of
from mlspec.language.spec import Ref, Spec, queries, references
from mlspec.language.sql import place_in


@dataclass(frozen=True)
class Graph:
    """The specs in order, each after those that it refers to; `edges` says where each reference stands.

    `broken` are the documents that could not be bound: a name of theirs is not unknown, and was reported already.
    """

    bound: Mapping[Address, Bound]
    order: tuple[Address, ...]
    edges: Mapping[Address, Mapping[Address, Path]]
    tables: "Tables"
    broken: frozenset[Address] = frozenset()
    mentions: "Mapping[Address, Mentions]" = field(default_factory=dict)

    def address(self, ref: Ref[Any]) -> Address | None:
        """The address that a reference means, if there is one."""
        kinds = (ref.kind,) if ref.kind else ref.allowed
        found = [Address(k, ref.name) for k in kinds if Address(k, ref.name) in self.bound]
        return found[0] if len(found) == 1 else None

    def table(self, written: str) -> Address | SqlProblem:
        """The address that a table's name in SQL means."""
        return find_table(self.tables, written)

    def known_broken(self, name: str, kinds: Iterable[str] = ()) -> bool:
        """Whether a document of that name was declared, but could not be bound."""
        kind, _, plain = name.rpartition(".")
        wanted = {kind} if kind else set(kinds)
        return any(a.name in {plain, ""} and (not wanted or a.kind in {*wanted, ""}) for a in self.broken)


Tables = Mapping[str, tuple[Address, ...]]
"""The specs that offer rows, by name."""


@dataclass(frozen=True)
class Mentions:
    """What a spec says of others: its references and the tables in its SQL, each with its path; and whether it offers rows."""

    offers: bool
    refs: tuple[tuple[Path, Ref[Any]], ...]
    tables: tuple[tuple[Path, str], ...]


def mentions_of(spec: Spec) -> Mentions:
    """What a spec says of others."""
    return Mentions(spec.offers_rows(), tuple(references(spec)), tuple(dict.fromkeys(_tables(spec))))


def tables_among(offering: Iterable[Address]) -> Tables:
    """What the names of tables may mean; `offering` are the specs that offer rows."""
    found: dict[str, tuple[Address, ...]] = {}
    for address in offering:
        found[address.name] = (*found.get(address.name, ()), address)
    return found


def find_table(tables: Tables, written: str) -> Address | SqlProblem:
    """The address that a table's name in SQL means, or what is wrong with it."""
    kind, _, name = written.rpartition(".")
    found = [a for a in tables.get(name, ()) if not kind or a.kind == kind]
    if len(found) == 1:
        return found[0]
    if found:
        names = " and ".join(f"`{a}`" for a in sorted(found))
        return SqlProblem("ambiguous-table", f"`{written}` is {names}", help=f"write `{min(found)}`")
    help_ = known_names(name, tables, "table")
    return SqlProblem(
        "unknown-table", f"there is no source or feature view `{written}`", label="not declared anywhere", help=help_
    )


def resolve(
    bound: Mapping[Address, Bound],
    broken: frozenset[Address],
    report: Report,
    known: Mapping[Address, Mentions] | None = None,
) -> Graph:
    """Find what every name means. Names that mean nothing, and circles, go into the report.

    `known` is what some specs say of others, so that they need not be looked at.
    """
    mentions = {**(known or {})}
    mentions = {a: mentions.get(a) or mentions_of(bound[a].spec) for a in bound}
    tables = tables_among(a for a, one in mentions.items() if one.offers)
    partial = Graph(bound, (), {}, tables, broken)
    edges: dict[Address, dict[Address, Path]] = {}
    for address, said in mentions.items():
        edges[address] = {}
        for path, ref in said.refs:
            target = partial.address(ref)
            if target is not None:
                edges[address].setdefault(target, path)
            elif not partial.known_broken(str(ref), ref.allowed):
                report.add(_unresolved(bound[address], path, ref, bound))
        for path, table in said.tables:
            target_of = find_table(tables, table)
            if isinstance(target_of, Address):
                edges[address].setdefault(target_of, path)
    return Graph(bound, _order(bound, edges, report), edges, tables, broken, mentions)


def _order(
    bound: Mapping[Address, Bound], edges: Mapping[Address, Mapping[Address, Path]], report: Report
) -> tuple[Address, ...]:
    """Parents first; a circle is reported, and left out with everything that needs it."""
    left = dict(edges)
    for address in [a for a, targets in edges.items() if a in targets]:
        report.add(_cycle((address, address), bound, edges))
        left = {a: targets for a, targets in left.items() if a not in downstream(left, [address])}
    while True:
        try:
            return in_order(left)
        except Cycle as cycle:
            report.add(_cycle(cycle.path, bound, edges))
            reached = downstream(left, cycle.path)
            left = {a: targets for a, targets in left.items() if a not in reached}


def _tables(spec: Spec) -> Iterator[tuple[Path, str]]:
    for path, sql in queries(spec):
        of_check = path[:1] == ("checks",)
        for name, _, _ in sql.tables():
            if not of_check or name not in {THIS, spec.name, str(spec.address)}:
                yield path, name
    checks = getattr(spec, "checks", ())
    qualities = tuple(c for c in checks if isinstance(c, Quality))
    for name in tables_of(qualities):
        yield ("checks",), name


def _unresolved(one: Bound, path: Path, ref: Ref[Any], bound: Mapping[Address, Bound]) -> Diagnostic:
    span = one.document.span(path)
    what = " or ".join(a.replace("_", " ") for a in ([ref.kind] if ref.kind else ref.allowed))
    known = [a.name for a in bound if a.kind in ref.allowed]
    same = [a for a in bound if a.kind in ref.allowed and a.name == ref.name]
    if len(same) > 1 and not ref.kind:
        names = " and ".join(f"`{a}`" for a in sorted(same))
        return Diagnostic("ambiguous-reference", f"`{ref}` is {names}", span, help=f"write `{min(same)}`")
    return Diagnostic(
        "unresolved-reference",
        f"no {what} named `{ref.name}`",
        span,
        "not declared anywhere",
        known_names(ref.name, known, what),
    )


def _cycle(
    path: tuple[Address, ...], bound: Mapping[Address, Bound], edges: Mapping[Address, Mapping[Address, Path]]
) -> Diagnostic:
    steps = list(pairwise(path))
    if any(b not in edges[a] for a, b in steps):
        path = tuple(reversed(path))
        steps = list(pairwise(path))
    notes = tuple(Note(f"`{a}` needs `{b}`", _needed(bound[a], edges[a][b], b)) for a, b in steps)
    return Diagnostic(
        "cycle",
        "cycle: " + " -> ".join(str(a) for a in path),
        notes[0].span,
        help="one of them must do without the other",
        notes=notes,
    )


def _needed(one: Bound, path: Path, target: Address) -> Span:
    """Where a spec names what it needs: the table in its SQL, or the field."""
    sql = next((q for p, q in queries(one.spec) if p == path), None)
    for name, start, length in sql.tables() if sql else ():
        if name in {target.name, str(target)} and sql:
            return place_in(one.document, sql, path, start, length)
    return one.document.span(path)
