"""What no definition may hold, by name: statements that write, functions that reach files, the network or settings.

It is looked for twice: when people's SQL is parsed, with its place, and in the tree that an engine is about to run.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache

from mlspec.ir.sql.glot import exp

TABLE_FUNCTIONS = frozenset(
    {"unnest", "generate_series", "range", "explode", "generatedatearray", "generatetimestamparray"}
)
_NAMES = frozenset(
    {
        # DuckDB
        "glob", "getenv", "query", "query_table", "which_secret", "sniff_csv", "getvariable", "system", "write_log", "nextval", "currval",
        "current_setting", "json_execute_serialized_sql", "json_serialize_plan", "add_parquet_key", "arrow_scan", "pandas_scan",
        "python_map_function", "checkpoint", "force_checkpoint", "summary", "truncate_duckdb_logs",
        # PostgreSQL
        "set_config", "setval", "lastval", "query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "table_to_xml",
        "table_to_xmlschema", "cursor_to_xml", "schema_to_xml", "database_to_xml", "xpath_table", "ts_stat", "currtid", "currtid2",
        "inet_server_addr", "inet_client_addr",
        # Spark and Databricks
        "reflect", "try_reflect", "java_method", "secret", "try_secret", "list_secrets", "input_file_name", "input_file_block_start",
        "input_file_block_length", "remote_query", "cloud_files_state", "event_log",
    }
)  # fmt: skip
_PREFIXES = (
    "read_", "scan_", "duckdb_", "pragma_", "parquet_", "postgres_", "mysql_", "sqlite_", "iceberg_", "delta_", "http", "enable_", "disable_",
    "load_", "pg_", "lo_", "dblink", "ai_", "lowrite", "loread", "has_", "sql_",
)  # fmt: skip
_FILE = re.compile(r"[/:*\\]|\.(csv|tsv|parquet|json|jsonl|ndjson|txt|gz|zst|db|duckdb|xlsx)$", re.IGNORECASE)


@cache
def writers() -> tuple[type[exp.Expr], ...]:
    """Statements that write."""
    return (
        exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter, exp.TruncateTable, exp.Copy,
        exp.Command, exp.Attach, exp.Detach, exp.Pragma, exp.Set, exp.Use, exp.Transaction, exp.Commit, exp.Rollback,
        exp.Into, exp.Kill, exp.LoadData, exp.Export, exp.Install, exp.Analyze, exp.Describe, exp.Show, exp.Summarize,
        exp.Grant, exp.Comment, exp.Lock,
    )  # fmt: skip


@cache
def readers() -> tuple[type[exp.Expr], ...]:
    """Functions that read files."""
    return (exp.ReadCSV, exp.ReadParquet)


def reaches(names: Collection[str]) -> bool:
    """Whether a function of one of these names reaches outside the declared sources; names are lower case."""
    return any(n in _NAMES or n.startswith(_PREFIXES) for n in names)


def names_a_file(table: str) -> bool:
    """Whether the name of a table would be read as a path."""
    return bool(_FILE.search(table))


def found(tree: exp.Expr, addresses: Collection[str]) -> Iterator[str]:
    """What a canonical query over these addresses holds and must not; in words."""
    own = {c.alias_or_name for c in tree.find_all(exp.CTE)} | {"scan"}
    for node in tree.walk():
        if isinstance(node, writers()):
            yield f"`{node.key}` writes"
        elif isinstance(node, exp.Table) and isinstance(node.this, exp.Func):
            if node.this.name.lower() not in TABLE_FUNCTIONS and node.this.sql_name().lower() not in TABLE_FUNCTIONS:
                yield f"`{node.this.sql_name().lower()}` is no table function that is allowed"
        elif isinstance(node, exp.Table):
            if node.name not in addresses and (node.name not in own or node.db):
                yield f"`{node.name}` is not declared"
        elif isinstance(node, exp.Func) and (isinstance(node, readers()) or reaches(_called(node))):
            yield f"`{min(_called(node))}` reaches outside the declared sources"


def _called(node: exp.Func) -> set[str]:
    if isinstance(node, exp.Anonymous):
        return {str(node.this).lower()}
    return {n.lower() for n in type(node).sql_names()} if type(node).__name__ not in {"And", "Or", "Xor"} else set()
