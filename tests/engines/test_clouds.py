"""Warehouses in the cloud: what is sent to them is refused, or gives the same answers where something stands in for them."""

import importlib
import re
import shutil
import sys
from pathlib import Path

import emulators
import pytest
import sqlglot
from expressions import AGGREGATES, ROWS, SCALARS, TYPES
from sqlglot import exp, parse_one
from test_expressions import answers, asked, same, understood

from mlspec.backends.engines._warehouse.trees import drop, insert, make_schema, make_table
from mlspec.backends.port import BackendError, Place
from mlspec.base.diag import Problems
from mlspec.ir.relation import Keep
from mlspec.ir.sql.dialect import DIALECT
from mlspec.ir.sql.formulate import written
from mlspec.ir.sql.spoken import Unspoken
from mlspec.ir.sql.traits import Traits
from mlspec.session import Session

ENGINES = ("snowflake", "bigquery", "databricks", "trino", "redshift")
PROJECT = Path(__file__).parent / "warehouse_project"
OTHERWISE = {
    "snowflake": [
        "SIGN(",
        "DATEADD(",
        "AS TIMESTAMPNTZ",
        "AS TIMESTAMPLTZ",
    ],  # no SIGN; times before 1970 come back shifted
    "bigquery": ["DAYOFWEEK", "ISOWEEK"],  # DuckDB counts the days of a week from 0, and knows no ISOWEEK
    "redshift": [
        "MOD(",
        'MAX("t"."b")',
        "CAST(DATE_TRUNC",
    ],  # PostgreSQL has none of floats, of booleans; DATE becomes an instant
}
"""What stands in for an engine is known to do otherwise than the engine."""
NO_FLOAT32 = ("snowflake", "bigquery")


def traits(engine: str) -> Traits:
    return getattr(importlib.import_module("mlspec.ir.sql.traits"), engine.upper())


