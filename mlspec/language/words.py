"""The small words of the language, each with its check: names, durations, types, instants, cron lines, quantities."""

import datetime as dt
import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    Strict,
)
from pydantic_core import PydanticCustomError, core_schema

from mlspec.base.address import Address
from mlspec.base.value import dataclass
from mlspec.ir import columntype

Bool = Annotated[bool, Strict()]
Bounded = Annotated[int, Strict()]
"""A whole number whose field says both its bounds."""
Float = Annotated[float, Strict(), Field(allow_inf_nan=False)]
"""A finite number: nothing is less or more than `nan`, and neither it nor `inf` can be written in JSON."""
_BITS = 64

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_COLUMN = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_DURATION = re.compile(r"(?:[0-9]{1,12}[smhdw])+")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_CRON_FIELD = re.compile(r"(\*|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[0-9]+)?(,(\*|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[0-9]+)?)*")
_CRON_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def wrong(code: str, message: str, **context: object) -> PydanticCustomError:
    """A validation error with a code of ours."""
    return PydanticCustomError(code, message, dict(context))


@dataclass(frozen=True)
class Shaped:
    """A text of a `pattern`; what else is written is told as `said` (`{text}` is what was written), never as the pattern."""

    pattern: str
    said: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": self.pattern}

    def _checked(self, text: str) -> str:
        whole = self.pattern.removesuffix("$") + r"\Z" if self.pattern.endswith("$") else self.pattern
        if not re.search(whole, text):
            raise wrong("invalid-value", self.said, text=text)
        return text


VERSION = Shaped(
    r"^(current|[0-9a-f]{8,32})$",
    "`{text}` is not a version; write `current`, or at least the first 8 digits of its digest, as in `0123abcd`",
)
TABLE = Shaped(
    r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,2}$", "`{text}` is not the name of a table; write it as `table` or `schema.table`"
)


def _int64(number: int) -> int:
    if not -(2 ** (_BITS - 1)) <= number < 2 ** (_BITS - 1):
        raise wrong("invalid-value", "a whole number here has at most {bits} bits", bits=_BITS)
    return number


Int = Annotated[int, Strict(), AfterValidator(_int64)]
"""A whole number that every engine and every target can hold; no `Field(le=…)`, which would win over that of a field."""


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise wrong(
            "invalid-name",
            "`{text}` is not a name: lower-case letters, digits and `_`, at most 63, a letter first",
            text=text,
        )
    return text


def _column(text: str) -> str:
    if not _COLUMN.fullmatch(text):
        help_ = (
            f"a source renames it: `{text.lower()}: {{type: …, from: {text}}}`"
            if _COLUMN.fullmatch(text.lower())
            else ""
        )
        raise wrong(
            "invalid-name",
            "`{text}` is not a column name: lower-case letters, digits and `_`, at most 63",
            text=text,
            help=help_,
        )
    if text.startswith("__"):
        raise wrong("invalid-name", "`{text}`: names that begin with `__` are taken", text=text)
    return text


def _whole(text: str) -> str:
    try:
        found = Address.parse(text)
    except ValueError:
        raise wrong("invalid-name", "`{text}` is not an address; write `kind.name`", text=text) from None
    if found.part:
        raise wrong("invalid-name", "`{text}` is a part; write `{whole}`", text=text, whole=str(found.whole))
    _name(found.name)
    return text


