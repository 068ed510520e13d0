"""The grammar of a plain query: a SELECT, and the steps before it, over tables, joins, conditions and groups.

An expression is a tuple, its kind first. The canonical dialect reads a text that is plain in the same way, and in no other.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from mlspec.base.value import dataclass, field
from mlspec.ir.sql._plain.told import TYPES
from mlspec.ir.sql._plain.words import (
    AGGREGATES,
    FUNCTIONS,
    KEYWORDS,
    NARROW,
    UNITS,
    NotPlain,
    is_present,
    places_of,
    words_of,
)

Expression = tuple[Any, ...]
T = TypeVar("T")
How = tuple[str, str, str, str]
INNER: How = ("", "", "", "")
LEFT: How = ("", "LEFT", "", "")

_OR, _AND, _NOT, _PREDICATE, _SUM = 1, 2, 3, 4, 5
_LEVELS = {
    "OR": _OR, "AND": _AND, **dict.fromkeys(("=", "<>", "!=", "<", "<=", ">", ">=", "IS", "IN", "BETWEEN", "LIKE", "NOT"), _PREDICATE),
    "+": _SUM, "-": _SUM, "*": 6, "/": 6, "%": 6,
}  # fmt: skip
"""How tightly an operator binds."""
_DEEPEST, _MOST_STEPS = 12, 100
"""Values that stand in each other, and steps, of which the whole parser and the optimizer are not deep in calls."""
_SHORT = re.compile(r"(?!at|of)[a-z]{1,2}[0-9]*")
"""Names that a table is given without AS; a longer word may say something of the table to the parser."""
_SAME_WORD = frozenset({"paren", "lower", "upper", "trim"})
"""What a text is read through."""
_CONSTANTS = {"TRUE": ("boolean", "TRUE"), "FALSE": ("boolean", "FALSE"), "NULL": ("null",)}


@dataclass(slots=True)
class Ref:
    """What is read: a table as written, `at` which word it ends; how it is joined, and on what."""

    written: str
    alias: str
    at: int
    words: str = ""
    how: How = INNER
    on: Expression | None = None


@dataclass(slots=True)
class Select:
    """One SELECT; `columns` are its expressions with their names, and whether the name was given by AS."""

    distinct: bool
    columns: list[tuple[Expression, str, bool]]
    refs: list[Ref]
    aggregates: bool
    where: Expression | None = None
    group: list[Expression] = field(default_factory=list)
    having: Expression | None = None


@dataclass(slots=True)
class Query:
    """A plain query; `steps` are what WITH names, in order."""

    text: str
    steps: dict[str, Select]
    last: Select

    def tables(self) -> list[Ref]:
        """What it reads that is no step of its own, in the order of the text."""
        found = []
        known: set[str] = set()
        for name, select in (*self.steps.items(), ("", self.last)):
            found += [r for r in select.refs if r.written not in known]
            known.add(name)
        return found

    def places(self) -> list[tuple[str, int, int]]:
        """The tables that it reads: the name as written, and the offset and the length of its last word."""
        starts = places_of(self.text)
        return [(r.written, starts[r.at], len(_last(r.written))) for r in self.tables()]


def plain(text: str) -> Query | None:
    """A query of the plain kind; None for every other text."""
    try:
        return _Grammar(text).query()
    except (NotPlain, RecursionError):
        return None


class _Grammar:
    def __init__(self, text: str) -> None:
        self.text = text
        self.words = words_of(text)
        self.at = 0
        self.aggregates = False
        self.deep = 0

    def query(self) -> Query:
        steps: dict[str, Select] = {}
        if self.words[0] == "WITH":
            self.at = 1
            while True:
                name = self.name()
                self.need("AS", "(")
                select = self.select()
                self.need(")")
                if name in steps or "__" in name:
                    raise NotPlain
                steps[name] = select
                if len(steps) > _MOST_STEPS:
                    raise NotPlain
                if self.words[self.at] != ",":
                    break
                self.at += 1
        last = self.select()
        if self.words[self.at]:
            raise NotPlain
        made = Query(self.text, steps, last)
        if any(_last(r.written) in steps for r in made.tables()):  # one name for two things
            raise NotPlain
        if any(r.alias in steps and r.alias != r.written for s in (*steps.values(), last) for r in s.refs):
            raise NotPlain
        return made

    def select(self) -> Select:
        self.need("SELECT")
        distinct = self.skip("DISTINCT")
        self.aggregates = False
        columns = self.listed(self.column)
        aggregates = self.aggregates
        self.need("FROM")
        refs = [self.table("", INNER)]
        while self.words[self.at] in {"JOIN", "INNER", "LEFT"}:
            refs.append(self.joined())
        if len({r.alias for r in refs}) != len(refs):
            raise NotPlain
        made = Select(distinct, columns, refs, aggregates)
        if self.skip("WHERE"):
            made.where = self.expression()
        if self.skip("GROUP"):
            self.need("BY")
            made.group = self.listed(self.expression)
        if self.skip("HAVING"):
            made.having = self.expression()
        return made

    def column(self) -> tuple[Expression, str, bool]:
        if self.skip("*"):
            return ("star", ""), "", False
        if self.words[self.at + 1 : self.at + 3] == [".", "*"]:
            table = self.name()
            self.at += 2
            return ("star", table), "", False
        value = self.expression()
        if self.skip("AS"):
            return value, self.name(), True
        if value[0] != "column":
            raise NotPlain
        return value, value[2], False

    def joined(self) -> Ref:
        how, words = INNER, ""
        if self.skip("INNER"):
            words = "INNER "
        elif self.skip("LEFT"):
            how, words = LEFT, "LEFT OUTER " if self.skip("OUTER") else "LEFT "
        self.need("JOIN")
        ref = self.table(f"{words}JOIN", how)
        self.need("ON")
        ref.on = self.expression()
        return ref

    def table(self, words: str, how: How) -> Ref:
        at = self.at
        name = written = self.name()
        if self.skip("."):
            at = self.at
            name = self.name()
            written = f"{written}.{name}"
        if self.skip("AS") or _SHORT.fullmatch(self.words[self.at]):
            name = self.name()
        return Ref(written, name, at, words, how)

    # -- expressions ---------------------------------------------------------------------------------------------------

    def expression(self, limit: int = _OR) -> Expression:
        if self.words[self.at] == "NOT":
            if limit > _NOT:
                raise NotPlain
            self.at += 1
            left: Expression = ("not", self.expression(_PREDICATE))
        else:
            left = self.operand()
        while True:
            sign = self.words[self.at]
            level = _LEVELS.get(sign, 0)
            if level < limit:
                return left
            self.at += 1
            if level != _PREDICATE:
                left = (sign, left, self.expression(level + 1))
                continue
            left = self.predicate(sign, left)
            if _LEVELS.get(self.words[self.at], 0) >= _PREDICATE:
                raise NotPlain

    def amount(self) -> Expression:
        return self.expression(_SUM)

    def predicate(self, sign: str, left: Expression) -> Expression:
        if sign == "IS":
            negated = self.skip("NOT")
            self.need("NULL")
            found: Expression = ("is", left)
            return ("not", found) if negated else found
        if sign == "NOT":
            sign = self.words[self.at]
            if sign not in {"IN", "BETWEEN"}:
                raise NotPlain
            self.at += 1
            return ("not", self.predicate(sign, left))
        if sign == "IN":
            self.need("(")
            members = self.listed(self.operand)
            self.need(")")
            return ("in", left, members)
        low = self.expression(_SUM)
        if sign == "BETWEEN":
            self.need("AND")
            return ("between", left, low, self.expression(_SUM))
        return ("like", left, low) if sign == "LIKE" else ("compared", sign, left, low)

    def operand(self) -> Expression:
        """One value; not one deeper in others than the parser goes, however deep it is called."""
        self.deep += 1
        if self.deep > _DEEPEST:
            raise NotPlain
        found = self.value()
        self.deep -= 1
        return found

    def value(self) -> Expression:
        if self.skip("-"):
            return ("negative", self.operand())
        word = self.words[self.at]
        self.at += 1
        first = word[:1]
        if first.isdigit():
            found: Expression = ("number", word)
        elif first == "'":
            found = ("text", word)
        elif word == "(":
            found = ("paren", self.expression())
            self.need(")")
        elif word == "CASE":
            found = self.case()
        elif word == "CAST":
            self.need("(")
            value = self.expression()
            self.need("AS")
            found = self.cast(value)
            self.need(")")
        elif word == "INTERVAL":
            return ("interval", *self.span())
        elif word in _CONSTANTS:
            found = _CONSTANTS[word]
        else:
            found = self.called(word)
        while self.skip("::"):
            found = self.cast(found)
        return found

    def cast(self, value: Expression) -> Expression:
        """A value as what is named next; no text that is the present, which the parser itself refuses."""
        kind, inner = self.kind(), value
        while inner[0] in _SAME_WORD:
            inner = inner[1]
        if kind in {"DATE", "TIMESTAMP"} and inner[0] == "text" and is_present(inner[1]):
            raise NotPlain
        return ("cast", value, kind)

    def span(self) -> tuple[str, str]:
        """How many of which unit."""
        count, unit = self.words[self.at].strip("'"), self.words[self.at + 1].lower()
        if not count.isdigit() or not count.isascii() or unit not in UNITS:
            raise NotPlain
        self.at += 2
        return count, unit.upper()

    def called(self, word: str) -> Expression:
        """A column, or a function of some values."""
        following = self.words[self.at]
        if following == "(":
            return self.function(word.lower())
        if not _is_name(word):
            raise NotPlain
        if following != ".":
            return ("column", "", word)
        self.at += 1
        return ("column", word, self.name())

    def function(self, name: str) -> Expression:
        if name not in FUNCTIONS:
            raise NotPlain
        self.aggregates = self.aggregates or name in AGGREGATES
        self.at += 1
        if name == "count" and self.skip("*"):
            self.need(")")
            return ("count",)
        distinct = self.skip("DISTINCT")
        values = self.listed(self.amount if name in NARROW else self.expression)
        self.need(")")
        least, most = FUNCTIONS[name]
        if not least <= len(values) <= most or (distinct and name != "count"):
            raise NotPlain
        return ("count distinct" if distinct else name, *values)

    def case(self) -> Expression:
        pairs = []
        while self.skip("WHEN"):
            condition = self.expression()
            self.need("THEN")
            pairs.append((condition, self.expression()))
        default = self.expression() if self.skip("ELSE") else None
        self.need("END")
        if not pairs:
            raise NotPlain
        return ("case", pairs, default)

    # -- words ---------------------------------------------------------------------------------------------------------

    def listed(self, part: Callable[[], T]) -> list[T]:
        found = [part()]
        while self.skip(","):
            found.append(part())
        return found

    def skip(self, word: str) -> bool:
        if self.words[self.at] != word:
            return False
        self.at += 1
        return True

    def need(self, *words: str) -> None:
        for word in words:
            if self.words[self.at] != word:
                raise NotPlain
            self.at += 1

    def name(self) -> str:
        word = self.words[self.at]
        if not _is_name(word):
            raise NotPlain
        self.at += 1
        return word

    def kind(self) -> str:
        word = self.words[self.at]
        if word not in TYPES:
            raise NotPlain
        self.at += 1
        return word


def _last(written: str) -> str:
    return written.rpartition(".")[2]


def _is_name(word: str) -> bool:
    return (word[:1].islower() or word[:1] == "_") and word not in KEYWORDS
