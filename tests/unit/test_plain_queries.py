"""A plain query is understood without the whole parser, and to the letter as the whole parser understands it."""

import layers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_queries import Queries, Tables

from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Column, Relation, Timing
from mlspec.ir.sql._plain.grammar import plain
from mlspec.ir.sql._plain.understand import understand
from mlspec.ir.sql.analyse import analyse
from mlspec.ir.sql.problem import SqlProblem
from mlspec.ir.sql.whole import analyse_any, tables_of_any


def both(query: str, tables: Tables) -> tuple[tuple, tuple] | None:
    """What the two ways say of a query, the short one first; None where it is not plain."""
    known = {**tables, **{t[0]: t for t in tables.values()}}

    def lookup(name: str) -> tuple[str, Relation] | SqlProblem:
        return known.get(name) or SqlProblem("unknown-table", f"there is no `{name}`")

    read = plain(query)
    if read is None:
        return None
    places, found = (read.places(), list(tables_of_any(query))), understand(read, lookup)
    if found is None:
        assert places[0] == places[1], query
        return None
    return (places[0], found), (places[1], analyse_any(query, lookup))


def agree(query: str, tables: Tables) -> bool:
    """Whether a query is plain; if it is, both ways must say the same of it."""
    said = both(query, tables)
    assert said is None or said[0] == said[1], query
    return said is not None


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_both_ways_agree_about_any_query(seed):
    queries = Queries(seed)
    query = queries.query()
    for text in (query, queries.spoilt(query)):
        said = both(text, queries.tables)
        assert said is None or said[0] == said[1], text


def test_what_most_models_are_is_plain():
    numbers = dict.fromkeys(layers.VALUES, "float64")
    columns = tuple(
        Column(c, ColumnType.parse(t), c) for c, t in {"k": "int64", "event_time": "timestamp", **numbers}.items()
    )
    tables: Tables = {
        n: (f"source.{n}", Relation("", columns, n, timing=Timing("event_time"))) for n in layers.sources(40)
    }
    for model in layers.models(40):
        assert agree(model.sql, tables), model.sql
        found = analyse(model.sql, tables.__getitem__)
        tables[model.name] = (
            f"feature_view.{model.name}",
            Relation(found.query, found.columns, found.rows_digest, timing=Timing("event_time")),
        )


