"""The functions of a plain query, each with the type of what it gives."""

from collections.abc import Callable, Sequence

from mlspec.ir.sql._plain.grammar import Expression
from mlspec.ir.sql._plain.values import WHOLE, Of, Value, as_double, common, one_family, together
from mlspec.ir.sql._plain.words import UNITS, NotPlain
from mlspec.ir.sql.wording import named


def call(
    name: str, rule: Callable[[Sequence[Value]], str], more: str = "", said: str = "", floats: str = ""
) -> Callable[..., Value]:
    """A function: `rule` gives its type; `more` are the argument that takes what follows the first, `said` what else its meaning says."""
    shown = name.upper()

    def made(of: Of, *parts: Expression) -> Value:
        values = [of(p) for p in parts]
        kind = rule(values)
        meaning = {"this": values[0].meaning}
        if len(values) > 1:
            rest = [v.meaning for v in values[1:]]
            meaning[more] = f"[{','.join(rest)}]" if more == "expressions" else rest[0]
        if said:
            meaning[said] = "True"
        queries = [v.query for v in values]
        if (floats == "double" and values[0].double) or (floats == "decimal" and values[0].decimal):
            queries[0] = as_double(values[0])
        floating = any(v.floating for v in values) if name == "coalesce" else kind == "DOUBLE"
        return Value(f"{shown}({', '.join(v.words for v in values)})", f"{shown}({', '.join(queries)})", kind, named(name, meaning),
                     together(*values), name, floating)  # fmt: skip

    return made


def count(of: Of, part: Expression | None = None) -> Value:
    if part is None:
        return Value("COUNT(*)", "COUNT(*)", "BIGINT", "count(*)", node="count")
    one = of(part)
    if one.family == "null":
        raise NotPlain
    meaning = named("count", {"this": one.meaning, "big_int": "True"})
    if one.node in {"number", "text", "boolean"} and one.inside is None:
        meaning = "count(*)"
    return Value(f"COUNT({one.words})", f"COUNT({one.query})", "BIGINT", meaning, one.origins, "count")


def count_distinct(of: Of, part: Expression) -> Value:
    one = of(part)
    if one.family == "null":
        raise NotPlain
    inner = named("distinct", {"expressions": f"[{one.meaning}]"})
    meaning = named("count", {"this": inner, "big_int": "True"})
    return Value(
        f"COUNT(DISTINCT {one.words})", f"COUNT(DISTINCT {one.query})", "BIGINT", meaning, one.origins, "count"
    )


def date_trunc(of: Of, part: Expression, time: Expression) -> Value:
    unit, one = of(part), of(time)
    if not unit.literal or unit.words[1:-1].lower() not in UNITS or one.family not in {"timestamp", "timestamptz"}:
        raise NotPlain
    said = unit.words.upper()
    meaning = named("timestamptrunc", {"this": one.meaning, "unit": f"var(this={said})"})
    return Value(
        f"DATE_TRUNC({said}, {one.words})",
        f"DATE_TRUNC({said}, {one.query})",
        one.type,
        meaning,
        one.origins,
        "date_trunc",
    )


def _numbers(values: Sequence[Value]) -> str:
    if one_family(*values) != "number":
        raise NotPlain
    return "DOUBLE"


def _same_number(values: Sequence[Value]) -> str:
    _numbers(values)
    return values[0].type


def _total(values: Sequence[Value]) -> str:
    _numbers(values)
    return "BIGINT" if values[0].type in WHOLE else "DOUBLE"


def _rounded(values: Sequence[Value]) -> str:
    _numbers(values)
    if len(values) > 1 and not (values[1].literal and values[1].type == "INT"):
        raise NotPlain
    return "DOUBLE"


def _text(values: Sequence[Value]) -> str:
    if one_family(*values) != "text":
        raise NotPlain
    return "VARCHAR"


def _length(values: Sequence[Value]) -> str:
    _text(values)
    return "BIGINT"


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "abs": call("abs", _same_number),
    "avg": call("avg", _numbers, floats="decimal"),
    "ceil": call("ceil", _numbers, floats="double"),
    "coalesce": call("coalesce", common, "expressions"),
    "count": count,
    "count distinct": count_distinct,
    "date_trunc": date_trunc,
    "exp": call("exp", _numbers),
    "floor": call("floor", _numbers, floats="double"),
    "greatest": call("greatest", common, "expressions", "ignore_nulls"),
    "least": call("least", common, "expressions", "ignore_nulls"),
    "length": call("length", _length),
    "ln": call("ln", _numbers),
    "lower": call("lower", _text),
    "max": call("max", common),
    "min": call("min", common),
    "nullif": call("nullif", common, "expression"),
    "round": call("round", _rounded, "decimals", floats="double"),
    "sqrt": call("sqrt", _numbers),
    "sum": call("sum", _total),
    "trim": call("trim", _text),
    "upper": call("upper", _text),
}
"""From the name of a function to how a call of it is understood."""
