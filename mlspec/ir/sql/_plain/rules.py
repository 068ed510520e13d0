"""How each kind of expression of a plain query is understood.

A rule says what `annotate_types`, `explicit` and `canonical` say of the same expression together; where they would say
more, it is not plain.
"""

from collections.abc import Callable
from typing import Any

from mlspec.ir.sql._plain.functions import FUNCTIONS
from mlspec.ir.sql._plain.grammar import Expression
from mlspec.ir.sql._plain.told import FAMILIES, told
from mlspec.ir.sql._plain.values import (
    MOMENTS,
    WHOLE,
    Of,
    Value,
    as_double,
    common,
    go_together,
    one_family,
    together,
    wider,
)
from mlspec.ir.sql._plain.words import NotPlain, is_present
from mlspec.ir.sql.wording import all_of, named, short

_KEYS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod"}
_COMPARED = {"=": "eq", "<>": "neq", "!=": "neq", "<": "lt", "<=": "lte", ">": "lt", ">=": "lte"}


# -- leaves ------------------------------------------------------------------------------------------------------------


def number(_: Any, word: str) -> Value:
    kind = "DOUBLE" if "." in word else "INT"
    return Value(word, word, kind, named("literal", {"this": repr(word)}), node="number")


def text(_: Any, word: str) -> Value:
    meaning = named("literal", {"this": repr(word[1:-1]), "is_string": "True"})
    return Value(word, word, "VARCHAR", meaning, node="text")


def boolean(_: Any, word: str) -> Value:
    return Value(word, word, "BOOLEAN", "boolean(this=True)" if word == "TRUE" else "boolean()", node="boolean")


def null(_: Any) -> Value:
    return Value("NULL", "NULL", "NULL", "null()", node="null")


# -- operators ---------------------------------------------------------------------------------------------------------


def paren(of: Of, part: Expression) -> Value:
    one = of(part)
    return Value(
        f"({one.words})",
        f"({one.query})",
        one.type,
        one.meaning,
        one.origins,
        one.node,
        one.floating,
        one.ands,
        one.ors,
        one,
    )


def negative(of: Of, part: Expression) -> Value:
    one = of(part)
    if one.family != "number" or one.words.startswith("-"):
        raise NotPlain
    return Value(
        f"-{one.words}",
        f"-{one.query}",
        one.type,
        named("neg", {"this": one.meaning}),
        one.origins,
        "neg",
        one.floating,
    )


def arithmetic(sign: str) -> Callable[[Of, Expression, Expression], Value]:
    key = _KEYS[sign]

    def rule(of: Of, one: Expression, other: Expression) -> Value:
        left, right = of(one), of(other)
        if right.type == "INTERVAL":
            return _shifted(sign, left, right)
        if left.family != "number" or right.family != "number":
            raise NotPlain
        kind, floating = wider(left.type, right.type), left.floating or right.floating
        near, far = left.query, right.query
        if sign == "/":
            kind, floating = "DOUBLE", True
            if not (left.double or right.double) or left.decimal:
                near = as_double(left)
            elif right.decimal:
                far = as_double(right)
        first, second = left.meaning, right.meaning
        if sign in "+*" and second < first:
            first, second = second, first
        meaning = short(f"{key}(expression={second},this={first})")
        words = f"{left.words} {sign} {right.words}"
        return Value(words, f"{near} {sign} {far}", kind, meaning, together(left, right), key, floating)

    return rule


def interval(_: Of, count: str, unit: str) -> Value:
    words = f"INTERVAL '{count}' {unit}"
    meaning = {"this": named("literal", {"this": repr(count), "is_string": "True"}), "unit": f"var(this='{unit}')"}
    return Value(words, words, "INTERVAL", named("interval", meaning), node="interval")


def _shifted(sign: str, time: Value, span: Value) -> Value:
    """A time, so much later or earlier; of a day, the moment at which it begins."""
    if time.family not in MOMENTS or sign not in "+-":
        raise NotPlain
    near, kind = time.query, "TIMESTAMPTZ" if time.family == "timestamptz" else "TIMESTAMP"
    if time.family == "date":
        near = f"CAST({time.inside.query if time.inside else near} AS TIMESTAMP)"
    first, second = time.meaning, span.meaning
    if sign == "+" and second < first:
        first, second = second, first
    meaning = short(f"{_KEYS[sign]}(expression={second},this={first})")
    words = f"{time.words} {sign} {span.words}"
    return Value(words, f"{near} {sign} {span.query}", kind, meaning, time.origins, _KEYS[sign])


def compared(of: Of, sign: str, one: Expression, other: Expression) -> Value:
    left, right = of(one), of(other)
    if left.literal and not right.literal:
        go_together(right, (left,))
    else:
        go_together(left, (right,))
    first, second = left.meaning, right.meaning
    key = _COMPARED[sign]
    if sign in {">", ">="} or (key in {"eq", "neq"} and second < first):
        first, second = second, first
    shown = "<>" if sign == "!=" else sign
    meaning = short(f"{key}(expression={second},this={first})")
    return Value(f"{left.words} {shown} {right.words}", f"{left.query} {shown} {right.query}", "BOOLEAN", meaning,
                 together(left, right), key)  # fmt: skip


def both(sign: str) -> Callable[[Of, Expression, Expression], Value]:
    key = sign.lower()

    def rule(of: Of, one: Expression, other: Expression) -> Value:
        left, right = of(one), of(other)
        if left.family != "boolean" or right.family != "boolean":
            raise NotPlain
        parts = (*left.parts(key), *right.parts(key))
        made = Value(f"{left.words} {sign} {right.words}", f"{left.query} {sign} {right.query}", "BOOLEAN", all_of(key, parts),
                     together(left, right), key)  # fmt: skip
        if key == "and":
            made.ands = parts
        else:
            made.ors = parts
        return made

    return rule


