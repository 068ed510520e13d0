"""Conditions for other languages: the part of CEL that every pipeline target can say, read into a tree."""

import re
from collections.abc import Callable, Iterator

from mlspec.base.value import dataclass

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])|(?P<word>[A-Za-z_]\w*)|(?P<text>"[^"\\\n]*"|'[^'\\\n]*')"""
    r"""|(?P<sign>&&|\|\||[=!<>]=|[-+*/<>!().,\[\]]))"""
)
_LEVELS = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/"))
_CALCULATES = frozenset("+-*/")


class Untranslatable(Exception):
    """A condition that cannot be told to a target; the message says why."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text or a boolean; `whole` for a number that is written without a point."""

    value: float | str | bool
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of an earlier step."""

    step: str
    name: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the workflow."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator with what it is applied to: `!` and `-` to one, `in` to one and the literals of a list, the others to two."""

    sign: str
    of: "tuple[Node, ...]"


Node = Literal | Metric | Parameter | Operation


def parse(text: str) -> Node:
    """Read a condition. Raises Untranslatable for what other languages than CEL do not have or mean otherwise."""
    reader = _Reader(tuple(_tokens(text)))
    found = reader.level(0)
    if reader.next() != ("", ""):
        raise Untranslatable(f"`{reader.next()[1]}` is not expected there")
    return found


def metrics(node: Node) -> Iterator[Metric]:
    """The metrics that a condition reads."""
    match node:
        case Metric():
            yield node
        case Operation(of=inner):
            for one in inner:
                yield from metrics(one)


def parameters(node: Node) -> Iterator[str]:
    """The parameters that a condition reads."""
    match node:
        case Parameter(name=name):
            yield name
        case Operation(of=inner):
            for one in inner:
                yield from parameters(one)


def written(node: Node, leaf: Callable[[Node], str]) -> str:
    """Write a condition in CEL's own operators; `leaf` writes literals, metrics and parameters."""
    match node:
        case Operation(sign="in", of=(one, *items)):
            return "(" + " || ".join(f"({leaf(one)} == {leaf(item)})" for item in items) + ")"
        case Operation(sign=sign, of=(one,)):
            return f"{sign}({written(one, leaf)})"
        case Operation(sign=sign, of=(left, right)):
            return f"({written(left, leaf)} {sign} {written(right, leaf)})"
    return leaf(node)


def number(value: float) -> str:
    """A number as a double, in every language."""
    return repr(float(value))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise Untranslatable(f"`{text[at:].strip()[:20]}` has no equal in other languages")
        kind = match.lastgroup or ""
        yield kind, match[kind]
        at = match.end()


class _Reader:
    def __init__(self, tokens: tuple[tuple[str, str], ...]) -> None:
        self._tokens, self._at = tokens, 0

    def next(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", "")

    def level(self, depth: int) -> Node:
        """Operators of one precedence, and below them those that bind more."""
        if depth == len(_LEVELS):
            return self._unary()
        left = self.level(depth + 1)
        while self.next()[1] in _LEVELS[depth] and self.next()[0] in {"sign", "word"}:
            sign = self._take()
            left = self._member(left) if sign == "in" else _operation(sign, left, self.level(depth + 1))
        return left

    def _unary(self) -> Node:
        kind, text = self.next()
        if kind == "sign" and text in {"!", "-"}:
            self._take()
            inner = self._unary()
            if text == "-" and isinstance(inner, Literal) and isinstance(inner.value, float):
                return Literal(-inner.value, inner.whole)
            return Operation(text, (inner,))
        if text == "(" and kind == "sign":
            self._take()
            inner = self.level(0)
            self._expect(")")
            return inner
        return self._atom()

    def _atom(self) -> Node:
        kind, text = self.next()
        if kind == "number":
            self._take()
            return Literal(float(text), text.isdigit())
        if kind == "text":
            self._take()
            return Literal(text[1:-1])
        if text in {"true", "false"}:
            self._take()
            return Literal(text == "true")
        if text in {"metrics", "parameters"}:
            self._take()
            names = [self._name() for _ in range(2 if text == "metrics" else 1)]
            found: Node = Metric(*names) if text == "metrics" else Parameter(*names)
            if self.next()[1] in {".", "[", "("}:
                raise Untranslatable("functions and further members cannot be told to other languages")
            return found
        raise Untranslatable(f"`{text}` cannot be told to other languages" if text else "it ends too early")

    def _name(self) -> str:
        """`.name` or `["name"]`."""
        sign = self._take()
        kind, text = self.next()
        self._take()
        if sign == "." and kind == "word":
            return text
        if sign == "[" and kind == "text" and text[1:-1].isidentifier():
            self._expect("]")
            return text[1:-1]
        raise Untranslatable("it has to be `metrics.<step>.<name>` or `parameters.<name>`")

    def _member(self, left: Node) -> Node:
        self._expect("[")
        items: list[Node] = []
        while self.next()[1] != "]":
            item = self._unary()
            if not isinstance(item, Literal):
                raise Untranslatable("`in` needs a list of values")
            items.append(item)
            if self.next()[1] == ",":
                self._take()
        self._expect("]")
        if isinstance(left, Operation) or not items:
            raise Untranslatable("`in` needs a metric or a parameter, and a list of values")
        return Operation("in", (left, *items))

    def _take(self) -> str:
        text = self.next()[1]
        self._at += 1
        return text

    def _expect(self, text: str) -> None:
        if self._take() != text:
            raise Untranslatable(f"`{text}` is missing")


def _operation(sign: str, left: Node, right: Node) -> Node:
    if sign in _CALCULATES and not (_is_double(left) or _is_double(right)):
        raise Untranslatable(f"`{sign}` of whole numbers or texts means something else elsewhere (write `1.0` for `1`)")
    return Operation(sign, (left, right))


def _is_double(node: Node) -> bool:
    match node:
        case Metric():
            return True
        case Literal(value=float(), whole=whole):
            return not whole
        case Operation(sign=sign, of=inner):
            return sign in _CALCULATES and any(_is_double(one) for one in inner)
    return False


def as_json(node: Node) -> list[object]:
    """A condition as lists, for a target that has an evaluator of its own."""
    match node:
        case Literal(value=value):
            return ["value", value]
        case Metric(step=step, name=name):
            return ["metric", step, name]
        case Parameter(name=name):
            return ["parameter", name]
        case Operation(sign=sign, of=inner):
            return [sign, *(as_json(one) for one in inner)]
