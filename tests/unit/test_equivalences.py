"""What is taken as equal is equal: both ways of writing it are answered by DuckDB, over rows that try to tell them apart."""

import math
import random
from collections import Counter

import duckdb
import pytest

from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Column, Relation
from mlspec.ir.sql.analyse import analyse
from mlspec.ir.sql.problem import SqlProblem

TYPES = {"k": "int64", "x": "int32", "y": "int64", "f": "float64", "g": "float64", "s": "string", "r": "string",
         "ts": "timestamp", "day": "date", "b": "boolean", "c": "boolean", "d": "decimal(9,2)", "e": "decimal(5,1)", "l": "array<int64>"}  # fmt: skip
NAMES = ("t", "u", "v")
SQL = "k BIGINT, x INTEGER, y BIGINT, f DOUBLE, g DOUBLE, s VARCHAR, r VARCHAR, ts TIMESTAMP, day DATE, b BOOLEAN, c BOOLEAN, d DECIMAL(9,2), e DECIMAL(5,1), l BIGINT[]"
VALUES = {
    "k": ["NULL", "1", "2", "2", "3"],
    "x": ["NULL", "-1", "0", "1", "2", "7"],
    "y": ["NULL", "-3", "0", "1", "5"],
    "f": ["NULL", "0.0", "'-0.0'", "1.5", "'nan'", "'inf'", "'-inf'", "1e300", "0.1"],
    "g": ["NULL", "0.0", "'-0.0'", "-2.25", "'nan'", "0.2", "1e-300"],
    "s": ["NULL", "''", "'a'", "'A'", "'ab'", "'ä'", "' a'"],
    "r": ["NULL", "''", "'a'", "'b'", "'ab'"],
    "ts": ["NULL", "'2024-01-01'", "'2024-02-29 12:30:00.000001'", "'1969-12-31 23:59:59'"],
    "day": ["NULL", "'2024-01-01'", "'2024-02-29'"],
    "b": ["NULL", "true", "false"],
    "c": ["NULL", "true", "false"],
    "d": ["NULL", "0", "1.25", "-7.1"],
    "e": ["NULL", "0", "1.5", "-7.1"],
    "l": ["NULL", "[]", "[1]", "[NULL, 2]", "[2, 1]"],
}