@pytest.fixture(params=ENGINES, scope="module")
def line(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    found = emulators.LINES[request.param](Place(root, root / ".mlspec", "dev", "tests"))
    yield found
    found.close()


def fill(line) -> None:
    engine = line.traits.dialect
    line.run(make_schema("tests"))
    table = exp.to_table("tests.t")
    types = {n: "DOUBLE" if t == "REAL" and engine in NO_FLOAT32 else t for n, t in TYPES.items()}
    line.run(drop(Keep.TABLE, table))
    line.run(make_table(table.copy(), types))
    rows = [[value(v, t) for v, t in zip((n, *row), types.values(), strict=True)] for n, row in enumerate(ROWS)]
    line.run(insert(table.copy(), tuple(types), rows))


def value(said, kind: str) -> exp.Expr:
    return exp.cast(exp.null() if said is None else exp.Literal.string(str(said)), kind, dialect=DIALECT)


def placed(query: exp.Query) -> exp.Query:
    for table in query.find_all(exp.Table):
        if table.name == "t":
            table.set("db", exp.to_identifier("tests"))
    return query


def test_what_people_write_is_the_same_or_is_refused(line):
    fill(line)
    wrong, refused = [], 0
    for expression in [*SCALARS, *AGGREGATES]:
        try:
            text = written(placed(understood(asked(expression))), line.traits)
        except Unspoken:
            refused += 1
            continue
        if any(o in text for o in OTHERWISE.get(line.traits.dialect, ())):
            continue
        try:
            found = [row[0] for row in line.fetch(text).rows]
        except Exception as error:  # noqa: BLE001 - of any driver
            wrong.append((expression, text, str(error)[:200]))
            continue
        expected = answers(asked(expression))
        if not all(same(a, b) for a, b in zip(found, expected, strict=True)):
            wrong.append((expression, text, found, expected))
    assert wrong == [], [w[0] for w in wrong]
    assert refused < len(SCALARS) / 2


REFUSED = """
hash(s)
CAST(x AS VARCHAR)
TRY_CAST(s AS INTEGER)
left(s, -1)
substring(s, 0, 2)
s SIMILAR TO '[a-z]+'
dayname(dt)
sum(j) OVER (ORDER BY n ROWS BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW)
count(DISTINCT b) OVER ()
ts AT TIME ZONE 'America/New_York'
strftime(ts, '%Y')
string_agg(s, ',' ORDER BY n)
first(s)
any_value(s)
date_diff('month', dt, DATE '2024-03-01')
""".strip().splitlines()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_not_known_to_mean_the_same_is_refused(engine, expression):
    with pytest.raises(Unspoken):
        written(understood(f"SELECT {expression} AS v FROM t"), traits(engine))


TRAPS = [
    ("bigquery", "SELECT sum(i) OVER (ORDER BY s NULLS LAST) FROM t", r"ORDER BY \(+`s`\)* IS NULL\) ASC, `s` ASC\)"),
    ("bigquery", "SELECT sum(i) OVER (ORDER BY s DESC NULLS LAST) FROM t", r"ORDER BY `s` DESC\)"),
    ("snowflake", "SELECT CAST(i AS BIGINT) // 7 FROM t", r"- MOD\("),
    ("redshift", "SELECT max(i) OVER (PARTITION BY s ORDER BY n) FROM t", r'"n", "i" DESC NULLS LAST ROWS BETWEEN'),
    ("redshift", "SELECT avg(i) FROM t", r"AVG\(CAST\("),
    ("snowflake", "SELECT avg(i) FROM t", r"AVG\(CAST\("),
    ("redshift", "SELECT CAST(i AS VARCHAR) FROM t", r"VARCHAR\(MAX\)"),
    ("bigquery", "SELECT i / 2 FROM t", r"IEEE_DIVIDE"),
    ("snowflake", "SELECT count(*) FILTER (WHERE b) FROM t", r"COUNT\(CASE WHEN"),
    ("bigquery", "SELECT sum(i) FILTER (WHERE b) FROM t", r"SUM\(CASE WHEN"),
    ("redshift", "SELECT count_if(b) FROM t", r"COUNT\(CASE WHEN"),
    ("snowflake", "SELECT greatest(i, n) FROM t", r"COALESCE\(GREATEST"),
    ("trino", "SELECT quantile_cont(CAST(x AS DOUBLE), 0.5) FROM t", r"ARRAY_SORT"),
    ("bigquery", "SELECT quantile_cont(CAST(x AS DOUBLE), 0.5) FROM t", r"SAFE_OFFSET"),
    ("bigquery", "SELECT CAST(d AS DECIMAL(10, 2)) FROM t", r"ROUND\(CAST\(`d` AS NUMERIC\), 2\)"),
    ("snowflake", "SELECT CAST(ts AS TIMESTAMP), CAST(ts AS TIMESTAMPTZ) FROM t", r"TIMESTAMPNTZ.*TIMESTAMPLTZ"),
    ("bigquery", "SELECT CAST(ts AS TIMESTAMP), CAST(ts AS TIMESTAMPTZ) FROM t", r"AS DATETIME.*AS TIMESTAMP\)"),
    ("databricks", "SELECT CAST(ts AS TIMESTAMP), CAST(ts AS TIMESTAMPTZ) FROM t", r"TIMESTAMP_NTZ.*AS TIMESTAMP\)"),
    ("trino", "SELECT CAST(ts AS TIMESTAMPTZ) FROM t", r"TIMESTAMP\(6\) WITH TIME ZONE"),
    ("snowflake", "SELECT dow FROM (SELECT dayofweek(dt) AS dow FROM t) AS q", r"DAYOFWEEKISO"),
    ("trino", "SELECT date_diff('day', ts, ts) FROM t", r"CAST\(\"ts\" AS DATE\)"),
    ("snowflake", "SELECT 'it''s' || s FROM t", r"'it(''|\\')s'"),
]  # fmt: skip


@pytest.mark.parametrize(("engine", "query", "text"), TRAPS)
def test_what_would_silently_be_otherwise(engine, query, text):
    assert re.search(text, written(parse_one(query, dialect=DIALECT), traits(engine)))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_name_is_in_quotes_and_no_step_is_materialized(engine):
    text = written(
        parse_one("WITH a AS MATERIALIZED (SELECT Id AS x FROM t) SELECT x FROM a", dialect=DIALECT), traits(engine)
    )
    assert "MATERIALIZED" not in text
    assert all(i.args.get("quoted") for i in parse_one(text, dialect=engine).find_all(exp.Identifier))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_name_that_would_be_cut_off(engine):
    with pytest.raises(Unspoken, match="at most"):
        written(exp.select(exp.column("n" * 301, quoted=True)).from_("t"), traits(engine))


# -- whole projects ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_rendered_as_kept(engine, golden):
    with Session(PROJECT, engine) as session:
        artifacts = session.render()
    golden(f"warehouses/{engine}", {path.replace("/", "__"): text for path, text in artifacts.items()})
    for text in artifacts.values():
        assert len(sqlglot.parse(text, dialect=engine, error_level=sqlglot.ErrorLevel.RAISE)) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_second_parser_reads_it(engine):
    sqlfluff = pytest.importorskip("sqlfluff.core", reason="needs sqlfluff, another parser of these dialects")
    parser = sqlfluff.Linter(dialect=engine)
    with Session(PROJECT, engine) as session:
        artifacts = session.render()
    for path, text in artifacts.items():
        tree = parser.parse_string(
            text.replace("TIMESTAMPLTZ", "TIMESTAMP_LTZ").replace("TIMESTAMPNTZ", "TIMESTAMP_NTZ")
        )  # two names of one
        found = [v.desc() for v in tree.violations]
        assert found == [], path


@pytest.mark.parametrize("engine", ENGINES)
def test_files_are_refused_where_they_are_named(engine, tmp_path):
    for file in PROJECT.glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text("utf-8").replace("table: shop.orders", "files: orders.csv"))
    (tmp_path / "orders.csv").write_text("customer,amount,status,at\n1,2.50,paid,2024-01-01T00:00:00Z\n")
    with Session(tmp_path, engine) as session, pytest.raises(Problems) as raised:
        session.plan(refresh=False)
    (problem,) = [d for d in raised.value.diagnostics if "outside the warehouse" in d.message]
    assert problem.code == "unsupported-by-backend"
    assert "table:" in problem.help


