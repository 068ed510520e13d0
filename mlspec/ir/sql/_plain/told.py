"""What sqlglot says of words and types, by which plain queries are read: it is asked once, and need not be loaded again.

The answers follow from its version and from this program's; whoever keeps them keeps them by both.
"""

import json
import re
from collections.abc import Callable, Mapping

from mlspec.base.value import dataclass
from mlspec.ir.columntype import SCALARS, ColumnType

FAMILIES = {
    "INT": "number", "BIGINT": "number", "DOUBLE": "number", "BOOLEAN": "boolean", "TEXT": "text", "VARCHAR": "text",
    "DATE": "date", "TIMESTAMPNTZ": "timestamp", "TIMESTAMP": "timestamp", "TIMESTAMPTZ": "timestamptz", "NULL": "null",
}  # fmt: skip
"""The types that are reckoned with; values of one family go together."""
TYPES = frozenset("BIGINT BOOLEAN DATE DOUBLE INT INTEGER TEXT TIMESTAMP VARCHAR".split())
"""The types that are named in a CAST."""


@dataclass(frozen=True)
class Told:
    """What there is to know.

    `reserved`: words that the parser may take for something else than a name. `quoted`: names that are written in quotes.
    `wider`: from a type to those that a value of it is made for the sake of others. `kinds`: the logical types of types.
    `scalars`: from a logical type to the type of a column of it, and to what such a column is told to be.
    `casts`: from a type as it is named in a CAST to what it is, how it is written, and what it means.
    """

    reserved: frozenset[str]
    quoted: frozenset[str]
    wider: Mapping[str, frozenset[str]]
    kinds: Mapping[str, ColumnType | None]
    scalars: Mapping[str, tuple[str, ColumnType | None]]
    casts: Mapping[str, tuple[str, str, str]]


Fetch = Callable[[], str | None]
Keep = Callable[[str], None]
_keeper: list[tuple[Fetch, Keep]] = []
_known: list[Told] = []
"""One of each, or none."""


def remember(fetch: Fetch, keep: Keep) -> None:
    """Where a text of the answers is looked for before sqlglot is asked, and kept when it was.

    It is true for the versions of sqlglot and of this program with which it was made.
    """
    _keeper[:] = [(fetch, keep)]


def forget() -> None:
    """Nobody keeps the answers any more."""
    _keeper.clear()


def told() -> Told:
    """What sqlglot says."""
    return _known[0] if _known else _asked()


def _asked() -> Told:
    fetch, keep = _keeper[0] if _keeper else (lambda: None, lambda _: None)
    found = _read(fetch() or "")
    if found is None:
        found = ask()
        keep(write(found))
    _known[:] = [found]
    return found


def ask() -> Told:
    """Ask sqlglot."""
    from sqlglot.dialects.duckdb import DuckDB  # noqa: PLC0415 - start-up time: most runs know the answers
    from sqlglot.optimizer.annotate_types import TypeAnnotator  # noqa: PLC0415
    from sqlglot.parsers.duckdb import DuckDBParser  # noqa: PLC0415

    from mlspec.ir.sql.canon import Reading, canonical  # noqa: PLC0415
    from mlspec.ir.sql.dialect import DIALECT, data_type, from_sql  # noqa: PLC0415
    from mlspec.ir.sql.glot import exp, sqlglot  # noqa: PLC0415

    words = (*DuckDB.Tokenizer.KEYWORDS, *DuckDBParser.NO_PAREN_FUNCTION_PARSERS)
    reserved = frozenset(word for key in words for word in re.split(r"[\s-]+", key.upper()))
    scalars = {}
    for name in SCALARS:
        built = data_type(ColumnType(name))
        scalars[name] = ("" if built.expressions else str(built.this.value), from_sql(built))
    casts = {}
    for word in TYPES:
        cast = sqlglot.parse_one(f"CAST(x AS {word})", dialect=DIALECT)
        assert isinstance(cast, exp.Cast)  # noqa: S101 - just written
        casts[word] = (str(cast.to.this.value), cast.to.sql(DIALECT), canonical(cast.to, Reading(str)))
    return Told(
        reserved | {"ASYMMETRIC", "LAMBDA", "SYMMETRIC"},
        frozenset(DuckDB.Generator.RESERVED_KEYWORDS),
        {
            str(kind.value): frozenset(str(t.value) for t in wider if t.value in FAMILIES)
            for kind, wider in TypeAnnotator.COERCES_TO.items()
            if kind.value in FAMILIES
        },
        {name: from_sql(exp.DataType(this=exp.DataType.Type(name))) for name in FAMILIES},
        scalars,
        casts,
    )


def write(known: Told) -> str:
    """The answers as text."""
    names = {n: k.name if k else "" for n, k in known.kinds.items()}
    scalars = {n: [t, k.name if k else ""] for n, (t, k) in known.scalars.items()}
    wider = {n: sorted(types) for n, types in known.wider.items()}
    return json.dumps([sorted(known.reserved), sorted(known.quoted), wider, names, scalars, known.casts])


def _read(text: str) -> Told | None:
    """Read what `write` wrote; None for what it did not write."""
    try:
        reserved, quoted, wider, names, scalars, casts = json.loads(text)
        return Told(
            frozenset(reserved),
            frozenset(quoted),
            {n: frozenset(types) for n, types in wider.items()},
            {n: ColumnType(k) if k else None for n, k in names.items()},
            {n: (t, ColumnType(k) if k else None) for n, (t, k) in scalars.items()},
            {n: (kind, written, meant) for n, (kind, written, meant) in casts.items()},
        )
    except (ValueError, TypeError, AttributeError):
        return None