SAME = {
    "comments, case, layout": ("SELECT k, x + 1 AS z FROM t WHERE y > 1", "select K,\n x+1 z -- one more\nfrom t /* all */ where Y>1"),
    "an alias of a table": ("SELECT t.k, t.x FROM t", "SELECT a.k, a.x FROM t AS a"),
    "parentheses": ("SELECT k, x * 2 AS z FROM t WHERE y > 1 AND b", "SELECT k, ((x) * (2)) AS z FROM t WHERE ((y > 1) AND (b))"),
    "AND in another order, twice": ("SELECT k FROM t WHERE y > 1 AND b AND x < 3", "SELECT k FROM t WHERE x < 3 AND b AND (y > 1 AND b)"),
    "OR in another order": ("SELECT k FROM t WHERE y > 1 OR b OR x < 3", "SELECT k FROM t WHERE (b OR x < 3) OR y > 1"),
    "a sum the other way": ("SELECT k, x + 1 AS z, f + g AS w, d + x AS v FROM t", "SELECT k, 1 + x AS z, g + f AS w, x + d AS v FROM t"),
    "a product the other way": ("SELECT x * y AS z, f * g AS w, d * e AS v, f * x AS u FROM t", "SELECT y * x AS z, g * f AS w, e * d AS v, x * f AS u FROM t"),
    "a time and an interval": ("SELECT ts + INTERVAL 1 DAY AS z, day + 1 AS w FROM t", "SELECT INTERVAL '1 day' + ts AS z, 1 + day AS w FROM t"),
    "comparisons the other way": ("SELECT x > y AS p, f >= g AS q, s < r AS m, ts <= '2024-01-01'::TIMESTAMP AS n FROM t",
                                  "SELECT y < x AS p, g <= f AS q, r > s AS m, TIMESTAMP '2024-01-01' >= ts AS n FROM t"),
    "equality the other way": ("SELECT x = y AS p, f <> g AS q, s IS NOT DISTINCT FROM r AS m, l = [1] AS n FROM t",
                               "SELECT y = x AS p, g != f AS q, r IS NOT DISTINCT FROM s AS m, [1] = l AS n FROM t"),
    "NOT of equality": ("SELECT NOT (x = y) AS p, NOT (f = g) AS q, NOT (s <> r) AS m FROM t", "SELECT x <> y AS p, g <> f AS q, s = r AS m FROM t"),
    "NOT of an order": ("SELECT NOT (x < y) AS p, NOT (s >= r) AS m, NOT (ts > '2024-01-01'::TIMESTAMP) AS n FROM t",
                        "SELECT x >= y AS p, r > s AS m, ts <= '2024-01-01'::TIMESTAMP AS n FROM t"),
    "NOT of DISTINCT FROM": ("SELECT NOT (f IS DISTINCT FROM g) AS p FROM t", "SELECT f IS NOT DISTINCT FROM g AS p FROM t"),
    "NOT of AND": ("SELECT NOT (b AND c) AS p, NOT (b OR x = 1) AS q FROM t", "SELECT NOT c OR NOT b AS p, x <> 1 AND NOT b AS q FROM t"),
    "NOT NOT": ("SELECT NOT (NOT b) AS p, NOT NOT (x > 1) AS q FROM t", "SELECT b AS p, 1 < x AS q FROM t"),
    "BETWEEN": ("SELECT x BETWEEN 0 AND 2 AS p, f BETWEEN g AND 5 AS q, s BETWEEN 'a' AND r AS m FROM t",
                "SELECT x >= 0 AND x <= 2 AS p, f <= 5 AND g <= f AS q, s <= r AND s >= 'a' AS m FROM t"),
    "NOT BETWEEN": ("SELECT x NOT BETWEEN y AND 2 AS p, ts NOT BETWEEN ts AND TIMESTAMP '2024-01-01' AS q FROM t",
                    "SELECT x < y OR x > 2 AS p, NOT (ts >= ts AND ts <= TIMESTAMP '2024-01-01') AS q FROM t"),
    "IN in another order": ("SELECT x IN (1, 2, NULL) AS p, s NOT IN ('a', 'b') AS q FROM t", "SELECT x IN (NULL, 2, 1, 2) AS p, s NOT IN ('b', 'a') AS q FROM t"),
    "names of types": ("SELECT CAST(x AS INTEGER) AS p, f::FLOAT8 AS q, CAST(x AS TEXT) AS m, y::INT8 AS n FROM t",
                       "SELECT x::INT4 AS p, CAST(f AS DOUBLE) AS q, x::VARCHAR AS m, CAST(y AS BIGINT) AS n FROM t"),
    "COUNT(1)": ("SELECT k, COUNT(*) AS n FROM t GROUP BY k", "SELECT k, COUNT(1) AS n FROM t GROUP BY 1"),
    "GROUP BY in another order": ("SELECT k, s, SUM(x) AS n FROM t GROUP BY k, s", "SELECT s, k, SUM(x) AS n FROM t GROUP BY s, k"),
    "ELSE NULL": ("SELECT CASE WHEN b THEN x ELSE NULL END AS p FROM t", "SELECT CASE WHEN b THEN x END AS p FROM t"),
    "the name of a CTE": ("WITH a AS (SELECT k, x FROM t WHERE y > 1) SELECT k, x FROM a", "WITH b AS (SELECT k, x FROM t WHERE y > 1) SELECT k, x FROM b"),
    "CTEs in another order": ("WITH a AS (SELECT k, x FROM t), c AS (SELECT k, y FROM u GROUP BY k, y) SELECT a.k, a.x, c.y FROM a JOIN c ON a.k = c.k",
                              "WITH c AS (SELECT k, y FROM u GROUP BY k, y), a AS (SELECT k, x FROM t) SELECT a.k, a.x, c.y FROM a JOIN c ON c.k = a.k"),
    "a CTE nobody reads": ("SELECT k FROM t", "WITH a AS (SELECT k, MAX(x) AS m FROM t GROUP BY k) SELECT k FROM t"),
    "a CTE put in its place": ("WITH a AS (SELECT k, x + 1 AS z FROM t WHERE y > 1) SELECT k, z * 2 AS w FROM a WHERE z < 3",
                               "SELECT k, (x + 1) * 2 AS w FROM t WHERE y > 1 AND x + 1 < 3"),
    "a subquery for a CTE": ("WITH a AS (SELECT k, MAX(x) AS m FROM t GROUP BY k) SELECT k, m FROM a WHERE m > 0",
                             "SELECT k, m FROM (SELECT k, MAX(x) AS m FROM t GROUP BY k) WHERE m > 0"),
    "a step that passes everything on": ("SELECT k, x FROM t", "SELECT k, x FROM (SELECT * FROM (SELECT * FROM t))"),
    "a step before an aggregation": ("WITH a AS (SELECT k, x * 2 AS z FROM t WHERE b) SELECT k, SUM(z) AS s FROM a GROUP BY k",
                                     "SELECT k, SUM(x * 2) AS s FROM t WHERE b GROUP BY k"),
    "a step in a join": ("WITH a AS (SELECT k, x FROM t WHERE x > 0), c AS (SELECT k, y FROM u WHERE y > 0) SELECT a.k, x, y FROM a JOIN c ON a.k = c.k",
                         "SELECT t.k, t.x, u.y FROM t JOIN u ON t.k = u.k WHERE t.x > 0 AND u.y > 0"),
    "a step left of a LEFT JOIN": ("WITH a AS (SELECT k, x FROM t WHERE x > 0) SELECT a.k, a.x, u.y FROM a LEFT JOIN u ON a.k = u.k",
                                   "SELECT t.k, t.x, u.y FROM t LEFT JOIN u ON t.k = u.k WHERE t.x > 0"),
    "a step with a LEFT JOIN": ("WITH a AS (SELECT t.k, t.x, u.y FROM t LEFT JOIN u ON t.k = u.k) SELECT v.x AS w, a.y FROM v JOIN a ON v.k = a.k AND a.y > 0",
                                "SELECT v.x AS w, u.y FROM v CROSS JOIN t LEFT JOIN u ON t.k = u.k WHERE v.k = t.k AND u.y > 0"),
    "conditions in ON or WHERE": ("SELECT t.k, u.y FROM t JOIN u ON t.k = u.k AND u.y > 0", "SELECT t.k, u.y FROM t, u WHERE u.y > 0 AND u.k = t.k"),
    "USING": ("SELECT k, t.x, u.y FROM t JOIN u USING (k)", "SELECT t.k, t.x, u.y FROM t JOIN u ON t.k = u.k"),
    "USING of a LEFT JOIN": ("SELECT k, t.x, u.y FROM t LEFT JOIN u USING (k)", "SELECT t.k, t.x, u.y FROM t LEFT JOIN u ON t.k = u.k"),
    "USING of floats": ("SELECT f, t.x, u.y FROM t JOIN u USING (f)", "SELECT t.f, t.x, u.y FROM t JOIN u ON t.f = u.f"),
    "USING thrice": ("SELECT k, t.x, u.y, v.s FROM t LEFT JOIN u USING (k) JOIN v USING (k)",
                     "SELECT t.k, t.x, u.y, v.s FROM t LEFT JOIN u ON t.k = u.k JOIN v ON t.k = v.k"),
    "ORDER BY of everything": ("SELECT k, x FROM t", "SELECT k, x FROM t ORDER BY x DESC, k"),
    "ORDER BY of a part": ("SELECT k, SUM(x) AS z FROM (SELECT k, x FROM t) GROUP BY k", "SELECT k, SUM(x) AS z FROM (SELECT k, x FROM t ORDER BY x) GROUP BY k"),
    "ORDER BY of a union": ("SELECT k FROM t UNION ALL SELECT k FROM u", "SELECT k FROM t UNION ALL SELECT k FROM u ORDER BY k"),
    "DISTINCT of columns in another order": ("SELECT DISTINCT k, s FROM t", "SELECT DISTINCT s, k FROM t"),
    "a named window": ("SELECT k, SUM(x) OVER (PARTITION BY k) AS z FROM t", "SELECT k, SUM(x) OVER w AS z FROM t WINDOW w AS (PARTITION BY k)"),
    "the alias of a table in EXISTS": ("SELECT k FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.k AND u.b)",
                                       "SELECT k FROM t AS o WHERE EXISTS (SELECT 1 FROM u AS i WHERE i.b AND o.k = i.k)"),
    "IN a query": ("SELECT k FROM t WHERE k IN (SELECT k FROM u WHERE y > 1)", "SELECT k FROM t AS a WHERE (k IN (SELECT z.k FROM u AS z WHERE 1 < z.y))"),
}  # fmt: skip

