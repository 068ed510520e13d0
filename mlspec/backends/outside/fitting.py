"""Values that fit a declared type, and those that would lose something: nothing is rounded, cut off or moved silently."""

from __future__ import annotations

from mlspec.ir.columntype import INTEGERS, NUMBERS, ColumnType
from mlspec.ir.sql.dialect import DIALECT, data_type
from mlspec.ir.sql.glot import exp

_ZONE = "[A-Za-z+-]"
"""Found behind the date and the `T` of a moment, this is its zone."""
_DATE = 10
_MADE_OF_TEXT = frozenset({"date", "timestamp", "timestamptz", "json"})


def fits(have: ColumnType, declared: ColumnType, *, loose: bool = False) -> bool:
    """Whether data of one type may be declared as another; `loose` formats know no numbers but their own (JSON)."""
    if have.name in NUMBERS and declared.name in NUMBERS:
        return _keeps(have, declared, loose=loose)
    if have.name == "string" and declared.name in _MADE_OF_TEXT:
        return True
    if {have.name, declared.name} <= {"string", "json"} or (have.name, declared.name) == ("date", "timestamp"):
        return True
    if have.name == declared.name == "array":
        return fits(have.items[0], declared.items[0], loose=loose)
    if have.name == declared.name == "struct":
        inside = dict(zip(have.fields, have.items, strict=True))
        parts = zip(declared.fields, declared.items, strict=True)
        return all(f in inside and fits(inside[f], t, loose=loose) for f, t in parts)
    return have.name == declared.name


def _keeps(have: ColumnType, declared: ColumnType, *, loose: bool) -> bool:
    """A number keeps its value, or is refused when it is read: integers may be checked, fractions would be rounded."""
    if declared.name in INTEGERS:
        return have.name in INTEGERS or (have.name == "decimal" and have.scale == 0)
    if declared.name == "decimal":
        return have.name in INTEGERS or (have.name == "decimal" and have.scale <= declared.scale) or loose
    return True


def from_text(value: exp.Expr, kind: ColumnType) -> exp.Expr:
    """The value of a text, or an error where the type would not hold all that it says."""
    cast = value.copy() if kind.name == "string" else exp.cast(value.copy(), data_type(kind))
    lost = loses(value, kind)
    if lost is None:
        return cast
    refused = exp.Anonymous(this="error", expressions=[exp.Literal.string(f"a value is no {kind}")])
    return exp.Case(ifs=[exp.If(this=lost, true=refused)], default=cast)


def loses(value: exp.Expr, kind: ColumnType) -> exp.Expr | None:
    """The condition that a text which can be cast says more than its type holds; None where no text can."""
    text = value.sql(DIALECT)
    match kind.name:
        case "int32" | "int64":
            said = f"contains({text}, '.') OR contains(lower({text}), 'e')"
        case "decimal":
            said = f"length(rtrim(split_part({text}, '.', 2), '0 ')) > {kind.scale}"
        case "date":
            said = f"contains({text}, ':')"
        case "timestamp":
            said = f"regexp_matches(substr({text}, {_DATE + 2}), '{_ZONE}')"
        case "timestamptz":
            said = f"NOT regexp_matches(substr({text}, {_DATE + 2}), '{_ZONE}')"
        case _:
            return None
    return exp.maybe_parse(said, dialect=DIALECT)


def unfit(value: exp.Expr, kind: ColumnType) -> exp.Expr:
    """The condition that a text is no value of the type."""
    failed = exp.and_(
        value.copy().is_(exp.null()).not_(), exp.TryCast(this=value.copy(), to=data_type(kind)).is_(exp.null())
    )
    lost = loses(value, kind)
    return failed if lost is None else exp.or_(failed, exp.paren(lost))
