"""SQL understood: what is equal, where columns come from, and what a definition may not contain."""

import pytest

from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Column, Relation
from mlspec.ir.sql.analyse import analyse
from mlspec.ir.sql.analysis import Analysis
from mlspec.ir.sql.problem import SqlProblem, SqlProblems


def _table(address: str, **columns: str) -> tuple[str, Relation]:
    made = tuple(Column(n, ColumnType.parse(t), f"{address}.{n}") for n, t in columns.items())
    return address, Relation("SELECT * FROM scan", made, f"rows of {address}")


TABLES = {
    "orders": _table("source.orders", customer="int64", amount="float64", status="string", at="timestamptz", tags="array<string>",
                     info="struct<a: int32, b: string>"),
    "customers": _table("source.customers", customer="int64", country="string", since="timestamptz"),
}  # fmt: skip


def understood(query: str) -> Analysis:
    return analyse(query, lambda name: TABLES.get(name) or SqlProblem("unknown-table", f"no `{name}`"))


def problems(query: str) -> list[tuple[str, str]]:
    with pytest.raises(SqlProblems) as caught:
        understood(query)
    return [(p.code, query[p.start : p.start + p.length]) for p in caught.value.problems]


def meaning(query: str) -> tuple[str, list[tuple[str, str]]]:
    found = understood(query)
    return found.rows_digest, [(c.name, c.digest) for c in found.columns]


BASE = "SELECT o.customer, o.amount + 1 AS more FROM orders o JOIN customers c ON o.customer = c.customer WHERE o.amount > 1 AND c.country = 'NO'"


@pytest.mark.parametrize(
    "same",
    [
        BASE.replace(" ", "\n  "),
        BASE.replace("SELECT", "select").replace("JOIN", "inner join"),
        BASE.replace("o.", "x.").replace("orders o", "orders AS x"),
        BASE + " -- a remark",
        BASE.replace("WHERE", "/* those */ WHERE"),
        BASE.replace("o.amount > 1 AND c.country = 'NO'", "c.country = 'NO' AND o.amount > 1"),
        BASE.replace("o.amount > 1", "(o.amount > 1)"),
        BASE.replace("o.customer = c.customer", "c.customer = o.customer"),
        BASE.replace("o.amount + 1", "1 + o.amount"),
        BASE.replace("o.amount", "O.Amount"),
    ],
)
def test_equal_meaning_is_an_equal_digest(same):
    assert meaning(same) == meaning(BASE)


def test_the_name_of_a_cte_means_nothing():
    query = "WITH paid AS (SELECT customer, amount FROM orders WHERE status = 'paid') SELECT customer, amount FROM paid"
    assert meaning(query) == meaning(query.replace("paid AS", "p AS").replace("FROM paid", "FROM p"))


@pytest.mark.parametrize(
    ("old", "new"),
    [("> 1", "> 2"), ("> 1", ">= 1"), ("'NO'", "'SE'"), ("JOIN", "LEFT JOIN"), (" AND ", " OR "), ("o.customer = c.customer", "o.customer < c.customer"),
     ("SELECT", "SELECT DISTINCT")],
)  # fmt: skip
def test_another_row_is_another_digest_of_everything(old, new):
    before, after = meaning(BASE), meaning(BASE.replace(old, new, 1))
    assert before[0] != after[0]
    assert all(a != b for a, b in zip(before[1], after[1], strict=True))


@pytest.mark.parametrize("new", ["o.amount + 2", "o.amount - 1", "c.customer + 1"])
def test_another_expression_is_another_digest_of_its_column_only(new):
    before, after = meaning(BASE), meaning(BASE.replace("o.amount + 1", new))
    assert before[0] == after[0]
    assert before[1][0] == after[1][0]
    assert before[1][1] != after[1][1]


