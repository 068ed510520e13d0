"""A definition gives the same answer again, or is refused: clocks in every spelling, samples, rows in no order."""

import pytest

from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Column, Relation
from mlspec.ir.sql.analyse import analyse, expression
from mlspec.ir.sql.problem import SqlProblems


def table(**columns):
    return Relation("", tuple(Column(n, ColumnType(t), n) for n, t in columns.items()), "rows")


TABLES = {
    "t": ("source.t", table(a="int32", b="int32", at="timestamp", day="date", s="string")),
    "u": ("source.u", table(a="int32", at="timestamptz", z="timestamptz", day="date")),
}


def codes(query):
    try:
        return {(w.code, query[w.start : w.start + w.length].lower()) for w in analyse(query, TABLES.get).warnings}
    except SqlProblems as problems:
        return {p.code for p in problems.problems}


@pytest.mark.parametrize(
    "text",
    """
    now() | today() | CURRENT_DATE | CURRENT_TIME | LOCALTIMESTAMP | current_localtime() | clock_timestamp() | getdate()
    'now'::timestamp | CAST('today' AS DATE) | TIMESTAMP 'now' | DATE 'tomorrow' | TRY_CAST('Yesterday' AS DATE)
    CAST(upper('now') AS TIMESTAMP) | age(at) | date_diff('day', at, CURRENT_DATE) | random() | rand() | gen_random_uuid()
    uuidv7() | txid_current() | unix_timestamp() | at > 'now' | day = ' TODAY ' | at BETWEEN 'yesterday' AND 'now'
    """.replace("\n", "|").split("|"),
)
def test_a_clock_or_a_die_is_refused_in_every_spelling(text):
    if not text.strip():
        return
    with pytest.raises(SqlProblems) as problems:
        expression(text.strip(), {c.name: c for c in TABLES["t"][1].columns})
    assert {p.code for p in problems.value.problems} == {"not-reproducible"}


@pytest.mark.parametrize(
    "text",
    [
        "CAST(age(at, at) AS string) = ''",
        "s = 'now'",
        "'2024-01-01'::date",
        "at > '2024-01-01'",
        "s || 'today'",
        "CAST(hash(s) AS INTEGER)",
    ],
)
def test_what_only_looks_like_one_passes(text):
    columns = {c.name: c for c in TABLES["t"][1].columns}
    assert expression(text, columns)[2] <= columns.keys()


@pytest.mark.parametrize("text", ["SELECT a FROM t TABLESAMPLE 10%", "SELECT a FROM t USING SAMPLE 5"])
def test_a_sample_is_refused(text):
    assert codes(text) == {"not-reproducible"}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("SELECT a FROM t LIMIT 3", "limit"),
        ("SELECT a FROM t FETCH FIRST 3 ROWS ONLY", "fetch"),
        ("SELECT a FROM (SELECT a FROM t OFFSET 3)", "offset"),
        ("SELECT DISTINCT ON (a) a, b FROM t", "distinct"),
        ("SELECT a, row_number() OVER () AS n FROM t", "row_number"),
        ("SELECT a, lag(b) OVER (PARTITION BY a) AS n FROM t", "lag"),
        ("SELECT a, first_value(b) OVER (PARTITION BY a) AS n FROM t", "first_value"),
        ("SELECT a, any_value(b) AS n FROM t GROUP BY a", "any_value"),
        ("SELECT a, CAST(first(b) AS INTEGER) AS n FROM t GROUP BY a", "first"),
        ("SELECT a, CAST(arbitrary(b) AS INTEGER) AS n FROM t GROUP BY a", "arbitrary"),
        ("SELECT a, list(b) AS n FROM t GROUP BY a", "list"),
        ("SELECT a, string_agg(s, ',') AS n FROM t GROUP BY a", "string_agg"),
    ],
)
def test_rows_in_no_order_are_pointed_at(text, word):
    assert codes(text) == {("undetermined-order", word)}


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t ORDER BY a LIMIT 3",
        "SELECT a, row_number() OVER (ORDER BY b) AS n, SUM(b) OVER () AS s FROM t",
        "SELECT a, list(b ORDER BY b) AS n, list_sort(list(b)) AS m FROM t GROUP BY a",
        "SELECT a, CAST(first(b) OVER (PARTITION BY a ORDER BY at) AS INTEGER) AS n FROM t",
        "SELECT DISTINCT a FROM t",
    ],
)
def test_rows_in_an_order_pass(text):
    assert codes(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT t.a FROM t JOIN u USING (at)",
        "SELECT t.a FROM t NATURAL JOIN u",
        "SELECT t.a FROM t ASOF JOIN u ON t.a = u.a AND t.at >= u.at",
        "SELECT a FROM t WHERE at IN (SELECT z FROM u)",
        "SELECT COALESCE(t.at, u.z) AS x FROM t JOIN u USING (a)",
        "SELECT GREATEST(t.at, u.z) AS x FROM t JOIN u USING (a)",
        "SELECT CASE WHEN t.a = 1 THEN t.at ELSE u.z END AS x FROM t JOIN u USING (a)",
        "SELECT IF(t.a = 1, t.at, u.z) AS x FROM t JOIN u USING (a)",
        "SELECT u.z - t.at AS x FROM t JOIN u USING (a)",
        "SELECT date_diff('day', t.at, u.z) AS x FROM t JOIN u USING (a)",
        "SELECT a FROM t UNION ALL SELECT a FROM u WHERE z > day",
    ],
)
def test_a_time_with_a_zone_never_meets_one_without(text):
    assert codes(text) == {"naive-aware-comparison"}
