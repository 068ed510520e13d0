"""Logical column types, the same for every engine: `int64`, `decimal(10,2)`, `array<string>`, `struct<a: int32>`."""

import re

from mlspec.base.value import dataclass

SCALARS = (
    "boolean", "int32", "int64", "float32", "float64", "string", "bytes", "date", "timestamp", "timestamptz", "json",
)  # fmt: skip
INTEGERS = frozenset({"int32", "int64"})
NUMBERS = frozenset({"int32", "int64", "float32", "float64", "decimal"})
DIGITS = 38
"""The most that a decimal can have."""
TIMES = frozenset({"date", "timestamp", "timestamptz"})

_TOKEN = re.compile(r"\s*([a-z_][a-z0-9_]*|[0-9]+|[<>(),:])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A logical type. `name` is a scalar, `decimal`, `array` or `struct`; `fields` names a struct's parts."""

    name: str
    precision: int = 0
    scale: int = 0
    items: tuple["ColumnType", ...] = ()
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.name == "decimal":
            return f"decimal({self.precision},{self.scale})"
        if self.name == "array":
            return f"array<{self.items[0]}>"
        if self.name == "struct":
            inside = ", ".join(f"{f}: {t}" for f, t in zip(self.fields, self.items, strict=True))
            return f"struct<{inside}>"
        return self.name

    @property
    def numeric(self) -> bool:
        """Whether it can be added up."""
        return self.name in NUMBERS

    def joins(self, other: "ColumnType") -> bool:
        """Whether a key of this type may be compared with one of the other: int32 and int64 are one type."""
        return self == other or (self.name in INTEGERS and other.name in INTEGERS)

    @classmethod
    def parse(cls, text: str) -> "ColumnType":
        """Read a type as people write it; raises ValueError with what is wrong."""
        tokens = _TOKEN.findall(text)
        if not tokens or re.sub(r"\s", "", text) != "".join(tokens):
            raise ValueError(f"`{text}` is not a type")
        parsed, rest = _parse(tokens, text)
        if rest:
            raise ValueError(f"`{text}` is not a type: `{rest[0]}` is left over")
        return parsed


def _parse(tokens: list[str], text: str) -> tuple[ColumnType, list[str]]:
    head, rest = tokens[0], tokens[1:]
    if head in SCALARS:
        return ColumnType(head), rest
    if head == "decimal":
        match rest:
            case ["(", p, ",", s, ")", *left] if (
                p.isdigit() and s.isdigit() and 0 < int(p) <= DIGITS and int(s) <= int(p)
            ):
                return ColumnType("decimal", int(p), int(s)), left
        raise ValueError(f"`{text}`: write `decimal(precision, scale)`, at most 38 digits")
    if head == "array" and rest[:1] == ["<"] and len(rest) > 1:
        item, left = _parse(rest[1:], text)
        if left[:1] == [">"]:
            return ColumnType("array", items=(item,)), left[1:]
    if head == "struct" and rest[:1] == ["<"]:
        return _parse_struct(rest[1:], text)
    raise ValueError(f"`{head}` is not a type")


def _parse_struct(tokens: list[str], text: str) -> tuple[ColumnType, list[str]]:
    fields: list[str] = []
    items: list[ColumnType] = []
    while tokens[1:2] == [":"] and tokens[2:]:
        fields.append(tokens[0])
        item, tokens = _parse(tokens[2:], text)
        items.append(item)
        if tokens[:1] == [","]:
            tokens = tokens[1:]
        elif tokens[:1] == [">"]:
            return ColumnType("struct", items=tuple(items), fields=tuple(fields)), tokens[1:]
        else:
            break
    raise ValueError(f"`{text}`: write `struct<name: type, ...>`")