@pytest.mark.parametrize(
    ("query", "column", "origins"),
    [
        (BASE, "more", {"source.orders.amount"}),
        ("SELECT customer, sum(amount) AS s FROM orders GROUP BY customer", "s", {"source.orders.amount"}),
        (
            "WITH x AS (SELECT customer, amount * 2 AS d FROM orders) SELECT d + 1 AS e FROM x",
            "e",
            {"source.orders.amount"},
        ),
        (
            "SELECT customer FROM orders UNION ALL SELECT customer FROM customers",
            "customer",
            {"source.orders.customer", "source.customers.customer"},
        ),
        ("SELECT * FROM customers", "country", {"source.customers.country"}),
        ("SELECT info.a AS a FROM orders", "a", {"source.orders.info"}),
        ("SELECT 1 AS one FROM orders", "one", set()),
    ],
)
def test_where_a_column_comes_from(query, column, origins):
    (found,) = [c for c in understood(query).columns if c.name == column]
    assert {f"{o.address}.{o.column}" for o in found.origins} == origins


@pytest.mark.parametrize(
    "query",
    [
        "SELECT o.customer, t.tag FROM orders o, unnest(o.tags) AS t(tag)",
        "WITH RECURSIVE r AS (SELECT customer FROM orders UNION ALL SELECT customer + 1 AS customer FROM r WHERE customer < 5) SELECT customer FROM r",
    ],
)
def test_what_cannot_be_told_apart_is_unknown_and_never_dropped(query):
    found = understood(query)
    assert found.unknown
    assert found.rows_digest != understood(query.replace("orders", "orders", 1) + " LIMIT 1").rows_digest


FORBIDDEN = {
    "SELECT customer FROM orders; SELECT 1": "SELECT", "SELECT customer FROM orders; DROP TABLE orders": "DROP",
    "DELETE FROM orders": "DELETE", "INSERT INTO orders SELECT 1": "INSERT", "UPDATE orders SET amount = 1": "UPDATE",
    "CREATE TABLE x AS SELECT 1": "CREATE", "DROP TABLE orders": "DROP", "ALTER TABLE orders ADD x INT": "ALTER", "TRUNCATE orders": "TRUNCATE",
    "COPY orders TO 'x.csv'": "COPY", "ATTACH 'x' AS y": "ATTACH", "DETACH x": "DETACH", "INSTALL httpfs": "INSTALL", "LOAD httpfs": "LOAD",
    "PRAGMA database_list": "PRAGMA", "SET threads = 1": "SET", "CALL f()": "CALL", "EXPORT DATABASE 'x'": "EXPORT", "VACUUM": "VACUUM",
    "CHECKPOINT": "CHECKPOINT", "VALUES (1)": "VALUES", "SHOW TABLES": "SHOW", "DESCRIBE orders": "DESCRIBE", "EXPLAIN SELECT 1": "EXPLAIN",
    "GRANT ALL ON orders TO x": "GRANT", "USE x": "USE", "BEGIN": "BEGIN", "COMMIT": "COMMIT",
    "WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d": "DELETE",
    "WITH d AS (INSERT INTO orders SELECT 1) SELECT * FROM d": "INSERT",
    "SELECT customer FROM orders WHERE customer IN (DELETE FROM orders)": "DELETE",
    "SELECT customer FROM (INSERT INTO orders VALUES (1)) t": "INSERT",
    "SELECT customer INTO copy_of FROM orders": "INTO", "SELECT customer FROM orders FOR UPDATE": "FOR",
    "SELECT * FROM read_text('/etc/passwd')": "read_text", "SELECT read_text('/etc/passwd') AS x FROM orders": "read_text",
    "SELECT * FROM read_csv('x.csv')": "read_csv", "SELECT * FROM read_parquet('x')": "read_parquet", "SELECT * FROM glob('*')": "glob",
    "SELECT * FROM 'x.csv'": "'x.csv'", "SELECT * FROM 'https://example.org/x.parquet'": "'https://example.org/x.parquet'",
    "SELECT getenv('HOME') AS home FROM orders": "getenv", "SELECT * FROM duckdb_settings()": "duckdb_settings",
    "SELECT * FROM query('SELECT 1')": "query", "SELECT * FROM sqlite_scan('x', 'y')": "sqlite_scan", "SELECT * FROM st_read('x')": "st_read",
    "SELECT customer FROM orders WHERE amount > $limit": "$limit", "SELECT customer FROM orders WHERE amount > ?": "?",
    "SELECT customer FROM orders WHERE EXISTS (SELECT * FROM read_blob('x'))": "read_blob",
    "WITH x AS (SELECT * FROM read_json('x')) SELECT * FROM x": "read_json",
}  # fmt: skip