OTHER = {
    "a sum in another order": ("SELECT (f + g) + x AS z FROM t", "SELECT f + (g + x) AS z FROM t"),
    "lists the other way": ("SELECT l + [3] AS z FROM t", "SELECT [3] + l AS z FROM t"),
    "a difference the other way": ("SELECT x - y AS z FROM t", "SELECT y - x AS z FROM t"),
    "NOT of an order of floats": ("SELECT NOT (f < g) AS z FROM t", "SELECT f >= g AS z FROM t"),
    "another join": ("SELECT t.k, u.y FROM t JOIN u ON t.k = u.k", "SELECT t.k, u.y FROM t LEFT JOIN u ON t.k = u.k"),
    "a join for its rows only": ("SELECT t.k FROM t", "SELECT t.k FROM t LEFT JOIN u ON t.k = u.k"),
    "a condition of a LEFT JOIN in WHERE": ("SELECT t.k, u.y FROM t LEFT JOIN u ON t.k = u.k AND u.y > 0", "SELECT t.k, u.y FROM t LEFT JOIN u ON t.k = u.k WHERE u.y > 0"),
    "a filter on the right of a LEFT JOIN": ("SELECT t.k, a.y FROM t LEFT JOIN (SELECT k, y FROM u WHERE y > 0) AS a ON t.k = a.k",
                                             "SELECT t.k, a.y FROM t LEFT JOIN (SELECT k, y FROM u) AS a ON t.k = a.k WHERE a.y > 0"),
    "a constant on the right of a LEFT JOIN": ("SELECT t.k, a.y FROM t LEFT JOIN (SELECT k, 1 AS y FROM u) AS a ON t.k = a.k", "SELECT t.k, 1 AS y FROM t LEFT JOIN u AS a ON t.k = a.k"),
    "a filter left of a FULL JOIN": ("SELECT a.x, u.y FROM (SELECT k, x FROM t WHERE x > 0) AS a FULL JOIN u ON a.k = u.k",
                                     "SELECT t.x, u.y FROM t FULL JOIN u ON t.k = u.k WHERE t.x > 0"),
    "USING of a FULL JOIN": ("SELECT k, u.y FROM t FULL JOIN u USING (k)", "SELECT t.k, u.y FROM t FULL JOIN u ON t.k = u.k"),
    "USING of a RIGHT JOIN": ("SELECT k, u.y FROM t RIGHT JOIN u USING (k)", "SELECT t.k, u.y FROM t RIGHT JOIN u ON t.k = u.k"),
    "a filter after a window": ("SELECT k, n FROM (SELECT k, x, COUNT(*) OVER (PARTITION BY k) AS n FROM t) WHERE x > 0",
                                "SELECT k, COUNT(*) OVER (PARTITION BY k) AS n FROM t WHERE x > 0"),
    "a filter after an aggregation": ("SELECT k, z FROM (SELECT k, SUM(x) AS z FROM t GROUP BY k) WHERE z > 0", "SELECT k, SUM(x) AS z FROM t WHERE x > 0 GROUP BY k"),
    "another window by name": ("SELECT SUM(x) OVER a AS z FROM t WINDOW a AS (PARTITION BY k), c AS (PARTITION BY s)",
                               "SELECT SUM(x) OVER c AS z FROM t WINDOW a AS (PARTITION BY k), c AS (PARTITION BY s)"),
    "UNNEST beside a column": ("SELECT k FROM t", "SELECT k, UNNEST(l) AS z FROM t"),
    "DISTINCT ON another order": ("SELECT DISTINCT ON (k) k, x FROM t ORDER BY k, x, y, f, g, s", "SELECT DISTINCT ON (k) k, x FROM t ORDER BY k, x DESC, y, f, g, s"),
    "LIMIT of another order": ("SELECT k, x FROM t ORDER BY x, k LIMIT 3", "SELECT k, x FROM t ORDER BY x DESC, k LIMIT 3"),
    "an order that a list shows": ("SELECT k, LIST(x) AS z FROM (SELECT k, x FROM t) GROUP BY k", "SELECT k, LIST(x) AS z FROM (SELECT k, x FROM t ORDER BY x) GROUP BY k"),
    "DISTINCT": ("SELECT k FROM t", "SELECT DISTINCT k FROM t"),
    "UNION": ("SELECT k FROM t UNION ALL SELECT k FROM u", "SELECT k FROM t UNION SELECT k FROM u"),
    "COUNT of a column": ("SELECT COUNT(*) AS z FROM t", "SELECT COUNT(x) AS z FROM t"),
    "a number of another type": ("SELECT x / 2 AS z FROM t", "SELECT x / 2.0 AS z FROM t"),
    "one row of many": ("SELECT 1 AS z FROM t", "SELECT 1 + 0 * COUNT(*) AS z FROM t"),
    "NOT IN a query": ("SELECT k FROM t WHERE k NOT IN (SELECT k FROM u)", "SELECT k FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.k = t.k)"),
    "another column of the query around": ("SELECT k FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.k)", "SELECT k FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.y)"),
    "another table of the same columns": ("SELECT a.x, c.x AS z FROM t AS a JOIN t AS c ON a.k = c.k", "SELECT c.x, a.x AS z FROM t AS a JOIN t AS c ON a.k = c.k"),
    "BETWEEN in a wider type": ("SELECT x BETWEEN 1 AND 2.5 AS z, s BETWEEN s AND 'b' AS w FROM t", "SELECT x BETWEEN 1 AND 2 AS z, s BETWEEN s AND 'b' AS w FROM t"),
    "a word of another case": ("SELECT s = 'a' AS z FROM t", "SELECT s = 'A' AS z FROM t"),
    "names inside a struct": ("SELECT {'a': x} AS z FROM t", "SELECT {'b': x} AS z FROM t"),
    "GROUPING SETS": ("SELECT k, s, COUNT(*) AS n FROM t GROUP BY ROLLUP (k, s)", "SELECT k, s, COUNT(*) AS n FROM t GROUP BY ROLLUP (s, k)"),
}  # fmt: skip