def test_versions_are_built_checked_and_read(line, tmp_path):
    """The whole life of a project, with what stands in for the engine in the place of its connection."""
    if line.traits.dialect == "databricks":
        pytest.skip("a local Spark has Parquet tables, of which no row can be deleted; Databricks has Delta")
    expected = applied(tmp_path / "here", None, "here")
    assert len(expected) == 4
    assert applied(tmp_path / "there", line, line.traits.dialect) == expected


def applied(folder: Path, line, environment: str) -> list:
    """The rows of the dataset, once everything was made in a warehouse with the tables of a shop."""
    shutil.copytree(PROJECT, folder)
    with Session(folder, environment) as session:
        engine = session.backends.engine
        if environment == "here":
            line = engine.line(write=True)
        else:
            engine._line = line
        keep_shop(line)
        assert not session.apply(session.plan(), on_event=lambda event: None).failed
        assert session.plan().plan.changes == ()
        found = session.query("dataset.buyers")
        engine._line = None
    return sorted(found.rows, key=str)


def keep_shop(line) -> None:
    line.run(make_schema("shop"))
    for name, types, rows in SHOP:
        table = exp.to_table(f"shop.{name}")
        line.run(drop(Keep.TABLE, table))
        line.run(make_table(table.copy(), types))
        made = [[value(v, t) for v, t in zip(r, types.values(), strict=True)] for r in rows]
        line.run(insert(table.copy(), tuple(types), made))


SHOP = [
    ("orders", {"customer": "BIGINT", "amount": "DECIMAL(10, 2)", "status": "VARCHAR", "at": "TIMESTAMPTZ"}, [
        (1, "250.00", "paid", "2024-01-01 10:00:00+00:00"),
        (1, "30.00", "paid", "2024-01-02 09:00:00+00:00"),
        (1, "5.00", "open", "2024-01-02 09:30:00+00:00"),
        (2, "7.50", "paid", "2024-01-02 09:30:00.000001+00:00"),
        (None, "7.50", "paid", "2024-01-02 09:30:00+00:00"),
    ]),
    ("customers", {"customer": "BIGINT", "city": "VARCHAR", "born": "DATE", "changed": "TIMESTAMPTZ", "seen": "TIMESTAMPTZ"}, [
        (1, " Oslo", "1985-03-01", "2023-12-01 00:00:00+00:00", "2023-12-01 00:00:00+00:00"),
        (1, "Rome", "1985-03-01", "2024-01-02 00:00:00+00:00", "2024-01-02 09:00:00.000001+00:00"),
        (2, "Bern", None, "2022-01-01 00:00:00+00:00", "2022-01-01 00:00:00+00:00"),
    ]),
]  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_what_it_takes_to_connect_is_said(engine, monkeypatch):
    with Session(PROJECT, engine) as session:
        monkeypatch.setitem(sys.modules, session.backends.engine.library, None)
        with pytest.raises(BackendError) as raised:
            session.backends.engine.observe()
    assert raised.value.code == "missing-package"
    assert f"mlspec[{engine}]" in raised.value.help