@pytest.mark.parametrize("query", FORBIDDEN)
def test_a_definition_only_reads_declared_sources(query):
    assert set(problems(query)) == {("forbidden-sql", FORBIDDEN[query])}


@pytest.mark.parametrize(
    "clock",
    ["now()", "current_date", "current_timestamp", "today()", "random()", "uuid()", "localtimestamp", "get_current_timestamp()", "version()",
     "transaction_timestamp()", "gen_random_uuid()", "nextval('s')"],
)  # fmt: skip
def test_a_definition_gives_the_same_answer_each_time(clock):
    assert problems(f"SELECT customer, {clock} AS now_or_so FROM orders") == [
        ("not-reproducible", clock.partition("(")[0])
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("SELECT arrival FROM orders", [("unknown-column", "arrival")]),
        ("SELECT o.arrival, x.amount FROM orders o", [("unknown-column", "arrival"), ("unknown-table", "x")]),
        ("SELECT customer FROM orders JOIN customers ON true", [("ambiguous-column", "customer")]),
        ("SELECT customer FROM nowhere", [("unknown-table", "nowhere")]),
        ("SELECT customer, count(*) FROM orders GROUP BY customer", [("unnamed-column", "count")]),
        ("SELECT customer AS a, amount AS A FROM orders", [("duplicate-column", "A")]),
        ('SELECT customer AS "a b" FROM orders', [("invalid-name", '"a b"')]),
        ("SELECT customer FROM orders WHERE status = amount", [("type-mismatch", "status")]),
        ("SELECT customer FROM orders WHERE status IN (1, 2)", [("type-mismatch", "status")]),
        (
            "SELECT customer FROM orders WHERE customer IN (SELECT country FROM customers)",
            [("type-mismatch", "customer")],
        ),
        (
            "SELECT customer FROM orders WHERE at BETWEEN TIMESTAMP '2024-01-01' AND at",
            [("naive-aware-comparison", "at")],
        ),
        ("SELECT avg(status) AS a FROM orders", [("wrong-type", "status")]),
        ("SELECT customer FROM orders UNION SELECT country FROM customers", [("type-mismatch", "country")]),
        ("SELECT customer, amount FROM orders UNION SELECT customer FROM customers", [("type-mismatch", "customer")]),
        ("SELECT my_function(amount) AS x FROM orders", [("untyped-column", "amount")]),
        ("SELECT 'open FROM orders", [("invalid-sql", "'")]),
        ("SELECT customer FROM orders WHERE", [("invalid-sql", "WHERE")]),
        ("", [("invalid-sql", "")]),
    ],
)
def test_what_is_wrong_is_pointed_at(query, found):
    assert problems(query) == found


def test_reserved_words_are_columns_like_any_other():
    tables = {"t": _table("source.t", order="int64", group="int64", end="int64")}
    found = analyse('SELECT "order", "group", "end" FROM t', lambda name: tables[name])
    assert [c.name for c in found.columns] == ["order", "group", "end"]
    assert '"order"' in found.query


def test_nothing_is_said_on_stderr(capfd):
    understood("SELECT EXTRACT(hour FROM at) AS hour FROM orders")
    problems("LOAD httpfs")
    assert capfd.readouterr() == ("", "")
