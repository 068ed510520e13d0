"""A plain query understood: its tables found, its output typed, its lineage and digests taken, all in one walk.

What comes out is what the whole parser and the optimizer give for the same text, to the letter; `shapes` says what shapes mean.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from mlspec.base.digest import digest
from mlspec.base.value import dataclass, field, replace
from mlspec.ir.columntype import TIMES, ColumnType
from mlspec.ir.relation import Column, Origin, Relation
from mlspec.ir.sql._plain.grammar import INNER, Expression, Query, Ref, Select
from mlspec.ir.sql._plain.rules import RULES
from mlspec.ir.sql._plain.values import Origins, Value, type_of
from mlspec.ir.sql._plain.words import NotPlain, shown
from mlspec.ir.sql.analysis import Analysis, Lookup
from mlspec.ir.sql.problem import SqlProblem

_LONGEST = 63
_NAME = re.compile(r"(?!__)[a-z_][a-z0-9_]*", re.ASCII)
"""Names of columns that a star may stand for; there are tables with others."""
_DEEPEST = 64
"""Expressions in each other; the optimizer is called deep for as many of them, and gives up some time."""


@dataclass(slots=True)
class _Seen:
    """A column of a source as a select sees it."""

    meaning: str
    type: str
    kind: ColumnType
    origins: Origins


Seeing = Callable[[str], _Seen | None]


@dataclass(slots=True)
class _Source:
    """Something that is read: the names of its columns, and what each of them is, None for a name that it has not."""

    names: Collection[str]
    seen: Seeing


@dataclass(slots=True)
class _Flat:
    """What a query reads, one after another, and the conditions that all of it must meet."""

    sources: list[Any] = field(default_factory=list)
    conditions: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Shape:
    columns: dict[str, tuple[str, Value]]
    """From names to digests, and values."""
    rows: str


@dataclass(slots=True)
class _Made:
    """A select understood over its sources: its columns, what makes its rows besides them, and its canonical text."""

    columns: dict[str, Value]
    group: list[Value]
    having: Value | None
    text: str


class _Sight:
    """What the expressions of a select are understood with: the sources that it sees."""

    def __init__(self, several: bool) -> None:  # noqa: FBT001 - it has one caller
        self.sources: dict[str, _Source] = {}
        self.known: dict[tuple[str, str], Value] = {}
        self.several = several
        self.deep = 0

    def of(self, expression: Expression) -> Value:
        """An expression understood. Raises NotPlain."""
        kind = expression[0]
        if kind == "column":
            _, table, name = expression
            return self.known.get((table, name)) or self.column(table, name)
        if kind == "coalesce" and all(p[0] == "column" for p in expression[1:]):
            self.different(expression[1:])
        self.deep += 1
        if self.deep > _DEEPEST:
            raise NotPlain
        made: Value = RULES[kind](self.of, *expression[1:])
        self.deep -= 1
        return made

    def different(self, columns: Iterable[Expression]) -> None:
        """Refuse columns that may be equal, so that one stands for all of them."""
        if self.several or len({name for _, _, name in columns}) == 1:
            raise NotPlain

    def complete(self) -> None:
        """All sources are known: refuse names in the conditions of joins that a later source has too."""
        for table, name in self.known:
            if not table and sum(source.seen(name) is not None for source in self.sources.values()) > 1:
                raise NotPlain

    def every(self, table: str) -> Iterator[tuple[str, Value]]:
        """All columns of one source, or of all."""
        for at in (table,) if table else self.sources:
            source = self.sources.get(at)
            if source is None or not source.names or not all(map(_NAME.fullmatch, source.names)):
                raise NotPlain
            for name in source.names:
                value = self.of(("column", at, name))
                yield name, replace(value, words=value.query)

    def seen(self, table: str, name: str) -> tuple[str, _Seen]:
        """The one source that has a column, and what it is there."""
        if table:
            source = self.sources.get(table)
            found = [(table, seen)] if source is not None and (seen := source.seen(name)) else []
        else:
            found = [(t, seen) for t, source in self.sources.items() if (seen := source.seen(name))]
        if len(found) != 1:
            raise NotPlain
        return found[0]

    def column(self, table: str, name: str) -> Value:
        at, seen = self.seen(table, name)
        words = f"{shown(table)}.{shown(name)}" if table else shown(name)
        made = Value(
            words,
            f'"{at}"."{name}"',
            seen.type,
            seen.meaning,
            seen.origins,
            "column",
            seen.type == "DOUBLE",
            kind=seen.kind,
        )
        self.known[table, name] = made
        return made


def understand(query: Query, lookup: Lookup) -> Analysis | None:
    """A plain query understood; None where it is not as plain as it seemed, or wrong."""
    tables: dict[str, tuple[str, Relation]] = {}
    for ref in query.tables():
        answer = lookup(ref.written)
        if isinstance(answer, SqlProblem):
            return None
        tables[ref.written] = answer
    try:
        return _Understood(query, tables).analysis()
    except (NotPlain, RecursionError):
        return None


class _Understood:
    def __init__(self, query: Query, tables: Mapping[str, tuple[str, Relation]]) -> None:
        self.query = query
        self.tables = tables
        self.texts: dict[str, str] = {}
        self.shapes: dict[str, _Shape] = {}
        self.timed = any(r.timing.event_time for _, r in tables.values())

    def analysis(self) -> Analysis:
        select = self.query.last
        shape, text = self.shape(select)
        if len(self.texts) != len(self.query.steps):  # a step that nothing reads
            raise NotPlain
        said = {name: given for _, name, given in select.columns}
        columns = []
        for name, (own, value) in shape.columns.items():
            if len(name) > _LONGEST or name.startswith("__"):
                raise NotPlain
            if name not in said:  # of a star: there is nothing that its author wrote
                words = f'{value.query} AS "{name}"'
            else:
                words = f"{value.words} AS {shown(name)}" if said[name] else value.words
            columns.append(Column(name, value.logical, own, _in_order(value.origins), words))
        steps = ", ".join(f'"{n}" AS ({self.texts[n]})' for n in self.query.steps)
        whole = f"WITH {steps} {text}" if steps else text
        reads = tuple(sorted({a for a, _ in self.tables.values()}))
        return Analysis(whole, tuple(columns), shape.rows, reads)

    def shape(self, select: Select) -> tuple[_Shape, str]:
        """The digests of the columns and of the rows of a select, and its text."""
        flat = _Flat()
        made = self.made(select, flat)
        words = _row_words(select, made)
        only = flat.sources[0]
        same = len(flat.sources) == 1 and not flat.conditions and not words and isinstance(only, str)
        rows = only if same else digest("select", flat.sources, sorted(flat.conditions), words)
        columns = {}
        for name, value in made.columns.items():
            text = value.meaning
            own = text[2:] if same and text.startswith("0:") and text[2:].isalnum() else digest(text, rows)
            columns[name] = (own, value)
        return _Shape(columns, rows), made.text

    def made(self, select: Select, flat: _Flat) -> _Made:
        """A select understood; what it reads is put behind what is there already."""
        sight = _Sight(len(select.refs) > 1)
        floating = all(r.how == INNER or r.how[1] == "LEFT" for r in select.refs)
        tail = [self.read(ref, sight, flat, floating and ref.how == INNER) for ref in select.refs]
        sight.complete()
        if select.where is not None:
            where = _condition(sight.of(select.where))
            flat.conditions.update(where.parts("and"))
            tail.append(f" WHERE {where.query}")
        columns = self.columns(select, sight)
        group = [sight.of(e) for e in select.group]
        having = _condition(sight.of(select.having)) if select.having is not None else None
        if having is not None and any(given and name in set(_bare(select.having)) for _, name, given in select.columns):
            raise NotPlain  # the name of a column that is computed here, and of one that is read
        if group:
            tail.append(f" GROUP BY {', '.join(v.query for v in group)}")
        if having is not None:
            tail.append(f" HAVING {having.query}")
        self.refuse(select, columns, group)
        listed = ", ".join([f'{v.query} AS "{n}"' for n, v in columns.items()])
        distinct = "DISTINCT " if select.distinct else ""
        text = f"SELECT {distinct}{listed} FROM {''.join(tail)}"  # noqa: S608 - of names that were checked
        return _Made(columns, group, having, text)

    def columns(self, select: Select, sight: _Sight) -> dict[str, Value]:
        """The columns of a select, those that a star stands for among them."""
        listed: list[tuple[str, Value]] = []
        for expression, name, _ in select.columns:
            if expression[0] == "star":
                listed += sight.every(expression[1])
            else:
                listed.append((name, sight.of(expression)))
        found = dict(listed)
        if len(found) != len(listed):
            raise NotPlain
        return found

    def refuse(self, select: Select, columns: Mapping[str, Value], group: list[Value]) -> None:
        """Refuse what the whole parser may have to say something of: groups by numbers, and rows of all times put together."""
        if any(v.node in {"number", "text", "boolean", "null", "neg"} for v in group):
            raise NotPlain
        if not self.timed or not (select.aggregates or select.having is not None):
            return
        latest = any(e[0] == "max" and columns[n].logical.name in TIMES for e, n, _ in select.columns)
        if not latest and not any(v.logical.name in TIMES for v in group):
            raise NotPlain

    def read(self, ref: Ref, sight: _Sight, flat: _Flat, floats: bool) -> str:  # noqa: FBT001 - it has one caller
        """Put one thing that is read behind the others; its text."""
        step = self.query.steps.get(ref.written)
        position = len(flat.sources)
        rows = ""
        if step is None:
            address, relation = self.tables[ref.written]
            sight.sources[ref.alias] = _of_table(address, relation, position)
            rows, name = relation.rows_digest, address
        else:
            name = ref.written
            if floats and _simple(step):
                inside = self.made(step, flat)
                self.texts[name] = inside.text
                sight.sources[ref.alias] = _of_values(inside.columns)
            else:
                shape = self.step(name, step)
                sight.sources[ref.alias] = _of_shape(shape, position)
                rows = shape.rows
        on = _condition(sight.of(ref.on)) if ref.on is not None else None
        parts = sorted(set(on.parts("and"))) if on else []
        if floats:
            flat.conditions.update(parts)
        if rows:
            flat.sources.append(rows if floats else [ref.how, rows, parts])
        text = f'"{name}" AS "{ref.alias}"'
        return f" {ref.words} {text} ON {on.query}" if on else text

    def step(self, name: str, select: Select) -> _Shape:
        if name not in self.shapes:
            self.shapes[name], self.texts[name] = self.shape(select)
        return self.shapes[name]


def _row_words(select: Select, made: _Made) -> list[list[str]]:
    """What makes the rows of a select besides what it reads and its conditions."""
    words = []
    if made.group:
        words.append(["group", *sorted({v.meaning for v in made.group})])
    if made.having is not None:
        words.append(["having", *sorted(set(made.having.parts("and")))])
    if not made.group and (made.having is not None or select.aggregates):
        words.append(["one row"])
    if select.distinct:
        words.append(["distinct", *sorted({v.meaning for v in made.columns.values()})])
    return words


def _condition(value: Value) -> Value:
    if value.family != "boolean":
        raise NotPlain
    return value


def _bare(part: Any) -> Iterator[str]:
    """The names in an expression that say no table."""
    if isinstance(part, tuple) and part and part[0] == "column" and not part[1]:
        yield part[2]
    elif isinstance(part, tuple | list):
        for inner in part:
            yield from _bare(inner)


def _simple(select: Select) -> bool:
    """Whether it only chooses, computes and filters, so that it is looked through."""
    return not (select.group or select.having is not None or select.distinct or select.aggregates)


def _of_table(address: str, relation: Relation, position: int) -> _Source:
    columns = {c.name: c for c in relation.columns}

    def column(name: str) -> _Seen | None:
        found = columns.get(name)
        if found is None:
            return None
        return _Seen(f"{position}:{found.digest}", *type_of(found.type), frozenset((Origin(address, name),)))

    return _Source(columns, column)


def _of_values(values: Mapping[str, Value]) -> _Source:
    def column(name: str) -> _Seen | None:
        found = values.get(name)
        return None if found is None else _Seen(found.meaning, found.type, found.logical, found.origins)

    return _Source(values, column)


def _of_shape(shape: _Shape, position: int) -> _Source:
    def column(name: str) -> _Seen | None:
        found = shape.columns.get(name)
        if found is None:
            return None
        own, value = found
        return _Seen(f"{position}:{own}", value.type, value.logical, value.origins)

    return _Source(shape.columns, column)


def _in_order(origins: Origins) -> tuple[Origin, ...]:
    if len(origins) < 2:  # noqa: PLR2004 - nothing to sort
        return tuple(origins)
    return tuple(sorted(origins, key=lambda o: (o.address, o.column)))