TABLES: Tables = {
    "orders": (
        "source.orders",
        Relation("", tuple(Column(n, ColumnType.parse(t), n) for n, t in {
            "id": "int64", "customer": "string", "amount": "float64", "items": "int32", "paid": "boolean", "at": "timestamp", "day": "date",
            "price": "decimal(10,2)", "tags": "array<string>"}.items()), "rows"),
    ),
    "customers": ("source.customers", Relation("", (Column("customer", ColumnType("string"), "c"), Column("since", ColumnType("date"), "s")), "people")),
    "odd": ("source.odd", Relation("", (Column("id", ColumnType("int64"), "i"), Column('The "total"', ColumnType("int64"), "t")), "odd")),
    "empty": ("source.empty", Relation("", (), "empty")),
    "words": ("source.words", Relation("", (Column("lambda", ColumnType("string"), "l"), Column("symmetric", ColumnType("string"), "y")), "words")),
}  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, at AS at, price, tags FROM orders",
        "select o.id, coalesce(o.amount, 0) / 2 as half from orders o where o.paid and not o.amount is null;",
        "SELECT id, 1 / items AS part, 0.5 * items / 3 AS scaled, CAST(amount AS BIGINT) AS whole, CAST(0.5 * items AS INT) AS less FROM orders -- a remark\nWHERE 1 < 2",
        "SELECT id, NOT (paid) AS unpaid, amount BETWEEN 1 AND 2 AS fits, amount NOT IN (1, -2) AS rare FROM orders WHERE (id > 1 OR (id < 0 AND paid))",
        "SELECT customer, SUM(items) AS items, AVG(0.5) AS half, COUNT(DISTINCT id) AS n, MAX(at) AS at FROM orders GROUP BY customer HAVING COUNT(*) > 1",
        "WITH c AS (SELECT customer FROM customers WHERE since > '2024-01-01') SELECT a.id, c.customer FROM source.orders AS a LEFT JOIN c ON a.customer = c.customer",
        "SELECT *, day + INTERVAL 1 DAY AS known_at, at - INTERVAL '15' minute AS before, date_trunc('month', at) AS month FROM orders",
        "WITH o AS (SELECT * FROM orders WHERE at > '2024-01-01') SELECT o.*, c.since FROM o JOIN customers AS c ON c.customer = o.customer AND c.since < o.at",
        "SELECT DISTINCT customer, CASE WHEN amount > 1 THEN 'much' WHEN paid THEN NULL ELSE lower(customer) END AS kind FROM orders",
        "SELECT customer, round(amount, 1) AS r, floor(items) AS f, CAST(amount AS VARCHAR) AS t, day AS d FROM orders WHERE customer LIKE 'x%'",
    ],
)
def test_it_is_plain(query):
    assert agree(query, TABLES)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT Id FROM orders",
        'SELECT "id" FROM orders',
        "SELECT *, 1 AS id FROM orders",
        "SELECT id, INTERVAL 1 DAY AS span FROM orders",
        "SELECT o.*, c.* FROM orders AS o JOIN customers AS c ON o.customer = c.customer",
        "SELECT id FROM orders ORDER BY id LIMIT 1",
        "SELECT id FROM orders WHERE at > 'today'",
        "SELECT id FROM orders WHERE at > now()",
        "SELECT id FROM orders WHERE customer > 1",
        "SELECT price + 1 AS more FROM orders",
        "SELECT at + INTERVAL 1 DAYS AS next_day FROM orders",
        "SELECT id, id FROM orders",
        "SELECT o.id, o.unknown FROM orders AS o",
        "SELECT customer FROM orders JOIN customers ON orders.customer = customers.customer",
        "SELECT o.id FROM orders AS o JOIN orders AS p ON paid JOIN customers AS c ON c.customer = o.customer",
        "SELECT o.id FROM orders AS o JOIN customers AS c ON customer = o.customer AND o.id = 1 JOIN customers AS d ON c.customer = d.customer",
        "SELECT coalesce(o.customer, c.customer) AS customer FROM orders AS o JOIN customers AS c ON o.customer = c.customer",
        "SELECT trim(customer = 'x') AS t FROM orders",
        "SELECT COUNT(*) AS n FROM orders GROUP BY 1",
        "SELECT id FROM orders WHERE id > 1 -- and so on",
        "SELECT o.id FROM orders AS o WHERE o.--paid\n",
        "WITH c AS (SELECT customer FROM customers) SELECT id FROM orders",
        "SELECT CAST('now' AS DATE) AS day FROM orders",
        "SELECT (lower(' Today '))::timestamp AS day FROM orders",
        "SELECT customer, SUM(amount) AS amount FROM orders GROUP BY customer HAVING amount > 1",
        "SELECT customer, MAX(at) AS last FROM orders GROUP BY customer HAVING COUNT(*) > 1 AND (last > '2024-01-01')",
        "SELECT * FROM odd",
        "WITH o AS (SELECT * FROM odd) SELECT id FROM o",
        "SELECT * FROM empty",
        "SELECT COUNT(*) AS n, e.* FROM empty AS e",
        "SELECT lower(lambda) AS word FROM words",
        "SELECT symmetric FROM words WHERE symmetric BETWEEN symmetric AND lambda",
        f"SELECT {'(' * 60}id{')' * 60} AS id FROM orders",
        f"SELECT {'-(' * 60}id{')' * 60} AS id FROM orders",
        f"SELECT {'CASE WHEN paid THEN ' * 60}id{' ELSE 0 END' * 60} AS id FROM orders",
        f"SELECT {' + '.join(['id'] * 400)} AS id FROM orders",
        f"SELECT id{'::int' * 400} AS id FROM orders",
    ],
)
def test_it_is_for_the_whole_parser(query):
    assert not agree(query, TABLES)
