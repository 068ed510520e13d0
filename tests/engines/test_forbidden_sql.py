"""What a definition may not contain: refused with its place before anything runs, and impossible where it would have run."""

import json
from pathlib import Path

import pytest
from small_projects import apply, write_csv, write_project

from mlspec.backends.engines.duckdb import DuckDB
from mlspec.backends.port import BackendError, Place
from mlspec.base.address import Address
from mlspec.base.diag import Problems
from mlspec.ir.columntype import ColumnType
from mlspec.ir.relation import Column, Keep, Relation
from mlspec.session import Session

REACHING = """
COPY t TO 'y.csv'
COPY t FROM 'orders.csv'
COPY (SELECT 1) TO '/tmp/y.csv'
ATTACH 'z.duckdb'
ATTACH 'z.duckdb' AS z (READ_ONLY)
INSTALL httpfs
LOAD httpfs
UPDATE EXTENSIONS
EXPORT DATABASE 'out'
IMPORT DATABASE 'out'
SET threads = 1
RESET threads
SET enable_external_access = true
SET GLOBAL allowed_directories = ['/']
PRAGMA enable_profiling
CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')
CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')
SELECT * FROM read_csv('orders.csv')
SELECT * FROM 'orders.csv'
SELECT * FROM "orders.csv"
SELECT * FROM 'https://example.org/x.parquet'
SELECT * FROM read_parquet('s3://bucket/x.parquet')
SELECT * FROM read_text('mlspec.yaml')
SELECT content FROM read_blob('orders.csv')
SELECT * FROM read_json('x.json')
SELECT * FROM read_ndjson_objects('x.json')
SELECT * FROM read_duckdb('z.duckdb')
SELECT * FROM glob('*')
SELECT * FROM sniff_csv('orders.csv')
SELECT * FROM parquet_metadata('x.parquet')
SELECT * FROM parquet_schema('x.parquet')
SELECT getenv('HOME') AS home
SELECT * FROM python_variable
SELECT * FROM postgres_scan('host=localhost', 'public', 't')
SELECT * FROM sqlite_scan('x.db', 't')
SELECT * FROM enable_logging()
SELECT * FROM enable_profiling()
WITH x AS (SELECT * FROM read_csv('orders.csv')) SELECT * FROM x
SELECT (SELECT max(content) FROM read_text('mlspec.yaml')) AS text
""".strip().splitlines()
"""The connection cannot run them, however they are handed to it."""

CHANGING = """
DELETE FROM orders
INSERT INTO orders VALUES (1)
UPDATE orders SET customer = 1
TRUNCATE orders
MERGE INTO orders USING orders AS o ON o.customer = orders.customer WHEN MATCHED THEN DELETE
CREATE TABLE q AS SELECT 1
CREATE OR REPLACE VIEW q AS SELECT 1
CREATE MACRO f(x) AS x
CREATE SCHEMA q
CREATE TEMP TABLE q AS SELECT 1
CREATE SEQUENCE q
DROP TABLE orders
ALTER TABLE orders ADD COLUMN b INT
COMMENT ON TABLE orders IS 'x'
ATTACH ':memory:' AS m
DETACH m
USE main
SET VARIABLE x = 1
BEGIN
COMMIT
CHECKPOINT
VACUUM
ANALYZE
CALL pragma_version()
PRAGMA database_list
PRAGMA add_parquet_key('k', '0123456789112345')
PREPARE p AS SELECT 1
EXECUTE p
EXPLAIN ANALYZE DELETE FROM orders
WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone
WITH new AS (INSERT INTO orders VALUES (5) RETURNING *) SELECT * FROM new
SELECT * FROM (DELETE FROM orders RETURNING *)
SELECT 1 AS a; DROP TABLE orders
SELECT 1 AS a); DROP TABLE orders; SELECT (1
""".strip().splitlines()
"""The connection cannot run them as it runs definitions: inside `CREATE TABLE … AS SELECT … FROM (…)`."""