def table(name: str) -> tuple[str, Relation]:
    columns = tuple(Column(n, ColumnType.parse(t), f"{name}.{n}") for n, t in TYPES.items())
    return f"source.{name}", Relation("SELECT * FROM scan", columns, f"rows of {name}")


def told(query: str):
    found = analyse(query, lambda n: table(n) if n in NAMES else SqlProblem("unknown-table", n))
    return found.rows_digest, {c.name: (c.digest, str(c.type)) for c in found.columns}


@pytest.fixture(scope="module")
def rows():
    """Three tables of few values, so that rows are equal, miss keys and hold what compares oddly."""
    chance = random.Random(7)
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        for name in NAMES:
            connection.execute(f"CREATE TABLE {name} ({SQL})")
            for _ in range(60):
                values = ", ".join(chance.choice(v) for v in VALUES.values())
                connection.execute(f"INSERT INTO {name} VALUES ({values})")
        yield connection


def answered(connection, query: str) -> Counter:
    """The rows, each as often as it comes, columns in the order of their names; -0.0 is not 0.0, NaN is itself."""
    found = connection.execute(query)
    names = [d[0].lower() for d in found.description]
    order = sorted(range(len(names)), key=lambda i: names[i])
    return Counter(tuple((names[i], exact(row[i])) for i in order) for row in found.fetchall())


