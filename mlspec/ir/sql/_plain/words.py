"""The words of a plain query: a text cut into keywords, names, numbers, texts and signs; or not plain at all.

What the parser of the canonical dialect could read in more than one way is not plain.
"""

import re
from functools import lru_cache

from mlspec.ir.sql._plain.told import TYPES, told


class NotPlain(Exception):
    """A query that is not of the plain kind: it may be right or wrong, and is for the whole parser."""


KEYWORDS = frozenset(
    """
    SELECT FROM WHERE GROUP BY HAVING AS JOIN INNER LEFT OUTER ON AND OR NOT IS NULL IN BETWEEN LIKE CASE WHEN THEN ELSE END
    CAST DISTINCT WITH TRUE FALSE INTERVAL
    """.split()
)
_ONE, _MANY = (1, 1), (2, 99)
FUNCTIONS = {
    **dict.fromkeys("abs avg ceil count exp floor length ln lower max min sqrt sum trim upper".split(), _ONE),
    "coalesce": _MANY, "greatest": _MANY, "least": _MANY, "nullif": (2, 2), "round": (1, 2), "date_trunc": (2, 2),
}  # fmt: skip
"""From functions to how many values they may have, at least and at most."""
NARROW = frozenset({"ceil", "floor", "max", "min", "trim"})
"""Functions that the parser has a grammar of their own for: conditions are no values of theirs here."""
UNITS = frozenset("second minute hour day week month year".split())
AGGREGATES = frozenset({"avg", "count", "max", "min", "sum"})
_PARTS = re.compile(
    r"[ \t\n\r]*+(?:--[^\n]*+[ \t\n\r]*+)*+([A-Za-z_][A-Za-z0-9_]*|[0-9][A-Za-z0-9_.]*|'[^'\\\n\r\t]*'|[-+*/%<>=!|&^~@#?:$\[\]{}]+|.)",
    re.ASCII | re.DOTALL,
)
_SPACE = " \t\n\r"
_NUMBER = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
_SIGNS = frozenset({"+", "-", "*", "/", "%", "=", "<>", "!=", "<", "<=", ">", ">=", "::", "(", ")", ",", "."})
_BROKEN = re.compile(r"\b(group|order)\s*--|sqlglot", re.IGNORECASE)
"""A comment inside a keyword, and comments that the parser obeys."""
_PRESENT = ("now", "today", "tomorrow", "yesterday")


def words_of(text: str) -> list[str]:
    """The words of a text: keywords in capitals, names in small letters; empty ones at the end. Raises NotPlain."""
    return [*map(_word, _parts(text)), "", ""]


def places_of(text: str) -> list[int]:
    """Where each word of a text begins."""
    return [m.start(1) for m in _PARTS.finditer(_whole(text))]


def shown(name: str) -> str:
    """A name as the canonical dialect writes it."""
    return f'"{name}"' if name in told().quoted else name


def is_present(text: str) -> bool:
    """Whether a text, in its quotes, may mean the time at which it is read."""
    return text[1:-1].strip().lower().startswith(_PRESENT)


def _parts(text: str) -> list[str]:
    whole = _whole(text)
    if "--" in text and (_BROKEN.search(text) or "\r" in text or "--" in whole.rpartition("\n")[2]):
        raise NotPlain
    return _PARTS.findall(whole)


def _whole(text: str) -> str:
    """The text without what stands behind its last word."""
    return text.rstrip(_SPACE).removesuffix(";").rstrip(_SPACE)


@lru_cache(maxsize=65_536)
def _word(part: str) -> str:
    if part in _SIGNS:
        return part
    if part[0] == "'" and len(part) > 1:
        return part
    if not part.isascii():
        raise NotPlain
    if part[0].isdigit():
        if not _NUMBER.fullmatch(part):
            raise NotPlain
        return part
    large = part.upper()
    if large in KEYWORDS or large in TYPES:
        return large
    if large in told().reserved or not (part[0].isalpha() or part[0] == "_"):
        raise NotPlain
    small = part.lower()
    if part == small or (part == large and (small in FUNCTIONS or small in UNITS)):
        return part
    raise NotPlain