LOOKING = """
SELECT * FROM which_secret('s3://x', 's3')
SELECT * FROM duckdb_secrets()
SELECT * FROM query('SELECT 1')
SELECT * FROM query_table('orders')
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_logs()
SELECT * FROM pragma_storage_info('orders')
SELECT * FROM information_schema.tables
SELECT * FROM mlspec_data.orders
SELECT * FROM sqlite_master
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))
SELECT * FROM test_all_types()
SELECT * FROM repeat_row(1, num_rows = 3)
SELECT * FROM truncate_duckdb_logs()
SELECT getvariable('x') AS x
SELECT nextval('s') AS x
SELECT current_setting('threads') AS x
SELECT write_log('x') AS x
SHOW TABLES
DESCRIBE orders
SUMMARIZE orders
""".strip().splitlines()
"""They would only look around in the warehouse; the engine has a door that knows what was declared."""

python_variable = [1, 2, 3]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_csv(tmp_path / "orders.csv", ["customer"], [[1], [2]])
    return write_project(tmp_path, DOCUMENTS)


DOCUMENTS = [
    {"kind": "source", "name": "orders", "files": "orders.csv", "columns": {"customer": "int64"}},
    {"kind": "entity", "name": "customer", "keys": {"customer": "int64"}},
]


@pytest.fixture
def engine(root):
    assert apply(root)[2].ok
    made = DuckDB(DuckDB.Settings(), Place(root, root / ".mlspec", "dev", "small"))
    yield made
    made.close()


@pytest.mark.parametrize("statement", [*REACHING, *CHANGING, *LOOKING])
def test_it_is_refused_with_its_place(statement, root):
    view = {"kind": "feature_view", "name": "v", "entities": ["customer"]}
    text = "\n".join(f"{k}: {json.dumps(v)}" for k, v in view.items()) + f"\nsql: |\n  -- a line\n  {statement}\n"
    (root / "v.yaml").write_text(text)
    with Session(root) as session, pytest.raises(Problems) as problems:
        session.validate()
    allowed = {"forbidden-sql", "not-reproducible", "unknown-table", "invalid-sql"}
    found = [d for d in problems.value.diagnostics if d.code in allowed]
    assert found, problems.value.diagnostics
    for one in found:
        assert one.span is not None
        assert (one.span.file, one.span.line, one.span.column > 2) == ("v.yaml", 6, True), one


@pytest.mark.parametrize("statement", REACHING)
def test_the_connection_cannot_reach(statement, engine, root, monkeypatch):
    monkeypatch.chdir(root)
    line = engine.line(write=True)
    before = sorted(root.rglob("*"))
    with pytest.raises(Exception, match=r".") as error:
        line.raw.execute(statement)
    assert type(error.value).__module__ == "_duckdb"
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("statement", [*REACHING, *CHANGING])
def test_the_connection_cannot_run_it_as_a_definition(statement, engine):
    line = engine.line(write=True)
    with pytest.raises(Exception, match=r".") as error:
        line.raw.execute(f"CREATE TABLE mlspec_data.made AS SELECT * FROM ({statement}) AS made")
    assert type(error.value).__module__ == "_duckdb"
    assert kept(engine) == 2


@pytest.mark.parametrize("statement", [*REACHING, *CHANGING, *LOOKING])
def test_the_engine_does_not_take_it(statement, engine):
    relation = Relation(statement, (Column("a", ColumnType("int64"), "d"),), "rows", Keep.TABLE)
    with pytest.raises(BackendError):
        engine.build(Address("feature_view", "v"), relation, {})
    with pytest.raises(BackendError):
        engine.rows(relation, {})
    assert kept(engine) == 2


def test_nothing_of_it_can_be_widened(engine):
    line = engine.line(write=True)
    for setting in ("enable_external_access = true", "lock_configuration = false", "python_enable_replacements = true"):
        with pytest.raises(Exception, match=r"lock|cannot be changed|Cannot change"):
            line.raw.execute(f"SET {setting}")


def kept(engine) -> int:
    name = next(v for v in engine.observe().versions if v.startswith("orders"))
    return int(engine.line(write=False).raw.execute(f'SELECT count(*) FROM mlspec_data."{name}"').fetchone()[0])