def exact(value: object) -> str:
    return "nan" if isinstance(value, float) and math.isnan(value) else f"{type(value).__name__} {value!r}"


@pytest.mark.parametrize("name", SAME)
def test_equal_digests_are_equal_rows(rows, name):
    one, other = SAME[name]
    assert told(one) == told(other)
    assert answered(rows, one) == answered(rows, other)
    assert len(answered(rows, one)) > 1


@pytest.mark.parametrize("name", OTHER)
def test_what_may_answer_otherwise_has_another_digest(name):
    one, other = OTHER[name]
    assert told(one) != told(other)


def test_a_column_that_is_passed_on_keeps_its_digest():
    assert told("SELECT k AS key, x FROM t")[1]["key"] == told("SELECT k, y FROM t")[1]["k"]


def test_a_column_more_changes_no_other():
    rows, columns = told("SELECT k, x FROM t WHERE y > 1")
    more = told("SELECT k, f AS new, x FROM t WHERE y > 1")
    assert (rows, columns) == (more[0], {n: d for n, d in more[1].items() if n != "new"})


@pytest.mark.parametrize(
    "more", ["SELECT k, x, f FROM t ORDER BY x LIMIT 3", "SELECT DISTINCT ON (k) k, x, f FROM t ORDER BY k, x"]
)
def test_a_column_more_of_the_rows_at_the_top_changes_no_other(more):
    assert told(more)[0] == told(more.replace(", f", ""))[0]


def test_steps_that_read_one_step_twice_stay_small():
    steps = ", ".join(f"s{i} AS (SELECT k, y + y AS y FROM s{i - 1})" for i in range(1, 60))
    query = f"WITH s0 AS (SELECT k, y FROM t), {steps} SELECT k, y FROM s59"
    assert told(query) != told(query.replace("SELECT k, y FROM t)", "SELECT k, x AS y FROM t)"))
