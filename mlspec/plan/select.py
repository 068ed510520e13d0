"""Selectors, as `--select` and `--exclude` take them: which addresses they mean. Pure; dbt's conventions.

A selector is terms between commas, all of which must hold; several selectors mean any of them. A term is `kind.name`, a
`name`, a pattern (`feature_view.user_*`), or `method:value`; `+` before it adds what it needs, `+` after it what
needs it, a number how many steps far: `2+x`, `x+1`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property

from mlspec.base.address import Address
from mlspec.base.diag import Problems, did_you_mean, known_names, problem
from mlspec.base.value import dataclass

STATES = ("new", "modified", "unchanged", "deleted")
METHODS = ("kind", "owner", "state", "tag")
_TERM = re.compile(r"(?:(\d*)(\+))?([^+]+?)(?:(\+)(\d*))?")
_PATTERN = re.compile(r"[*?\[]")
HELP = "docs/selection.md says what can be written"


@dataclass(frozen=True, slots=True)
class Thing:
    """What can be selected: who owns it, its tags, and whether it is `new`, `modified`, `unchanged` or `deleted`.

    `parents` are what it needs; steps are counted from document to document, not to their parts.
    """

    address: Address
    parents: tuple[Address, ...] = ()
    owner: str = ""
    tags: tuple[str, ...] = ()
    state: str = "unchanged"


@dataclass(frozen=True, slots=True)
class Term:
    """One term; `up` and `down` are how many steps are added, None is all of them, 0 none."""

    core: str
    up: int | None = 0
    down: int | None = 0


def parsed(text: str) -> tuple[Term, ...]:
    """The terms of a selector. Raises Problems."""
    terms = []
    for part in (p.strip() for p in text.split(",")):
        match = _TERM.fullmatch(part)
        if match is None:
            what = f"`{text}` has an empty term" if not part else f"`{part}` cannot be read as a selector"
            raise problem("invalid-selector", what, help=f"write `x`, `+x`, `x+`, `2+x` or `x+1`; {HELP}")
        before, up, core, down, after = match.groups()
        terms.append(Term(core, _steps(up, before), _steps(down, after)))
    return tuple(terms)


def _steps(sign: str | None, number: str | None) -> int | None:
    if not sign:
        return 0
    return int(number) if number else None


@dataclass(frozen=True)
class Selectable:
    """Everything that can be selected, by address."""

    things: Mapping[Address, Thing]

    @cached_property
    def _above(self) -> dict[Address, set[Address]]:
        """From each document to those that it needs directly."""
        found: dict[Address, set[Address]] = {a.whole: set() for a in self.things}
        for thing in self.things.values():
            found[thing.address.whole] |= {p.whole for p in thing.parents if p.whole != thing.address.whole}
        return found

    @cached_property
    def _below(self) -> dict[Address, set[Address]]:
        found: dict[Address, set[Address]] = {}
        for address, above in self._above.items():
            for parent in above:
                found.setdefault(parent, set()).add(address)
        return found

    def any_of(self, texts: Iterable[str]) -> frozenset[Address]:
        """What at least one of the selectors means. Raises Problems where one means nothing; all that are wrong at once."""
        found: set[Address] = set()
        wrong: list[Problems] = []
        for text in texts:
            try:
                found |= self.one(text)
            except Problems as problems:
                wrong.append(problems)
        if wrong:
            raise Problems(d for p in wrong for d in p.diagnostics)
        return frozenset(found)

    def one(self, text: str) -> frozenset[Address]:
        """What a selector means. Raises Problems where it means nothing."""
        terms = parsed(text)
        sets = [self._term(t) for t in terms]
        found = frozenset(set.intersection(*sets))
        if not found and not any(t.core.startswith("state:") for t in terms):
            raise problem(
                "nothing-selected", f"`{text}` selects nothing: no one thing is all of it",
                help="a comma means `and`; give `--select` twice for `or`",
            )  # fmt: skip
        return found

    def _term(self, term: Term) -> set[Address]:
        start = self._core(term.core)
        if term.up == 0 and term.down == 0:
            return start
        wholes = {a.whole for a in start}
        reached = wholes | _reach(self._above, wholes, term.up) | _reach(self._below, wholes, term.down)
        return {a for a in self.things if a.whole in reached}

    def _core(self, core: str) -> set[Address]:
        method, colon, value = core.partition(":")
        if colon:
            return self._method(method, value)
        if _PATTERN.search(core):
            found = {a for a in self.things if fnmatchcase(str(a.whole) if "." in core else a.name, core)}
            if not found:
                raise problem("nothing-selected", f"`{core}` matches nothing", help=self._near(core))
            return found
        return self._named(core)

    def _named(self, name: str) -> set[Address]:
        exact = {a for a in self.things if name in {str(a), str(a.whole)}}
        if exact or "." in name:
            return exact or self._unknown(name)
        found = {a for a in self.things if a.name == name}
        kinds = sorted({str(a.whole) for a in found})
        if len(kinds) > 1:
            names = " and ".join(f"`{k}`" for k in kinds)
            raise problem("ambiguous-selector", f"`{name}` is {names}", help=f"write `{kinds[0]}`")
        return found or self._unknown(name)

    def _unknown(self, name: str) -> set[Address]:
        raise problem("unknown-address", f"there is no `{name}`", help=self._near(name))

    def _near(self, name: str) -> str:
        known = {str(a) for a in self.things} if "." in name else {a.name for a in self.things}
        return did_you_mean(name, known) or "`mlspec show` lists what there is"

    def _method(self, method: str, value: str) -> set[Address]:
        if method not in METHODS:
            message = f"there is no selector `{method}:`"
            raise problem("invalid-selector", message, help=f"{known_names(method, METHODS, 'selector')}; {HELP}")
        if method == "state" and value not in STATES:
            message = f"`{value}` is no state that something can be in"
            raise problem("invalid-selector", message, help=known_names(value, STATES, "state"))
        has = {a: _values(method, t) for a, t in self.things.items()}
        found = {a for a, values in has.items() if any(fnmatchcase(v, value) for v in values)}
        if not found and method != "state":
            known = {v for values in has.values() for v in values if v}
            raise problem(
                "nothing-selected", f"nothing has the {method} `{value}`", help=known_names(value, known, method)
            )
        return found


def _values(method: str, thing: Thing) -> Sequence[str]:
    match method:
        case "tag":
            return thing.tags
        case "owner":
            return (thing.owner,)
        case "kind":
            return (thing.address.kind,)
        case _:
            return (thing.state,)


def _reach(edges: Mapping[Address, set[Address]], start: set[Address], steps: int | None) -> set[Address]:
    """What is at most so many steps away from `start`, itself included."""
    seen, edge, done = set(start), set(start), 0
    while edge and (steps is None or done < steps):
        edge = {b for a in edge for b in edges.get(a, ())} - seen
        seen |= edge
        done += 1
    return seen


@dataclass(frozen=True)
class Selection:
    """What was asked for: only `select` (None is everything), and not `exclude`."""

    select: frozenset[Address] | None = None
    exclude: frozenset[Address] = frozenset()

    def holds(self, address: Address) -> bool:
        """Whether an address was asked for."""
        return (self.select is None or address in self.select) and address not in self.exclude
