"""Features for many rows at once: which are asked for, what the rows that ask must have, and the join that answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mlspec.base.address import Address
from mlspec.base.diag import Diagnostic, Problems, known_names, problem
from mlspec.base.value import dataclass, replace
from mlspec.compile.project import Compiled
from mlspec.ir.columntype import TIMES, ColumnType
from mlspec.ir.relation import AsOf, Column, Keep, Lookup, Relation
from mlspec.ir.spine import NUMBER, SPINE
from mlspec.ir.sql.analyse import expression
from mlspec.ir.sql.analysis import Analysis
from mlspec.ir.sql.dialect import DIALECT, column, table
from mlspec.ir.sql.glot import exp
from mlspec.ir.sql.lookups import look_up
from mlspec.ir.sql.parse import parse

ASKED = "__asked_at"
_VIEW, _SET = "feature_view", "feature_set"

Types = Mapping[str, ColumnType | None]
"""The columns of the rows that ask; None is a type that no logical type stands for."""


@dataclass(frozen=True)
class Wanted:
    """A feature: its view, its column there, its name in the answer, and whether it is computed from the rows that ask.

    `renamed` pairs keys of the view with what those who ask call them; `at` is their time for it, if it is another one.
    """

    view: Address
    column: Column
    name: str
    computed: bool
    renamed: tuple[tuple[str, str], ...] = ()
    at: str = ""

    @property
    def way(self) -> Way:
        """Features of one way are found by one look-up."""
        return self.view, self.renamed, self.at


Way = tuple[Address, tuple[tuple[str, str], ...], str]


@dataclass(frozen=True)
class Choice:
    """Features in the order in which they were asked for, and all that must be applied for them."""

    wanted: tuple[Wanted, ...]
    relations: Mapping[Address, Relation]
    inputs: Mapping[Address, Mapping[str, ColumnType]]
    needs: tuple[Address, ...]

    def needed(self) -> dict[str, tuple[ColumnType, Address]]:
        """The columns that the rows that ask must have, with their types and the first view that needs each."""
        found: dict[str, tuple[ColumnType, Address]] = {}
        for address, renamed, _ in self.ways():
            for name, kind in self.inputs[address].items():
                found.setdefault(dict(renamed).get(name, name), (kind, address))
        return found

    def ways(self) -> tuple[Way, ...]:
        """The look-ups, and the views that are computed."""
        return tuple(dict.fromkeys(w.way for w in self.wanted))

    def moments(self) -> Iterator[tuple[Address, str, Column]]:
        """The times that those of the rows that ask are compared with: of which view, asked at which column if not at theirs."""
        for address, _, at in self.ways():
            if address not in self.relations:
                continue
            relation = self.relations[address]
            for name in dict.fromkeys((relation.timing.event_time, relation.timing.available_time)):
                found = relation.column(name)
                if found is not None:
                    yield address, at, found

    def times(self, at: str) -> dict[str, ColumnType]:
        """The columns of the rows that ask which are times, and what the views compare them with."""
        return {other or at: c.type for _, other, c in self.moments()}

    @property
    def zoned(self) -> bool:
        """Whether the rows that ask must say an instant; where nothing says, they should."""
        kinds = {c.type.name for _, at, c in self.moments() if not at}
        return "timestamp" not in kinds or "timestamptz" in kinds


def choose(compiled: Compiled, features: Sequence[str]) -> Choice:
    """The features named by `feature_set.x`, `feature_view.x`, `view.feature` or `view.*`. Raises Problems."""
    views: dict[Address, tuple[dict[str, Column], Mapping[str, ColumnType]]] = {}
    wanted: dict[str, Wanted] = {}
    needs: dict[Address, None] = {}
    for text in features:
        for address, name, role, renamed, at in _named(compiled, text, needs):
            if address not in views:
                views[address] = _offered(compiled, address)
                needs[address] = None
            offered, computed = views[address][0], address not in _relations(compiled)
            if name is not None and name not in offered:
                help_ = known_names(name, offered, "feature")
                raise problem("unknown-feature", f"feature view `{address.name}` has no feature `{name}`", help=help_)
            for one in sorted(offered) if name is None else (name,):
                called = f"{role or address.name}__{one}"
                wanted.setdefault(called, Wanted(address, offered[one], called, computed, renamed, at))
    if not wanted:
        raise problem("unknown-feature", "no feature is asked for", help="name `feature_set.x`, or `view.feature`")
    bodies = _relations(compiled)
    relations = {a: bodies[a] for a in views if a in bodies}
    return Choice(tuple(wanted.values()), relations, {a: inputs for a, (_, inputs) in views.items()}, tuple(needs))


def _relations(compiled: Compiled) -> dict[Address, Relation]:
    return {r.address: r.body for r in compiled.desired if isinstance(r.body, Relation)}


_Named = tuple[Address, str | None, str, tuple[tuple[str, str], ...], str]


def _named(compiled: Compiled, text: str, needs: dict[Address, None]) -> Iterator[_Named]:
    """What one text names: views, each with a feature, or with None for all of them, and its role, keys and time."""
    head, _, rest = text.strip().partition(".")
    if head in {_VIEW, _SET} and rest:
        kinds: tuple[str, ...] = (head,)
        name, _, feature = rest.partition(".")
    else:
        name, feature = head, rest
        kinds = (_VIEW,) if feature else (_VIEW, _SET)
    known = [a for a in compiled.gathered.bound if a.kind in {_VIEW, _SET}]
    found = [a for a in known if a.name == name and a.kind in kinds]
    if len(found) > 1:
        both = " and ".join(f"`{a}`" for a in found)
        raise problem("ambiguous-reference", f"`{text}` is {both}", help=f"write `{found[0]}`")
    if not found or (found[0].kind == _SET and feature):
        what = " or ".join(k.replace("_", " ") for k in kinds)
        help_ = known_names(name, [a.name for a in known if a.kind in kinds], what)
        raise problem("unknown-address", f"there is no {what} `{name}`", help=help_)
    if found[0].kind == _VIEW:
        yield found[0], None if feature in {"", "*"} else feature, "", (), ""
        return
    needs[found[0]] = None
    spec: Any = compiled.spec(found[0])
    for written in spec.features:
        view = compiled.graph.address(written.view)
        assert view is not None  # noqa: S101 - the project compiles
        yield view, written.feature, written.role or "", tuple(sorted(written.keys.items())), written.at or ""


def _offered(compiled: Compiled, address: Address) -> tuple[dict[str, Column], Mapping[str, ColumnType]]:
    """The features of a view, and the columns by which they are looked up or from which they are computed."""
    body = compiled.desired.resources[address].body
    if isinstance(body, Relation):
        timing = body.timing
        others = {*body.keys, timing.event_time, timing.available_time, timing.tie_break, timing.valid_to}
        keys = {c.name: c.type for c in body.columns if c.name in body.keys}
        return {c.name: c for c in body.columns if c.name not in others}, keys
    spec: Any = compiled.spec(address)
    inputs: Mapping[str, ColumnType] = spec.on_request.inputs
    columns = {n: Column(n, k, "") for n, k in inputs.items()}
    found = {}
    for name, text in spec.on_request.features.items():
        node, kind, _ = expression(text, columns)
        found[name] = Column(name, kind, "", words=node.sql(DIALECT))
    return found, inputs


# -- the rows that ask -----------------------------------------------------------------------------------------------------


def constant_time(at: str, names: Iterable[str]) -> str:
    """The moment at which all rows ask, if `at` is one and not a column of theirs; else nothing."""
    if at in set(names):
        return ""
    try:
        dt.datetime.fromisoformat(at)
    except ValueError:
        return ""
    return at


def check_spine(choice: Choice, types: Types, at: str) -> None:
    """Raise Problems with all that the rows that ask lack: keys, inputs, their types, the time at which each asks."""
    found = [*_keys(choice, types)]
    for name in dict.fromkeys(other or at for _, other, _ in choice.moments()):
        if name != at or not constant_time(at, types):
            found += _times(choice, types, name, at)
    for one in choice.wanted:
        if one.name in types:
            message = f"the spine has a column `{one.name}` already, as the feature is called"
            found.append(Diagnostic("duplicate-column", message, help="rename the column"))
    if found:
        raise Problems(found)


def _keys(choice: Choice, types: Types) -> Iterator[Diagnostic]:
    for name, (kind, view) in choice.needed().items():
        if name not in types:
            help_ = known_names(name, types, "column")
            yield Diagnostic("missing-key", f"`{view}` needs `{name}`, which the spine does not have", help=help_)
            continue
        have = types[name]
        if have is None or not have.joins(kind):
            shown = have or "of no type that a key can have"
            message = f"`{name}` is `{shown}` in the spine, `{kind}` in `{view}`"
            help_ = "cast it: `1` never equals `'01'`"
            if have and have.name == "float64" and kind.name.startswith("int"):
                help_ += '; pandas makes floats of integers with gaps, `astype("Int64")` keeps them'
            yield Diagnostic("key-type-mismatch", message, help=help_)


def _times(choice: Choice, types: Types, at: str, default: str) -> Iterator[Diagnostic]:
    moments = [(view, c) for view, other, c in choice.moments() if (other or default) == at]
    if at not in types and at[:1].isdigit():
        help_ = "write `2013-06-01T12:00:00Z`, or the name of a column of the spine"
        yield Diagnostic("invalid-instant", f"`{at}` is not a time", help=help_)
        return
    if at not in types:
        help_ = f"`--at` says which column it is, or one time for all rows; the spine has {', '.join(f'`{n}`' for n in types)}"
        yield Diagnostic("unknown-column", f"the spine has no column `{at}`, the time at which a row asks", help=help_)
        return
    asked = types[at]
    if asked is None or asked.name not in TIMES - {"date"}:
        shown = asked or "of another type"
        help_ = "a row asks at a moment: make it a timestamp"
        yield Diagnostic("wrong-type", f"`{at}` of the spine is `{shown}`, not a moment", help=help_)
        return
    for view, moment in moments:
        if {moment.type.name, asked.name} == {"timestamp", "timestamptz"}:
            theirs, ours = f"`{moment.name}` of `{view}`", f"`{at}` of the spine"
            naive, aware = (theirs, ours) if moment.type.name == "timestamp" else (ours, theirs)
            help_ = "give the times of the spine a time zone" if naive == ours else "take the time zone away: in UTC"
            yield Diagnostic("naive-aware-comparison", f"{naive} has no time zone, {aware} has", help=help_)
            return


# -- the join --------------------------------------------------------------------------------------------------------------


def of_numbered(choice: Choice, types: Types, at: str) -> tuple[Relation, tuple[str, ...]]:
    """The join for rows that are loaded into the engine, numbered; and which of their columns it needs."""
    constant = constant_time(at, types)
    timed = [n for n in choice.times(at) if n in types]
    needed = tuple(dict.fromkeys((*choice.needed(), *timed)))
    spine = exp.select(*[column(n) for n in (NUMBER, *needed)]).from_(table(SPINE))
    if constant:
        spine = spine.select(_moment(constant, zoned=choice.zoned), copy=False)
    own = (Column(NUMBER, ColumnType("int64"), ""),)
    time = ASKED if constant else at
    return _join(choice, spine, own, time, (SPINE,)), needed


def of_query(choice: Choice, found: Analysis, at: str) -> Relation:
    """The join for the rows of a SELECT, with all their columns."""
    constant = constant_time(at, [c.name for c in found.columns])
    spine: exp.Query = parse(found.query)
    if constant:
        moment = _moment(constant, zoned=choice.zoned)
        spine = exp.select(exp.Star(), moment).from_(spine.subquery("rows"))
    return _join(choice, spine, found.columns, ASKED if constant else at, found.reads)


def _join(choice: Choice, spine: exp.Query, own: tuple[Column, ...], time: str, reads: tuple[str, ...]) -> Relation:
    lookups: list[Lookup] = []
    for way in choice.ways():
        address, renamed, at = way
        if address in choice.relations:
            relation = choice.relations[address]
            pairs = tuple((w.column.name, w.name) for w in choice.wanted if w.way == way)
            keys = tuple((k, dict(renamed).get(k, k)) for k in relation.keys)
            lookups.append(look_up(str(address), relation, pairs, keys, at))
    computed = tuple((w.name, w.column.words) for w in choice.wanted if w.computed)
    as_of = AsOf(spine.sql(DIALECT), tuple(c.name for c in own), time, tuple(lookups), computed)
    columns = (*own, *(replace(w.column, name=w.name) for w in choice.wanted))
    read = (look.windows.events if look.windows else look.address for look in lookups)
    return Relation("", columns, "", Keep.VIEW, reads=tuple(sorted({*reads, *read})), as_of=as_of)


def _moment(text: str, *, zoned: bool) -> exp.Expr:
    moment: exp.Expr = exp.cast(exp.Literal.string(text), "TIMESTAMPTZ")
    if not zoned:
        moment = exp.cast(moment, "TIMESTAMP")
    return exp.alias_(moment, ASKED, quoted=True)
