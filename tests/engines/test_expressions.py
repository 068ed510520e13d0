"""What people write means the same everywhere: the canonical tree after types were said, and its translation for Spark."""

import datetime as dt
import decimal
import functools
import math

import duckdb
import pytest
from asking import opened_engine
from expressions import AGGREGATES, REFUSED, ROWS, SCALARS, TYPES
from spark_here import needs_spark
from sqlglot import exp, parse_one
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from mlspec.backends.engines._spark.arrow import arrow_of
from mlspec.ir.sql import postgres
from mlspec.ir.sql.dialect import DIALECT
from mlspec.ir.sql.explicit import explicit
from mlspec.ir.sql.patterns import java_pattern
from mlspec.ir.sql.spark import spoken
from mlspec.ir.sql.spoken import Unspoken

SCHEMA = MappingSchema({"t": TYPES}, dialect=DIALECT, normalize=False)


@functools.cache
def connection():
    made = duckdb.connect(":memory:")
    made.execute("SET TimeZone = 'UTC'")
    made.execute(f"CREATE TABLE t ({', '.join(f'{n} {t}' for n, t in TYPES.items())})")
    for n, row in enumerate(ROWS):
        values = ", ".join(
            f"CAST({'NULL' if v is None else repr(str(v))} AS {t})"
            for v, t in zip((n, *row), TYPES.values(), strict=True)
        )
        made.execute(f"INSERT INTO t VALUES ({values})")
    return made


def understood(query: str) -> exp.Query:
    """The canonical tree of a query, as the language makes it: explicit, and read back from its text."""
    tree = annotate_types(
        qualify(parse_one(query, dialect=DIALECT), schema=SCHEMA, dialect=DIALECT), schema=SCHEMA, dialect=DIALECT
    )
    return parse_one(explicit(tree).sql(DIALECT), dialect=DIALECT)


def asked(expression: str) -> str:
    return f"SELECT {expression} AS v FROM t" + (" ORDER BY n" if expression in SCALARS else "")


def plain(value):
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, list):
        return [plain(v) for v in value]
    return float(value) if isinstance(value, decimal.Decimal) else value


def same(one, other) -> bool:
    one, other = plain(one), plain(other)
    if isinstance(one, float) and isinstance(other, int | float) and not isinstance(other, bool):
        return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=1e-9)
    return isinstance(one, int) == isinstance(other, int) and one == other


def answers(query) -> list:
    return [row[0] for row in connection().execute(query if isinstance(query, str) else query.sql(DIALECT)).fetchall()]


@pytest.mark.parametrize("expression", [*SCALARS, *AGGREGATES])
def test_saying_it_does_not_change_it(expression):
    found, expected = answers(understood(asked(expression))), answers(asked(expression))
    assert len(found) == len(expected)
    assert all(same(a, b) for a, b in zip(found, expected, strict=True)), (found, expected)


@pytest.fixture(scope="module")
def session(spark, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "t.parquet"
    connection().execute(f"COPY t TO '{path}' (FORMAT parquet)")
    spark.read.parquet(path.as_uri()).createOrReplaceTempView("t")
    return spark


@pytest.mark.parametrize("group", [pytest.param(g, marks=needs_spark) for g in ("scalars", "aggregates")])
def test_the_same_on_spark(group, session):
    """All in a few queries, as each costs much."""
    expressions = SCALARS if group == "scalars" else AGGREGATES
    wrong = []
    for first in range(0, len(expressions), 20):
        some = expressions[first : first + 20]
        order = " ORDER BY n" if group == "scalars" else ""
        named = ", ".join(f"{e} AS v{i}" for i, e in enumerate(some))
        found = arrow_of(session.sql(spoken(understood(f"SELECT {named} FROM t{order}")).sql("spark")))
        for index, expression in enumerate(some):
            expected = answers(asked(expression))
            got = found.column(index).to_pylist()
            if not all(same(a, b) for a, b in zip(got, expected, strict=True)):
                wrong.append((expression, got, expected))
    assert wrong == []


REFUSED_BY_POSTGRES = {
    "last_value(i IGNORE NULLS) OVER (ORDER BY n)",
    "regexp_extract(s, '([a-z])([a-z]+)', 2)",
    "regexp_extract(s, '([a-z])([a-z]+)')",
    "regexp_replace(s, '\\d', '#', 'g')",
}


STOPPED_BY_POSTGRES = {"x % 2", "max(b)"}
"""Without types it cannot be known that PostgreSQL has no such thing; it says so itself, when it is asked."""


@pytest.fixture(scope="module")
def server():
    asked = opened_engine("postgres")
    rows = (
        connection()
        .execute(f"SELECT {', '.join(f'CAST({n} AS VARCHAR) AS {n}' for n in TYPES)} FROM t ORDER BY n")
        .fetchall()
    )
    asked.table("t", TYPES, [dict(zip(TYPES, row, strict=True)) for row in rows])
    yield asked
    asked.line.close()


@pytest.mark.parametrize(
    "expression", [e for e in (*SCALARS, *AGGREGATES) if e not in REFUSED_BY_POSTGRES | STOPPED_BY_POSTGRES]
)
def test_the_same_on_postgres(expression, server):
    found = [row["v"] for row in server.rows(understood(asked(expression)))]
    expected = answers(asked(expression))
    assert len(found) == len(expected)
    assert all(same(a, b) for a, b in zip(found, expected, strict=True)), (found, expected)


@pytest.mark.parametrize("expression", sorted(REFUSED_BY_POSTGRES))
def test_what_postgres_cannot_be_asked_is_refused(expression):
    with pytest.raises(Unspoken):
        postgres.spoken(understood(asked(expression)))


@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_not_known_to_mean_the_same_is_refused(expression):
    with pytest.raises(Unspoken):
        spoken(understood(f"SELECT {expression} AS v FROM t"))


@pytest.mark.parametrize("pattern", ["a++", "(?i)a", "[[:alpha:]]", r"\bx", "[]a]", "+", "\\"])
def test_patterns_that_java_reads_otherwise(pattern):
    assert java_pattern(pattern) is None