def negated(of: Of, part: Expression) -> Value:
    one = of(part)
    if one.node not in {"in", "is", "like", "column"} or one.family != "boolean":
        raise NotPlain
    meaning = named("not", {"this": one.meaning})
    return Value(f"NOT {one.words}", f"NOT {one.query}", "BOOLEAN", meaning, one.origins, "not")


def missing(of: Of, part: Expression) -> Value:
    one = of(part)
    meaning = named("is", {"this": one.meaning, "expression": "null()"})
    return Value(f"{one.words} IS NULL", f"{one.query} IS NULL", "BOOLEAN", meaning, one.origins, "is")


def among(of: Of, part: Expression, members: list[Expression]) -> Value:
    one, others = of(part), [of(m) for m in members]
    go_together(one, others)
    if one.literal or any(m.origins for m in others):
        raise NotPlain
    meaning = named("in", {"this": one.meaning, "of": str(sorted({m.meaning for m in others}))})
    words, query = ", ".join(m.words for m in others), ", ".join(m.query for m in others)
    return Value(f"{one.words} IN ({words})", f"{one.query} IN ({query})", "BOOLEAN", meaning, one.origins, "in")


def between(of: Of, part: Expression, low: Expression, high: Expression) -> Value:
    one, below, above = of(part), of(low), of(high)
    go_together(one, (below, above))
    if one.literal:
        raise NotPlain
    made = Value(f"{one.words} BETWEEN {below.words} AND {above.words}", f"{one.query} BETWEEN {below.query} AND {above.query}",
                 "BOOLEAN", "", together(one, below, above), "between")  # fmt: skip
    if _bounds_alone(one, below, above):
        made.ands = (
            named("lte", {"this": below.meaning, "expression": one.meaning}),
            named("lte", {"this": one.meaning, "expression": above.meaning}),
        )
        made.meaning = all_of("and", made.ands)
    else:
        made.meaning = named("between", {"this": one.meaning, "low": below.meaning, "high": above.meaning})
    return made


def _bounds_alone(one: Value, below: Value, above: Value) -> bool:
    """Whether the three are compared in one type, so that two comparisons do the same."""
    first, *others = (one.logical, below.logical, above.logical)
    same = all(k == first for k in others)
    return same or one.type == "DOUBLE" or (one.type in WHOLE and {below.type, above.type} <= WHOLE)


def like(of: Of, part: Expression, pattern: Expression) -> Value:
    one, other = of(part), of(pattern)
    if one_family(one, other) != "text":
        raise NotPlain
    meaning = named("like", {"this": one.meaning, "expression": other.meaning})
    return Value(
        f"{one.words} LIKE {other.words}",
        f"{one.query} LIKE {other.query}",
        "BOOLEAN",
        meaning,
        together(one, other),
        "like",
    )


def case(of: Of, pairs: list[tuple[Expression, Expression]], default: Expression | None) -> Value:
    made = [(of(condition), of(value)) for condition, value in pairs]
    last = of(default) if default is not None else None
    chosen = [v for _, v in made] + ([last] if last else [])
    ifs = ",".join(short(f"if(this={c.meaning},true={v.meaning})") for c, v in made)
    meaning = {"ifs": f"[{ifs}]"}
    if last is not None and last.node != "null":
        meaning["default"] = last.meaning
    end, end_words = (f" ELSE {last.query}", f" ELSE {last.words}") if last else ("", "")
    query = "".join(f" WHEN {c.query} THEN {v.query}" for c, v in made)
    words = "".join(f" WHEN {c.words} THEN {v.words}" for c, v in made)
    if any(c.family != "boolean" for c, _ in made) or (last is not None and last.node == "null" and last.inside):
        raise NotPlain
    origins = together(*(c for c, _ in made), *chosen)
    return Value(f"CASE{words}{end_words} END", f"CASE{query}{end} END", common(chosen), named("case", meaning), origins, "case",
                 any(v.floating for v in chosen))  # fmt: skip


def cast(of: Of, part: Expression, word: str) -> Value:
    one = of(part)
    kind, written, meant = told().casts[word]
    family, source = FAMILIES[kind], one.family
    inner = one.query
    if (
        source == "text"
        and family in MOMENTS
        and (one.node not in {"column", "text"} or one.inside or (one.literal and is_present(one.words)))
    ):
        raise NotPlain
    if kind in WHOLE and one.double:
        inner = f"ROUND_EVEN({as_double(one)}, 0)"
    elif kind in WHOLE and one.decimal:
        inner = f"ROUND({one.query}, 0)"
    elif family == "text" and one.double:
        inner = as_double(one)
    elif family == "text" and source in {"date", "timestamptz"}:
        raise NotPlain
    meaning = named("cast", {"this": one.meaning, "to": meant})
    return Value(f"CAST({one.words} AS {written})", f"CAST({inner} AS {written})", kind, meaning, one.origins, f"cast {kind}",
                 kind == "DOUBLE")  # fmt: skip


RULES: dict[str, Callable[..., Value]] = {
    "number": number, "text": text, "boolean": boolean, "null": null, "paren": paren, "negative": negative, "compared": compared,
    "not": negated, "is": missing, "in": among, "between": between, "like": like, "case": case, "cast": cast, "interval": interval,
    **{sign: arithmetic(sign) for sign in _KEYS}, "AND": both("AND"), "OR": both("OR"), **FUNCTIONS,
}  # fmt: skip
"""From the kind of an expression to how it is understood."""