Name = Annotated[str, AfterValidator(_name)]
Whole = Annotated[str, AfterValidator(_whole)]
"""An address of a document: `kind.name`."""
ColumnName = Annotated[str, AfterValidator(_column)]


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time as written (`90s`, `15m`, `2h`, `7d`, `4w`, `1h30m`) and in microseconds."""

    text: str
    microseconds: int

    @property
    def seconds(self) -> float:
        """The same in seconds."""
        return self.microseconds / 1_000_000

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, value: Any) -> "Duration":
        """Read a duration. Raises PydanticCustomError."""
        if isinstance(value, Duration):
            return value
        text = str(value)
        if not isinstance(value, str) or not _DURATION.fullmatch(text):
            raise wrong("invalid-duration", "`{text}` is not a duration; {hint}", text=text, hint=_duration_hint(text))
        seconds = sum(int(n) * _UNITS[u] for n, u in re.findall(r"([0-9]+)([smhdw])", text))
        if seconds == 0 or seconds > 100 * 366 * 86400:
            raise wrong(
                "invalid-duration", "`{text}` must be more than nothing and less than a hundred years", text=text
            )
        return cls(text, seconds * 1_000_000)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_DURATION.pattern}$", "examples": ["15m", "2h", "7d"]}


def _duration_hint(text: str) -> str:
    if match := re.fullmatch(r"([0-9]+):([0-9]{2})", text):
        return f"write `{int(match[1]) * 60 + int(match[2])}m` or `{int(match[1])}h{int(match[2])}m`"
    if match := re.fullmatch(r"\s*([0-9]+)\s*(s|m|h|d|w)[a-z]*\s*", text.lower()):
        if re.search(r"mon|mo$", text.lower()):
            return f"write `{int(match[1]) * 30}d`"
        return f"write `{match[1]}{match[2]}`"
    return "write a number and one of `s m h d w`, as in `15m` or `7d`"


def _type(value: Any) -> columntype.ColumnType:
    if isinstance(value, columntype.ColumnType):
        return value
    if not isinstance(value, str):
        raise wrong("unknown-type", "a type is a word, such as `int64`")
    try:
        return columntype.ColumnType.parse(value)
    except RecursionError:
        raise wrong("unknown-type", "the type is nested too deeply") from None
    except ValueError as error:
        if re.fullmatch(r"decimal\([0-9]+", value):
            raise wrong(
                "unknown-type",
                "`{text}` is not a type; between braces a comma ends the value: quote the type",
                text=value,
            ) from None
        hint = _TYPE_HINTS.get(value.lower().split("(")[0].strip(), "")
        advice = (
            f"; write `{hint}`"
            if hint
            else f"; types are {' '.join(columntype.SCALARS)} decimal(p,s) array<T> struct<…>"
        )
        raise wrong("unknown-type", "{reason}{advice}", reason=str(error), advice=advice) from None


_TYPE_HINTS = {
    "int": "int32", "integer": "int32", "bigint": "int64", "long": "int64", "smallint": "int32", "float": "float64",
    "double": "float64", "real": "float32", "number": "float64", "numeric": "decimal(18,3)", "str": "string",
    "text": "string", "varchar": "string", "bool": "boolean", "datetime": "timestamp", "timestamp_tz": "timestamptz",
    "timestamp with time zone": "timestamptz", "list": "array<string>", "object": "json",
}  # fmt: skip


class TypeWord:
    """Marks a field as a logical column type, for the JSON Schema."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        pattern = "^(" + "|".join(columntype.SCALARS) + r"|decimal\([0-9]+, ?[0-9]+\)|array<.+>|struct<.+>)$"
        return {"type": "string", "pattern": pattern}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _type, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


Type = Annotated[columntype.ColumnType, TypeWord]


def _instant(value: Any) -> str:
    text = str(value)
    try:
        parsed = dt.datetime.fromisoformat(text)
    except ValueError:
        raise wrong(
            "invalid-instant", "`{text}` is not a time; write `2013-10-01` or `2013-10-01T00:00:00Z`", text=text
        ) from None
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)
    try:
        return aware.astimezone(dt.UTC).isoformat()
    except OverflowError:
        raise wrong("invalid-instant", "`{text}` is outside the years 1 to 9999 in UTC", text=text) from None


Instant = Annotated[str, BeforeValidator(_instant, json_schema_input_type=str)]
"""A moment, in ISO 8601; without a zone it is UTC."""


def _cron(text: str) -> str:
    fields = text.split()
    if text.startswith("@") and text in {"@hourly", "@daily", "@weekly", "@monthly", "@yearly"}:
        return text
    sound = len(fields) == len(_CRON_LIMITS) and all(_CRON_FIELD.fullmatch(f) for f in fields)
    numbers = [(int(n), i) for i, f in enumerate(fields) for n in re.findall(r"(?<!/)\b[0-9]+", f)] if sound else []
    if not sound or any(not _CRON_LIMITS[i][0] <= n <= _CRON_LIMITS[i][1] for n, i in numbers):
        raise wrong(
            "invalid-cron", "`{text}` is not a cron line: minute hour day month weekday, as in `0 3 * * 1`", text=text
        )
    return text


Cron = Annotated[str, AfterValidator(_cron)]


def _zone(text: str) -> str:
    import zoneinfo  # noqa: PLC0415 - only where a zone is written

    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise wrong(
            "unknown-timezone", "`{text}` is not a time zone; write a name such as `America/New_York`", text=text
        ) from None
    return text


TimeZone = Annotated[str, AfterValidator(_zone)]

_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?")


def _quantity(value: Any) -> str:
    text = str(value)
    if isinstance(value, bool) or not _QUANTITY.fullmatch(text):
        raise wrong("invalid-quantity", "`{text}` is not a quantity; write `500m`, `2`, `512Mi` or `4Gi`", text=text)
    return text


Quantity = Annotated[str, BeforeValidator(_quantity, json_schema_input_type=str | int | float)]

Text = Annotated[str, PlainSerializer(lambda text: text.strip())]
